"""The NumPy device: the reference for all other devices, and the fallback of cpu if there is no compiler.

A training step allocates no large arrays: results go to existing arrays, and intermediate results to scratch buffers
that are allocated once.
"""

import math

import numpy as np

from hw5.devices.activations import FORMULAS
from hw5.devices.base import BETA1, BETA2, EPSILON, Device, DeviceData
from hw5.devices.cpu_images import CpuImages
from hw5.devices.stepper import Stepper

_SIGMOID = FORMULAS["sigmoid"]


class CpuDevice(CpuImages, Device):
    """Operations on NumPy arrays, in float32 by default (numerical differentiation uses float64)."""

    name = "numpy"
    arithmetic = "NumPy"
    index_dtype = np.dtype(np.intp)

    def __init__(self, dtype=np.float32):
        self.dtype = np.dtype(dtype)
        self._buffers = {}

    def _scratch(self, use, shape, dtype=None):
        """A buffer for one use, with undefined content; every call returns the same memory."""
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

    def add(self, X, other):
        X += other

    def synchronize(self):
        """Do nothing: operations are complete when they return."""

    def stepper(self, network, data):
        return Stepper(network, data)

    def upload_data(self, X, y, mean, scale):
        """X is shared, not copied."""
        return DeviceData(X, y.astype(self.dtype_of(y), order="C"), mean.astype(self.dtype), scale.astype(self.dtype))

    def minibatch(self, data, order, start, X, y):
        rows = order[start : start + len(y)]
        # mode="clip" writes directly to out; the default mode makes a copy
        np.take(data.y, rows, axis=0, out=y, mode="clip")
        raw = X if data.X.dtype == X.dtype else self._scratch("raw", X.shape, data.X.dtype)
        np.take(data.X, rows, axis=0, out=raw, mode="clip")
        np.subtract(raw, data.mean, out=X)
        np.multiply(X, data.scale, out=X)

    def gemm(self, A, B, out, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0):
        # NumPy sees every matrix transposed, and (A B)^T = B^T A^T
        product = out if beta == 0 else self._scratch("product", out.shape)
        self._matmul(B.T if transpose_b else B, A.T if transpose_a else A, product)
        if alpha != 1:
            product *= alpha
        if beta != 0:
            if beta != 1:
                out *= beta
            out += product

    def _matmul(self, left, right, out):
        """out = left right, transposed if there are few rows: OpenBLAS is up to 1.5 times faster for few columns."""
        rows, columns = out.shape
        if 2 * rows > columns or not right.flags.f_contiguous:
            np.matmul(left, right, out=out)
        else:
            out[...] = np.matmul(right.T, left.T, out=self._scratch("transposed", (columns, rows))).T

    def activate(self, theta, Z, b):
        Z += b
        with np.errstate(over="ignore"):  # of exp, in the sigmoid
            theta.formula.theta(Z, theta.alpha, self._scratch("activation", Z.shape))

    def activation_gradient(self, theta, A, X):
        derivative = self._scratch("activation", X.shape)
        theta.formula.derivative(X, theta.alpha, derivative)
        A *= derivative

    def maxout(self, Z, b, X):
        Z += b
        pieces = Z.reshape(X.size, -1)  # one row per unit and example
        largest = np.argmax(pieces, axis=1, out=self._scratch("largest", (X.size,), np.intp))
        largest += self._row_starts(*pieces.shape)
        np.take(Z, largest, out=X.reshape(-1), mode="clip")
        Z.fill(0)
        np.put(Z, largest, 1, mode="clip")

    def maxout_gradient(self, A, Delta):
        pieces = Delta.reshape(*A.shape, -1)
        pieces *= A[..., np.newaxis]

    def _shift(self, Z):
        """Z becomes z minus the row's maximum, so that exp cannot overflow."""
        Z -= np.max(Z, axis=1, keepdims=True, out=self._scratch("row", (len(Z), 1)))

    def _exp_and_normalise(self, Z):
        """Z becomes exp(z) / sum of exp(z); return the sums, (k, 1)."""
        np.exp(Z, out=Z)
        sums = np.sum(Z, axis=1, keepdims=True, out=self._scratch("row", (len(Z), 1)))
        Z /= sums
        return sums

    def softmax(self, Z, b):
        Z += b
        self._shift(Z)
        self._exp_and_normalise(Z)

    def softmax_cross_entropy(self, Z, b, y, weights, tally):
        k, m = Z.shape
        Z += b
        self._count_correct(np.argmax(Z, axis=1, out=self._scratch("predicted", (k,), np.intp)), y, tally)
        self._shift(Z)
        at_label = np.add(self._row_starts(k, m), y, out=self._scratch("at label", (k,), np.intp))
        label = np.take(Z, at_label, out=self._scratch("label", (k,)), mode="clip")
        sums = self._exp_and_normalise(Z)
        loss = np.log(sums[:, 0], out=self._scratch("loss", (k,)))
        loss -= label  # -ln p[y] = ln(sum of exp(z)) - z[y]
        np.take(Z, at_label, out=label, mode="clip")
        label -= 1
        np.put(Z, at_label, label, mode="clip")  # P - Y
        self._apply_weights(Z, loss[:, np.newaxis], y[:, np.newaxis], weights, tally)

    def sigmoid_cross_entropy(self, Z, b, y, weights, tally):
        Z += b
        y = y.reshape(Z.shape)
        self._count_correct(_threshold(Z), y, tally)
        loss = np.logaddexp(0, np.where(y, -Z, Z))  # -y ln p - (1 - y) ln(1 - p), without cancellation
        with np.errstate(over="ignore"):
            _SIGMOID.theta(Z, 0, None)  # in place
        Z -= y.astype(self.dtype)  # p - y
        self._apply_weights(Z, loss, y, weights, tally)

    def _apply_weights(self, Delta, loss, y, weights, tally):
        """Multiply Delta and loss by the class weights of y, each (k, 1) or (k, m), and add the losses to the tally."""
        weight = np.take(weights, y, out=self._scratch("weight", y.shape), mode="clip")
        Delta *= weight
        loss *= weight
        tally.loss[: len(y)] += loss.sum(axis=1)

    def squared_error(self, Z, b, y, tally):
        Z += b
        Z -= y.reshape(Z.shape)
        tally.loss[: len(y)] += np.square(Z).sum(axis=1)
        Z *= 2

    def perceptron(self, Z, b, y, tally):
        Z += b
        if Z.shape[1] == 1:
            predicted = _threshold(Z[:, 0])
            mistake = predicted.astype(self.dtype) - y
            loss = Z[:, 0] * mistake
            Z[:, 0] = mistake
        else:
            predicted, row = Z.argmax(axis=1), np.arange(len(y))
            loss = Z[row, predicted] - Z[row, y]
            Z.fill(0)
            Z[row, predicted] += 1
            Z[row, y] -= 1
        self._count_correct(predicted, y, tally)
        tally.loss[: len(y)] += loss

    def _count_correct(self, predicted, y, tally):
        correct = np.equal(predicted, y, out=self._scratch("correct", y.shape, bool))
        tally.correct[: len(y)] += correct.reshape(len(y), -1).all(axis=1)

    def _row_starts(self, k, m):
        """0, m, 2m, ...: the index of each row of a (k, m) array in its flattened form; made once per shape."""
        starts = self._buffers.get(("row starts", k, m))
        if starts is None:
            starts = self._buffers["row starts", k, m] = np.arange(0, k * m, m)
        return starts

    def argmax(self, Z, b, out):
        np.argmax(np.add(Z, b, out=self._scratch("biased", Z.shape)), axis=1, out=out)

    def threshold(self, Z, b, out):
        out[...] = _threshold(Z[:, 0] + b)

    def gradient_mean(self, Delta, out, alpha=1.0, beta=0.0):
        mean = np.mean(Delta, axis=0, out=self._scratch("mean", out.shape))
        mean *= alpha
        if beta == 0:
            out[...] = mean
        else:
            out *= beta
            out += mean

    def sgd_update(self, W, V, G, rates):
        term = self._scratch("term", W.shape)
        self._add_penalties(W, G, rates, term)
        V *= rates.momentum
        V += G
        if rates.nesterov:
            G += np.multiply(V, rates.momentum, out=term)
        W -= np.multiply(G if rates.nesterov else V, rates.eta, out=term)

    def adam_update(self, W, V, S, G, t, rates):
        term = self._scratch("term", W.shape)
        self._add_penalties(W, G, rates, term)
        V *= BETA1
        V += np.multiply(G, 1 - BETA1, out=term)
        S *= BETA2
        S += np.multiply(np.square(G, out=term), 1 - BETA2, out=term)
        root = np.sqrt(S, out=G)
        root /= math.sqrt(1 - BETA2 ** int(t[0]))
        root += EPSILON
        if rates.weight_decay:
            W *= 1 - rates.eta * rates.weight_decay
        np.multiply(V, rates.eta / (1 - BETA1 ** int(t[0])), out=term)
        W -= np.divide(term, root, out=term)

    @staticmethod
    def _add_penalties(W, G, rates, term):
        """G += l2 W + l1 sign(W)."""
        if rates.l2:
            G += np.multiply(W, rates.l2, out=term)
        if rates.l1:
            G += np.multiply(np.sign(W, out=term), rates.l1, out=term)

    def advance(self, counter, by):
        counter += by


def _threshold(z):
    """argmax of the logits (0, z): true where z > 0 or is NaN."""
    return ~(z <= 0)
