"""The Device protocol: the operations that a network needs, whoever carries them out.

Matrices are the lecture's: X is d x k with one example a column, W is d x m, and each is stored column by column.
Seen from NumPy the same bytes are a C-ordered array with one example a row: X has the shape (k, d), W has (m, d).
The operations below are named in the lecture's orientation; the shapes in their docstrings are NumPy's.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # a device's own array: it has .shape and .dtype, and a[i:j] is a view of its rows


@dataclass(frozen=True)
class Rates:
    """How far a step goes: learning rate eta, momentum mu, and the L1 and L2 penalties on W (never on b).

    With nesterov the step looks ahead along the momentum (Sutskever et al. 2013, in the form of PyTorch's SGD).
    """

    eta: float
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True)
class ResidentData:
    """Examples on a device as they are on disk: X (N, d) uint8 or float, standardised when they are read.

    A feature x is used as (x - mean) * scale, with mean and scale of the shape (d,). y (N,) are labels, of the
    device's index_dtype, or targets of a regression, of its dtype.
    """

    X: Array
    y: Array
    mean: Array
    scale: Array


class Tally:
    """Sums of the cross-entropy and of the hits over many minibatches of up to k examples.

    Row i of every minibatch adds to slot i: no two examples of a step share a slot, so no device needs an atomic
    addition, and the sums come out the same bit for bit however the steps were scheduled.
    """

    def __init__(self, device, k):
        self.device = device
        self._sums = device.upload(np.zeros((2, k)))  # one array, so that one copy reads both
        self.loss, self.hits = (self._sums[i : i + 1].reshape((k,)) for i in range(2))

    def reset(self):
        """Back to no loss and no hit."""
        self.device.assign(self._sums, np.zeros(self._sums.shape))

    def sums(self):
        """Wait for the device; the sums of the losses and of the hits by row of the minibatch, (2, k) float64."""
        return self.device.download(self._sums)

    def restore(self, sums):
        """Go on from sums that were once read."""
        self.device.assign(self._sums, sums)

    def read(self):
        """Wait for the device; return (sum of the losses, number of hits)."""
        loss, hits = self.sums().sum(axis=1)
        return float(loss), int(hits)


class Device(ABC):
    """A place where networks are trained. Arrays of one device are of no use to another."""

    name: str
    dtype: np.dtype  # of weights and activations
    index_dtype: np.dtype  # of labels and of positions in the data

    @property
    def description(self):
        """The name, and how it computes where there is more than one way."""
        return self.name

    # -- memory

    @abstractmethod
    def empty(self, shape, dtype=None) -> Array:
        """A new array with undefined content; dtype defaults to the device's."""

    @abstractmethod
    def assign(self, array, host):
        """Copy a host array's values into an array of the same shape."""

    def upload(self, host, dtype=None) -> Array:
        """A new array with a copy of a host array's values."""
        host = np.asarray(host, dtype)
        array = self.empty(host.shape, host.dtype)
        self.assign(array, host)
        return array

    @abstractmethod
    def download(self, array) -> np.ndarray:
        """Wait for the device; return a host copy of an array."""

    @abstractmethod
    def copy(self, array, source):
        """Copy an array's values into another of the same shape and type."""

    @abstractmethod
    def synchronize(self):
        """Wait until all work has been done."""

    def record(self, work):
        """What work() asks of the device, recorded without being done: a function that does it, or None."""

    def place(self, X, y, mean, scale) -> ResidentData:
        """Bring a data set to the device: X (N, d) uint8 or float32, y (N,) integers or float32; mean, scale (d,)."""
        kind = None if X.dtype == np.uint8 else self.dtype
        return ResidentData(
            self.upload(X, kind),
            self.upload(y, self.dtype_of(y)),
            self.upload(mean, self.dtype),
            self.upload(scale, self.dtype),
        )

    def dtype_of(self, y):
        """The type that labels or targets have on the device."""
        return self.dtype if np.issubdtype(y.dtype, np.floating) else self.index_dtype

    # -- one minibatch, in the order of a training step

    @abstractmethod
    def minibatch(self, data, order, start, X, y):
        """Assemble the k examples data[order[start : start + k]], standardised, into X (k, d) and y (k,)."""

    @abstractmethod
    def gemm(self, A, B, out, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0):
        """out = alpha op(A) op(B) + beta out, in the lecture's orientation; op transposes where asked."""

    @abstractmethod
    def activate(self, theta, Z, b):
        """X = theta(Z + b), in place; Z (k, m), b (m,), theta an Activation of one piece."""

    @abstractmethod
    def maxout(self, Z, b, X):
        """X = the largest of every p neighbours in Z + b; Z (k, m p), b (m p,), X (k, m).

        In Z is left 1 at the largest, the first where several are largest, and 0 elsewhere: the derivative.
        A NaN counts as larger than any number.
        """

    @abstractmethod
    def softmax(self, Z, b):
        """P = softmax(Z + b) of every example, in place; Z (k, m), b (m,)."""

    @abstractmethod
    def softmax_cross_entropy(self, Z, b, y, weights, tally):
        """Delta = w (P - Y) with P = softmax(Z + b), in place; y (k,) labels, w = weights[y] of weights (m,).

        Adds each example's -w ln p[y] to tally.loss, and 1 to tally.hits where argmax finds y.
        """

    @abstractmethod
    def sigmoid_cross_entropy(self, Z, b, y, weights, tally):
        """Delta = w (p - y) with p = sigmoid(Z + b), in place; Z (k, 1), b (1,), y (k,) 0 or 1, weights (2,).

        Adds each example's -w (y ln p + (1 - y) ln(1 - p)) to tally.loss, and 1 to tally.hits where threshold finds y.
        """

    @abstractmethod
    def squared_error(self, Z, b, y, tally):
        """Delta = 2 (Z + b - y), in place; Z (k, 1), b (1,), y (k,) targets. Adds (z + b - y)^2 to tally.loss."""

    @abstractmethod
    def perceptron(self, Z, b, y, tally):
        """Delta = found - y, both as vectors that are 1 at a class, in place; Z (k, m), b (m,), y (k,) labels.

        Of one unit, m = 1, found is threshold's 0 or 1; of several it is what argmax finds. Adds z_found - z_y to
        tally.loss, where the one unit has z_0 = 0 and z_1 = z, and 1 to tally.hits where y is found.
        """

    @abstractmethod
    def argmax(self, Z, b, out):
        """The index of each example's largest z + b, the lowest where several are largest; Z (k, m), b (m,), out (k,).

        A NaN counts as larger than any number, as in NumPy.
        """

    @abstractmethod
    def threshold(self, Z, b, out):
        """1 where z + b > 0 or is a NaN, else 0; Z (k, 1), b (1,), out (k,): argmax of the logits (0, z + b)."""

    @abstractmethod
    def activation_gradient(self, theta, A, X):
        """Delta = A o theta'(Z), in place in A, given X = theta(Z); both (k, m)."""

    @abstractmethod
    def maxout_gradient(self, A, Delta):
        """Delta = A at the largest piece of every unit and 0 elsewhere; A (k, m), Delta (k, m p) as maxout left Z."""

    @abstractmethod
    def gradient_mean(self, Delta, out, alpha=1.0, beta=0.0):
        """out = alpha mean(Delta) + beta out, the mean over the minibatch; Delta (k, m), out (m,)."""

    @abstractmethod
    def sgd_update(self, W, V, G, rates):
        """A step along the gradient G, with all that a gemm cannot hold; W, V and G of one shape.

        g = G + l2 W + l1 sign(W), V = mu V + g, and W -= eta V, or with nesterov W -= eta (g + mu V). G may change.
        """

    # -- many minibatches

    def train(self, network, data, order, batch_size, rates, tally):
        """Train on the examples data[order], batch_size at a time, the last minibatch as short as it comes.

        A device that can do better than step by step overrides this method and nothing else.
        """
        for start in range(0, len(order), batch_size):
            k = min(batch_size, len(order) - start)
            network.step(data, order, start, k, rates, tally)

    def forward(self, network, data, order, start, space):
        """Z^(L) of the examples data[order[start : start + k]], without its bias, into space.Z[-1]; also space.y.

        For evaluation: a device that can do better overrides this method as well.
        """
        self.minibatch(data, order, start, space.X[0], space.y)
        network.forward(space)
