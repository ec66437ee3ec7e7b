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
has L = 1; each further layer is a hidden one below it. What the kinds of layers do is in layers.py.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np

from hw5.devices.base import Array
from hw5.nn.hidden import dense_layers_of, written
from hw5.nn.layers import Slot
from hw5.nn.losses import LOSSES
from hw5.random_streams import Stream


def initial_parameters(layers, seed):
    """Random weights and zero biases, float32: [(W (m, d), b (m,)), ...] of the layers that have them."""
    rng = np.random.default_rng((seed, Stream.WEIGHTS))
    return [parameters for layer in layers if (parameters := layer.draw(rng)) is not None]


@dataclass(frozen=True)
class Workspace:
    """The arrays of a step over k examples: the input X (k, d), y (k,) or (k, m), and a slot per layer.

    Layers use the scratch memory (n,) one after the other.
    """

    X: Array
    y: Array
    slots: list[Slot]
    scratch: Array

    @property
    def Z(self):
        """Z^(L), without its bias until the loss adds it; then Delta^(L)."""
        return self.slots[-1].Z

    def first(self, k):
        """The same memory, for the first k examples."""
        return Workspace(self.X[:k], self.y[:k], [slot.first(k) for slot in self.slots], self.scratch)


class Network:
    """A network of one or more layers on a device."""

    def __init__(self, device, parameters, activation="relu", loss="cross-entropy", class_weights=None, layers=None):
        """parameters: [(W, b), ...] as host arrays, from the bottom layer to the top. The velocities start at 0.

        layers: as layers_of returns them; by default dense ones of the parameters' sizes, with this activation. loss is
        a name in hw5.nn.losses; class_weights (classes,) multiply the losses of each class's examples in training
        (default 1).
        """
        self.device, self.loss = device, LOSSES[loss]
        self.layers = [copy(layer) for layer in layers or dense_layers_of(parameters, activation)]
        self.features, self.outputs = self.layers[0].inputs, self.layers[-1].units
        self.weighted = [layer for layer in self.layers if layer.weighted]
        for layer, (W, b) in zip(self.weighted, parameters, strict=True):
            layer.place(device, W, b)
        self.updates = device.upload(np.zeros(1), np.int32)  # the number of updates so far
        self.counts_updates = any(layer.kind == "dropout" for layer in self.layers)  # also without Adam
        self.unit_weights = device.upload(np.ones(max(self.outputs, 2)), device.dtype)
        self.class_weights = self.unit_weights if class_weights is None else device.upload(class_weights, device.dtype)

    def __str__(self):
        return written(self.layers)

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
        return [tuple(self.device.download(getattr(layer, name)) for name in names) for layer in self.weighted]

    def assign(self, parameters, velocities=None, squares=None, updates=0):
        """Set the parameters and, if given, the state of the optimiser, as the methods above return them."""
        for names, pairs in (("W", "b"), parameters), (("V", "Vb"), velocities), (("S", "Sb"), squares):
            for layer, pair in zip(self.weighted, pairs or ()):
                for name, host in zip(names, pair):
                    self.device.assign(getattr(layer, name), host)
        if velocities is not None:
            self.device.assign(self.updates, [updates])

    def workspace(self, k, y_dtype, y_shape=()):
        """The Workspace of a step over k examples; the labels or targets of one have the shape y_shape."""
        X = self.device.empty((k, self.features))
        slots = []
        for layer in self.layers:
            slots.append(layer.slot(self.device, slots[-1].X if slots else X))
        scratch = self.device.empty((k * max(layer.scratch_per_example for layer in self.layers[1:] or self.layers),))
        return Workspace(X, self.device.empty((k, *y_shape), y_dtype), slots, scratch)

    def step(self, space, rates, tally):
        """Train on the minibatch in the workspace; add its losses and correct predictions to the tally."""
        self.forward(space, self.updates)
        self.backward(space, tally)
        self.update(space, rates)

    def forward(self, space, t=None):
        """From X^(0) up to Z^(L), whose bias is left to the loss; t counts the updates, None if this is no training."""
        for layer, slot in zip(self.layers, space.slots):
            layer.forward(self.device, slot, t)

    def backward(self, space, tally):
        """Delta of every layer, from the top down, with the weights of the forward pass."""
        device, layers, slots = self.device, self.layers, space.slots
        self.loss.gradient(device, space.Z, layers[-1].b, space.y, self.class_weights, tally)  # P - Y
        for l in range(len(layers) - 1, 0, -1):
            layers[l].propagate(device, slots[l], slots[l - 1].A, self.updates, space.scratch)
            layers[l - 1].differentiate(device, slots[l - 1])

    def update(self, space, rates):
        """W <- W - eta/k X Delta^T and b <- b - eta mean(Delta) in every layer, or another rule."""
        if rates.adam or self.counts_updates:
            self.device.advance(self.updates, 1)
        pairs = zip(self.layers, space.slots)
        updates = [layer.updates(self.device, slot, rates, self.updates) for layer, slot in pairs if layer.weighted]
        self.device.together(sum(updates, ()))
