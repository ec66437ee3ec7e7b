"""The layers of a network: what each computes for k examples in the forward and the backward pass.

Layer l turns X^(l-1) into X^(l) and, going back, dJ/dX^(l) into Delta^(l) = dJ/dZ^(l) and then dJ/dX^(l-1), the
lecture's A^(l) = W^(l) Delta^(l) (lecture 14, "Using minibatches"). A Slot has the arrays of a step, allocated once.
"""

from dataclasses import dataclass, fields

import numpy as np

from hw5.devices.base import Array


@dataclass(frozen=True)
class Slot:
    """The arrays of layer l in a step over k examples: X_in = X^(l-1) (k, d), Z, X, A = dJ/dX and Delta = dJ/dZ.

    X and A are (k, units); Z and Delta have a column for each row of W. Arrays may share memory.
    """

    X_in: Array
    Z: Array
    X: Array
    A: Array
    Delta: Array

    def first(self, k):
        """The same memory, for the first k examples."""
        return Slot(*(getattr(self, field.name)[:k] for field in fields(self)))


class Dense:
    """X = theta(W^T X_in + b), with W (m, d) and b (m,), their velocities V and Vb, and their gradients G and Gb.

    S and Sb are Adam's running means of the squared gradients, whose V and Vb are running means of the gradients.

    The top layer has no theta: it computes Z = W^T X_in, and the loss adds b.
    """

    pieces = 1  # rows of W for each unit

    def __init__(self, device, W, b, theta=None):
        """W and b are host arrays; V and S start at 0."""
        self.device, self.theta = device, theta
        self.W, self.b, self.V, self.Vb, self.S, self.Sb, self.G, self.Gb = (
            device.upload(array, device.dtype) for array in (W, b, *map(np.zeros_like, (W, b) * 3))
        )

    @property
    def units(self):
        return self.W.shape[0] // self.pieces

    def slot(self, X_in):
        """The arrays of a step; Z becomes X in place, and A becomes Delta."""
        Z = self.device.empty((len(X_in), self.units))
        A = self.device.empty(Z.shape) if self.theta else Z
        return Slot(X_in, Z, Z, A, A)

    def forward(self, s):
        """X = theta(W^T X_in + b)."""
        self.device.gemm(self.W, s.X_in, out=s.Z, transpose_a=True)
        if self.theta:
            self.device.activate(self.theta, s.Z, self.b)

    def differentiate(self, s):
        """Delta = A o theta'(Z)."""
        self.device.activation_gradient(self.theta, s.A, s.X)

    def propagate(self, s, A):
        """A = W Delta: dJ/dX of the layer below."""
        self.device.gemm(self.W, s.Delta, out=A)

    def update(self, s, rates, t):
        """W <- W - eta/k X_in Delta^T and b <- b - eta mean(Delta), or another rule; t (1,) counts the updates."""
        if rates.adam or rates.momentum or rates.l1:
            self._step_along_gradient(s.X_in, s.Delta, rates, t)
        else:
            self._step_in_gemm(s.X_in, s.Delta, rates)

    def _step_in_gemm(self, X, Delta, rates):
        """Plain SGD, with or without L2, is one product: W <- (1 - eta lambda) W - eta/k X Delta^T."""
        eta, k = rates.eta, len(Delta)
        self.device.gemm(X, Delta, out=self.W, transpose_b=True, alpha=-eta / k, beta=1 - eta * rates.l2)
        self.device.gradient_mean(Delta, out=self.b, alpha=-eta, beta=1.0)

    def _step_along_gradient(self, X, Delta, rates, t):
        """G = 1/k X Delta^T, then a step along G with momentum and penalties (on W only), or by Adam."""
        device, of_bias = self.device, rates.without_penalties()
        device.gemm(X, Delta, out=self.G, transpose_b=True, alpha=1 / len(Delta))
        device.gradient_mean(Delta, out=self.Gb)
        if rates.adam:
            device.adam_update(self.W, self.V, self.S, self.G, t, rates)
            device.adam_update(self.b, self.Vb, self.Sb, self.Gb, t, of_bias)
        else:
            device.sgd_update(self.W, self.V, self.G, rates)
            device.sgd_update(self.b, self.Vb, self.Gb, of_bias)


class Maxout(Dense):
    """X = the largest of each unit's linear pieces (Goodfellow et al. 2013); W has `pieces` rows for each unit."""

    def __init__(self, device, W, b, theta):
        self.pieces = theta.pieces
        super().__init__(device, W, b, theta)

    def slot(self, X_in):
        """The arrays of a step; Z becomes 1 at each unit's largest piece and 0 elsewhere, then Delta."""
        X, A = (self.device.empty((len(X_in), self.units)) for _ in range(2))
        Z = self.device.empty((len(X_in), self.pieces * self.units))
        return Slot(X_in, Z, X, A, Z)

    def forward(self, s):
        self.device.gemm(self.W, s.X_in, out=s.Z, transpose_a=True)
        self.device.maxout(s.Z, self.b, s.X)

    def differentiate(self, s):
        """Delta = A at each unit's largest piece, 0 elsewhere."""
        self.device.maxout_gradient(s.A, s.Delta)


def hidden_layer(device, W, b, theta):
    """The layer with this activation: Maxout if it has several pieces, else Dense."""
    return (Maxout if theta.pieces > 1 else Dense)(device, W, b, theta)
