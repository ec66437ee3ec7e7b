"""The grid, block and shared memory of every launch: threads for all items, and no block without work.

The contracts show that results are right. They are with any grid, where threads loop, so they do not show that a launch
is as wide as it should be. The numbers below follow from hw5/devices/grids.py and the heads of the .cu files: 256
threads, columns rounded up to a power of two, packs of four floats where rows are a multiple of four.
"""

from types import SimpleNamespace

import numpy as np
import pytest

from hw5.devices.activations import Activation
from hw5.devices.base import DeviceData, Rates
from hw5.devices.kernels import KernelDevice
from hw5.devices.windows import Window


class NoMemory:
    def __int__(self):
        return 4096


class Launches:
    """A Runtime that only notes launches."""

    cannot_record = None

    def __init__(self):
        self.made = []

    def allocate(self, nbytes, name=""):
        assert nbytes > 0, "CUDA does not allocate 0 bytes"
        return NoMemory()

    def write(self, address, host):
        """Do nothing."""

    def launch(self, kernel, grid, block, args, shared=0, cooperative=False):
        self.made.append((kernel, grid, block, shared))


class Operations:
    """Operations on arrays of a shape, without memory."""

    def __init__(self):
        self.device = KernelDevice("none", Launches())

    def empty(self, *shape):
        return self.device.empty(shape)

    def softmax(self, k, m):
        self.device.softmax(self.empty(k, m), self.empty(m))

    def threshold(self, k):
        self.device.threshold(self.empty(k, 1), self.empty(1), self.empty(k))

    def activate(self, k, m):
        self.device.activate(Activation.of("relu"), self.empty(k, m), self.empty(m))

    def activation_gradient(self, k, m):
        self.device.activation_gradient(Activation.of("relu"), self.empty(k, m), self.empty(k, m))

    def maxout(self, k, m, p):
        self.device.maxout(self.empty(k, m * p), self.empty(m * p), self.empty(k, m))
        self.device.maxout_gradient(self.empty(k, m), self.empty(k, m * p))

    def minibatch(self, k, d):
        data = self._data(d)
        self.device.minibatch(data, self.empty(k), 0, self.empty(k, d), self.empty(k))

    def _data(self, d):
        return DeviceData(self.empty(9, d), self.empty(9), self.empty(d), self.empty(d))

    def gradient_mean(self, k, m):
        self.device.gradient_mean(self.empty(k, m), self.empty(m))

    def unfold(self, k, window):
        self.device.unfold(self.empty(k, 1), window, self.empty(k * np.prod(window.places), window.patch))

    def max_pool(self, k, window):
        out = self.empty(k, int(np.prod(window.places)) * window.image[2])
        self.device.max_pool(self.empty(k, 1), window, out, out)

    def convolution(self, k, window, filters):
        self.device.convolution(self.empty(k, 1), self.empty(filters, window.patch), window, self.empty(1, filters))

    def convolution_gradient(self, k, window, filters):
        out = self.empty(k, filters * window.patch)
        self.device.convolution_gradient(self.empty(k, 1), self.empty(1, filters), window, out)

    def fused(self, k, d, *units):
        """The three launches of a step, or two without a hidden layer."""
        data, order = self._data(d), self.empty(k)
        layers = [SimpleNamespace(**dict.fromkeys(("W", "V", "S", "b", "Vb", "Sb"), order)) for _ in units]
        slots = [SimpleNamespace(X=self.empty(k, m), Delta=self.empty(k, m)) for m in units]
        theta, tally = Activation.of("tanh"), SimpleNamespace(loss=order, correct=order)
        if len(units) == 2:
            layers[0].theta = theta
            self.device.hidden_layer(data, order, 0, layers[0], slots[0].X)
        below = (slots[0], theta) if len(units) == 2 else None
        self.device.output_layer(data, order, 0, layers[-1], order, tally, slots[-1].Delta, order, 1, below)
        self.device.update_layers(data, order, 0, layers, slots, Rates(0.1), order, order)


IMAGE, CHANNELS = Window((28, 28, 1), (5, 5), 1, 2), Window((14, 14, 8), (3, 4), 2, 0)  # 28 x 28 and 6 x 6 places
MEAN = 256 * 4  # bytes of shared memory: a float a thread
LAUNCHES = [
    # an example a thread
    ("threshold", (256,), ("threshold", (1,), (256,))),
    ("threshold", (257,), ("threshold", (2,), (256,))),
    # lanes and rows: a lane for each load, up to a warp, or a block for a row of more than 256 loads
    ("softmax", (256, 1), ("softmax", (1,), (1, 256))),
    ("softmax", (1000, 10), ("softmax", (63,), (16, 16))),
    ("softmax", (70, 12), ("softmax", (2,), (4, 64))),
    ("softmax", (9, 255), ("softmax", (2,), (32, 8))),
    ("softmax", (9, 1024), ("softmax", (2,), (32, 8))),
    ("softmax", (9, 257), ("softmax", (9,), (256, 1))),
    ("softmax", (9, 1028), ("softmax", (9,), (256, 1))),
    # columns and rows; at most 4096 blocks of rows
    ("activate", (1000, 10), ("relu_forward", (1, 63), (16, 16))),
    ("activate", (1000, 128), ("relu_forward", (1, 125), (32, 8))),
    ("activate", (3, 4100), ("relu_forward", (5, 3), (256, 1))),
    ("activate", (2_000_000, 4), ("relu_forward", (1, 4096), (1, 256))),
    ("maxout", (100, 6, 2), ("maxout", (1, 4), (8, 32)), ("maxout_gradient", (1, 7), (16, 16))),
    # four elements a thread
    ("activation_gradient", (32, 32), ("relu_gradient", (1,), (256,))),
    ("activation_gradient", (25, 41), ("relu_gradient", (2,), (256,))),
    ("activation_gradient", (5000, 4000), ("relu_gradient", (4096,), (256,))),
    # columns and rows, and no loop over the rows
    ("minibatch", (1000, 64), ("minibatch_float32", (63,), (16, 16))),
    ("minibatch", (100, 784), ("minibatch_float32", (100,), (256, 1))),
    # one sum of all rows; or, if there are more than two slabs of 1024 rows, one for each slab, and the sum of these
    ("gradient_mean", (1000, 10), ("gradient_mean", (1, 1), (16, 16), MEAN)),
    ("gradient_mean", (2048, 33), ("gradient_mean", (2, 1), (32, 8), MEAN)),
    ("gradient_mean", (2049, 1), ("gradient_mean", (1, 3), (1, 256), MEAN), ("gradient_mean", (1, 1), (1, 256), MEAN)),
    # slabs of 1526 rows, as a grid has at most 65,535 of them
    (
        "gradient_mean",
        (100_000_000, 1),
        ("gradient_mean", (1, 65531), (1, 256), MEAN),
        ("gradient_mean", (1, 1), (1, 256), MEAN),
    ),
    (  # slabs of 1025 rows
        "gradient_mean",
        (65_535 * 1024 + 1, 1),
        ("gradient_mean", (1, 65472), (1, 256), MEAN),
        ("gradient_mean", (1, 1), (1, 256), MEAN),
    ),
    # columns of up to a warp, and rows
    ("unfold", (1, IMAGE), ("unfold", (1, 98), (32, 8))),
    ("unfold", (100, IMAGE), ("unfold", (1, 4096), (32, 8))),
    ("unfold", (3, CHANNELS), ("unfold", (1, 14), (32, 8))),
    ("unfold", (3, Window((4, 4, 32), (2, 2), 1, 0)), ("unfold", (1, 4), (32, 8))),
    ("max_pool", (3, CHANNELS), ("max_pool", (3, 1), (32, 8))),
    ("max_pool", (3, IMAGE), ("max_pool", (25, 1), (32, 8))),
    # an image a block, and a place and 8 filters a thread; shared: the image, and 8 numbers for each of patch and
    # threads
    ("convolution", (3, IMAGE, 8), ("convolution", (3, 4), (256,), 4 * (784 + 8 * (25 + 256)))),
    ("convolution", (3, IMAGE, 9), ("convolution", (3, 7), (256,), 4 * (784 + 8 * (50 + 256)))),
    # a thread for each of patch and 8 filters, evenly in blocks of whole warps, and parts of up to 256 threads
    (
        "convolution_gradient",
        (5, IMAGE, 6),
        ("convolution_gradient", (5, 1), (32, 8), 4 * (784 + 8 * (784 + 256))),
    ),
    (
        "convolution_gradient",
        (5, Window((9, 9, 3), (9, 9), 1, 0), 16),
        ("convolution_gradient", (5, 2), (256, 1), 4 * (243 + 8 * (2 + 256))),
    ),
    (
        "convolution_gradient",
        (5, Window((10, 10, 3), (10, 10), 1, 0), 8),
        ("convolution_gradient", (5, 2), (160, 1), 4 * (300 + 8 * (1 + 160))),
    ),
    # 8 examples and 16 units a block; an example; a tile of 32 units and 32 columns of (x, 1)
    (
        "fused",
        (32, 64, 128, 10),
        ("hidden_float32", (4, 8), (32, 4, 2)),
        ("output_hidden", (32,), (32, 4, 1), 2 * 10 * 4),
        ("update_float32", (4 * 3 + 1 * 5,), (512,)),
    ),
    (
        "fused",
        (33, 63, 129, 33),
        ("hidden_float32", (5, 9), (32, 4, 2)),
        ("output_hidden", (33,), (32, 4, 1), 2 * 33 * 4),
        ("update_float32", (5 * 2 + 2 * 5,), (512,)),
    ),
    # at most 256 of these blocks or tiles, otherwise 16 examples, and tiles of 64 units and 64 columns
    (
        "fused",
        (128, 8, 256, 10),
        ("hidden_float32", (16, 16), (32, 4, 2)),
        ("output_hidden", (128,), (32, 4, 1), 2 * 10 * 4),
        ("update_float32", (8 * 1 + 1 * 9,), (512,)),
    ),
    (
        "fused",
        (129, 8, 256, 10),
        ("hidden_large_float32", (9, 16), (32, 4, 2)),
        ("output_hidden", (129,), (32, 4, 1), 2 * 10 * 4),
        ("update_float32", (8 * 1 + 1 * 9,), (512,)),
    ),
    (
        "fused",
        (1, 255, 512, 512),
        ("hidden_float32", (1, 32), (32, 4, 2)),
        ("output_hidden", (1,), (32, 4, 2), 3 * 512 * 4),
        ("update_large_float32", (8 * 4 + 8 * 9,), (256,)),
    ),
    ("fused", (1, 255, 1024), ("output_float32", (1,), (32, 4, 1), 2 * 1024 * 4), ("update_float32", (256,), (512,))),
    ("fused", (5, 1025, 10), ("output_float32", (5,), (32, 4, 4), 5 * 10 * 4), ("update_float32", (33,), (512,))),
    ("fused", (400, 784, 10), ("output_float32", (400,), (32, 4, 2), 3 * 10 * 4), ("update_float32", (25,), (512,))),
    ("fused", (1025, 784, 10), ("output_float32", (1025,), (32, 4, 1), 2 * 10 * 4), ("update_float32", (25,), (512,))),
    ("fused", (5, 31, 32), ("output_float32", (5,), (32, 4, 1), 2 * 32 * 4), ("update_float32", (1,), (512,))),
]


@pytest.mark.parametrize(
    ("operation", "sizes", "launches"), [(name, sizes, e) for name, sizes, *e in LAUNCHES], ids=str
)
def test_launches(operation, sizes, launches):
    operations = Operations()
    getattr(operations, operation)(*sizes)
    assert operations.device.runtime.made == [launch if len(launch) == 4 else (*launch, 0) for launch in launches]


@pytest.mark.parametrize(
    ("image", "filters", "directly"),
    [((3, 379), 8, True), ((2, 569), 8, False), ((14, 43), 16, True), ((9, 67), 16, False), ((2, 2), 17, False)],
    ids=str,
)
def test_a_direct_convolution_fits_in_48_kb(image, filters, directly):
    """The image, and 8 numbers for each place (and 8 filters) and thread: 36 h w + 8192 bytes, or 68 h w + 8192."""
    window = Window((*image, 1), (1, 1), 1, 0)
    assert Operations().device.convolves_directly(window, filters) == directly


def test_an_empty_array_has_memory():
    assert Operations().empty(0, 3).shape == (0, 3)
