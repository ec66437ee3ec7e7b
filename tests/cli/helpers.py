"""Shared helpers: run the program in this process, and write tables for it."""

from click.testing import CliRunner

from hw5.cli import main


def hw5(*arguments, code=0, input=None):
    """Run the program; it must exit with this code. The result has its stdout and stderr."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=input)
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def refused(*arguments, code=2, input=None):
    """The standard error of a command that must fail: one sentence, no traceback."""
    stderr = hw5(*arguments, code=code, input=input).stderr
    assert stderr.startswith("hw5: ") and stderr.count("\n") == 1, stderr
    return stderr


def write_csv(path, X, y=None, header=None):
    lines = [header] if header else []
    lines += [
        ",".join([*map(str, row), *([label] if y is not None else [])])
        for row, label in zip(X, y if y is not None else X)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path
