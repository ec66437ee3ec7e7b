"""pycuda._driver over the emulator: PyCUDA's own Python files, where they are installed, run on it unchanged.

So pycuda.gpuarray, pycuda.cumath, pycuda.reduction and the like are PyCUDA's. What only a GPU has, such as linking,
raises LogicError.
"""

import ctypes
import enum
import json
import re
import sys
import types

import numpy as np

from hw5.emulator import pycuda_basics as basics
from hw5.emulator.module import TYPES
from hw5.emulator.pycuda_basics import (  # noqa: F401  what PyCUDA's files import from here
    Error,
    LaunchError,
    LogicError,
    get_version,
    init,
    mem_get_info,
    memcpy_dtod,
    memcpy_dtod_async,
    memcpy_htod,
    memcpy_htod_async,
    memset_d8,
    memset_d8_async,
    memset_d16,
    memset_d16_async,
    memset_d32,
    memset_d32_async,
)
from hw5.emulator.pycuda_textures import (  # noqa: F401
    TR_DEFAULT,
    TRSA_OVERRIDE_FORMAT,
    TRSF_NORMALIZED_COORDINATES,
    TRSF_READ_AS_INTEGER,
    Array,
    ArrayDescriptor,
    TextureReference,
    address_mode,
    array_format,
    filter_mode,
)

LIMITS = {
    "MAX_THREADS_PER_BLOCK": 1024,
    "MAX_BLOCK_DIM_X": 1024,
    "MAX_BLOCK_DIM_Y": 1024,
    "MAX_BLOCK_DIM_Z": 64,
    "MAX_GRID_DIM_X": 2**31 - 1,
    "MAX_GRID_DIM_Y": 65535,
    "MAX_GRID_DIM_Z": 65535,
    "MAX_SHARED_MEMORY_PER_BLOCK": 48 * 1024,
    "TOTAL_CONSTANT_MEMORY": 64 * 1024,
    "WARP_SIZE": 32,
    "MAX_REGISTERS_PER_BLOCK": 65536,
    "MULTIPROCESSOR_COUNT": 4,
    "MAX_THREADS_PER_MULTIPROCESSOR": 1024,
    "CLOCK_RATE": 1_000_000,
    "COMPUTE_MODE": 0,
    "UNIFIED_ADDRESSING": 1,
    "CONCURRENT_KERNELS": 0,
    "CAN_MAP_HOST_MEMORY": 0,
    "MANAGED_MEMORY": 0,
    "INTEGRATED": 0,
    "PCI_BUS_ID": 0,
    "PCI_DEVICE_ID": 0,
}  # of the device that the emulator is


def _enum(name, members):
    return enum.IntEnum(name, members.split(), start=0)


device_attribute = _enum("device_attribute", " ".join(LIMITS))
function_attribute = _enum(
    "function_attribute",
    "MAX_THREADS_PER_BLOCK SHARED_SIZE_BYTES CONST_SIZE_BYTES LOCAL_SIZE_BYTES NUM_REGS PTX_VERSION BINARY_VERSION",
)
ctx_flags = _enum("ctx_flags", "SCHED_AUTO SCHED_SPIN SCHED_YIELD SCHED_BLOCKING_SYNC MAP_HOST LMEM_RESIZE_TO_MAX")
event_flags = _enum("event_flags", "DEFAULT BLOCKING_SYNC DISABLE_TIMING")
stream_flags = _enum("stream_flags", "DEFAULT NON_BLOCKING")
compute_mode = _enum("compute_mode", "DEFAULT EXCLUSIVE PROHIBITED EXCLUSIVE_PROCESS")
func_cache = _enum("func_cache", "PREFER_NONE PREFER_SHARED PREFER_L1 PREFER_EQUAL")
mem_attach_flags = enum.IntEnum("mem_attach_flags", "GLOBAL HOST SINGLE")
host_alloc_flags = _enum("host_alloc_flags", "NONE PORTABLE DEVICEMAP WRITECOMBINED")
mem_host_register_flags = _enum("mem_host_register_flags", "NONE PORTABLE DEVICEMAP")
limit = _enum("limit", "STACK_SIZE PRINTF_FIFO_SIZE MALLOC_HEAP_SIZE")
direction_vector_set = _enum("direction_vector_set", "VECTOR_32 SCRAMBLED_VECTOR_32 VECTOR_64 SCRAMBLED_VECTOR_64")


class MemoryError(Error):
    pass


class RuntimeError(Error):
    pass


def get_driver_version():
    return 12000


def get_curand_version():
    """The last one without Poisson's distribution, which the emulator does not have."""
    return 4, 1, 0


def _no_sobol(*_):
    raise LogicError("the emulator has no Sobol' sequences")


_get_direction_vectors = _get_scramble_constants32 = _get_scramble_constants64 = _no_sobol


def bitlog2(number):
    return int(number).bit_length() - 1 if number else 0


# ---- contexts


class Device(basics.Device):
    def get_attribute(self, attribute):
        return LIMITS[device_attribute(attribute).name]

    def make_context(self, flags=0):
        context = Context()
        context.push()
        return context

    def retain_primary_context(self):
        return Context()

    def pci_bus_id(self):
        return "0000:00:00.0"

    def __hash__(self):
        return 0

    def __eq__(self, other):
        return isinstance(other, Device)


class Context:
    """A place on the stack of contexts; all have the same memory."""

    _stack = []

    @staticmethod
    def get_device():
        return Device()

    @classmethod
    def get_current(cls):
        return cls._stack[-1] if cls._stack else None

    @staticmethod
    def synchronize():
        pass

    def push(self):
        self._stack.append(self)

    @classmethod
    def pop(cls):
        if not cls._stack:
            raise LogicError("there is no context to pop")
        cls._stack.pop()

    def detach(self):
        if self in self._stack:
            self._stack.remove(self)

    def get_api_version(self):
        return 12000

    @staticmethod
    def get_limit(which):
        return 1024

    @staticmethod
    def set_limit(which, value):
        pass

    @staticmethod
    def set_cache_config(config):
        pass


class Stream(basics.Stream):
    pass


class Event(basics.Event):
    pass


# ---- memory


class PointerHolderBase:
    """The base of classes that have a pointer of another library."""

    def get_pointer(self):
        raise NotImplementedError

    def __int__(self):
        return self.get_pointer()

    __index__ = __int__

    def as_buffer(self, size, offset=0):
        return (ctypes.c_char * size).from_address(int(self) + offset)


class DeviceAllocation(basics.DeviceAllocation):
    def as_buffer(self, size, offset=0):
        return (ctypes.c_char * size).from_address(int(self) + offset)


class ManagedAllocation(DeviceAllocation):
    """Memory of the device that is an array of the host too."""

    def __init__(self, shape, dtype, order="C"):
        like = np.empty(shape, dtype, order)
        super().__init__(like.nbytes)
        self.__array_interface__ = like.__array_interface__ | {"strides": like.strides, "data": (int(self), False)}

    get_device_pointer = basics.DeviceAllocation.__int__

    def attach(self, flags, stream=None):
        pass


class PooledDeviceAllocation(DeviceAllocation):
    def __init__(self, nbytes, pool):
        super().__init__(nbytes)
        self._pool, self.size = pool, nbytes
        pool.active_blocks += 1
        pool.active_bytes += nbytes

    def free(self):
        if self._memory is None:
            raise LogicError("this device memory was freed")
        super().free()
        self._pool.active_blocks -= 1
        self._pool.active_bytes -= self.size

    def __del__(self):
        if getattr(self, "_memory", None) is not None:
            self.free()


class DeviceMemoryPool:
    """It holds no freed memory. Sizes are in bins of two leading bits, as PyCUDA's are."""

    held_blocks = 0

    def __init__(self):
        self.active_blocks = self.active_bytes = 0

    @property
    def managed_bytes(self):
        return self.active_bytes

    def allocate(self, nbytes):
        return PooledDeviceAllocation(int(nbytes), self)

    __call__ = allocate

    @staticmethod
    def bin_number(size):
        exponent = bitlog2(size)
        leading = size << (2 - exponent) if exponent < 2 else size >> (exponent - 2)
        return exponent << 2 | (leading & 3)

    @staticmethod
    def alloc_size(bin_number):
        exponent, leading = bin_number >> 2, 4 | (bin_number & 3)
        if exponent < 2:
            return leading >> (2 - exponent)
        return leading << (exponent - 2) | ((1 << (exponent - 2)) - 1)

    def free_held(self):
        pass

    def stop_holding(self):
        pass


def mem_alloc(nbytes):
    return DeviceAllocation(nbytes)


def mem_alloc_pitch(width, height, access_size):
    pitch = -(-width // 512) * 512
    return DeviceAllocation(pitch * height), pitch


def memcpy_dtoh(target, source, stream=None):
    """Into an array or any other buffer that can be written to."""
    if not isinstance(target, np.ndarray):
        target = np.frombuffer(target, np.uint8)
    basics.memcpy_dtoh(target, source)


memcpy_dtoh_async = memcpy_dtoh


def memcpy_peer(target, source, size, dest_context=None, src_context=None):
    memcpy_dtod(target, source, size)


def _rows(fill):
    def memset(target, pitch, value, width, height):
        for row in range(height):
            fill(int(target) + row * pitch, value, width)

    return memset


memset_d2d8, memset_d2d16, memset_d2d32 = map(_rows, (memset_d8, memset_d16, memset_d32))


def managed_empty(shape, dtype, order="C", mem_flags=0):
    return np.asarray(ManagedAllocation(shape, dtype, order))


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    is_mapped = mem_flags & host_alloc_flags.DEVICEMAP
    return managed_empty(shape, dtype, order) if is_mapped else np.empty(shape, dtype, order)


def aligned_empty(shape, dtype, order="C", alignment=4096):
    dtype = np.dtype(dtype)
    nbytes = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(nbytes + alignment, np.uint8)
    start = -memory.ctypes.data % alignment
    return memory[start : start + nbytes].view(dtype).reshape(shape, order=order)


def register_host_memory(array, flags=0):
    return array


class PageLockedAllocator:
    def __init__(self, flags=0):
        pass


class PageLockedMemoryPool(DeviceMemoryPool):
    def __init__(self, allocator=None):
        super().__init__()

    def allocate(self, shape, dtype, order="C"):
        return np.empty(shape, dtype, order)

    __call__ = allocate


class _Copy:
    """Rows of bytes from a place to another; Memcpy2D and Memcpy3D."""

    depth = 1
    width_in_bytes = height = src_pitch = dst_pitch = src_height = dst_height = 0
    src_x_in_bytes = src_y = src_z = dst_x_in_bytes = dst_y = dst_z = 0

    def __init__(self):
        self._source = self._target = None

    def set_src_host(self, array):
        self._kept, self._source = array, array.ctypes.data

    def set_dst_host(self, array):
        self._target = array.ctypes.data

    def set_src_device(self, memory):
        self._source = int(memory)

    def set_dst_device(self, memory):
        self._target = int(memory)

    def set_src_array(self, array):
        self._source, self.src_pitch, self.src_height = array.texels.ctypes.data, array.pitch, array.height

    def set_dst_array(self, array):
        self._target, self.dst_pitch, self.dst_height = array.texels.ctypes.data, array.pitch, array.height

    def __call__(self, *_, **__):
        for z in range(self.depth):
            for y in range(self.height):
                source = (self.src_z + z) * self.src_pitch * self.src_height + (self.src_y + y) * self.src_pitch
                target = (self.dst_z + z) * self.dst_pitch * self.dst_height + (self.dst_y + y) * self.dst_pitch
                ctypes.memmove(
                    self._target + target + self.dst_x_in_bytes,
                    self._source + source + self.src_x_in_bytes,
                    self.width_in_bytes,
                )


class Memcpy2D(_Copy):
    pass


class Memcpy3D(_Copy):
    pass


class _OnlyOnGpus:
    def __init__(self, *_, **__):
        raise LogicError(f"the emulator has no {type(self).__name__}")


class SurfaceReference(_OnlyOnGpus):
    pass


class Linker(_OnlyOnGpus):
    pass


ArrayDescriptor3D = ArrayDescriptor


# ---- kernels


class Function:
    """A kernel. PyCUDA's driver.py adds the ways to call it, all of which end in _launch_kernel."""

    def __init__(self, emulator, kernel, texrefs):
        self._emulator, self._kernel, self._texrefs = emulator, kernel, texrefs

    def _set_block_shape(self, *block):
        pass

    def _launch_kernel(self, grid, block, arguments, shared, stream):
        codes, kernel = self._kernel.signature, self._kernel
        if len(codes) != len(arguments.items):
            raise LaunchError(f"{kernel.name} takes {len(codes)} arguments, but got {len(arguments.items)}")
        for texref in self._texrefs:
            texref.bind()
        values = [self._value(*each) for each in zip(range(1, 1 + len(codes)), codes, kernel.sizes, arguments.items)]
        try:
            self._emulator.launch(kernel.name, tuple(map(int, grid)), tuple(map(int, block)), values, int(shared))
        except basics.KernelFault as fault:
            raise LaunchError(str(fault)) from fault

    def _value(self, position, code, size, given):
        if len(given) != size:
            raise LaunchError(
                f"argument {position} of {self._kernel.name} must have {size} bytes, as {TYPES[code][1]}, not {len(given)}"
            )
        if code == "P":
            return int.from_bytes(given, "little")
        return given if code == "s" else np.frombuffer(given, TYPES[code][0])[0]

    def param_set_texref(self, texref):
        pass

    def set_cache_config(self, config):
        pass

    def get_attribute(self, attribute):
        known = {"MAX_THREADS_PER_BLOCK": 1024, "SHARED_SIZE_BYTES": self._kernel.static_shared}
        return known.get(function_attribute(attribute).name, 0)


class Module(basics.Module):
    """The kernels of a .cu file."""

    def get_function(self, name):
        return Function(self._emulator, super().get_function(name).kernel, self._texrefs)

    def get_surfref(self, name):
        raise LogicError("the emulator has no surface references of PyCUDA")


class _Packed(bytes):
    """Arguments as bytes; items has them one by one."""


def pack(types, *arguments):
    """The arguments of a kernel, of the types that struct and NumPy denote by these characters."""
    items = []
    for (count, code), argument in zip(re.findall(r"(\d*)([a-zA-Z?])", types), arguments):
        if code == "s":
            item = bytes(argument) if isinstance(argument, bytes) else np.asarray(argument).tobytes()
            items.append(item.ljust(int(count or 1), b"\0"))
        elif code == "P":
            items.append(int(argument).to_bytes(8, "little"))
        else:
            items.append(np.array(argument).astype(code).tobytes())
    packed = _Packed(b"".join(items))
    packed.items = items
    return packed


def calcsize(types):
    """Their bytes, without gaps."""
    return sum(
        int(count or 1) if code == "s" else 8 if code == "P" else np.dtype(code).itemsize
        for count, code in re.findall(r"(\d*)([a-zA-Z?])", types)
    )


def module_from_buffer(image, options=(), message_handler=None):
    """The Module of what compiled() returned."""
    try:
        found = json.loads(image)
    except ValueError:
        raise LogicError("the emulator loads CUDA C++ only, not what nvcc makes of it") from None
    try:
        return Module(*basics.compiled(found["source"], found["include_dirs"]))
    except basics.CompileError as error:
        raise sys.modules["pycuda.driver"].CompileError(str(error), []) from error


def module_from_file(name):
    with open(name, "rb") as file:
        return module_from_buffer(file.read())


# PyCUDA's reductions take the lanes of a warp to run in lockstep, which no GPU since Volta promises.
_LOCKSTEP = re.compile(r"smem\[tid\] = (REDUCE\(smem\[tid\], smem\[tid \+ \d+\]\));")
_IN_STEPS = r"{ out_type both = \1; __syncwarp(); smem[tid] = both; __syncwarp(); }"


def compiled(source, nvcc="nvcc", options=None, keep=False, no_extern_c=False, arch=None, code=None, cache_dir=None,
             include_dirs=(), target="cubin"):  # fmt: skip
    """In place of pycuda.compiler.compile: the source, with the macros of the options. nvcc is not needed."""
    import pycuda.compiler

    macros = [option[2:].replace("=", " ", 1) for option in options or () if option.startswith("-D")]
    folders = [option[2:] for option in options or () if option.startswith("-I")]
    lines = "".join(f"#define {macro}\n" for macro in macros) + "#line 1\n" * bool(macros)
    folders += [*(include_dirs or ()), pycuda.compiler._find_pycuda_include_path()]
    source = _LOCKSTEP.sub(_IN_STEPS, source)
    return json.dumps({"source": lines + source, "include_dirs": folders}).encode()


def install():
    """Make PyCUDA's files use this module as their driver; raises ImportError if what they need is not installed."""
    this = sys.modules[__name__]
    structures = types.ModuleType("pycuda._pvt_struct")
    structures.pack, structures.calcsize = pack, calcsize
    sys.modules |= {"pycuda._driver": this, "pycuda._pvt_struct": structures}
    try:
        import pycuda.compiler
        import pycuda.driver
        import pycuda.tools  # noqa: F401
    except ImportError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "pycuda"]:
            del sys.modules[name]
        raise
    pycuda.compiler.compile = compiled
