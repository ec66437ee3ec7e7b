"""The operations on images and dropout by kernels: their launches."""

from math import prod

import numpy as np

from hw5.devices.grids import THREADS, WARP, blocks, by_columns

_LONGEST_STRIDE = 1 << 30  # a longer one moves any window out of any image, too
_FILTERS = 8  # for which a thread of convolution.cu sums at once
_MOST_FILTERS = 16  # of a direct convolution; a product with more is efficient
_SHARED_BYTES = 48 << 10  # of a block, on every GPU


class KernelImages:
    """What a KernelDevice does with images; a Window says how they lie in the rows of X (k, h w c)."""

    def unfold(self, X, window, out):
        self._launch_over(out, "unfold", window, len(X), X, out)

    def fold(self, patches, window, out):
        self._launch_over(out, "fold", window, len(out), patches, out)

    def convolves_directly(self, window, filters):
        """With few filters, if what a block needs fits into its shared memory."""
        most = max(_groups(filters) * window.patch, _groups(filters) * prod(window.places))
        return filters <= _MOST_FILTERS and _shared_bytes(window, most, THREADS) <= _SHARED_BYTES

    def convolution(self, X, W, window, out):
        filters = len(W)
        places = blocks(prod(window.places) * _groups(filters), THREADS)
        grid = (min(len(X), self.most_blocks), min(places, self.most_blocks))
        shared = _shared_bytes(window, _groups(filters) * window.patch, THREADS)
        self._launch_on_images("convolution", grid, (THREADS,), window, len(X), X, W, out, filters, shared=shared)

    def convolution_gradient(self, X, Delta, window, out):
        filters = Delta.shape[1]
        columns, grid_columns = _evenly(_groups(filters) * window.patch)
        grid, block = (len(out), min(grid_columns, self.most_blocks)), (columns, max(THREADS // columns, 1))
        shared = _shared_bytes(window, _groups(filters) * prod(window.places), prod(block))
        self._launch_on_images(
            "convolution_gradient", grid, block, window, len(X), X, Delta, out, filters, shared=shared
        )

    def max_pool(self, X, window, out, largest):
        self._launch_over(out, "max_pool", window, len(X), X, out, largest)

    def max_pool_gradient(self, Delta, largest, window, A):
        self._launch_over(A, "max_pool_gradient", window, len(A), Delta, largest, A)

    def mean_pool(self, X, window, out):
        self._launch_over(out, "mean_pool", window, len(X), X, out)

    def mean_pool_gradient(self, Delta, window, A):
        self._launch_over(A, "mean_pool_gradient", window, len(A), Delta, A)

    def _launch_over(self, matrix, kernel, window, k, *arrays):
        """Launch a kernel that computes every number of a matrix from k images."""
        rows, columns = matrix.shape
        loads = columns // 4 if window.image[2] % 4 == 0 else columns
        grid, block = by_columns(rows, loads, self.most_blocks, widest=WARP)
        self._launch_on_images(kernel, grid, block, window, k, *arrays)

    def _launch_on_images(self, kernel, grid, block, window, k, *arguments, shared=0):
        stride = min(window.stride, _LONGEST_STRIDE)
        numbers = (k, *window.image, *window.size, stride, window.padding)
        self._launch(kernel, grid, block, *arguments, *numbers, shared=shared)

    def dropout(self, X, out, share, t, key, first=0):
        scale = self.dtype.type(1) / self.dtype.type(1 - share)
        numbers = (np.uint32(key), np.uint32(share * 2**32), scale, np.uint32(first % 2**32), np.int64(X.size))
        self._launch("dropout", self._grid_of(X), (THREADS,), X, out, t, *numbers)


def _groups(filters):
    return blocks(filters, _FILTERS)


def _evenly(items):
    """(threads of a block, blocks) with at least a thread for each item: whole warps, and few idle threads."""
    count = blocks(items, THREADS)
    return WARP * blocks(items, WARP * count), count


def _shared_bytes(window, packs, threads):
    """Of a direct convolution: an image, and a pack of numbers for several filters for each of packs and threads."""
    return 4 * (prod(window.image) + _FILTERS * (packs + threads))
