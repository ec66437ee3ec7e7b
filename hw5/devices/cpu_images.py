"""The operations on images in NumPy: the reference for those of other devices.

Each goes through the pixels (i, j) of the window in order, for all images and places at once.
"""

from itertools import product
from math import prod

import numpy as np


class CpuImages:
    """What a CpuDevice does with images; a Window says how they lie in the rows of X (k, h w c)."""

    def unfold(self, X, window, out):
        patches = out.reshape(len(X), *window.places, *window.size, window.image[2])
        for (i, j), pixels in _at_each_pixel(self._padded(X, window, 0), window):
            patches[:, :, :, i, j] = pixels

    def fold(self, patches, window, out):
        patches = patches.reshape(len(out), *window.places, *window.size, window.image[2])
        self._fold(lambda i, j: patches[:, :, :, i, j], window, out)

    def convolution(self, X, W, window, out):
        self.gemm(W, self._patches(X, window), out, transpose_a=True)

    def convolution_gradient(self, X, Delta, window, out):
        by_image = Delta.reshape(len(X), prod(window.places), -1)
        for r, sums in enumerate(out):
            images, Delta = X[r :: len(out)], by_image[r :: len(out)]
            m = Delta.shape[-1]
            self.gemm(self._patches(images, window), Delta.reshape(-1, m), sums.reshape(m, -1), transpose_b=True)

    def _patches(self, X, window):
        patches = self._scratch("patches", (len(X) * prod(window.places), window.patch))
        self.unfold(X, window, patches)
        return patches

    def max_pool(self, X, window, out, largest):
        shape = len(X), *window.places, window.image[2]
        best, at = out.reshape(shape), largest.reshape(shape)
        best.fill(-np.inf)
        at.fill(-1)
        for (i, j), x in _at_each_pixel(self._padded(X, window, -np.inf), window):
            better = (x > best) | (np.isnan(x) & ~np.isnan(best)) | ((at < 0) & self._is_inside(i, j, window))
            np.copyto(best, x, where=better)
            at[better] = i * window.size[1] + j

    def max_pool_gradient(self, Delta, largest, window, A):
        shape = len(A), *window.places, window.image[2]
        Delta, at = Delta.reshape(shape), largest.reshape(shape)
        self._fold(lambda i, j: np.where(at == i * window.size[1] + j, Delta, 0), window, A)

    def mean_pool(self, X, window, out):
        sums = out.reshape(len(X), *window.places, window.image[2])
        sums.fill(0)
        for _, x in _at_each_pixel(self._padded(X, window, 0), window):
            sums += x
        sums /= self._pixels_inside(window)

    def mean_pool_gradient(self, Delta, window, A):
        share = Delta.reshape(len(A), *window.places, window.image[2]) / self._pixels_inside(window)
        self._fold(lambda i, j: share, window, A)

    def _fold(self, of_pixel, window, out):
        """out (k, h w c): every pixel the sum of what the windows that cover it have for it, of_pixel(i, j)."""
        h, w, c = window.image
        image, p = self._padded(np.zeros((len(out), h * w * c), self.dtype), window, 0), window.padding
        for (i, j), sums in _at_each_pixel(image, window):
            sums += of_pixel(i, j)
        out.reshape(len(out), h, w, c)[...] = image[:, p : p + h, p : p + w]

    def _padded(self, X, window, value):
        """The images (k, h + 2 p, w + 2 p, c), with this value outside."""
        images, p = X.reshape(len(X), *window.image), window.padding
        return np.pad(images, ((0, 0), (p, p), (p, p), (0, 0)), constant_values=value) if p else images

    def _is_inside(self, i, j, window):
        """Whether the pixel (i, j) of the window is in the image, (h', w', 1) by place."""
        rows, columns = (
            (0 <= (at := np.arange(places) * window.stride + offset - window.padding)) & (at < n)
            for n, places, offset in zip(window.image, window.places, (i, j))
        )
        return (rows[:, np.newaxis] & columns)[..., np.newaxis]

    def _pixels_inside(self, window):
        """The number of the window's pixels that are in the image, (h', w', 1) by place."""
        inside = sum(self._is_inside(i, j, window).astype(int) for i, j in product(*map(range, window.size)))
        return inside.astype(self.dtype)

    def dropout(self, X, out, share, t, key, first=0):
        stays = _kept(X.shape, share, int(t[0]), key, first)
        np.multiply(X, stays.astype(self.dtype) / self.dtype.type(1 - share), out=out)


def _at_each_pixel(images, window):
    """Yield ((i, j), the pixels of the padded images there, (k, h', w', c)) for each pixel of the window."""
    (rows, columns), s = window.places, window.stride
    for i, j in product(*map(range, window.size)):
        yield (i, j), images[:, i : i + s * rows : s, j : j + s * columns : s]


def _kept(shape, share, t, key, first):
    """Whether each element of an array, numbered from first, stays in step t, in all but this share of the cases.

    The random numbers are pcg3d of (element, step, key): Jarzynski and Olano, "Hash Functions for GPU Rendering",
    JCGT 9 (3), 2020. So they are the same on every device, and need no memory.
    """
    elements = np.arange(prod(shape), dtype=np.uint32) + np.uint32(first % 2**32)
    x = elements * np.uint32(1664525) + np.uint32(1013904223)
    y, z = (np.full_like(x, (n * 1664525 + 1013904223) % 2**32) for n in (t, key))
    x += y * z
    y += z * x
    z += x * y
    x, y, z = (v ^ (v >> np.uint32(16)) for v in (x, y, z))
    x += y * z
    return (x >= np.uint32(share * 2**32)).reshape(shape)
