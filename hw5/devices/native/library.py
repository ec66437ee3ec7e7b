"""The compiled code as a library: built if needed, loaded, and asked what it can train."""

import ctypes
from importlib.resources import files
from pathlib import Path

import numpy as np

from hw5.compiler import build_shared_library
from hw5.devices.native.job import Job, activation_of
from hw5.errors import InputError

FLAGS = ("-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-pthread")


class Library:
    """The compiled code: its functions, and its numbers for activations and losses by name."""

    def __init__(self, library):
        self.train, self.predict = library.hw5_train, library.hw5_predict
        for function in (self.train, self.predict):
            function.argtypes = [ctypes.POINTER(Job)]
        self.activations, self.losses = (_numbers(library, names) for names in ("hw5_activations", "hw5_losses"))

    def unsupported(self, network, data):
        """Why the compiled step cannot train the network on the data, or None if it can."""
        theta = activation_of(network)
        if theta.name not in self.activations and len(network.layers) > 1 and theta.pieces == 1:
            return f"the compiled step does not have the activation {theta.name}"
        if network.loss.name not in self.losses:
            return f"the compiled step does not have the loss {network.loss.name}"
        if data.X.dtype not in (np.uint8, np.float32) or not data.X.flags.c_contiguous:
            return "the compiled step needs uint8 or float32 in C order"
        return None


def _numbers(library, names):
    text = ctypes.c_char_p.in_dll(library, names).value.decode()
    return {name: number for number, name in enumerate(text.split())}


def load(source):
    """The Library of a source file, compiled if needed."""
    path = build_shared_library(Path(__file__).parent / source, FLAGS, [Path(str(files("hw5.kernels")))])
    try:
        return Library(ctypes.CDLL(str(path)))
    except OSError as error:
        raise InputError(f"the compiled step does not load: {error}") from error
