"""The contracts of the operations on images: in float64, by plain loops over places and pixels.

Images are (n, r, s, channel) here, and what a window makes of them (n, u, v, ...) for its place (u, v).
"""

from functools import cache
from itertools import product

import numpy as np

from hw5.devices.windows import Window
from hw5.verify.contract import VALUES, Contract, error, error_of_integers

EXACT = 0.0  # the scale of what is only copied


@cache
def _covered(window):
    """[(place, its pixels of the window, the same pixels of the image)], of the pixels that are in the image."""
    (h, w, _), s, p = window.image, window.stride, window.padding
    found = []
    for u, v in product(*map(range, window.places)):
        pixels = [(i, j, u * s - p + i, v * s - p + j) for i, j in product(*map(range, window.size))]
        inside = [pixel for pixel in pixels if 0 <= pixel[2] < h and 0 <= pixel[3] < w]
        found.append(((u, v), [pixel[:2] for pixel in inside], [pixel[2:] for pixel in inside]))
    return found


def _random(bench, k, shape, values):
    return values(bench.rng, (k, *shape)).astype(np.float32)


def _put(bench, array, dtype=np.float32):
    """Images on the device, a row each."""
    return bench.put(array.reshape(len(array), -1), dtype)


def _at_places(k, window):
    """The shape of what pooling makes of k images."""
    return k, *window.places, window.image[2]


def unfold(bench, k, window, values):
    X, shape = _random(bench, k, window.image, values), (*window.places, *window.size, window.image[2])
    want = np.zeros((k, *shape))
    for (u, v), pixels, at in _covered(window):
        for (i, j), (r, s) in zip(pixels, at):
            want[:, u, v, i, j] = X[:, r, s]
    out = bench.empty(k * np.prod(window.places), window.patch)
    bench.device.unfold(_put(bench, X), window, out)
    yield "out", error(bench.get(out).reshape(want.shape), want, EXACT)


def fold(bench, k, window, values):
    patches = _random(bench, k, (*window.places, *window.size, window.image[2]), values)
    want, scale = np.zeros((2, k, *window.image))
    for (u, v), pixels, at in _covered(window):
        for (i, j), (r, s) in zip(pixels, at):
            want[:, r, s] += patches[:, u, v, i, j]
            scale[:, r, s] += abs(patches[:, u, v, i, j])
    out = bench.empty(k, want[0].size)
    bench.device.fold(bench.put(patches.reshape(-1, window.patch)), window, out)
    yield "out", error(bench.get(out).reshape(want.shape), want, scale)


def _filters(window):
    """The number of filters of a test: from 1 to more than a direct convolution's threads sum for at once."""
    return (8, 3, 1, 9, 16)[window.patch % 5]  # 8 for LeNet's first layer, so that its threads fill their tiles


def convolution(bench, k, window, values):
    X, m = _random(bench, k, window.image, values), _filters(window)
    W = bench.rng.normal(size=(m, *window.size, window.image[2])).astype(np.float32)
    want, scale = np.zeros((2, k, *window.places, m))
    for (u, v), pixels, at in _covered(window):
        for (i, j), (r, s) in zip(pixels, at):
            terms = X[:, r, s, np.newaxis].astype(np.float64) * W[:, i, j]  # (k, m, c)
            want[:, u, v] += terms.sum(axis=-1)
            scale[:, u, v] += abs(terms).sum(axis=-1)
    out = bench.empty(k * np.prod(window.places), m)
    bench.device.convolution(_put(bench, X), _put(bench, W), window, out)
    yield "Z", error(bench.get(out).reshape(want.shape), want, scale)


def convolution_gradient(bench, k, window, values):
    X, m = _random(bench, k, window.image, values), _filters(window)
    Delta = bench.rng.normal(size=(k, *window.places, m)).astype(np.float32)
    blocks = min(max(k // 2, 1), 7)  # most sum several images
    want, scale = np.zeros((2, blocks, m, *window.size, window.image[2]))
    for (u, v), pixels, at in _covered(window):
        for (i, j), (r, s) in zip(pixels, at):
            terms = Delta[:, u, v, :, np.newaxis].astype(np.float64) * X[:, r, s, np.newaxis]  # (k, m, c)
            for n, term in enumerate(terms):
                want[n % blocks, :, i, j] += term
                scale[n % blocks, :, i, j] += abs(term)
    out = bench.empty(blocks, m * window.patch)
    bench.device.convolution_gradient(_put(bench, X), bench.put(Delta.reshape(-1, m)), window, out)
    yield "out", error(bench.get(out).reshape(want.shape), want, scale)


def max_pool(bench, k, window, values):
    X, shape = _random(bench, k, window.image, values), _at_places(k, window)
    want, number = np.empty(shape), np.empty(shape, int)
    for (u, v), pixels, at in _covered(window):
        candidates = np.stack([X[:, r, s] for r, s in at])
        chosen = candidates.argmax(axis=0)  # of NumPy: NaN is the largest, and ties go to the first
        want[:, u, v] = np.take_along_axis(candidates, chosen[np.newaxis], axis=0)[0]
        number[:, u, v] = np.array([i * window.size[1] + j for i, j in pixels])[chosen]
    out, largest = bench.empty(k, want[0].size), bench.put(np.full((k, want[0].size), -1), np.int32)
    bench.device.max_pool(_put(bench, X), window, out, largest)
    yield "out", error(bench.get(out).reshape(shape), want, EXACT)
    yield "largest", error_of_integers(bench.get(largest).reshape(shape), number)


def max_pool_gradient(bench, k, window, values):
    shape = _at_places(k, window)
    Delta, largest = _random(bench, k, shape[1:], values), np.empty(shape, np.int32)
    want, scale = np.zeros((2, k, *window.image))
    for (u, v), pixels, at in _covered(window):
        chosen = bench.rng.integers(0, len(pixels), (k, shape[-1]))
        for number, ((i, j), (r, s)) in enumerate(zip(pixels, at)):
            largest[:, u, v][chosen == number] = i * window.size[1] + j
            given = np.where(chosen == number, Delta[:, u, v], 0)
            want[:, r, s] += given
            scale[:, r, s] += abs(given)
    A = bench.empty(k, want[0].size)
    bench.device.max_pool_gradient(_put(bench, Delta), _put(bench, largest, np.int32), window, A)
    yield "A", error(bench.get(A).reshape(want.shape), want, scale)


def mean_pool(bench, k, window, values):
    X = _random(bench, k, window.image, values)
    want, scale = np.empty((2, *_at_places(k, window)))
    for (u, v), _, at in _covered(window):
        inside = np.stack([X[:, r, s] for r, s in at]).astype(np.float64)
        want[:, u, v], scale[:, u, v] = inside.mean(axis=0), abs(inside).mean(axis=0) * len(inside) ** 0.5
    out = bench.empty(k, want[0].size)
    bench.device.mean_pool(_put(bench, X), window, out)
    yield "out", error(bench.get(out).reshape(want.shape), want, scale)


def mean_pool_gradient(bench, k, window, values):
    Delta = _random(bench, k, _at_places(k, window)[1:], values)
    want, scale = np.zeros((2, k, *window.image))
    for (u, v), _, at in _covered(window):
        share = Delta[:, u, v].astype(np.float64) / len(at)
        for r, s in at:
            want[:, r, s] += share
            scale[:, r, s] += abs(share)
    A = bench.empty(k, want[0].size)
    bench.device.mean_pool_gradient(_put(bench, Delta), window, A)
    yield "A", error(bench.get(A).reshape(want.shape), want, scale)


_WINDOWS = (  # images, and a Window: image (h, w, c), size, stride, padding. Every fourth has all kinds of values.
    (1, Window((1, 1, 1), (1, 1), 1, 0)),
    (2, Window((5, 7, 3), (2, 3), 1, 0)),  # nothing is square
    (3, Window((6, 6, 4), (3, 3), 2, 1)),  # windows overlap, and a row and a column of the padding are never reached
    (2, Window((4, 3, 2), (5, 5), 1, 2)),  # the window is larger than the image
    (2, Window((7, 9, 1), (2, 2), 3, 0)),  # pixels between the windows, and a rest
    (1, Window((28, 28, 1), (5, 5), 1, 2)),  # LeNet's first layer
    (2, Window((2, 2, 1), (3, 3), 1, 2)),  # windows with one pixel in the image
    (2, Window((5, 4, 8), (3, 2), 2, 1)),
    (1, Window((9, 8, 5), (3, 2), 2, 0)),  # a rest
    (2, Window((3, 2, 67), (2, 2), 1, 1)),  # many channels, no multiple of four
    (6, Window((2, 3, 132), (2, 2), 2, 0)),  # as few blocks: less for the columns of a gradient than for its rows
    (2, Window((5, 6, 3), (4, 3), 3, 2)),
    (300, Window((2, 1, 1), (2, 1), 2, 0)),  # many images
    (1, Window((1, 70, 1), (1, 7), 1, 0)),
)
IMAGE_CONTRACTS = [
    Contract(operation.__name__, file, operation, _WINDOWS, tuple(VALUES), optional=file == "convolution.cu")
    for operation, file in (
        (unfold, "unfold.cu"),
        (fold, "fold.cu"),
        (convolution, "convolution.cu"),
        (convolution_gradient, "convolution.cu"),
        (max_pool, "max_pool.cu"),
        (max_pool_gradient, "max_pool.cu"),
        (mean_pool, "mean_pool.cu"),
        (mean_pool_gradient, "mean_pool.cu"),
    )
]
