"""A simulated pycuda.driver, as strict about types as its C++ wrappers."""

import ctypes
import functools
import struct
import weakref

import numpy as np
import simulated_gpu
from simulated_gpu import Misuse, Refusal

from hw5.emulator import Emulator


class Error(Exception):
    pass


class MemoryError(Error):
    pass


class LogicError(Error):
    pass


class LaunchError(Error):
    pass


class RuntimeError(Error):
    pass


class CompileError(Error):
    def __init__(self, msg, command_line, stdout=None, stderr=None):
        super().__init__(msg)
        self.msg, self.command_line, self.stdout, self.stderr = msg, command_line, stdout, stderr


def _raises(function):
    """Convert a Refusal to an exception of this module."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except Refusal as refusal:
            raise globals()[refusal.kind](str(refusal)) from None

    return call


def _gpu():
    return simulated_gpu.gpu


_initialised = False


@_raises
def init(flags=0):
    global _initialised
    _initialised = True
    if _gpu().count == 0:
        raise Refusal("RuntimeError", "cuInit failed: no CUDA-capable device is detected")


class Device:
    def __init__(self, ordinal):
        if not _initialised:
            raise LogicError("cuDeviceGet failed: initialization error")
        if not 0 <= ordinal < _gpu().count:
            raise LogicError("cuDeviceGet failed: invalid device ordinal")

    @staticmethod
    def count():
        return _gpu().count

    def compute_capability(self):
        return _gpu().capability

    def retain_primary_context(self):
        return Context()


class Context:
    def __init__(self):
        self._dropped = weakref.finalize(self, _gpu().order.append, "dropped context")
        self._dropped.atexit = False
        self.is_valid = True
        _gpu().retained += 1

    def push(self):
        _gpu().contexts.append(self)

    @staticmethod
    def pop():
        if not _gpu().contexts:
            raise LogicError("context::pop failed: invalid device context - cannot pop non-current context")
        _gpu().contexts.pop()

    def detach(self):
        """Release the context, and return to the previous one."""
        if not self._dropped.detach():  # PyCUDA calls cuCtxDetach if the context is only dropped
            raise LogicError("context::detach failed: invalid device context - cannot detach from invalid context")
        if _gpu().retained == 1 and (_gpu().capture or _gpu().handles or _gpu().graphs):
            raise Misuse("the last context is released before a recording, a graph or a cuBLAS context")
        _gpu().retained -= 1
        _gpu().order.append("context")
        self.is_valid = False


def _record_deletion(owner, kind):
    """Record when an object is deleted. PyCUDA does not release it if its context has been released."""
    weakref.finalize(owner, _gpu().order.append, kind).atexit = False


class Stream:
    @_raises
    def __init__(self, flags=0):
        _gpu().require_context("cuStreamCreate")
        self.handle = _gpu().new_handle()
        _gpu().streams[self.handle], _gpu().owners[self.handle] = [], _gpu().contexts[-1]
        _record_deletion(self, "stream")

    @_raises
    def synchronize(self):
        _gpu().wait_for(self.handle)

    @_raises
    def wait_for_event(self, event):
        _gpu().wait_for_event(self.handle, event)


class event_flags:
    DISABLE_TIMING = 2


class Event:
    @_raises
    def __init__(self, flags=0):
        _gpu().require_context("cuEventCreate")
        self.point = None  # (capture, the nodes that it waits for), once it was recorded
        _record_deletion(self, "event")

    @_raises
    def record(self, stream):
        self.point = _gpu().point_of(_handle(stream))


class DeviceAllocation:
    def __init__(self, address):
        self._address = address
        self._finalizer = weakref.finalize(self, _forget, _gpu(), address)
        self._finalizer.atexit = False

    def __int__(self):
        return self._address

    __index__ = __int__

    @_raises
    def free(self):
        if not self._finalizer.detach():
            raise LogicError("device_allocation::free failed: invalid resource handle")
        _gpu().free(self._address)


def _forget(gpu, address):
    """Free an unreferenced allocation; without a context, PyCUDA does not."""
    if gpu.contexts and not gpu.fault:
        gpu.free(address)


@_raises
def mem_alloc(nbytes):
    return DeviceAllocation(_gpu().allocate(nbytes))


def mem_get_info():
    return _gpu().total - _gpu().used, _gpu().total


@_raises
def pagelocked_empty(shape, dtype, order="C", mem_flags=0):
    _gpu().require_context("cuMemHostAlloc")
    _gpu().forbid_capture("cuMemHostAlloc")
    array = simulated_gpu.pinned_bytes(shape, dtype)
    _record_deletion(array, "pinned memory")
    return array


@_raises
def memcpy_htod_async(dest, src, stream):
    _gpu().copy(dest, src.ctypes.data, src.nbytes, dest, src, _handle(stream), "cuMemcpyHtoDAsync")


@_raises
def memcpy_dtoh_async(dest, src, stream):
    _gpu().copy(dest.ctypes.data, src, dest.nbytes, src, dest, _handle(stream), "cuMemcpyDtoHAsync")


@_raises
def memcpy_dtod_async(dest, src, size, stream):
    for address in (dest, src):
        _gpu().require_memory(address, size, "cuMemcpyDtoDAsync")
    _gpu().enqueue(_handle(stream), functools.partial(ctypes.memmove, dest, src, size), "cuMemcpyDtoDAsync")


def _handle(stream):
    if not isinstance(stream, Stream):
        raise Misuse(f"{stream!r} instead of the stream: the work would go to the default stream")
    return stream.handle


class Module:
    def __init__(self, sources):
        self.emulator = Emulator(sources, check=_gpu().check)
        _record_deletion(self, "module")

    def get_function(self, name):
        if name not in self.emulator.kernels:
            raise LogicError("cuModuleGetFunction failed: named symbol not found")
        return Function(self, name)


@_raises
def module_from_buffer(buffer):
    _gpu().require_context("cuModuleLoadDataEx")
    _gpu().forbid_capture("cuModuleLoadDataEx")
    heading, *sources = bytes(buffer).decode().splitlines()
    if heading != f"sm_{_gpu().capability[0]}{_gpu().capability[1]}":
        raise LogicError("cuModuleLoadDataEx failed: no kernel image is available for execution on the device - ")
    return Module(sources)


_SAME = {np.dtype(np.int64).char: "q", np.dtype(np.uint64).char: "Q"}  # 64 bits have two characters
_LIMITS = (2**31 - 1, 65535, 65535), (1024, 1024, 64)  # of a grid and of a block


class Function:
    def __init__(self, module, name):
        self._module, self._name = module, name  # a function keeps its module
        self._emulator = module.emulator
        self._signature = self._emulator.kernels[name].signature

    def prepare(self, arg_types, texrefs=None):
        self.arg_format = "".join(arg_types)
        given = "".join(_SAME.get(code, code) for code in self.arg_format)
        expected = "".join(_SAME.get(code, code) for code in self._signature)
        if given != expected:
            raise Misuse(f"{self._name} has arguments of types {expected}, but is prepared for {given}")
        return self

    @_raises
    def prepared_async_call(self, grid, block, stream, *args, shared_size=0):
        if self._name.startswith("epoch_"):
            raise Misuse(f"{self._name} waits for all blocks, which may not all be resident")
        self._check_shape(grid, block, shared_size)
        # pack the values now, as CUDA does: args may change before the kernel runs
        packed = struct.pack(self.arg_format, *args)
        values = self._unpacked(packed)
        self._check_pointers(values)
        launch = functools.partial(self._run, grid, block, values, shared_size)
        _gpu().enqueue(_handle(stream), launch, f"cuLaunchKernel of {self._name}")

    def _check_shape(self, grid, block, shared_size):
        if type(grid) is not tuple or type(block) is not tuple or len(block) != 3 or len(grid) > 3:
            raise TypeError(f"grid {grid!r} and block {block!r} must be tuples of at most three and of three ints")
        for size, limits in zip((grid, block), _LIMITS):
            if not all(1 <= n <= limit for n, limit in zip(size, limits)):
                raise Refusal("LogicError", f"cuLaunchKernel failed: invalid argument ({grid}, {block})")
        if np.prod(block) > 1024 or shared_size > 48 << 10:
            raise Refusal("LogicError", "cuLaunchKernel failed: invalid argument")

    def launch_cooperatively(self, grid, block, stream, values, shared_size):
        """For cuda.bindings: like prepared_async_call, but with as much shared memory as the GPU has."""
        self.arg_format = "".join("P" if type(value) is int else value.dtype.char for value in values)
        self._check_pointers(values)
        _gpu().enqueue(stream, functools.partial(self._run, grid, block, values, shared_size), "a cooperative launch")

    def _unpacked(self, packed):
        """The arguments as NumPy scalars and addresses, for the emulator."""
        values = struct.unpack(self.arg_format, packed)
        return [v if code == "P" else np.dtype(code).type(v) for code, v in zip(self.arg_format, values)]

    def _check_pointers(self, values):
        for position, (code, value) in enumerate(zip(self.arg_format, values), 1):
            if code == "P":
                _gpu().require_memory(value, 1, f"argument {position} of {self._name}")

    def _run(self, grid, block, values, shared_size):
        self._check_pointers(values)  # a graph may be replayed after its memory was freed
        static = 1 << 10  # at most; how much is allowed was checked when a launch asked for more than 48 KB
        self._emulator.shared_limit = shared_size + static if shared_size > 48 << 10 else 48 << 10
        _gpu().launches.append((self._name, grid, block, shared_size))
        self._emulator.launch(self._name, grid, block, values, shared_size)
