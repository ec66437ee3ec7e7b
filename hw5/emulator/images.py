"""Textures and surfaces: arrays in device memory, and how kernels read them."""

import struct

import numpy as np

# The enumerations of cuda_texture.h
ADDRESS_MODES = ("wrap", "clamp", "mirror", "border")
FILTER_MODES = ("point", "linear")
READ_MODES = ("element_type", "normalized_float")
_MARKS = {"texture": 0x6572757478657435, "surface": 0x6563616672757335}
_RECORD = "=QQ4i2i3i3i3i4x"  # struct Image
_MOST = 2**30  # elements


class Image:
    """A texture or a surface; int(image) is the handle that a kernel takes. It must live as long as it is used."""

    def __init__(self, emulator, array, components, settings=(1, 1, 1, 0, 0, 0), memory=None):
        _check(array, components)
        self._emulator, self._shape, self._dtype, kind = emulator, array.shape, array.dtype, type(self).__name__.lower()
        self.texels = memory or _copied(emulator, array, kind)
        extents = (*array.shape, 0, 0, 0)[:4]
        numbers = (*extents, array.ndim, components or 0, *_type(array.dtype), *settings)
        record = struct.pack(_RECORD, _MARKS[kind], int(self.texels), *numbers)
        self._record = _copied(emulator, np.frombuffer(record, np.uint8), f"{kind} object")

    def __index__(self):
        return int(self._record)

    __int__ = __index__

    def read(self):
        """What is in the array now, as a new NumPy array."""
        host = np.empty(self._shape, self._dtype)
        self._emulator.read(int(self.texels), host)
        return host


class Texture(Image):
    """A texture of a copy of an array, or of the memory of a surface. Emulator.texture has the settings."""

    def __init__(self, emulator, array, address_mode, filter_mode, read_mode, normalized_coords, components):
        memory = array.texels if isinstance(array, Image) else None
        array = array.read() if isinstance(array, Image) else np.asarray(array)
        if array.dtype == np.float16:
            if memory:
                raise ValueError("a texture of a surface of float16 is not supported")
            array = array.astype(np.float32)  # as which kernels read it
        modes = _address_modes(address_mode, normalized_coords)
        linear, normalized = (
            _index("filter_mode", filter_mode, FILTER_MODES),
            _index("read_mode", read_mode, READ_MODES),
        )
        whole = array.dtype.kind in "iu"
        if normalized and not (whole and array.dtype.itemsize < 4):
            raise ValueError(f"read_mode normalized_float needs whole numbers of 8 or 16 bits, not {array.dtype}")
        if linear and whole and not normalized:
            raise ValueError(
                f"filter_mode linear needs floats, or read_mode normalized_float; the array is {array.dtype}"
            )
        super().__init__(emulator, array, components, (*modes, linear, bool(normalized_coords), normalized), memory)


class Surface(Image):
    """A surface of a copy of an array."""

    def __init__(self, emulator, array, components):
        super().__init__(emulator, np.asarray(array), components)


def _copied(emulator, array, name):
    memory = emulator.allocate(array.nbytes, name)
    emulator.write(int(memory), np.ascontiguousarray(array))
    return memory


def _check(array, components):
    dtype = array.dtype
    if not dtype.isnative or not (dtype.kind in "iu" and dtype.itemsize <= 4 or dtype.name in ("float32", "float16")):
        raise ValueError(f"a texel is an integer of up to 32 bits, float32 or float16, not {dtype}")
    if components not in (None, 1, 2, 4) or (components or 1) > 1 and array.shape[-1:] != (components,):
        raise ValueError(f"components must be 1, 2 or 4, and the length of the last axis if not 1, not {components}")
    if not (1 <= array.ndim <= 4 and 0 < array.size <= _MOST):
        raise ValueError(
            f"the array must have elements, and 1 to 3 axes besides one of components; its shape is {array.shape}"
        )


def _type(dtype):
    """Whether the numbers are floats, and signed, and their bytes."""
    return dtype.kind == "f", dtype.kind == "i", dtype.itemsize


def _index(setting, value, names):
    if value not in names:
        raise ValueError(f"{setting} must be one of {', '.join(names)}, not {value!r}")
    return names.index(value)


def _address_modes(given, normalized_coords):
    """Of x, y and z. As in CUDA, wrap and mirror need normalized coordinates, and are clamp otherwise."""
    given = (given,) * 3 if isinstance(given, str) else (*given, "clamp", "clamp")[:3]
    modes = [_index("address_mode", mode, ADDRESS_MODES) for mode in given]
    return [1 if not normalized_coords and mode in (0, 2) else mode for mode in modes]
