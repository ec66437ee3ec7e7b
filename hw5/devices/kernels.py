"""The Device that launches the CUDA kernels; kernel_images.py launches those for images, small_network.py those for
small networks.

All grids, blocks and shared memory sizes are chosen in these three, with grids.py. The device uses a Runtime: PyCUDA on
a GPU, the emulator on a CPU. The head of each .cu file specifies its kernels.
"""

import math
import weakref
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hw5.devices.base import BETA1, BETA2, EPSILON, Device, Rates
from hw5.devices.fused import FusedStepper
from hw5.devices.grids import THREADS, WARP, blocks, by_columns, by_example, by_rows, packs, power_of_two
from hw5.devices.kernel_images import KernelImages
from hw5.devices.persistent import PersistentStepper
from hw5.devices.small_network import SmallNetworks
from hw5.devices.streaming import StreamedData, StreamedStepper

_MOST_SLABS = 65535  # blocks of a grid in its second direction


def kernel_sources(folder=None):
    """The .cu files in a folder (default: hw5's own)."""
    return sorted(file for file in Path(folder or str(files("hw5.kernels"))).glob("*") if file.suffix.lower() == ".cu")


class Runtime(Protocol):
    """Memory and computation on one machine. Addresses are integers; matrices are column-major."""

    def allocate(self, nbytes: int, name: str = "") -> Any:
        """Allocate memory for as long as the returned object lives; its int() is the address."""

    def write(self, address: int, host: np.ndarray) -> None:
        """Copy a C-contiguous host array to the device."""

    def read(self, address: int, host: np.ndarray) -> None:
        """Wait for all earlier work, and copy from the device into a C-contiguous host array."""

    def copy(self, address: int, source: int, nbytes: int) -> None:
        """Copy within the device's memory."""

    def synchronize(self) -> None:
        """Wait for all work."""

    def launch(self, kernel: str, grid, block, args, shared=0, cooperative=False) -> None:
        """Start a kernel; args are NumPy scalars of the kernel's types, or addresses as int.

        The blocks of a cooperative launch may wait for each other, so all must be resident at the same time.
        """

    def resident_blocks(self, kernel: str, threads: int, shared: int) -> int:
        """The number of blocks of a cooperative launch that can be resident; 0 if it has no cooperative launches."""

    def gemm(self, transpose_a, transpose_b, m, n, k, alpha, A, lda, B, ldb, beta, C, ldc) -> None:
        """C = alpha op(A) op(B) + beta C, single precision, with BLAS's arguments; C is m x n."""

    def together(self, works: list[Callable[[], None]]) -> None:
        """Do works that do not depend on each other: recorded ones may run at the same time."""

    cannot_record: str | None  # why record() returns None, or None if it can record

    def record(self, work: Callable[[], None]) -> Callable[[], None] | None:
        """Record the launches and products of work() without running them; return a function that does, or None."""


class DeviceArray:
    """A C-ordered array in the memory of a device; a[i:j] is a view of its rows."""

    __slots__ = ("memory", "address", "shape", "dtype")

    def __init__(self, memory, address, shape, dtype):
        self.memory, self.address = memory, address  # views keep the memory alive
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(len(self))
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        shape = (max(stop - start, 0), *self.shape[1:])
        return DeviceArray(self.memory, self.address + start * row_bytes, shape, self.dtype)

    def reshape(self, shape):
        """A view with another shape of the same size."""
        return DeviceArray(self.memory, self.address, shape, self.dtype)

    def from_start(self, n):
        """The first n elements of the memory that this array views."""
        return DeviceArray(self.memory, int(self.memory), (n,), self.dtype)

    @property
    def offset(self):
        """The number of elements from the start of the memory to this array."""
        return (self.address - int(self.memory)) // self.dtype.itemsize

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def nbytes(self):
        return self.size * self.dtype.itemsize


class KernelDevice(KernelImages, SmallNetworks, Device):
    """A Device that runs hw5/kernels on a Runtime. Weights and activations are float32."""

    most_blocks = 4096  # of a grid whose threads loop: more than any GPU runs at once
    tallest_slab = 1024  # rows of Delta that one block sums; more rows take two launches
    dtype = np.dtype(np.float32)
    index_dtype = np.dtype(np.int32)

    def __init__(self, name, runtime: Runtime, most_resident_bytes=math.inf, fuses=False, persists=False):
        """fuses: whether the steps of small networks are fused (kernels/small_network.cu).

        persists: whether one launch trains many steps of a small network (kernels/small_epoch.cu).
        """
        self.name, self.runtime, self.most_resident_bytes = name, runtime, most_resident_bytes
        self.fuses, self.persists = fuses, persists
        self.arithmetic = f"the CUDA kernels ({name})"
        self._partial_sums, self._velocity = weakref.WeakKeyDictionary(), None
        self.first = self.upload(np.zeros(1, np.int32))  # added to the start of a minibatch in the order

    @property
    def how(self):
        """A short description of how it trains."""
        reason = self.runtime.cannot_record
        return f"step by step: {reason}" if reason else "recorded steps"

    # -- memory

    def empty(self, shape, dtype=None):
        array = DeviceArray(None, 0, shape, dtype or self.dtype)
        array.memory = self.runtime.allocate(max(array.nbytes, 1), f"{array.dtype} {array.shape}")
        array.address = int(array.memory)
        return array

    def assign(self, array, host):
        self.runtime.write(array.address, np.ascontiguousarray(host, array.dtype))

    def download(self, array):
        host = np.empty(array.shape, array.dtype)
        self.runtime.read(array.address, host)
        return host

    def copy(self, array, source):
        self.runtime.copy(array.address, source.address, source.nbytes)

    def add(self, X, other):
        """A step of SGD without momentum, with the learning rate -1."""
        if self._velocity is None or self._velocity.size < X.size:
            self._velocity = self.upload(np.zeros(X.size), self.dtype)
        self.sgd_update(X, self._velocity.from_start(X.size), other, Rates(-1.0))

    def synchronize(self):
        self.runtime.synchronize()

    def record(self, work):
        return self.runtime.record(work)

    def together(self, works):
        self.runtime.together(works)

    # -- one minibatch

    def stepper(self, network, data):
        if self.persists:
            return PersistentStepper(network, data)
        return (StreamedStepper if isinstance(data, StreamedData) else FusedStepper)(network, data)

    def upload_data(self, X, y, mean, scale):
        """Upload the data or, if X is too large, return StreamedData, which uploads it in pieces."""
        if X.nbytes > self.most_resident_bytes:
            return StreamedData(self, X, y, mean, scale, self.most_resident_bytes // 4)
        return super().upload_data(X, y, mean, scale)

    def minibatch(self, data, order, start, X, y):
        k, d = X.shape
        columns = power_of_two(packs(d), most=THREADS)
        rows = THREADS // columns
        arrays = (data.X, data.y, data.mean, data.scale, order, self.first, start, X, y)
        self._launch(
            f"minibatch_{data.X.dtype}", (blocks(k, rows),), (columns, rows), *arrays, k, d, math.prod(y.shape[1:])
        )

    def gemm(self, A, B, out, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0):
        # The second number of a NumPy shape is the leading dimension of the matrix
        n, m = out.shape
        k = A.shape[1] if transpose_a else A.shape[0]
        factors = (A.address, A.shape[1], B.address, B.shape[1])
        self.runtime.gemm(transpose_a, transpose_b, m, n, k, alpha, *factors, beta, out.address, m)

    def activate(self, theta, Z, b):
        k, m = Z.shape
        grid, block = by_columns(k, packs(m), self.most_blocks)
        self._launch(f"{theta.name}_forward", grid, block, Z, b, k, m, float(theta.alpha))

    def activation_gradient(self, theta, A, X):
        arguments = (A, X, np.int64(A.size), float(theta.alpha))
        self._launch(f"{theta.name}_gradient", self._grid_of(A), (THREADS,), *arguments)

    def maxout(self, Z, b, X):
        k, m = X.shape
        self._launch("maxout", *by_columns(k, m, self.most_blocks), Z, b, X, k, m, Z.shape[1] // m)

    def maxout_gradient(self, A, Delta):
        (k, m), pieces = A.shape, Delta.shape[1] // A.shape[1]
        self._launch("maxout_gradient", *by_columns(k, m * pieces, self.most_blocks), A, Delta, k, m, pieces)

    def softmax(self, Z, b):
        self._launch("softmax", *by_rows(Z), Z, b, *Z.shape)

    def softmax_cross_entropy(self, Z, b, y, weights, tally):
        self._launch("softmax_cross_entropy", *by_rows(Z), Z, b, y, weights, tally.loss, tally.correct, *Z.shape)

    def sigmoid_cross_entropy(self, Z, b, y, weights, tally):
        self._launch("sigmoid_cross_entropy", *by_example(Z), Z, b, y, weights, tally.loss, tally.correct, *Z.shape)

    def squared_error(self, Z, b, y, tally):
        self._launch("squared_error", *by_example(Z), Z, b, y, tally.loss, *Z.shape)

    def perceptron(self, Z, b, y, tally):
        arrays = (Z, b, y, tally.loss, tally.correct)
        if Z.shape[1] == 1:
            self._launch("perceptron_unit", *by_example(Z), *arrays, len(Z))
        else:
            self._launch("perceptron", *by_rows(Z), *arrays, *Z.shape)

    def argmax(self, Z, b, out):
        self._launch("argmax", *by_rows(Z), Z, b, out, *Z.shape)

    def threshold(self, Z, b, out):
        self._launch("threshold", *by_example(Z), Z, b, out, len(Z))

    def gradient_mean(self, Delta, out, alpha=1.0, beta=0.0):
        k, m = Delta.shape
        slab = max(self.tallest_slab, blocks(k, _MOST_SLABS))
        slabs = blocks(k, slab)
        if slabs > 2:
            sums = self._sums(slabs, out)
            self._sum_rows(Delta, sums, slab, 1.0, 0.0)
            Delta = sums
        self._sum_rows(Delta, out, len(Delta), alpha / k, beta)

    def _sum_rows(self, Delta, out, slab, scale, beta):
        k, m = Delta.shape
        columns = power_of_two(m, most=WARP)
        block, grid = (columns, THREADS // columns), (blocks(m, columns), blocks(k, slab))
        shared = THREADS * self.dtype.itemsize
        self._launch("gradient_mean", grid, block, Delta, out, k, m, slab, scale, beta, shared=shared)

    def _sums(self, slabs, out):
        """A buffer for the sums of the slabs, kept as long as `out`: recorded steps have its address.

        Means that are computed at the same time have different `out`.
        """
        buffers, shape = self._partial_sums.setdefault(out.memory, {}), (slabs, *out.shape)
        if shape not in buffers:
            buffers[shape] = self.empty(shape)
        return buffers[shape]

    def sgd_update(self, W, V, G, rates):
        numbers = (rates.eta, rates.momentum, rates.l1, rates.l2, int(rates.nesterov), np.int64(W.size))
        self._launch("sgd_update", self._grid_of(W), (THREADS,), W, V, G, *numbers)

    def adam_update(self, W, V, S, G, t, rates):
        numbers = (rates.eta, 1 - BETA1, 1 - BETA2, EPSILON, rates.l1, rates.l2, rates.weight_decay, np.int64(W.size))
        self._launch("adam_update", self._grid_of(W), (THREADS,), W, V, S, G, t, *numbers)

    def _grid_of(self, array):
        """The one-dimensional grid of a kernel that loops over an array's elements, usually in packs of four."""
        return (min(blocks(array.size, 4 * THREADS), self.most_blocks),)

    def advance(self, counter, by):
        self._launch("advance", (1,), (1,), counter, by)

    def _launch(self, kernel, grid, block, *args, shared=0, cooperative=False):
        """Launch a kernel; arrays are passed as addresses, int as int32 and float as float32."""
        args = [_ARGUMENT[type(arg)](arg) if type(arg) in _ARGUMENT else arg for arg in args]
        self.runtime.launch(kernel, grid, block, args, shared, cooperative)


_ARGUMENT = {DeviceArray: lambda array: array.address, int: np.int32, float: np.float32}
