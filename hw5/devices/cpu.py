"""The CPU device: NumPy. It is the reference for every other device, and the default where there is no GPU.

Nothing here allocates in a training step: results go to arrays made beforehand, and what a formula needs on the
way goes to scratch buffers that are made once.
"""

import math

import numpy as np

from hw5.activations import ACTIVATIONS
from hw5.devices.base import Device, ResidentData


class CpuDevice(Device):
    """Operations on NumPy arrays, in float32 unless told otherwise (float64 serves numerical differentiation)."""

    name = "cpu"
    index_dtype = np.dtype(np.intp)

    def __init__(self, dtype=np.float32):
        self.dtype = np.dtype(dtype)
        self._buffers = {}

    def _scratch(self, use, shape, dtype=None):
        """A buffer for one use, with undefined content: the same memory at every call."""
        size, dtype = math.prod(shape), np.dtype(dtype or self.dtype)
        buffer = self._buffers.get((use, dtype))
        if buffer is None or buffer.size < size:
            buffer = self._buffers[use, dtype] = np.empty(size, dtype)
        return buffer[:size].reshape(shape)

    def empty(self, shape, dtype=None):
        return np.empty(shape, dtype or self.dtype)

    def assign(self, array, host):
        array[...] = host

    def download(self, array):
        return array.copy()

    def copy(self, array, source):
        array[...] = source

    def synchronize(self):
        """Nothing to wait for: an operation is done when it returns."""

    def place(self, X, y, mean, scale):
        """The data already is where it is needed: X is shared, not copied."""
        return ResidentData(X, y.astype(self.index_dtype), mean.astype(self.dtype), scale.astype(self.dtype))

    def minibatch(self, data, order, start, X, y):
        rows = order[start : start + len(y)]
        # mode="clip" writes straight to out; the default mode would go through a copy
        np.take(data.y, rows, out=y, mode="clip")
        raw = X if data.X.dtype == X.dtype else self._scratch("raw", X.shape, data.X.dtype)
        np.take(data.X, rows, axis=0, out=raw, mode="clip")
        np.subtract(raw, data.mean, out=X)
        np.multiply(X, data.scale, out=X)

    def gemm(self, A, B, out, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0):
        # NumPy sees every matrix transposed, and (A B)^T = B^T A^T
        product = out if beta == 0 else self._scratch("product", out.shape)
        np.matmul(B.T if transpose_b else B, A.T if transpose_a else A, out=product)
        if alpha != 1:
            product *= alpha
        if beta != 0:
            if beta != 1:
                out *= beta
            out += product

    def activate(self, theta, Z, b):
        Z += b
        ACTIVATIONS[theta].apply(Z, self._scratch("activation", Z.shape))

    def activation_gradient(self, theta, A, X):
        derivative = self._scratch("activation", X.shape)
        ACTIVATIONS[theta].derivative(X, derivative)
        A *= derivative

    def _shifted(self, Z, b):
        """Z becomes z + b less the row's largest, so that exp cannot overflow."""
        Z += b
        Z -= np.max(Z, axis=1, keepdims=True, out=self._scratch("row", (len(Z), 1)))

    def _normalised_exponentials(self, Z):
        """Z becomes exp(z) / sum of exp(z); return the sums, (k, 1)."""
        np.exp(Z, out=Z)
        sums = np.sum(Z, axis=1, keepdims=True, out=self._scratch("row", (len(Z), 1)))
        Z /= sums
        return sums

    def softmax(self, Z, b):
        self._shifted(Z, b)
        self._normalised_exponentials(Z)

    def softmax_cross_entropy(self, Z, b, y, tally):
        k, m = Z.shape
        self._shifted(Z, b)
        self._count_hits(Z, y, tally)
        at_label = np.add(self._row_starts(k, m), y, out=self._scratch("at label", (k,), np.intp))
        label = np.take(Z, at_label, out=self._scratch("label", (k,)), mode="clip")
        sums = self._normalised_exponentials(Z)
        loss = np.log(sums[:, 0], out=self._scratch("loss", (k,)))
        loss -= label  # -ln p[y] = ln(sum of exp(z)) - z[y]
        tally.loss[:k] += loss
        np.take(Z, at_label, out=label, mode="clip")
        label -= 1
        np.put(Z, at_label, label, mode="clip")  # P - Y

    def _count_hits(self, Z, y, tally):
        k = len(y)
        best, hit = self._scratch("best", (k,), np.intp), self._scratch("hit", (k,), bool)
        np.equal(np.argmax(Z, axis=1, out=best), y, out=hit)
        tally.hits[:k] += hit

    def _row_starts(self, k, m):
        """0, m, 2m, ...: where the rows of a (k, m) array start in its ravelled form; made once a shape."""
        starts = self._buffers.get(("row starts", k, m))
        if starts is None:
            starts = self._buffers["row starts", k, m] = np.arange(0, k * m, m)
        return starts

    def argmax(self, Z, b, out):
        np.argmax(np.add(Z, b, out=self._scratch("biased", Z.shape)), axis=1, out=out)

    def gradient_mean(self, Delta, out, alpha=1.0, beta=0.0):
        mean = np.mean(Delta, axis=0, out=self._scratch("mean", out.shape))
        mean *= alpha
        if beta == 0:
            out[...] = mean
        else:
            out *= beta
            out += mean

    def sgd_update(self, W, V, eta, l1=0.0, l2=0.0):
        term = self._scratch("term", W.shape)
        if l2:
            V += np.multiply(W, l2, out=term)
        if l1:
            np.sign(W, out=term)
            V += np.multiply(term, l1, out=term)
        W -= np.multiply(V, eta, out=term)
