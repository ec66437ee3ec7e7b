"""The network: L layers, and one step of minibatch stochastic gradient descent in the lecture's letters.

Lecture 14, "Using minibatches". For a minibatch of k examples, X^(0) is d x k with one example per column, and

    forward     Z^(l) = W^(l)T X^(l-1) + b^(l),   X^(l) = theta(Z^(l))          l = 1 .. L-1
                P     = softmax(Z^(L))
    backward    Delta^(L)   = P - Y, or dJ/dZ of another loss (losses.py)
                A^(l)       = W^(l) Delta^(l),    Delta^(l-1) = A^(l) o theta'(Z^(l-1))
    update      W^(l) <- W^(l) - eta/k X^(l-1) Delta^(l)T

The 1 of the lecture's x' = (1, x) is a separate bias b, which is updated by the mean of Delta over the minibatch.

Matrices are column-major, as in cuBLAS. In NumPy, the same bytes are the transposed array in C order: X has the shape
(k, d), one example per row, and W has (m, d). So nothing is transposed to convert one to the other. A linear classifier
has L = 1; each further layer is a hidden one below it.
"""

from dataclasses import dataclass

import numpy as np

from hw5.datasets.random_streams import Stream
from hw5.devices.activations import Activation
from hw5.devices.base import Array
from hw5.nn.layers import Dense, Slot, hidden_layer
from hw5.nn.losses import LOSSES


def initial_parameters(sizes, activation, seed):
    """Random weights and zero biases: a list of (W, b) with W (m, d) and b (m,), float32, for sizes (d, ..., m).

    A hidden layer of maxout has a row of W, and a bias, for each piece of each of its m units.
    """
    rng = np.random.default_rng((seed, Stream.WEIGHTS))
    theta, top = Activation.of(activation), Activation("linear")
    parameters = []
    for d, m, theta in zip(sizes, sizes[1:], [theta] * (len(sizes) - 2) + [top]):
        W = rng.standard_normal((m * theta.pieces, d)) * (theta.gain / d**0.5)
        parameters.append((W.astype(np.float32), np.zeros(len(W), np.float32)))
    return parameters


@dataclass(frozen=True)
class Workspace:
    """The arrays of a step over k examples: the input X (k, d), the labels or targets y (k,), and a slot per layer."""

    X: Array
    y: Array
    slots: list[Slot]

    @property
    def Z(self):
        """Z^(L), without its bias until the loss adds it; then Delta^(L)."""
        return self.slots[-1].Z

    def first(self, k):
        """The same memory, for the first k examples."""
        return Workspace(self.X[:k], self.y[:k], [slot.first(k) for slot in self.slots])


class Network:
    """A network of one or more layers on a device."""

    def __init__(self, device, parameters, activation="relu", loss="cross-entropy", class_weights=None):
        """parameters: [(W, b), ...] as host arrays, from the bottom layer to the top. The velocities start at 0.

        activation and loss are names in hw5.devices.activations and hw5.nn.losses; class_weights (classes,) multiply
        the losses of each class's examples in training (default 1).
        """
        self.device, self.activation, self.loss = device, Activation.of(activation), LOSSES[loss]
        *hidden, top = parameters
        self.layers = [hidden_layer(device, W, b, self.activation) for W, b in hidden] + [Dense(device, *top)]
        self.updates = device.upload(np.zeros(1), np.int32)  # the number of updates so far, which Adam needs
        self.unit_weights = device.upload(np.ones(max(len(top[1]), 2)), device.dtype)
        self.class_weights = self.unit_weights if class_weights is None else device.upload(class_weights, device.dtype)

    @property
    def sizes(self):
        """(d, ..., m): the number of features, then of each layer's units."""
        return self.layers[0].W.shape[1], *(layer.units for layer in self.layers)

    def parameters(self):
        """[(W, b), ...] as host arrays."""
        return self._download("W", "b")

    def velocities(self):
        """[(V, Vb), ...] as host arrays."""
        return self._download("V", "Vb")

    def squares(self):
        """[(S, Sb), ...] as host arrays."""
        return self._download("S", "Sb")

    def _download(self, *names):
        return [tuple(self.device.download(getattr(layer, name)) for name in names) for layer in self.layers]

    def assign(self, parameters, velocities=None, squares=None, updates=0):
        """Set the parameters and, if given, the state of the optimiser, as the methods above return them."""
        for names, pairs in (("W", "b"), parameters), (("V", "Vb"), velocities), (("S", "Sb"), squares):
            for layer, pair in zip(self.layers, pairs or ()):
                for name, host in zip(names, pair):
                    self.device.assign(getattr(layer, name), host)
        if velocities is not None:
            self.device.assign(self.updates, [updates])

    def workspace(self, k, y_dtype):
        """The Workspace of a step over k examples, with labels or targets of a dtype."""
        X = self.device.empty((k, self.sizes[0]))
        slots = []
        for layer in self.layers:
            slots.append(layer.slot(slots[-1].X if slots else X))
        return Workspace(X, self.device.empty((k,), y_dtype), slots)

    def step(self, space, rates, tally):
        """Train on the minibatch in the workspace; add its losses and correct predictions to the tally."""
        self.forward(space)
        self.backward(space, tally)
        self.update(space, rates)

    def forward(self, space):
        """From X^(0) up to Z^(L), whose bias is left to the loss."""
        for layer, slot in zip(self.layers, space.slots):
            layer.forward(slot)

    def backward(self, space, tally):
        """Delta of every layer, from the top down, with the weights of the forward pass."""
        layers, slots = self.layers, space.slots
        self.loss.gradient(self.device, space.Z, layers[-1].b, space.y, self.class_weights, tally)  # P - Y
        for l in range(len(layers) - 1, 0, -1):
            layers[l].propagate(slots[l], slots[l - 1].A)
            layers[l - 1].differentiate(slots[l - 1])

    def update(self, space, rates):
        """W <- W - eta/k X Delta^T and b <- b - eta mean(Delta) in every layer, or another rule."""
        if rates.adam:
            self.device.advance(self.updates, 1)
        for layer, slot in zip(self.layers, space.slots):
            layer.update(slot, rates, self.updates)
