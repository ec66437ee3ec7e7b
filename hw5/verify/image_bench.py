"""The operations on images to time, at the sizes of LeNet's layers."""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np

from hw5.devices.windows import Window

FILTERS = {Window((28, 28, 1), (5, 5), 1, 2): 6, Window((14, 14, 6), (5, 5), 1, 0): 16}
CONVOLUTIONS = tuple(FILTERS)
POOLS = (Window((28, 28, 6), (2, 2), 2, 0), Window((10, 10, 16), (2, 2), 2, 0))


class Operation(NamedTuple):
    """The windows with which an operation is timed, the bytes that it must move for an image, and the call to time."""

    windows: tuple[Window, ...]
    bytes_of: Callable[[Window], int]
    call: Callable


class Images:
    """The arrays of the operations, for k images under a window."""

    def __init__(self, device, k, window):
        rng = np.random.default_rng(0)
        places, numbers, channels = prod(window.places), prod(window.image), window.image[2]
        self.device, self.window = device, window
        self.X, self.A = (device.upload(rng.random((k, numbers), np.float32)) for _ in range(2))
        self.out = device.upload(rng.random((k, places * channels), np.float32))
        self.largest = device.upload(np.zeros((k, places * channels)), np.int32)
        self.patches = device.upload(rng.random((k * places, window.patch), np.float32))
        filters = FILTERS.get(window, 1)
        self.W = device.upload(rng.random((filters, window.patch), np.float32))
        self.sums = device.empty((min(k, 128), filters * window.patch))
        self.Z = device.upload(rng.random((k * places, filters), np.float32))


def _of_patches(window):
    return 4 * (prod(window.image) + prod(window.places) * window.patch)


def _of_filtered(window):
    return 4 * (prod(window.image) + prod(window.places) * FILTERS[window])


def _of_largest(window):
    return 4 * prod(window.image) + 8 * prod(window.places) * window.image[2]


def _of_means(window):
    return 4 * (prod(window.image) + prod(window.places) * window.image[2])


OPERATIONS = {
    "unfold": Operation(CONVOLUTIONS, _of_patches, lambda a: a.device.unfold(a.X, a.window, a.patches)),
    "fold": Operation(CONVOLUTIONS[1:], _of_patches, lambda a: a.device.fold(a.patches, a.window, a.A)),
    "convolution": Operation(CONVOLUTIONS, _of_filtered, lambda a: a.device.convolution(a.X, a.W, a.window, a.Z)),
    "convolution_gradient": Operation(
        CONVOLUTIONS, _of_filtered, lambda a: a.device.convolution_gradient(a.X, a.Z, a.window, a.sums)
    ),
    "max_pool": Operation(POOLS, _of_largest, lambda a: a.device.max_pool(a.X, a.window, a.out, a.largest)),
    "max_pool_gradient": Operation(
        POOLS, _of_largest, lambda a: a.device.max_pool_gradient(a.out, a.largest, a.window, a.A)
    ),
    "mean_pool": Operation(POOLS, _of_means, lambda a: a.device.mean_pool(a.X, a.window, a.out)),
    "mean_pool_gradient": Operation(POOLS, _of_means, lambda a: a.device.mean_pool_gradient(a.out, a.window, a.A)),
}
