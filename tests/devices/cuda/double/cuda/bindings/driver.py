"""A simulated cuda.bindings.driver: graphs by stream capture. Functions return (status, values...)."""

import enum

import simulated_gpu
from simulated_gpu import Misuse, Refusal


class CUresult(enum.IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_INVALID_VALUE = 1
    CUDA_ERROR_ILLEGAL_STATE = 401
    CUDA_ERROR_LAUNCH_FAILED = 719
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
