"""Benchmark a device's kernels against its memory bandwidth.

The kernels do little arithmetic, so memory bandwidth limits them: the bytes that a kernel must move (see the head of
its .cu file), divided by its time, are compared with the bandwidth of a plain copy.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from hw5.devices.activations import Activation
from hw5.devices.base import DeviceData, Rates, Tally
from hw5.verify import image_bench

SHAPES = ((128, 10), (4096, 10), (262144, 10), (128, 128), (4096, 1024), (16384, 4096))
IMAGES = (128, 4096)  # in a minibatch of images
SECONDS = 0.02  # of back-to-back calls per measurement
IN_A_RECORDING = 64  # calls: enough that Python's time per replay does not count
REPEATS = 7
COPY_BYTES = 1 << 28


@dataclass(frozen=True)
class Timing:
    """Seconds per call in each measurement, and the bytes that a call must move.

    The shape is (k, m), or (k, h, w, c) for images.
    """

    kernel: str
    shape: tuple[int, ...]
    seconds: list[float]
    nbytes: int

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def bytes_per_second(self):
        return self.nbytes / self.median


_RELU, _RATES = Activation.of("relu"), Rates(1e-6, momentum=0.9)

# kernel: (bytes moved at shape (k, m), the call to time)
OPERATIONS: dict[str, tuple[Callable, Callable]] = {
    "softmax": (lambda k, m: 8 * k * m, lambda a: a.device.softmax(a.Z, a.b)),
    "softmax_cross_entropy": (
        lambda k, m: 8 * k * m,
        lambda a: a.device.softmax_cross_entropy(a.Z, a.b, a.y, a.weights, a.tally),
    ),
    "argmax": (lambda k, m: 4 * k * m + 4 * k, lambda a: a.device.argmax(a.Z, a.b, a.y_out)),
    "relu_forward": (lambda k, m: 8 * k * m + 4 * m, lambda a: a.device.activate(_RELU, a.Z, a.b)),
    "relu_gradient": (lambda k, m: 12 * k * m, lambda a: a.device.activation_gradient(_RELU, a.Z, a.X)),
    "maxout": (lambda k, m: 10 * k * m + 4 * m, lambda a: a.device.maxout(a.pairs, a.b_of_pairs, a.largest)),
    "maxout_gradient": (lambda k, m: 10 * k * m, lambda a: a.device.maxout_gradient(a.largest, a.pairs)),
    "perceptron": (lambda k, m: 8 * k * m, lambda a: a.device.perceptron(a.Z, a.b, a.y, a.tally)),
    "sigmoid_cross_entropy": (
        lambda k, m: 44 * k,
        lambda a: a.device.sigmoid_cross_entropy(a.z, a.b[:1], a.y_binary, a.weights, a.tally),
    ),
    "squared_error": (lambda k, m: 28 * k, lambda a: a.device.squared_error(a.z, a.b[:1], a.target, a.tally)),
    "perceptron_unit": (lambda k, m: 44 * k, lambda a: a.device.perceptron(a.z, a.b[:1], a.y_binary, a.tally)),
    "threshold": (lambda k, m: 8 * k, lambda a: a.device.threshold(a.z, a.b[:1], a.y_out)),
    "gradient_mean": (lambda k, m: 4 * k * m + 4 * m, lambda a: a.device.gradient_mean(a.Z, a.b)),
    "minibatch_uint8": (
        lambda k, m: 5 * k * m + 12 * k,
        lambda a: a.device.minibatch(a.bytes, a.order, 0, a.Z, a.y_out),
    ),
    "minibatch_float32": (
        lambda k, m: 8 * k * m + 12 * k,
        lambda a: a.device.minibatch(a.floats, a.order, 0, a.Z, a.y_out),
    ),
    "sgd_update": (lambda k, m: 20 * k * m, lambda a: a.device.sgd_update(a.Z, a.X, a.G, _RATES)),
    "adam_update": (lambda k, m: 28 * k * m, lambda a: a.device.adam_update(a.Z, a.X, a.S, a.G, a.t, _RATES)),
    "dropout": (lambda k, m: 8 * k * m, lambda a: a.device.dropout(a.Z, a.X, 0.5, a.t, 1)),
}


class Arrays:
    """The arrays of the operations, for one shape."""

    def __init__(self, device, k, m):
        rng = np.random.default_rng(0)
        self.device = device
        self.Z, self.X, self.G = (device.upload(rng.random((k, m), np.float32)) for _ in range(3))
        self.S, self.t = device.upload(np.ones((k, m), np.float32)), device.upload([1], np.int32)  # of Adam
        self.b, self.weights = device.upload(np.zeros(m, np.float32)), device.upload(np.ones(m, np.float32))
        self.pairs, self.largest = self.X.reshape((k // 2, 2 * m)), self.G[: k // 2]  # maxout of two pieces
        self.b_of_pairs = device.upload(np.zeros(2 * m, np.float32))
        self.z, self.target = self.Z.reshape((k * m, 1))[:k], self.X.reshape((k * m,))[:k]  # one output unit
        labels = rng.integers(0, m, k)
        self.y, self.y_out = (device.upload(labels, device.index_dtype) for _ in range(2))
        self.y_binary = device.upload(labels % 2, device.index_dtype)
        self.order = device.upload(rng.permutation(k), device.index_dtype)
        self.tally = Tally(device, k)
        self.floats = DeviceData(self.X, self.y, self.b, self.weights)
        pixels = rng.integers(0, 256, (k, m), dtype=np.uint8)
        self.bytes = DeviceData(device.upload(pixels), self.y, self.b, self.weights)


def copy_ceiling(device):
    """Bandwidth of the fastest copy within the device's memory: bytes read and written per second."""
    source, target = (device.upload(np.zeros(COPY_BYTES // 8, np.float32)) for _ in range(2))
    return COPY_BYTES / min(_seconds(device, lambda: device.copy(target, source)))


def bench_kernels(device, shapes=None):
    """Yield a Timing of every kernel at every shape (default: SHAPES), and of those for images at LeNet's."""
    for k, m in shapes or SHAPES:
        arrays = Arrays(device, k, m)
        for kernel, (nbytes, call) in OPERATIONS.items():
            yield Timing(kernel, (k, m), _seconds(device, lambda: call(arrays)), nbytes(k, m))
    for k in IMAGES:
        for kernel, (windows, bytes_of, call) in image_bench.OPERATIONS.items():
            for window in windows:
                images = image_bench.Images(device, k, window)
                seconds = _seconds(device, lambda: call(images))
                yield Timing(kernel, (k, *window.image), seconds, k * bytes_of(window))


@np.errstate(all="ignore")  # the arrays are the results of the calls before, which may overflow
def _seconds(device, call):
    """Seconds per call, averaged over back-to-back calls, in each of REPEATS measurements.

    Calls are replayed from a recording if possible, so that Python's time for each does not count.
    """
    call()
    replay, calls_in_one = device.record(lambda: _repeat(call, IN_A_RECORDING)), IN_A_RECORDING
    if replay is None:
        replay, calls_in_one = call, 1
    times = 1
    while (elapsed := _elapsed(device, replay, times)) < SECONDS:
        times = max(2 * times, round(times * SECONDS / elapsed))
    return [_elapsed(device, replay, times) / (times * calls_in_one) for _ in range(REPEATS)]


def _repeat(call, times):
    for _ in range(times):
        call()


def _elapsed(device, call, times):
    device.synchronize()
    began = perf_counter()
    _repeat(call, times)
    device.synchronize()
    return perf_counter() - began
