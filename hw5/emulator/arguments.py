"""Python values as the arguments of a kernel: NumPy arrays become device memory, and numbers the parameter's type."""

import numbers

import numpy as np

from hw5.emulator.images import Image
from hw5.emulator.memory import Memory
from hw5.emulator.module import TYPES
from hw5.errors import InputError


class Arguments:
    """The arguments of a launch: values, for Emulator.launch, and copy_back for the arrays.

    Raises InputError if they do not match the kernel's parameters.
    """

    def __init__(self, emulator, kernel, args):
        self._emulator, self._kernel = emulator, kernel
        self._copies = []  # (Memory, array)
        codes = list(zip(kernel.signature, kernel.targets))
        if len(args) != len(codes):
            raise InputError(f"{kernel.name} has {len(codes)} parameters, but there are {len(args)} arguments")
        self.values = [self._value(i, *code, arg) for i, (code, arg) in enumerate(zip(codes, args), start=1)]

    def copy_back(self):
        """Copy device memory back to the arrays."""
        for memory, array in self._copies:
            if array.flags.writeable:
                host = np.empty(array.shape, array.dtype)
                self._emulator.read(int(memory), host)
                array[...] = host

    def _value(self, position, code, target, arg):
        where = f"argument {position} of {self._kernel.name}"
        if code == "P":
            return self._pointer(position, where, target, arg)
        if code in "TS":
            return self._image(code, where, arg)
        if code == "s":
            return arg if isinstance(arg, (bytes, np.generic)) else np.asarray(arg)[()]
        kind = TYPES[code][0]
        if isinstance(arg, np.generic) or not isinstance(arg, (bool, numbers.Real)):
            return arg  # Emulator.launch checks the type
        value = _as(kind, arg)
        if value is None or (value != arg and not (code in "fd" or arg != arg)):
            raise InputError(f"{where} is {arg}, but the parameter is {TYPES[code][1]}")
        return value

    def _image(self, code, where, arg):
        if isinstance(arg, (Image, int, np.uint64)):
            return arg
        kind = "texture" if code == "T" else "surface"
        if not isinstance(arg, np.ndarray):
            raise InputError(
                f"{where} is a {kind}; pass a NumPy array or Emulator.{kind}(...), not {type(arg).__name__}"
            )
        try:
            image = getattr(self._emulator, kind)(arg)
        except ValueError as error:
            raise InputError(f"{where}: {error}") from error
        if code == "S":
            self._copies.append((image.texels, arg))
        return image

    def _pointer(self, position, where, target, arg):
        if isinstance(arg, (Memory, int, np.uint64)):
            return arg
        if arg is None:
            return 0  # a null pointer
        if not isinstance(arg, np.ndarray):
            raise InputError(f"{where} is a pointer; pass a NumPy array, not {type(arg).__name__}")
        expected = TYPES[target][0] if target in TYPES and target not in "PsTS" else None
        if expected is not None and not _same_bytes(arg.dtype, np.dtype(expected)):
            raise InputError(f"{where} points to {np.dtype(expected)}, but the array is {arg.dtype}")
        memory = self._emulator.allocate(arg.nbytes, f"argument {position}")
        self._emulator.write(int(memory), np.ascontiguousarray(arg))
        self._copies.append((memory, arg))
        return memory


def _as(kind, number):
    """A number as a NumPy type, or None if it does not fit."""
    try:
        return kind(number)
    except (OverflowError, ValueError):
        return None


def _same_bytes(given, expected):
    """Whether an array of one type may be passed as the other: the same size, and both whole numbers or both not."""
    if expected.itemsize == 1:
        return True  # void * and char * point to anything
    whole = "iub"
    return given.itemsize == expected.itemsize and (given.kind in whole) == (expected.kind in whole)
