"""The launches of a training step, without a GPU: which kernels, how often, and how many bytes they touch."""

from dataclasses import dataclass
from math import prod

import numpy as np

from hw5.devices.base import Rates, Tally
from hw5.devices.emulated import EmulatorRuntime
from hw5.devices.kernels import KernelDevice, kernel_sources
from hw5.emulator.profile import GPUS
from hw5.nn.hidden import layers_of
from hw5.nn.network import Network, initial_parameters

PRODUCT = "gemm (cuBLAS)"
SECONDS_OF_A_LAUNCH = 1e-6  # at least, if it waits for another in a CUDA graph: on an H200, 3.4e-6 with little work


@dataclass(frozen=True)
class Launches:
    """The launches of one kernel in a step, and the bytes of global memory that each of them touches, added up.

    is_complete: whether all accesses were examined; if not, there are more bytes.
    """

    kernel: str
    count: int
    nbytes: int
    is_complete: bool

    def least_seconds(self, gpu):
        """A bound: no GPU of the bandwidth of GPUS[gpu] needs less time, if the data is not in its caches."""
        return self.nbytes / GPUS[gpu]


def profile_step(shape, hidden, outputs, batch_size, rates=Rates(0.1), activation="relu", fuses=True):
    """(the Launches, how many wait for each other) of a step on a minibatch of images or rows of bytes.

    The Launches are in the order in which kernels come first. A recorded step updates all layers at the same time.

    shape: of an example, (d,) or (h, w, c). hidden: as hw5.nn.hidden.layers_of takes it. fuses: whether a small network
    is trained by the fused kernels, as on a GPU. Raises InputError for a layer that does not fit, or without a
    compiler.
    """
    layers = layers_of(shape, hidden, outputs, activation)
    runtime = _Listening(kernel_sources(), check=True, time_limit=600)
    device = KernelDevice("emulator", runtime, fuses=fuses)
    network = Network(device, initial_parameters(layers, 0), layers=layers)
    random, d = np.random.default_rng(0), prod(shape)
    X, y = random.integers(0, 256, (batch_size, d), np.uint8), random.integers(0, outputs, batch_size)
    data = device.upload_data(X, y, np.full(d, 127, np.float32), np.full(d, 1 / 74, np.float32))
    order, tally = device.upload(np.arange(batch_size), device.index_dtype), Tally(device, batch_size)
    runtime.heard = []
    device.stepper(network, data).train(order, batch_size, rates, tally)
    return _grouped(runtime.heard), runtime.longest


def _grouped(heard):
    groups = {}
    for kernel, nbytes, is_complete in heard:
        groups.setdefault(kernel, []).append((nbytes, is_complete))
    return [
        Launches(kernel, len(found), sum(nbytes for nbytes, _ in found), all(complete for _, complete in found))
        for kernel, found in groups.items()
    ]


class _Listening(EmulatorRuntime):
    """Profiles what it launches. heard: [(kernel, bytes touched, whether that is all)], or None to launch only.

    longest: the number of calls that wait for each other.
    """

    heard, longest = None, 0

    def launch(self, kernel, *arguments):
        if self.heard is None:
            return super().launch(kernel, *arguments)
        heard, self.heard = self.heard, None  # a profile launches
        profile = self.profile(kernel, lambda: self.launch(kernel, *arguments), by_line=False)
        self._hear([*heard, (kernel, profile.distinct, profile.is_complete)])

    def gemm(self, transpose_a, transpose_b, m, n, k, *arguments):
        super().gemm(transpose_a, transpose_b, m, n, k, *arguments)
        if self.heard is not None:
            self._hear([*self.heard, (PRODUCT, 4 * (m * k + k * n + m * n), True)])

    def _hear(self, heard):
        self.heard = heard
        self.longest += 1

    def together(self, works):
        before, ends = self.longest, []
        for work in works:
            self.longest = before
            work()
            ends.append(self.longest)
        self.longest = max(ends)
