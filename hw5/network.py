"""The network: L layers of weights, and one step of minibatch stochastic gradient descent in the lecture's letters.

Lecture 14, "Using minibatches". For a minibatch of k examples, X^(0) is d x k with one example a column, and

    forward     Z^(l) = W^(l)T X^(l-1) + b^(l),   X^(l) = theta(Z^(l))          l = 1 .. L-1
                P     = softmax(Z^(L))
    backward    Delta^(L)   = P - Y
                A^(l)       = W^(l) Delta^(l),    Delta^(l-1) = A^(l) o theta'(Z^(l-1))
    update      W^(l) <- W^(l) - eta/k X^(l-1) Delta^(l)T

The lecture's x' = (1, x) is kept apart as the bias b: its row of W is updated by the mean of Delta over the minibatch.

In memory a matrix is stored column by column, as cuBLAS has it. For NumPy the same bytes are the transposed array in C
order: X has the shape (k, d), one example a row, and W has (m, d). Nothing is ever transposed to go from one to the
other. A linear classifier is L = 1; every further layer puts a hidden one below it.
"""

from dataclasses import dataclass

import numpy as np

from hw5.activations import ACTIVATIONS
from hw5.devices.base import Array, Tally


_INITIAL_WEIGHTS = 1  # keeps these random numbers apart from the others that come of the same seed


def initial_parameters(sizes, activation, seed):
    """Random weights and zero biases: a list of (W, b) with W (m, d) and b (m,), float32, for sizes (d, ..., m)."""
    rng = np.random.default_rng((seed, _INITIAL_WEIGHTS))
    gains = [ACTIVATIONS[activation].gain] * (len(sizes) - 2) + [1.0]
    parameters = []
    for d, m, gain in zip(sizes, sizes[1:], gains):
        W = rng.standard_normal((m, d)) * (gain / d**0.5)
        parameters.append((W.astype(np.float32), np.zeros(m, np.float32)))
    return parameters


@dataclass
class Layer:
    """The weights W (m, d) and biases b (m,) of a layer, and their velocities for momentum."""

    W: Array
    b: Array
    V: Array
    Vb: Array


@dataclass(frozen=True)
class Workspace:
    """What a step over k examples keeps, numbered by layer as in the lecture.

    X[0] is the input and X[l] the output of layer l, each (k, d_l); Delta[l] is (k, d_l), and Delta[L] takes the
    place of Z[L] in X[L]; y (k,) are the labels.
    """

    X: list
    Delta: list
    y: Array

    @classmethod
    def allocate(cls, device, sizes, k):
        X = [device.empty((k, d)) for d in sizes]
        hidden = [device.empty((k, d)) for d in sizes[1:-1]]
        return cls(X, [None, *hidden, X[-1]], device.empty((k,), device.index_dtype))

    def first(self, k):
        """The same memory, seen as a workspace for k examples."""
        X = [X[:k] for X in self.X]
        hidden = [Delta[:k] for Delta in self.Delta[1:-1]]
        return Workspace(X, [None, *hidden, X[-1]], self.y[:k])


class Network:
    """A softmax classifier of one or more layers, living on a device."""

    def __init__(self, device, parameters, activation="relu"):
        """parameters: [(W, b), ...] as host arrays, from the bottom layer to the top. The velocities begin at 0."""
        self.device, self.activation = device, activation
        self.sizes = [parameters[0][0].shape[1], *(len(b) for _, b in parameters)]
        self.layers = [
            Layer(*(device.upload(array, device.dtype) for array in (W, b, np.zeros_like(W), np.zeros_like(b))))
            for W, b in parameters
        ]
        self._capacity, self._workspaces = 0, {}

    def parameters(self):
        """[(W, b), ...] as host arrays."""
        return [(self.device.download(layer.W), self.device.download(layer.b)) for layer in self.layers]

    def velocities(self):
        """[(V, Vb), ...] as host arrays."""
        return [(self.device.download(layer.V), self.device.download(layer.Vb)) for layer in self.layers]

    def workspace(self, k):
        """Buffers for k examples: views of one allocation, which grows when a larger minibatch comes."""
        if k > self._capacity:
            self._capacity = k
            self._workspaces = {k: Workspace.allocate(self.device, self.sizes, k)}
        if k not in self._workspaces:
            self._workspaces[k] = self._workspaces[self._capacity].first(k)
        return self._workspaces[k]

    def step(self, data, order, start, k, rates, tally):
        """Train on the minibatch data[order[start : start + k]]; add its losses and hits to the tally."""
        space = self.workspace(k)
        self.device.minibatch(data, order, start, space.X[0], space.y)
        self.forward(space)
        self.backward(space, tally)
        self.update(space, rates)

    def forward(self, space):
        """From X^(0) up to Z^(L), whose bias is left to the softmax."""
        *hidden, top = self.layers
        for layer, X, Z in zip(hidden, space.X, space.X[1:]):
            self.device.gemm(layer.W, X, out=Z, transpose_a=True)  # Z = W^T X
            self.device.activate(self.activation, Z, layer.b)  # X = theta(Z + b)
        self.device.gemm(top.W, space.X[-2], out=space.X[-1], transpose_a=True)

    def backward(self, space, tally):
        """Delta of every layer, from the top down, with the weights of the forward pass."""
        X, Delta = space.X, space.Delta
        self.device.softmax_cross_entropy(Delta[-1], self.layers[-1].b, space.y, tally)  # Delta = P - Y
        for l in range(len(self.layers) - 1, 0, -1):
            self.device.gemm(self.layers[l].W, Delta[l + 1], out=Delta[l])  # A = W Delta of layer l + 1
            self.device.activation_gradient(self.activation, Delta[l], X[l])  # Delta = A o theta'(Z)

    def update(self, space, rates):
        """W <- W - eta/k X Delta^T and b <- b - eta mean(Delta) in every layer."""
        update = self._update_by_velocity if rates.momentum or rates.l1 else self._update_in_gemm
        for layer, X, Delta in zip(self.layers, space.X, space.Delta[1:]):
            update(layer, X, Delta, rates)

    def _update_in_gemm(self, layer, X, Delta, rates):
        """Plain SGD, with or without L2, is one product: W <- (1 - eta lambda) W - eta/k X Delta^T."""
        eta, k = rates.eta, len(Delta)
        self.device.gemm(X, Delta, out=layer.W, transpose_b=True, alpha=-eta / k, beta=1 - eta * rates.l2)
        self.device.gradient_mean(Delta, out=layer.b, alpha=-eta, beta=1.0)

    def _update_by_velocity(self, layer, X, Delta, rates):
        """V <- mu V + 1/k X Delta^T + the penalties' gradient; W <- W - eta V."""
        mu, k = rates.momentum, len(Delta)
        self.device.gemm(X, Delta, out=layer.V, transpose_b=True, alpha=1 / k, beta=mu)
        self.device.gradient_mean(Delta, out=layer.Vb, alpha=1.0, beta=mu)
        self.device.sgd_update(layer.W, layer.V, rates.eta, rates.l1, rates.l2)
        self.device.sgd_update(layer.b, layer.Vb, rates.eta)

    def evaluate(self, data, rows, chunk=1024):
        """Mean cross-entropy, accuracy, and the classes found (n,), of the examples data[rows]; rows on the host."""
        tally = Tally(self.device, chunk)
        classes = self.device.empty((len(rows),), self.device.index_dtype)
        for part, space in self._forward_in_chunks(data, rows, chunk):
            Z, b = space.X[-1], self.layers[-1].b
            self.device.argmax(Z, b, classes[part])
            self.device.softmax_cross_entropy(Z, b, space.y, tally)
        loss, hits = tally.read()
        return loss / len(rows), hits / len(rows), self.device.download(classes)

    def probabilities(self, data, rows, chunk=1024):
        """P of the examples data[rows], (n, m); their labels play no part."""
        P = np.empty((len(rows), self.sizes[-1]), self.device.dtype)
        for part, space in self._forward_in_chunks(data, rows, chunk):
            self.device.softmax(space.X[-1], self.layers[-1].b)
            P[part] = self.device.download(space.X[-1])
        return P

    def _forward_in_chunks(self, data, rows, chunk):
        """For each chunk of rows: the slice of rows that it is, and the workspace after the forward pass."""
        order = self.device.upload(rows, self.device.index_dtype)
        for start in range(0, len(rows), chunk):
            part = slice(start, min(start + chunk, len(rows)))
            space = self.workspace(part.stop - start)
            self.device.minibatch(data, order, start, space.X[0], space.y)
            self.forward(space)
            yield part, space
