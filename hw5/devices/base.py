"""The Device protocol: the operations that a network needs.

Matrices are the lecture's: X is d x k with one example per column, W is d x m, and both are column-major. In NumPy, the
same bytes are C-ordered arrays with one example per row: X has the shape (k, d), W has (m, d).
The operations below are named in the lecture's orientation; the shapes in their docstrings are NumPy's.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = Any  # a device's own array: it has .shape and .dtype, and a[i:j] is a view of its rows


# Adam's rates of decay of its means of g and g^2, and its epsilon: the values of its paper (Kingma and Ba 2015)
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Rates:
    """The hyperparameters of an update: learning rate eta, momentum mu, and the L1 and L2 penalties on W (never on b).

    With nesterov the step looks ahead along the momentum (Sutskever et al. 2013, in the form of PyTorch's SGD). With
    adam there is no mu, and weight_decay decays W apart from the gradient (AdamW, Loshchilov and Hutter 2019).
    """

    eta: float
    momentum: float = 0.0
    l1: float = 0.0
    l2: float = 0.0
    nesterov: bool = False
    adam: bool = False
    weight_decay: float = 0.0

    @property
    def is_plain(self):
        """Whether an update is SGD without momentum and L1, which is one product."""
        return not (self.adam or self.momentum or self.l1)

    def without_penalties(self):
        """The rates of a bias."""
        return replace(self, l1=0.0, l2=0.0, weight_decay=0.0)


@dataclass(frozen=True)
class DeviceData:
    """Examples on a device, as loaded: X (N, d) uint8 or float, standardised when a minibatch is assembled.

    A feature x is used as (x - mean) * scale, with mean and scale (d,). y (N,) or (N, m) are labels of the device's
    index_dtype, or targets of its dtype.
    """

    X: Array
    y: Array
    mean: Array
    scale: Array


class Tally:
    """Sums of the losses and of the correct predictions over many minibatches of up to k examples.

    Row i of every minibatch adds to slot i: no two examples of a step share a slot, so no device needs atomic
    additions, and the bits of the sums do not depend on scheduling.
    """

    def __init__(self, device, k):
        self.device = device
        self._sums = device.upload(np.zeros((2, k)))  # one array, so that one copy reads both
        self.loss, self.correct = (self._sums[i : i + 1].reshape((k,)) for i in range(2))

    def reset(self):
        """Set all sums to 0."""
        self.device.assign(self._sums, np.zeros(self._sums.shape))

    def sums(self):
        """Wait for the device; return the losses and correct predictions by row of the minibatch, (2, k) float64."""
        return self.device.download(self._sums)

    def restore(self, sums):
        """Set the sums, as sums() returned them."""
        self.device.assign(self._sums, sums)

    def read(self):
        """Wait for the device; return (sum of the losses, number of correct predictions)."""
        loss, correct = self.sums().sum(axis=1)
        return float(loss), int(correct)


class Device(ABC):
    """Trains networks. Each device has its own type of arrays."""

    name: str
    dtype: np.dtype  # of weights and activations
    index_dtype: np.dtype  # of labels and of positions in the data
    arithmetic: str  # what computes a training step: devices that share it give the same bits
    ranks = None  # the Ranks that train together with this process, if an MPI launcher started it (ranks.py)

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
    def add(self, X, other):
        """X += other, of one shape; other may change."""

    @abstractmethod
    def synchronize(self):
        """Wait until all work has been done."""

    def record(self, work):
        """Record the operations of work() without running them; return a function that runs them, or None."""

    def together(self, works):
        """Do works that do not depend on each other: functions whose operations a device may do at the same time."""
        for work in works:
            work()

    def upload_data(self, X, y, mean, scale) -> DeviceData:
        """Upload a data set: X (N, d) uint8 or float32, y (N,) or (N, m) integers or float32; mean, scale (d,)."""
        return DeviceData(
            self.upload(X, None if X.dtype == np.uint8 else self.dtype),
            self.upload(y, self.dtype_of(y)),
            self.upload(mean, self.dtype),
            self.upload(scale, self.dtype),
        )

    def dtype_of(self, y):
        """The type of labels or targets on the device."""
        return self.dtype if np.issubdtype(y.dtype, np.floating) else self.index_dtype

    @abstractmethod
    def stepper(self, network, data):
        """The Stepper that trains and evaluates a network of this device on data that upload_data returned."""

    # -- one minibatch, in the order of a training step

    @abstractmethod
    def minibatch(self, data, order, start, X, y):
        """Assemble the k examples data[order[start : start + k]], standardised, into X (k, d) and y (k,) or (k, m)."""

    @abstractmethod
    def gemm(self, A, B, out, transpose_a=False, transpose_b=False, alpha=1.0, beta=0.0):
        """out = alpha op(A) op(B) + beta out, in the lecture's orientation; op transposes if requested."""

    @abstractmethod
    def activate(self, theta, Z, b):
        """X = theta(Z + b), in place; Z (k, m), b (m,), theta an Activation of one piece."""

    @abstractmethod
    def maxout(self, Z, b, X):
        """X = the largest of every p neighbours in Z + b; Z (k, m p), b (m p,), X (k, m).

        Z becomes the derivative: 1 at the largest, 0 elsewhere. Ties go to the first; NaN is larger than any number.
        """

    @abstractmethod
    def softmax(self, Z, b):
        """P = softmax(Z + b) of every example, in place; Z (k, m), b (m,)."""

    @abstractmethod
    def softmax_cross_entropy(self, Z, b, y, weights, tally):
        """Delta = w (P - Y) with P = softmax(Z + b), in place; y (k,) labels, w = weights[y] of weights (m,).

        Adds each example's -w ln p[y] to tally.loss, and 1 to tally.correct where argmax is y.
        """

    @abstractmethod
    def sigmoid_cross_entropy(self, Z, b, y, weights, tally):
        """Delta = w (p - y) with p = sigmoid(Z + b), in place; Z (k, m), b (m,), y 0 or 1, (k, m) or (k,) for m = 1.

        w = weights[y] of weights (2,). Adds each example's sum of -w (y ln p + (1 - y) ln(1 - p)) to tally.loss, and 1
        to tally.correct where all m predictions, 1 if z > 0 or is NaN, are y.
        """

    @abstractmethod
    def squared_error(self, Z, b, y, tally):
        """Delta = 2 (Z + b - y), in place; Z (k, m), b (m,), y (k, m) targets, or (k,) for m = 1.

        Adds each example's sum of (z + b - y)^2 to tally.loss.
        """

    @abstractmethod
    def perceptron(self, Z, b, y, tally):
        """Delta = p - y, both as vectors that are 1 at a class, in place; Z (k, m), b (m,), y (k,) labels.

        The predicted class p is threshold's for one unit, m = 1, and argmax's for several. Adds z_p - z_y to
        tally.loss, where the one unit has z_0 = 0 and z_1 = z, and 1 to tally.correct where p is y.
        """

    @abstractmethod
    def argmax(self, Z, b, out):
        """The index of each example's largest z + b; ties go to the lowest. Z (k, m), b (m,), out (k,).

        NaN is larger than any number, as in NumPy.
        """

    @abstractmethod
    def threshold(self, Z, b, out):
        """1 where z + b > 0 or is NaN, else 0; Z (k, 1), b (1,), out (k,): argmax of the logits (0, z + b)."""

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
        """Update W along the gradient G, with momentum and penalties; W, V and G of one shape.

        g = G + l2 W + l1 sign(W), V = mu V + g, and W -= eta V, or with nesterov W -= eta (g + mu V). G may change.
        """

    @abstractmethod
    def adam_update(self, W, V, S, G, t, rates):
        """The t-th update of W along the gradient G by Adam; W, V, S and G of one shape, t (1,) int32. G may change.

        g = G + l2 W + l1 sign(W), V = beta1 V + (1 - beta1) g, S = beta2 S + (1 - beta2) g^2, and
        W -= eta (weight_decay W + V / (1 - beta1^t) / (sqrt(S / (1 - beta2^t)) + epsilon)).
        """

    @abstractmethod
    def advance(self, counter, by):
        """counter[0] += by; counter (1,) int32."""

    # -- images, as rows of X (k, h w c) over which a Window moves; the last ones train networks with dropout

    @abstractmethod
    def unfold(self, X, window, out):
        """out (k h' w', i j c): the patches of every image, 0 outside of it."""

    @abstractmethod
    def fold(self, patches, window, out):
        """out (k, h w c): each pixel the sum of what the patches (k h' w', i j c) have of it: the adjoint of unfold.

        The sum is in the order of the pixels of the window.
        """

    def convolves_directly(self, window, filters):
        """Whether this number of filters is faster by convolution and its gradient than by patches in memory."""
        return False

    @abstractmethod
    def convolution(self, X, W, window, out):
        """out (k h' w', m) = W^T patches, without its bias; W (m, i j c), a filter a row."""

    @abstractmethod
    def convolution_gradient(self, X, Delta, window, out):
        """out (s, m i j c): each row r is patches Delta^T of the images r, r + s, ...; Delta (k h' w', m)."""

    @abstractmethod
    def max_pool(self, X, window, out, largest):
        """out (k, h' w' c): the largest of the window's pixels in the image, by channel; largest: its number i w + j.

        largest (k, h' w' c) is int32. Ties go to the first pixel, and NaN is larger than any number.
        """

    @abstractmethod
    def max_pool_gradient(self, Delta, largest, window, A):
        """A (k, h w c) = dJ/dX of max_pool, given Delta (k, h' w' c) and what it found to be the largest."""

    @abstractmethod
    def mean_pool(self, X, window, out):
        """out (k, h' w' c): the mean of the window's pixels in the image, by channel."""

    @abstractmethod
    def mean_pool_gradient(self, Delta, window, A):
        """A (k, h w c) = dJ/dX of mean_pool, given Delta (k, h' w' c)."""

    @abstractmethod
    def dropout(self, X, out, share, t, key, first=0):
        """out = X / (1 - share), but 0 for a random share of the elements, chosen by the step t (1,) int32 and a key.

        X and out (k, m); key is below 2^32. The element of index x stays if pcg3d(first + x, t, key) >= share 2^32.
        """
