"""The Runtime on a CPU: the emulator for the kernels, and NumPy for the matrix products."""

import ctypes
import functools

import numpy as np

from hw5.devices.cpu import CpuDevice
from hw5.emulator import MOST_SHARED, Emulator
from hw5.emulator.module import STATIC_SHARED_LIMIT

MULTIPROCESSORS = 2


class EmulatorRuntime(Emulator):
    """The emulator with the methods of hw5.devices.kernels.Runtime."""

    _cpu = CpuDevice()
    cannot_record = None
    _recording = None  # the calls recorded so far, while recording

    def copy(self, address, source, nbytes):
        """Copy within the device's memory."""
        ctypes.memmove(address, source, nbytes)

    def launch(self, kernel, grid, block, args, shared=0, cooperative=False):
        """As Emulator.launch, which knows by itself which kernels are cooperative. Only those may have over 48 KB."""
        arguments = (kernel, grid, block, args, shared)
        self.shared_limit = MOST_SHARED if cooperative else STATIC_SHARED_LIMIT
        if self._recording is None:
            return super().launch(*arguments)
        self._recording.append((super().launch, arguments))

    def resident_blocks(self, kernel, threads, shared):
        """As on a small GPU of Hopper's kind: the emulator keeps a stack for each of their threads."""
        return MULTIPROCESSORS * min(2048 // threads, MOST_SHARED // (self.find(kernel).static_shared + shared))

    def gemm(self, *arguments):
        """C = alpha op(A) op(B) + beta C with the arguments of BLAS's sgemm; A, B and C are addresses."""
        if self._recording is None:
            return self._gemm(*arguments)
        self._recording.append((self._gemm, arguments))

    def together(self, works):
        """Do works that do not depend on each other, one after the other."""
        for work in works:
            work()

    def record(self, work):
        """Record the calls that work() makes; return a function that makes them."""
        self._recording = recording = []
        try:
            work()
        finally:
            self._recording = None

        def replay():
            for call, arguments in recording:
                call(*arguments)

        return replay

    def _gemm(self, transpose_a, transpose_b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc):
        a = _matrix(A, lda, *((k, m) if transpose_a else (m, k)))
        b = _matrix(B, ldb, *((n, k) if transpose_b else (k, n)))
        self._cpu.gemm(a, b, _matrix(C, ldc, m, n), transpose_a, transpose_b, alpha, beta)


@functools.lru_cache(maxsize=256)  # a training step uses the same few matrices
def _matrix(address, leading_dimension, rows, columns):
    """The column-major rows x columns matrix at an address, as a NumPy array of its transpose."""
    numbers = (ctypes.c_float * (leading_dimension * columns)).from_address(address)
    return np.ctypeslib.as_array(numbers).reshape(columns, leading_dimension)[:, :rows]
