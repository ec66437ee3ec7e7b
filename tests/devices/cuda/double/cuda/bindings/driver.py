"""A simulated cuda.bindings.driver: graphs by stream capture, and cooperative launches.

Functions return (status, values...).
"""

import ctypes
import enum

import numpy as np
import simulated_gpu
from pycuda.driver import module_from_buffer
from simulated_gpu import Misuse, Refusal


class CUresult(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_ILLEGAL_STATE = 401
    CUDA_ERROR_LAUNCH_FAILED = 719
    CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE = 720
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901


class CUstreamCaptureMode(enum.IntEnum):
    CU_STREAM_CAPTURE_MODE_GLOBAL = 0
    CU_STREAM_CAPTURE_MODE_THREAD_LOCAL = 1
    CU_STREAM_CAPTURE_MODE_RELAXED = 2


class _Handle:
    def __init__(self, value=0):
        self._value = value

    def __int__(self):
        return self._value


class CUstream(_Handle):
    pass


class CUgraph(_Handle):
    pass


class CUgraphExec(_Handle):
    pass


_OK = CUresult.CUDA_SUCCESS


def _gpu():
    return simulated_gpu.gpu


def _new(kind, work):
    handle = kind(_gpu().new_handle())
    _gpu().graphs[int(handle)] = work
    return handle


def _lookup(kind, handle):
    if not isinstance(handle, kind) or int(handle) not in _gpu().graphs:
        raise Misuse(f"{handle!r} is not a {kind.__name__}, or was destroyed")
    return _gpu().graphs[int(handle)]


def cuGetErrorString(error):
    return _OK, error.name.encode()


def cuStreamBeginCapture(hStream, mode):
    assert isinstance(hStream, CUstream) and isinstance(mode, CUstreamCaptureMode)
    try:
        _gpu().begin_capture(int(hStream))
    except Refusal:
        return (CUresult.CUDA_ERROR_ILLEGAL_STATE,)
    return (_OK,)


def cuStreamEndCapture(hStream):
    work = _gpu().end_capture(int(hStream))
    if work is None:
        return CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, None
    return _OK, _new(CUgraph, work)


def cuGraphInstantiate(hGraph, flags):
    return _OK, _new(CUgraphExec, list(_lookup(CUgraph, hGraph)))


def cuGraphLaunch(hGraphExec, hStream):
    work = _lookup(CUgraphExec, hGraphExec)
    try:
        for step in work:
            _gpu().enqueue(int(hStream), step, "cuGraphLaunch")
    except Refusal:
        return (CUresult.CUDA_ERROR_LAUNCH_FAILED,)
    return (_OK,)


def cuGraphDestroy(hGraph):
    _lookup(CUgraph, hGraph)
    del _gpu().graphs[int(hGraph)]
    return (_OK,)


def cuGraphExecDestroy(hGraphExec):
    _lookup(CUgraphExec, hGraphExec)
    if not _gpu().contexts:
        raise Misuse("a graph is destroyed after its context")
    _gpu().order.append("graph")
    del _gpu().graphs[int(hGraphExec)]
    return (_OK,)


# -- cooperative launches

STATIC_SHARED = 1024  # bytes, of any function


class CUdevice_attribute(enum.IntEnum):
    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16
    CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH = 95
    CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97


class CUfunction_attribute(enum.IntEnum):
    CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES = 1
    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8


class CUmodule:
    def __init__(self, module):
        self.module = module


class CUfunction:
    """most_shared: bytes of dynamic shared memory that a launch may have."""

    def __init__(self, function):
        self.function, self.most_shared = function, 48 << 10


def cuDeviceGet(ordinal):
    return _OK, ordinal


def cuDeviceGetAttribute(attrib, dev):
    return _OK, _gpu().attributes[attrib.name.removeprefix("CU_DEVICE_ATTRIBUTE_")]


def cuModuleLoadData(image):
    return _OK, CUmodule(module_from_buffer(image))


def cuModuleUnload(hmod):
    if hmod.module is None:
        raise Misuse("a module is unloaded twice")
    _gpu().require_context("cuModuleUnload")
    hmod.module = None
    return (_OK,)


def cuModuleGetFunction(hmod, name):
    return _OK, CUfunction(hmod.module.get_function(name.decode()))


def cuFuncGetAttribute(attrib, hfunc):
    assert attrib is CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES
    return _OK, STATIC_SHARED


def cuFuncSetAttribute(hfunc, attrib, value):
    assert attrib is CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    if value + STATIC_SHARED > _gpu().attributes["MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"]:
        return (CUresult.CUDA_ERROR_INVALID_VALUE,)
    hfunc.most_shared = value
    return (_OK,)


def cuOccupancyMaxActiveBlocksPerMultiprocessor(func, blockSize, dynamicSMemSize):
    limit = _gpu().attributes["MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"]
    fits = dynamicSMemSize <= func.most_shared
    return _OK, min(1536 // blockSize, limit // max(dynamicSMemSize, 1)) if fits else 0


def cuLaunchCooperativeKernel(f, gx, gy, gz, bx, by, bz, sharedMemBytes, hStream, kernelParams):
    assert isinstance(f, CUfunction) and isinstance(hStream, CUstream)
    if _gpu().capture:
        raise Misuse("a cooperative launch is recorded, which is not simulated")
    _, resident = cuOccupancyMaxActiveBlocksPerMultiprocessor(f, bx * by * bz, sharedMemBytes)
    if gx * gy * gz > resident * _gpu().attributes["MULTIPROCESSOR_COUNT"]:
        return (CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,)
    values = [_scalar(*pair) for pair in zip(*kernelParams, strict=True)]
    f.function.launch_cooperatively((gx, gy, gz), (bx, by, bz), int(hStream), values, sharedMemBytes)
    return (_OK,)


def _scalar(value, ctype):
    """An argument as the emulator takes it: an address, or a NumPy scalar."""
    return value if ctype is ctypes.c_void_p else np.dtype(ctype).type(value)
