"""A loaded module, its kernels, and the conversion of Python values to kernel arguments."""

import ctypes
import json
import struct

import numpy as np

from hw5.compiler import CompileError
from hw5.emulator.elf import GUARD, variables
from hw5.emulator.faults import KernelFault
from hw5.emulator.images import Image
from hw5.emulator.lines import Lines
from hw5.emulator.memory import Memory
from hw5.emulator.runtime import ModuleTable

# By type code of kernel.h: the type that a launch needs, and its description
TYPES = {
    "P": (int, "a pointer (an int, the address)"),
    "?": (np.bool_, "a bool (np.bool_)"),
    "b": (np.int8, "a char (np.int8)"),
    "B": (np.uint8, "an unsigned char (np.uint8)"),
    "h": (np.int16, "a short (np.int16)"),
    "H": (np.uint16, "an unsigned short (np.uint16)"),
    "i": (np.int32, "an int (np.int32)"),
    "I": (np.uint32, "an unsigned int (np.uint32)"),
    "q": (np.int64, "a 64-bit integer (np.int64)"),
    "Q": (np.uint64, "an unsigned 64-bit integer (np.uint64)"),
    "f": (np.float32, "a float (np.float32)"),
    "d": (np.float64, "a double (np.float64)"),
    "T": (int, "a texture (Emulator.texture, or a NumPy array)"),
    "S": (int, "a surface (Emulator.surface, or a NumPy array)"),
    "s": (bytes, "a structure (bytes, or a NumPy scalar of its size)"),
}
STATIC_SHARED_LIMIT = 48 * 1024  # bytes
# struct Launch without its arguments: module, kernel, seed, time limit, order, threads, shared memory, grid, block
_LAUNCH = "=QQQdHHI3I3I"


class Kernel:
    """A kernel with its name, source (the path of the .cu file) and signature (type codes)."""

    def __init__(self, module, entry, address):
        self.name = entry.name.decode()
        self.source = module.lines.source
        self.signature = entry.signature.decode()
        self.targets = entry.targets.decode()  # of each pointer, the type code of what it points to
        self.site = f"{entry.site.file.decode()}:{entry.site.line}"  # file and line of its body
        self.lines = module.lines
        self._handles = (module.handle, address)
        self.sizes = entry.sizes[: len(self.signature)]  # of the parameters, in bytes
        self._types = tuple(TYPES[code][0] for code in self.signature)
        # struct Launch, with each argument at its offset
        record = struct.Struct(_LAUNCH + "".join(_slots(self.signature, self.sizes, entry.offsets)))
        self._record = ctypes.create_string_buffer(record.size + 8)
        self._pack = record.pack_into
        self.record_address = ctypes.addressof(self._record)

    def __repr__(self):
        return f"<kernel {self.name}({', '.join(TYPES[code][1] for code in self.signature)}) of {self.source.name}>"

    def prepare(self, seed, time_limit, order, threads, shared, grid, block, args, shared_limit):
        """Fill the launch record; raises KernelFault if the arguments do not match the parameters."""
        if shared and shared + self.static_shared > shared_limit:
            static = f" and {self.static_shared} of static" if self.static_shared else ""
            raise self._error(
                f"{shared} bytes of dynamic{static} shared memory exceed the limit of {shared_limit}; raise "
                "shared_limit (--shared-limit)"
            )
        if tuple(map(type, args)) != self._types:
            args = self._convert(args)
        try:
            self._pack(
                self._record,
                0,
                *self._handles,
                seed,
                time_limit,
                order,
                threads,
                shared,
                *_triple(grid),
                *_triple(block),
                *args,
            )
        except struct.error:
            raise self._error(
                f"grid {grid}, block {block} and {shared} bytes of shared memory must be whole numbers from 0 to "
                "2**32 - 1, and pointers must be below 2**64"
            ) from None

    @property
    def last_launch(self):
        """Threads per block and bytes of dynamic shared memory of the last launch."""
        *_, shared, _, _, _, x, y, z = struct.unpack_from(_LAUNCH, self._record)
        return x * y * z, shared

    def _convert(self, args):
        """Cast arguments of other types: a Memory or np.uint64 to a pointer, and equivalent NumPy types."""
        if len(args) != len(self.signature):
            raise self._error(f"it takes {len(self.signature)} arguments, but got {len(args)}")
        return [self._cast(i, code, value) for i, (code, value) in enumerate(zip(self.signature, args), start=1)]

    def _cast(self, position, code, value):
        expected, description = TYPES[code]
        if code in "PTS":
            if isinstance(value, (int, Memory, Image, np.uint64)):
                return int(value)
        elif code == "s":
            if isinstance(value, (bytes, np.generic)) and len(bytes(value)) == self.sizes[position - 1]:
                return bytes(value)
            description = f"a structure of {self.sizes[position - 1]} bytes (bytes, or a NumPy scalar)"
        elif isinstance(value, np.generic) and value.dtype == expected:
            return value
        got = f"np.{value.dtype}" if isinstance(value, np.generic) else type(value).__name__
        raise self._error(f"argument {position} must be {description}, not {got}")

    def _error(self, reason):
        return KernelFault("launch", self.name, f"{self.name} ({self.source.name}) cannot be launched: {reason}")


def _slots(signature, sizes, offsets):
    """Formats of the arguments, with the gaps between them."""
    position = 0
    for code, size, offset in zip(signature, sizes, offsets):
        yield f"{offset - position}x" + {"P": "Q", "T": "Q", "S": "Q", "s": f"{size}s"}.get(code, code)
        position = offset + size


def _triple(size):
    return (*size, 1, 1)[: max(3, len(size))]


_SHARED, _DEVICE, _CONSTANT, _UNSET_CONSTANT, _GUARD = range(5)  # as hw5_declare numbers spaces


def _space_of(variable, constants):
    """Where a variable is; constants: {name: whether it has a value}."""
    if variable.name == GUARD:
        return _GUARD
    if variable.is_shared:
        return _SHARED
    if variable.owner or variable.name not in constants:
        return _DEVICE
    return _CONSTANT if constants[variable.name] else _UNSET_CONSTANT


class Module:
    """A module library, loaded and registered with the runtime."""

    def __init__(self, library, files, runtime):
        self.lines = Lines(library, files)
        try:
            self._library = ctypes.PyDLL(str(library))
        except OSError as error:
            raise CompileError(f"{self.lines.source} compiles, but cannot be loaded: {error}") from error
        table = ModuleTable.in_dll(self._library, "hw5_module")
        about = json.loads(table.about)
        self.templates = about["templates"]  # {name: place and parameters}, of kernel templates without an instance
        self.refused = about["refused"]  # {name: reason}, of kernels that use what the emulator does not have
        self.missing_headers = about["missing_headers"]  # taken as empty
        self.handle = runtime.load(ctypes.addressof(table))
        self.variables = {}  # {name: (address, bytes)}
        constants, found = about["constants"], variables(library)
        for v in found:
            address = runtime.declare(self.handle, v.name.encode(), _space_of(v, constants), v.offset, v.size)
            if not v.is_shared and not v.owner:
                self.variables[v.name] = (address, v.size)
        first, size = ctypes.addressof(table.kernels.contents), ctypes.sizeof(table.kernels.contents)
        self.kernels = [Kernel(self, table.kernels[i], first + i * size) for i in range(table.kernel_count)]
        for kernel in list(self.kernels):
            kernel.static_shared = _static_shared(found, about["reaches"][kernel.name])
            if kernel.static_shared > STATIC_SHARED_LIMIT:
                self.kernels.remove(kernel)
                self.refused[kernel.name] = (
                    f"{kernel.site}: the kernel {kernel.name} has {kernel.static_shared:,} bytes of static __shared__ "
                    f"arrays, and a GPU allows {STATIC_SHARED_LIMIT:,}; use dynamic shared memory for more"
                )


def _static_shared(variables, functions):
    """Bytes of the __shared__ arrays of a kernel and the functions that it may call.

    Instances of a template have arrays of the same name; the largest counts.
    """
    sizes = {}
    for v in variables:
        if v.is_shared and v.name != GUARD and (not v.owner or set(functions).intersection(v.owner)):
            sizes[v.owner, v.name] = max(v.size, sizes.get((v.owner, v.name), 0))
    return sum(sizes.values())
