"""The program: help, version, errors and imports."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from click.testing import CliRunner

from hw5.cli import VERBS, main
from hw5.errors import InputError, Interrupted, RunError
from tests.cli.helpers import hw5, refused
from tests.pages import ROOT

CLI = ROOT / "cli"


def test_help_and_version_of_every_verb():
    listing = hw5("--help").stdout
    for verb, summary in VERBS.items():
        assert summary in listing
        assert hw5(verb, "-h").stdout.startswith(f"Usage: hw5 {verb} ")
    assert hw5("--version").stdout.startswith("hw5, version ")
    assert "No such command" in refused("trian")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(verb):
    """Or one of its subcommands has."""
    text = hw5(verb, "-h").stdout
    assert f"hw5 {verb} " in text.replace("Usage: hw5 ", "")


def test_the_installed_program(tmp_path):
    program = Path(sysconfig.get_path("scripts")) / "hw5"
    out = tmp_path / "model.npz"
    train = subprocess.run(
        [program, "train", "--epochs", "2", "--out", out], capture_output=True, text=True, cwd=tmp_path
    )
    assert (train.returncode, train.stderr) == (0, "") and "saved" in train.stdout
    bad = subprocess.run([program, "eval", tmp_path / "none.npz"], capture_output=True, text=True, cwd=tmp_path)
    assert bad.returncode == 2 and bad.stdout == "" and bad.stderr.startswith("hw5: ")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A checkpoint, and a table of two examples for it."""
    folder = tmp_path_factory.mktemp("model")
    hw5("train", "--data", "xor", "--epochs", 1, "--out", folder / "model.npz")
    (folder / "a.csv").write_text("0.1,0.2\n0.3,0.4\n")
    return folder


@pytest.mark.parametrize("is_buffered", [True, False])
@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        (">/dev/full", "no space left on device"),
        ("1</dev/null", "bad file descriptor"),
        (">&-", "it is closed"),
        ("| true", None),  # who reads has enough, as with | head
    ],
)
def test_standard_output_that_fails_is_said(model, redirection, reason, is_buffered):
    """Also what fails only when the buffer is written at the end, and where click or rich would exit without a word."""
    environment = os.environ | {"PYTHONUNBUFFERED": "" if is_buffered else "1"}
    for command in ("predict model.npz a.csv", "eval model.npz", "eval model.npz --json", "data list", "--version"):
        script = f"{{ '{sys.executable}' -m hw5.cli {command}; echo $? >code; }} {redirection}"
        done = subprocess.run(["sh", "-c", script], cwd=model, capture_output=True, text=True, env=environment)
        said = f"hw5: standard output could not be written: {reason}\n" if reason else ""
        assert done.stderr == said, command
        assert (model / "code").read_text() == "1\n"


def test_the_exit_code_is_right_where_standard_error_fails_too(model):
    for command, code in (("eval model.npz", 1), ("eval no.npz", 2)):
        script = f"exec '{sys.executable}' -m hw5.cli {command} >/dev/full 2>/dev/full"
        assert subprocess.run(["sh", "-c", script], cwd=model).returncode == code


def test_no_file_gets_the_descriptor_of_a_closed_stream(tmp_path):
    """What compiled code prints would be written into it."""
    script = "import os; from hw5.cli.output import occupy_closed_descriptors as f; f(); print(os.open('a', os.O_CREAT), os.open('/', 0))"
    done = subprocess.run(
        ["sh", "-c", f"exec '{sys.executable}' -c \"{script}\" 2>&- <&-"], capture_output=True, text=True, cwd=tmp_path
    )
    assert min(map(int, done.stdout.split())) > 2


def test_help_imports_no_heavy_package():
    script = "import sys; from hw5.cli import main; main(['--help'], standalone_mode=False)"
    probe = f"{script}; print([m for m in ('numpy', 'rich', 'matplotlib') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "[]", result


@pytest.mark.parametrize("module", sorted(path.stem for path in CLI.glob("*.py") if path.stem != "__main__"))
def test_every_module_has_its_tests(module):
    name = "program" if module == "__init__" else module
    assert (Path(__file__).parent / f"test_{name}.py").is_file()


def test_an_unexpected_error_has_a_traceback(monkeypatch):
    """An error of the user is one sentence, and has a traceback with --debug."""

    def fail(*_):
        raise failure

    monkeypatch.setattr("hw5.cli.show.Checkpoint.load", fail)
    for failure, code in ((InputError("bad"), 2), (RunError("worse"), 1), (Interrupted("stopped", 2), 130)):
        assert refused("show", "x", code=code) == f"hw5: {failure}\n"
        assert CliRunner().invoke(main, ["--debug", "show", "x"]).exception is failure
    failure = OSError(28, "No space left on device", "a.npz")
    assert refused("show", "x", code=1) == "hw5: a.npz: no space left on device\n"
    failure = ZeroDivisionError("a bug")
    assert CliRunner().invoke(main, ["show", "x"]).exception is failure


def test_blas_uses_one_thread_by_default():
    """The variables are set before NumPy is imported; the user's variables take precedence."""
    script = "import os; from hw5.cli import main; main(['--help'], standalone_mode=False)"
    probe = f"{script}; print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    bare = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    for given, wanted in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "3"}, "3"), ({"OMP_NUM_THREADS": "3"}, "None")):
        result = subprocess.run([sys.executable, "-c", probe], env=bare | given, capture_output=True, text=True)
        assert result.stdout.splitlines()[-1] == wanted, result
