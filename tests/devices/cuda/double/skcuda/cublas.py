"""A simulated skcuda.cublas: handles, streams, and SGEMM of column-major matrices."""

import ctypes
from types import SimpleNamespace

import numpy as np
import simulated_gpu
from simulated_gpu import Handle, Misuse, Refusal

_OP = {0: False, "n": False, "N": False, 1: True, "t": True, "T": True}
_TF32 = 3  # CUBLAS_TF32_TENSOR_OP_MATH


class cublasError(Exception):
    """CUBLAS error"""


class cublasNotInitialized(cublasError):
    """CUBLAS library not initialized."""


class cublasInvalidValue(cublasError):
    """Unsupported numerical value was passed to function."""


class cublasExecutionFailed(cublasError):
    """GPU program failed to execute."""


def cublasCheckStatus(status):
    if status != 0:
        raise {1: cublasNotInitialized, 7: cublasInvalidValue, 13: cublasExecutionFailed}[status]


def _gpu():
    return simulated_gpu.gpu


def _lookup(handle):
    if type(handle) is not int or handle not in _gpu().handles:
        raise Misuse(f"{handle!r} is not a cuBLAS context, or was destroyed")
    return _gpu().handles[handle]


def _require_context():
    try:
        _gpu().require_context("cuBLAS")
    except Refusal:
        raise cublasNotInitialized if not _gpu().contexts else cublasExecutionFailed from None


def cublasCreate():
    _require_context()
    handle = _gpu().new_handle()
    _gpu().handles[handle] = Handle()
    return handle


def cublasDestroy(handle):
    _lookup(handle)
    if not _gpu().contexts:
        raise Misuse("cublasDestroy after the CUDA context was released")
    _gpu().order.append("cublas")
    del _gpu().handles[handle]


def cublasSetStream(handle, id):
    if id not in _gpu().streams:
        raise Misuse(f"cublasSetStream to {id!r}, which is not a stream")
    context = _lookup(handle)
    context.stream, context.workspace = id, (0, 0)  # back to its own workspace, as documented


def _set_math_mode(handle, mode):
    _lookup(handle.value).math_mode = mode.value
    return 0


def _set_workspace(handle, address, nbytes):
    _gpu().require_memory(address.value, nbytes.value, "cublasSetWorkspace")
    _lookup(handle.value).workspace = address.value, nbytes.value
    return 0 if address.value % 256 == 0 else 7


_libcublas = SimpleNamespace(cublasSetMathMode=_set_math_mode, cublasSetWorkspace_v2=_set_workspace)


def cublasSgemm(handle, transa, transb, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
    context = _lookup(handle)
    _require_context()
    if context.stream is None:
        raise Misuse("SGEMM on the default stream")
    if _gpu().capture and context.workspace[1] == 0:
        raise Misuse("cuBLAS would allocate its workspace during a recording")
    a = _Matrix(int(A), lda, *((k, m) if _OP[transa] else (m, k)))
    b = _Matrix(int(B), ldb, *((n, k) if _OP[transb] else (k, n)))
    c = _Matrix(int(C), ldc, m, n)
    alpha, beta = ctypes.c_float(alpha).value, ctypes.c_float(beta).value

    def work():
        sgemm(_OP[transa], _OP[transb], alpha, a.view(), b.view(), beta, c.view(), context.math_mode == _TF32)

    _gpu().enqueue(context.stream, work, "SGEMM")


class _Matrix:
    """A column-major rows x columns matrix in device memory, with a leading dimension."""

    def __init__(self, address, leading, rows, columns, check=True):
        if rows < 0 or columns < 0 or leading < max(1, rows):
            raise cublasInvalidValue
        self._address, self._shape, self._leading = address, (rows, columns), leading
        self._nbytes = 4 * (leading * (columns - 1) + rows) if rows and columns else 0
        self._check = check
        self.view()

    def view(self):
        if self._check:
            _gpu().require_memory(self._address, self._nbytes, "a matrix of SGEMM")
        numbers = (ctypes.c_byte * self._nbytes).from_address(self._address)
        return np.ndarray(self._shape, np.float32, numbers, strides=(4, 4 * self._leading))


def sgemm(transpose_a, transpose_b, alpha, A, B, beta, C, tf32=False):
    """C = alpha op(A) op(B) + beta C; C is not read if beta is 0."""
    A, B = (A.T if transpose_a else A), (B.T if transpose_b else B)
    if tf32:
        A, B = _rounded(A), _rounded(B)
    product = np.float32(alpha) * (A @ B)
    C[...] = product if beta == 0 else product + np.float32(beta) * C


def _rounded(matrix):
    """Round to TF32, whose significand has 10 explicit bits."""
    bits = np.ascontiguousarray(matrix).view(np.uint32)
    return ((bits + np.uint32(1 << 12)) & np.uint32(0xFFFFE000)).view(np.float32)
