"""The operations on images and dropout by kernels: their launches."""

import numpy as np

from hw5.devices.grids import THREADS, WARP, by_columns

_LONGEST_STRIDE = 1 << 30  # a longer one moves any window out of any image, too


class KernelImages:
    """What a KernelDevice does with images; a Window says how they lie in the rows of X (k, h w c)."""

    def unfold(self, X, window, out):
        self._launch_over(out, "unfold", window, len(X), X, out)

    def fold(self, patches, window, out):
        self._launch_over(out, "fold", window, len(out), patches, out)

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
        stride = min(window.stride, _LONGEST_STRIDE)
        self._launch(kernel, grid, block, *arrays, k, *window.image, *window.size, stride, window.padding)

    def dropout(self, X, out, share, t, key):
        scale = self.dtype.type(1) / self.dtype.type(1 - share)
        numbers = (np.uint32(key), np.uint32(share * 2**32), scale, np.int64(X.size))
        self._launch("dropout", self._grid_of(X), (THREADS,), X, out, t, *numbers)
