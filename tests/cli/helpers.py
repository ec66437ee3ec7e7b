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
    """Write a table of features, with the labels in its last column if there are any."""
    rows = X if y is None else ([*row, label] for row, label in zip(X, y))
    lines = [header] * bool(header) + [",".join(map(str, row)) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path
