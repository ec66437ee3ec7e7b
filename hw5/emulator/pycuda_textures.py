"""PyCUDA's texture references, by Emulator.bind, and the arrays that they are bound to."""

import enum
import struct

import numpy as np

from hw5.emulator.images import ADDRESS_MODES, FILTER_MODES, READ_MODES

TRSA_OVERRIDE_FORMAT, TRSF_READ_AS_INTEGER, TRSF_NORMALIZED_COORDINATES, TR_DEFAULT = 1, 1, 2, -1
_FORMATS = {
    "UNSIGNED_INT8": np.uint8,
    "UNSIGNED_INT16": np.uint16,
    "UNSIGNED_INT32": np.uint32,
    "SIGNED_INT8": np.int8,
    "SIGNED_INT16": np.int16,
    "SIGNED_INT32": np.int32,
    "HALF": np.float16,
    "FLOAT": np.float32,
}
array_format = enum.IntEnum("array_format", list(_FORMATS), start=0)
address_mode = enum.IntEnum("address_mode", [name.upper() for name in ADDRESS_MODES], start=0)
filter_mode = enum.IntEnum("filter_mode", [name.upper() for name in FILTER_MODES], start=0)


class ArrayDescriptor:
    """The size and format of an Array."""

    width = height = depth = flags = 0
    num_channels, format = 1, array_format.FLOAT


class Array:
    """A CUDA array; `texels` is what it holds, with the channels as the last axis if they are several."""

    def __init__(self, descriptor):
        d = descriptor
        shape = [n for n in (d.depth, d.height, d.width) if n] + [d.num_channels] * (d.num_channels > 1)
        self.texels = np.zeros(shape, list(_FORMATS.values())[d.format])
        self.pitch, self.height = d.width * d.num_channels * self.texels.itemsize, d.height or 1

    @classmethod
    def of(cls, texels):
        """An Array of texels."""
        array = cls.__new__(cls)
        array.texels = np.ascontiguousarray(texels)
        return array


class TextureReference:
    """A variable texture<...> of a module. What it is bound to is copied to it at every launch."""

    def __init__(self, emulator, name):
        self._emulator, self._name = emulator, name
        self._modes, self._filter, self._flags = [address_mode.WRAP] * 3, filter_mode.POINT, 0
        self._texels = None  # a function of the type and channels of the variable
        self._address, _ = emulator.variable(name)

    def set_array(self, array):
        self._texels = lambda *_: array.texels

    def set_address(self, memory, nbytes, allow_offset=False):
        self._texels = lambda dtype, channels: self._linear(int(memory), nbytes, dtype, channels)
        return 0

    def set_address_2d(self, memory, descriptor, pitch):
        def rows(dtype, channels):
            texels = self._linear(int(memory), pitch * descriptor.height, dtype, 1)
            whole = texels.reshape(descriptor.height, -1)[:, : descriptor.width * channels]
            return whole.reshape(descriptor.height, descriptor.width, channels)[..., slice(None) if channels > 1 else 0]

        self._texels = rows

    def _linear(self, address, nbytes, dtype, channels):
        texels = np.empty(nbytes // np.dtype(dtype).itemsize, dtype)
        self._emulator.read(address, texels)
        return texels.reshape(-1, channels) if channels > 1 else texels

    def set_format(self, format, channels):
        """The variable has its type."""

    def set_address_mode(self, dimension, mode):
        self._modes[dimension] = address_mode(mode)

    def get_address_mode(self, dimension):
        return self._modes[dimension]

    def set_filter_mode(self, mode):
        self._filter = filter_mode(mode)

    def get_filter_mode(self):
        return self._filter

    def set_flags(self, flags):
        self._flags = flags

    def get_flags(self):
        return self._flags

    def bind(self):
        """Bind the variable, if there is something to bind it to."""
        if self._texels is None:
            return
        variable = np.empty(16, np.uint8)
        self._emulator.read(self._address, variable)
        _, is_float, is_signed, size, channels, is_normalized = struct.unpack("Q4BI", variable)
        texels = self._texels(np.dtype(f"{'f' if is_float else 'ui'[is_signed]}{size}"), channels)
        texture = self._emulator.texture(
            texels,
            address_mode=[mode.name.lower() for mode in self._modes],
            filter_mode=self._filter.name.lower(),
            read_mode=READ_MODES[is_normalized],
            normalized_coords=bool(self._flags & TRSF_NORMALIZED_COORDINATES),
        )
        self._emulator.bind(self._name, texture)


# ---- where PyCUDA is not installed: what its driver.py makes of these


def matrix_to_array(matrix, order, allow_double_hack=False):
    return Array.of(matrix if order.upper() == "C" else matrix.T)


def make_multichannel_2d_array(ndarray, order):
    """With the channels as the last axis in the order C, and as the first in the order F."""
    return Array.of(ndarray if order.upper() == "C" else ndarray.T)


np_to_array = matrix_to_array


def bind_array_to_texref(array, texref):
    texref.set_array(array)
    texref.set_address_mode(0, address_mode.CLAMP)
    texref.set_address_mode(1, address_mode.CLAMP)
    texref.set_filter_mode(filter_mode.POINT)


def matrix_to_texref(matrix, texref, order):
    bind_array_to_texref(matrix_to_array(matrix, order), texref)
