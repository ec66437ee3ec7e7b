"""The part of PyCUDA's API that needs no PyCUDA: pycuda.driver and SourceModule, over the emulator.

Kernels run in check mode, unless HW5_EMULATOR_CHECK is 0.
"""

import functools
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from hw5.emulator import CompileError as _CompileError
from hw5.emulator import Emulator, KernelFault
from hw5.emulator.pycuda_textures import (  # noqa: F401
    TR_DEFAULT,
    TRSA_OVERRIDE_FORMAT,
    TRSF_NORMALIZED_COORDINATES,
    TRSF_READ_AS_INTEGER,
    TextureReference,
    address_mode,
    bind_array_to_texref,
    filter_mode,
    make_multichannel_2d_array,
    matrix_to_array,
    matrix_to_texref,
    np_to_array,
)
from hw5.errors import InputError, RunError

CHECK = os.environ.get("HW5_EMULATOR_CHECK") != "0"


class Error(RunError):
    """The base of PyCUDA's errors."""


class LogicError(Error):
    pass


class LaunchError(Error):
    """A kernel failed; the message says where and why."""


class CompileError(Error):
    def __init__(self, message):
        super().__init__(message)
        self.msg, self.stdout, self.stderr, self.command_line = message, "", message, []


@functools.cache
def _memory():
    """An emulator without kernels, for device memory, which all emulators of the mode share."""
    return Emulator([], check=CHECK)


# ---- memory


class DeviceAllocation:
    """Device memory, freed with the object."""

    def __init__(self, nbytes):
        self._memory = _memory().allocate(max(int(nbytes), 1), "mem_alloc")

    def __int__(self):
        if self._memory is None:
            raise LogicError("this device memory was freed")
        return int(self._memory)

    __index__ = __int__

    def __add__(self, offset):
        return int(self) + offset

    def free(self):
        self._memory = None


def _contiguous(array):
    """A C-contiguous view of an array in C or Fortran order."""
    array = np.asarray(array)
    if array.flags.c_contiguous:
        return array
    if array.flags.f_contiguous:
        return array.T
    raise ValueError("the array must be contiguous")


def mem_alloc(nbytes):
    return DeviceAllocation(nbytes)


def mem_alloc_like(array):
    return DeviceAllocation(array.nbytes)


def mem_get_info():
    return 1 << 31, 1 << 32  # free and all bytes


def memcpy_htod(target, source, stream=None):
    _memory().write(int(target), _contiguous(source))


def memcpy_dtoh(target, source, stream=None):
    _memory().read(int(source), _contiguous(target))


def memcpy_dtod(target, source, nbytes, stream=None):
    kept = np.empty(nbytes, np.uint8)
    _memory().read(int(source), kept)
    _memory().write(int(target), kept)


memcpy_htod_async, memcpy_dtoh_async, memcpy_dtod_async = memcpy_htod, memcpy_dtoh, memcpy_dtod


def _memset(dtype):
    def memset(target, value, count, stream=None):
        _memory().write(int(target), np.full(count, value, dtype))

    return memset


memset_d8, memset_d16, memset_d32 = map(_memset, (np.uint8, np.uint16, np.uint32))
memset_d8_async, memset_d16_async, memset_d32_async = memset_d8, memset_d16, memset_d32


def to_device(array):
    memory = mem_alloc_like(array)
    memcpy_htod(memory, array)
    return memory


def from_device(memory, shape, dtype, order="C"):
    array = np.empty(shape, dtype, order)
    memcpy_dtoh(array, memory)
    return array


def from_device_like(memory, other):
    array = np.empty_like(other)
    memcpy_dtoh(array, memory)
    return array


def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    return np.empty(shape, dtype, order)


def pagelocked_zeros(shape, dtype, order="C", mem_flags=0):
    return np.zeros(shape, dtype, order)


class _Argument:
    """An array as argument of one launch: In, Out or InOut."""

    to, back = True, True

    def __init__(self, array):
        self.array = array

    def begin(self):
        self.memory = mem_alloc_like(self.array)
        if self.to:
            memcpy_htod(self.memory, self.array)
        return int(self.memory)

    def end(self):
        if self.back:
            memcpy_dtoh(self.array, self.memory)


class InOut(_Argument):
    pass


class In(_Argument):
    back = False


class Out(_Argument):
    to = False


# ---- devices, streams and events: there is one device, and a launch has ended when it returns


class Device:
    def __init__(self, number=0):
        if number != 0:
            raise LogicError("the emulator is device 0, the only one")

    @staticmethod
    def count():
        return 1

    def name(self):
        return "hw5 emulator"

    def compute_capability(self):
        return 8, 0

    def total_memory(self):
        return mem_get_info()[1]

    def make_context(self, flags=0):
        return Context()

    retain_primary_context = make_context


class Context:
    @staticmethod
    def synchronize():
        pass

    @staticmethod
    def get_device():
        return Device()

    @staticmethod
    def pop():
        pass

    def push(self):
        pass

    def detach(self):
        pass


class Stream:
    handle = 0

    def __init__(self, flags=0):
        pass

    def synchronize(self):
        pass

    def is_done(self):
        return True

    def wait_for_event(self, event):
        pass


class Event:
    """A moment; the times between events are those of the emulator, not of a GPU."""

    def __init__(self, flags=0):
        pass

    def record(self, stream=None):
        self._time = time.perf_counter()
        return self

    def synchronize(self):
        return self

    def query(self):
        return True

    def time_since(self, other):
        return 1e3 * (self._time - other._time)

    def time_till(self, other):
        return -self.time_since(other)


def init(flags=0):
    pass


def get_version():
    return 12, 0, 0


# ---- kernels


class Function:
    """A kernel; called as PyCUDA's Function, or prepared."""

    def __init__(self, emulator, kernel, texrefs):
        self._emulator, self.kernel, self._texrefs = emulator, kernel, texrefs
        self.num_regs, self.local_size_bytes, self.shared_size_bytes = 0, 0, kernel.static_shared
        self.max_threads_per_block = 1024

    def __call__(self, *args, block, grid=(1, 1), stream=None, shared=0, texrefs=(), time_kernel=False):
        for texref in self._texrefs:
            texref.bind()
        handlers = [arg for arg in args if isinstance(arg, _Argument)]
        values = [_value(arg) for arg in args]
        began = time.perf_counter()
        try:
            self._emulator.launch(self.kernel.name, _ints(grid), _ints(block), values, int(shared))
        except KernelFault as fault:
            raise LaunchError(str(fault)) from fault
        for handler in handlers:
            handler.end()
        return time.perf_counter() - began if time_kernel else None

    def prepare(self, arg_types, texrefs=()):
        """Take the types of the arguments, as struct's format characters or NumPy types."""
        self._types = [np.dtype("u8" if t == "P" else t).type for t in arg_types]
        return self

    def prepared_call(self, grid, block, *args, shared_size=0):
        values = [_value(arg) if kind is np.uint64 else kind(arg) for kind, arg in zip(self._types, args)]
        self(*values, grid=grid, block=block, shared=shared_size)

    def prepared_async_call(self, grid, block, stream, *args, shared_size=0):
        self.prepared_call(grid, block, *args, shared_size=shared_size)

    def set_cache_config(self, config):
        pass


def _value(arg):
    if isinstance(arg, _Argument):
        return arg.begin()
    if isinstance(arg, (DeviceAllocation, np.intp)) and not isinstance(arg, np.int64):
        return int(arg)
    return arg


def _ints(size):
    return tuple(map(int, size))


class Module:
    """The kernels of a .cu file."""

    def __init__(self, emulator, folder):
        self._emulator, self._folder = emulator, folder  # the folder is there for the lines of reports
        self._texrefs = []

    def get_texref(self, name):
        try:
            self._texrefs.append(TextureReference(self._emulator, name))
        except InputError as error:
            raise LogicError(f"cuModuleGetTexRef failed: {error}") from error
        return self._texrefs[-1]

    def get_function(self, name):
        try:
            return Function(self._emulator, self._emulator.find(name), self._texrefs)
        except KernelFault as fault:
            raise LogicError(f"cuModuleGetFunction failed: {fault}") from fault

    def get_global(self, name):
        """The address and size in bytes of a variable."""
        try:
            return self._emulator.variable(name)
        except InputError as error:
            raise LogicError(f"cuModuleGetGlobal failed: {error}") from error


class SourceModule(Module):
    """The kernels of CUDA C++ in a string. Options of nvcc have no effect, except include_dirs."""

    def __init__(self, source, nvcc="nvcc", options=None, keep=False, no_extern_c=False, arch=None, code=None,
                 cache_dir=None, include_dirs=()):  # fmt: skip
        super().__init__(*compiled(source, include_dirs))


def compiled(source, include_dirs):
    """An Emulator of CUDA C++ in a string, and the temporary folder that has it; raises CompileError."""
    folder = tempfile.TemporaryDirectory(prefix="hw5-source-")
    file = Path(folder.name) / "kernel.cu"
    file.write_text(source)
    try:
        return Emulator([file], check=CHECK, include=[d for d in include_dirs if os.path.isdir(d)]), folder
    except (_CompileError, InputError) as error:
        raise CompileError(str(error)) from error
