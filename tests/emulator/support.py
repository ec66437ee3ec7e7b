"""Helpers for the tests of the emulator."""

import contextlib
from pathlib import Path

import numpy as np

from hw5.emulator import Emulator

HERE = Path(__file__).parent
SCHEDULES = [("forward", 0), ("reverse", 0), *((order, seed) for order in ("random", "warps") for seed in range(4))]


class Arrays:
    """Launch kernels of an emulator with NumPy arrays as pointers."""

    def __init__(self, emulator):
        self.emulator = emulator

    def run(self, kernel, grid, block, *arguments, shared=0):
        """Copy the arrays among the arguments to the device, launch, and return the arrays, copied back."""
        copies, values = [], []
        for position, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray):
                memory = self.emulator.allocate(argument.nbytes, f"argument {position + 1}")
                self.emulator.write(int(memory), argument)
                copies.append((memory, np.empty_like(argument)))
                values.append(int(memory))
            else:
                values.append(argument)
        self.emulator.launch(kernel, grid, block, values, shared=shared)
        for memory, host in copies:
            self.emulator.read(int(memory), host)
        return [host for _, host in copies]


def line_of(file, marker):
    """The number of the line with a marker."""
    lines = Path(file).read_text().splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if line.endswith(f"// {marker}")]
    return number


def write_kernel(folder, text, name="k.cu"):
    """Write a .cu file into a folder, and return its path."""
    file = Path(folder) / name
    file.write_text(text)
    return file


@contextlib.contextmanager
def schedule(emulator, order, seed):
    """Set the order of an emulator during the block."""
    before = emulator.order, emulator.seed
    emulator.order, emulator.seed = order, seed
    try:
        yield
    finally:
        emulator.order, emulator.seed = before


__all__ = ["Arrays", "Emulator", "HERE", "SCHEDULES", "line_of", "schedule", "write_kernel"]
