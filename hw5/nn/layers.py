"""The kinds of layers: what each makes of k examples on the way up, and of their gradient on the way down.

Layer l turns X^(l-1) into X^(l) and, going back, A = dJ/dX^(l) into Delta^(l) = dJ/dZ^(l) and then dJ/dX^(l-1), the
lecture's A^(l) = W^(l) Delta^(l) (lecture 14, "Using minibatches"). A Slot has the arrays of a step, allocated once.

Convolutions and pooling are in image_layers.py; hidden.py makes layers of the text of --hidden.
"""

from dataclasses import dataclass, fields
from functools import partial
from math import prod

import numpy as np

from hw5.devices.base import Array
from hw5.devices.windows import Window


@dataclass(frozen=True)
class Slot:
    """The arrays of layer l in a step over k examples: X_in = X^(l-1), X = X^(l) and A = dJ/dX^(l), a row an example.

    rows are what the weights are applied to, Z = W^T rows and Delta = dJ/dZ; a convolution has a row for each place of
    each image. largest are the pixels that max pooling chose. Arrays may share memory.
    """

    X_in: Array
    X: Array
    A: Array
    rows: Array | None = None
    Z: Array | None = None
    Delta: Array | None = None
    largest: Array | None = None

    def first(self, n):
        """The same memory, for the first n examples."""
        k, arrays = len(self.X), (getattr(self, field.name) for field in fields(self))
        return Slot(*(array if array is None else array[: len(array) // k * n] for array in arrays))


class Layer:
    """A layer without weights. A kind of layer extends this, or Dense if it has weights.

    over(shape) is called first. It sets what depends on the shape of an example: the numbers in one, inputs, and the
    shape of the output.
    """

    kind: str
    weighted = False
    window: Window | None = None
    scratch_per_example = 0  # floats that propagate needs

    def over(self, shape):
        """Take examples of this shape, (d,) or (h, w, c). Raises InputError if that cannot be."""
        self.inputs, self.shape = prod(shape), shape

    def draw(self, rng):
        """Draw what is random at the start: the weights and biases (W, b), as host arrays, or None."""

    def slot(self, device, X_in):
        """The arrays of a step over the examples X_in (k, d)."""
        X, A = (device.empty((len(X_in), prod(self.shape))) for _ in range(2))
        return Slot(X_in, X, A)

    def forward(self, device, s, t):
        """X from X_in, in training step t (1,), or after training with t = None."""
        raise NotImplementedError

    def differentiate(self, device, s):
        """Delta from A."""

    def propagate(self, device, s, A, t, scratch):
        """A = dJ/dX of the layer below, in training step t; scratch (n,) is memory to use."""
        raise NotImplementedError


class Dense(Layer):
    """X = theta(W^T X_in + b), with W (m, d) and b (m,), their velocities V and Vb, and their gradients G and Gb.

    S and Sb are Adam's running means of the squared gradients, whose V and Vb are running means of the gradients.

    The top layer has no theta: it computes Z = W^T X_in, and the loss adds b.
    """

    kind = "dense"
    weighted = True
    places = 1  # of an example, to which the weights are applied
    pieces = 1  # rows of W for each unit
    weights, bias = ("W", "V", "S", "G"), ("b", "Vb", "Sb", "Gb")  # the arrays of an optimiser's step

    def __init__(self, units, theta=None):
        self.units, self.theta = units, theta

    def __str__(self):
        return str(self.units)

    def over(self, shape):
        self.inputs = self.fan_in = prod(shape)
        self.shape = (self.units,)

    @property
    def parameter_shapes(self):
        """The shapes of W and b."""
        rows = self.units * self.pieces
        return (rows, self.fan_in), (rows,)

    def draw(self, rng):
        """W with the standard deviation that the activation wants (Formula.gain), and zeros."""
        gain = self.theta.gain if self.theta else 1.0
        of_W, of_b = self.parameter_shapes
        W = rng.standard_normal(of_W) * (gain / self.fan_in**0.5)
        return W.astype(np.float32), np.zeros(of_b, np.float32)

    def place(self, device, W, b):
        """Upload W and b, host arrays. V and S start at 0."""
        self.W, self.b, self.V, self.Vb, self.S, self.Sb, self.G, self.Gb = (
            device.upload(array, device.dtype) for array in (W, b, *map(np.zeros_like, (W, b) * 3))
        )

    def slot(self, device, X_in):
        """The arrays of a step; Z becomes X in place, and A becomes Delta."""
        k, rows = len(X_in), self._rows(device, X_in)
        X = device.empty((k, self.places * self.units))
        A = device.empty(X.shape) if self.theta else X
        return Slot(X_in, X, A, rows, self._by_place(X), self._by_place(A))

    def _rows(self, device, X_in):
        return X_in

    def _by_place(self, array):
        """(k, places m) as (k places, m)."""
        return array.reshape((len(array) * self.places, self.units))

    def forward(self, device, s, t):
        """X = theta(W^T rows + b)."""
        self._linear(device, s)
        if self.theta:
            self._activate(device, s)

    def _linear(self, device, s):
        """Z = W^T rows."""
        device.gemm(self.W, s.rows, out=s.Z, transpose_a=True)

    def _activate(self, device, s):
        device.activate(self.theta, s.Z, self.b)

    def differentiate(self, device, s):
        """Delta = A o theta'(Z)."""
        device.activation_gradient(self.theta, s.A, s.X)

    def propagate(self, device, s, A, t, scratch):
        """A = W Delta."""
        device.gemm(self.W, s.Delta, out=A)

    def updates(self, device, s, rates, t):
        """The updates of W and of b, as functions that do not depend on each other; t (1,) counts the updates."""
        return partial(self._update_W, device, s, rates, t), partial(self._update_b, device, s, rates, t)

    def _update_W(self, device, s, rates, t):
        """W <- (1 - eta lambda) W - eta/k rows Delta^T, or another rule."""
        eta, k = rates.eta, len(s.X)
        if rates.is_plain:
            return self._outer(device, s, out=self.W, alpha=-eta / k, beta=1 - eta * rates.l2)
        self._outer(device, s, out=self.G, alpha=1 / k)
        self._step(device, self.weights, rates, t)

    def _update_b(self, device, s, rates, t):
        """b <- b - eta/k Delta 1, or another rule."""
        if rates.is_plain:
            return device.gradient_mean(s.Delta, out=self.b, alpha=-rates.eta * self.places, beta=1.0)
        device.gradient_mean(s.Delta, out=self.Gb, alpha=self.places)
        self._step(device, self.bias, rates.without_penalties(), t)

    def gradient(self, device, s, k):
        """G = 1/k rows Delta^T and Gb = 1/k Delta 1, of all or some of the k examples of a minibatch."""
        self._outer(device, s, out=self.G, alpha=1 / k)
        device.gradient_mean(s.Delta, out=self.Gb, alpha=self.places * len(s.X) / k)

    def step(self, device, rates, t):
        """A step along G and Gb with momentum and penalties (on W only), or by Adam; t (1,) counts the updates."""
        self._step(device, self.weights, rates, t)
        self._step(device, self.bias, rates.without_penalties(), t)

    def _step(self, device, names, rates, t):
        W, V, S, G = (getattr(self, name) for name in names)
        if rates.adam:
            device.adam_update(W, V, S, G, t, rates)
        else:
            device.sgd_update(W, V, G, rates)

    def _outer(self, device, s, out, alpha, beta=0.0):
        """out = alpha rows Delta^T + beta out."""
        device.gemm(s.rows, s.Delta, out, transpose_b=True, alpha=alpha, beta=beta)
