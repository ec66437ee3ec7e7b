"""Ctrl-C in Python, sent at given moments."""

import signal

import numpy as np
import pytest

import hw5
from hw5.export import export
from hw5.interrupts import interrupt_afterwards, interruptible, is_interrupt
from tests.cli.helpers import hw5 as hw5_command


@pytest.fixture
def model():
    return hw5.fit("xor", epochs=1, progress=False, device="numpy")


def test_the_second_interrupt_is_raised():
    with pytest.raises(KeyboardInterrupt), interruptible() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("error", [None, OSError("disk full")])
def test_an_interrupt_takes_effect_afterwards(error):
    passed = []
    with pytest.raises(KeyboardInterrupt), interrupt_afterwards():
        signal.raise_signal(signal.SIGINT)
        passed.append("the interrupt")
        if error:
            raise error
    assert passed and signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("verb", ["save", "export"])
def test_an_interrupt_while_arrays_are_written_is_an_interrupt(model, verb, tmp_path, monkeypatch):
    """zipfile makes a ValueError of it, "Can't close the ZIP file while there is an open writing handle on it"."""
    write_array = np.lib.format.write_array

    def interrupted(file, array, *arguments, **more):
        monkeypatch.undo()
        signal.raise_signal(signal.SIGINT)
        write_array(file, array, *arguments, **more)

    monkeypatch.setattr(np.lib.format, "write_array", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.save(tmp_path / "m.npz") if verb == "save" else export(model.checkpoint, "numpy", tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


class Interrupting:
    """In Python 3.11, an attribute of a class whose body makes a RuntimeError of Ctrl-C."""

    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGINT)


def a_class():
    type("Owner", (), {"attribute": Interrupting()})


def a_library():
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as interrupt:
        raise ImportError("initialization failed") from interrupt


def another_error():
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        raise ValueError("the archive is still open")


@pytest.mark.parametrize("made", [a_class, a_library, another_error])
def test_what_was_made_of_an_interrupt_is_one(made):
    with pytest.raises(BaseException) as caught:
        made()
    assert is_interrupt(caught.value)


@pytest.mark.parametrize("made", [a_class, a_library])
@pytest.mark.parametrize("moment, words", [("report", "interrupted after the training"), ("Run", "interrupted")])
def test_the_program_ends_as_by_an_interrupt(made, moment, words, monkeypatch):
    monkeypatch.setattr(f"hw5.cli.train.{moment}", lambda *arguments, **options: made())
    ended = hw5_command("train", "--epochs", 1, code=130)
    assert ended.stderr == f"hw5: {words}\n"


def test_other_errors_are_none():
    with pytest.raises(ValueError) as caught:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ValueError("handled") from None
    assert not is_interrupt(caught.value) and not is_interrupt(OSError("disk full"))
