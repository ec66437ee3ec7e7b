"""Ctrl-C in Python, sent at given moments."""

import signal

import numpy as np
import pytest

import hw5
from hw5.export import export
from hw5.interrupts import interrupt_afterwards, interruptible


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
