"""The network: L layers of weights, and one step of minibatch stochastic gradient descent in the lecture's letters.

Lecture 14, "Using minibatches". For a minibatch of k examples, X^(0) is d x k with one example a column, and

    forward     Z^(l) = W^(l)T X^(l-1) + b^(l),   X^(l) = theta(Z^(l))          l = 1 .. L-1
                P     = softmax(Z^(L))
    backward    Delta^(L)   = P - Y, or dJ/dZ of another loss (losses.py)
                A^(l)       = W^(l) Delta^(l),    Delta^(l-1) = A^(l) o theta'(Z^(l-1))
    update      W^(l) <- W^(l) - eta/k X^(l-1) Delta^(l)T

The lecture's x' = (1, x) is kept apart as the bias b: its row of W is updated by the mean of Delta over the minibatch.

In memory a matrix is stored column by column, as cuBLAS has it. For NumPy the same bytes are the transposed array in C
order: X has the shape (k, d), one example a row, and W has (m, d). Nothing is ever transposed to go from one to the
other. A linear classifier is L = 1; every further layer puts a hidden one below it.
"""

from dataclasses import dataclass, replace

import numpy as np

from hw5.devices.activations import Activation
from hw5.devices.base import Array, Tally
from hw5.nn.losses import LOSSES


_INITIAL_WEIGHTS = 1  # keeps these random numbers apart from the others that come of the same seed


def initial_parameters(sizes, activation, seed):
    """Random weights and zero biases: a list of (W, b) with W (m, d) and b (m,), float32, for sizes (d, ..., m).

    A hidden layer of maxout has as many rows of W, and biases, for each of its m units as it has pieces.
    """
    rng = np.random.default_rng((seed, _INITIAL_WEIGHTS))
    theta, top = Activation.of(activation), Activation("linear")
    parameters = []
    for d, m, theta in zip(sizes, sizes[1:], [theta] * (len(sizes) - 2) + [top]):
        W = rng.standard_normal((m * theta.pieces, d)) * (theta.gain / d**0.5)
        parameters.append((W.astype(np.float32), np.zeros(len(W), np.float32)))
    return parameters


@dataclass
class Layer:
    """The weights W (m, d) and biases b (m,) of a layer, their velocities for momentum, and room for their gradient."""

    W: Array
    b: Array
    V: Array
    Vb: Array
    G: Array
    Gb: Array


@dataclass(frozen=True)
class Workspace:
    """What a step over k examples keeps, numbered by layer as in the lecture.

    X[0] is the input and X[l] the output of layer l, each (k, d_l); Z[l] and Delta[l] are (k, m_l) for the m_l rows of
    W^(l), and A[l] is (k, d_l). Memory is shared where an operation works in place: Z[l] is X[l] and Delta[l] is A[l],
    but for maxout, whose m_l is a multiple of d_l, and where Delta[l] is Z[l]. In the top layer all four are one.
    y (k,) are the labels.
    """

    X: list
    Z: list
    A: list
    Delta: list
    y: Array

    @classmethod
    def allocate(cls, device, sizes, pieces, k, y_dtype):
        X = [device.empty((k, d)) for d in sizes]
        A = [None, *(device.empty((k, d)) for d in sizes[1:-1]), X[-1]]
        if pieces == 1:
            Z, Delta = X, A
        else:
            Z = Delta = [None, *(device.empty((k, pieces * d)) for d in sizes[1:-1]), X[-1]]
        return cls(X, Z, A, Delta, device.empty((k,), y_dtype))

    def first(self, k):
        """The same memory, seen as a workspace for k examples."""
        X, Z, A, Delta = (
            [a if a is None else a[:k] for a in arrays] for arrays in (self.X, self.Z, self.A, self.Delta)
        )
        return Workspace(X, Z, A, Delta, self.y[:k])


class Network:
    """A network of one or more layers, living on a device."""

    def __init__(self, device, parameters, activation="relu", loss="cross-entropy", class_weights=None):
        """parameters: [(W, b), ...] as host arrays, from the bottom layer to the top. The velocities begin at 0.

        activation and loss are names in hw5.devices.activations and hw5.nn.losses; class_weights (classes,) multiply the losses
        of the examples of each class in training, and are 1 where they are not given.
        """
        self.device, self.activation, self.loss = device, Activation.of(activation), LOSSES[loss]
        self.sizes = [*(W.shape[1] for W, _ in parameters), len(parameters[-1][1])]
        self.layers = [
            Layer(*(device.upload(array, device.dtype) for array in (W, b, *map(np.zeros_like, (W, b, W, b)))))
            for W, b in parameters
        ]
        self._even_weights = device.upload(np.ones(max(self.sizes[-1], 2)), device.dtype)
        self.class_weights = self._even_weights if class_weights is None else device.upload(class_weights, device.dtype)
        self._capacity, self._workspaces = 0, {}

    def parameters(self):
        """[(W, b), ...] as host arrays."""
        return [(self.device.download(layer.W), self.device.download(layer.b)) for layer in self.layers]

    def velocities(self):
        """[(V, Vb), ...] as host arrays."""
        return [(self.device.download(layer.V), self.device.download(layer.Vb)) for layer in self.layers]

    def assign(self, parameters, velocities=None):
        """Take other parameters, and velocities where they are given; host arrays as from the methods above."""
        for layer, (W, b) in zip(self.layers, parameters):
            self.device.assign(layer.W, W)
            self.device.assign(layer.b, b)
        for layer, (V, Vb) in zip(self.layers, velocities or ()):
            self.device.assign(layer.V, V)
            self.device.assign(layer.Vb, Vb)

    def workspace(self, k):
        """Buffers for k examples: views of one allocation, which grows when a larger minibatch comes."""
        if k > self._capacity:
            self._capacity = k
            y_dtype = self.device.dtype if self.loss.is_regression else self.device.index_dtype
            self._workspaces = {k: Workspace.allocate(self.device, self.sizes, self.activation.pieces, k, y_dtype)}
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
        """From X^(0) up to Z^(L), whose bias is left to the loss."""
        *hidden, top = self.layers
        for layer, X, Z, X_out in zip(hidden, space.X, space.Z[1:], space.X[1:]):
            self.device.gemm(layer.W, X, out=Z, transpose_a=True)  # Z = W^T X
            if self.activation.pieces == 1:
                self.device.activate(self.activation, Z, layer.b)  # X = theta(Z + b)
            else:
                self.device.maxout(Z, layer.b, X_out)
        self.device.gemm(top.W, space.X[-2], out=space.Z[-1], transpose_a=True)

    def backward(self, space, tally):
        """Delta of every layer, from the top down, with the weights of the forward pass."""
        X, A, Delta = space.X, space.A, space.Delta
        self.loss.gradient(self.device, Delta[-1], self.layers[-1].b, space.y, self.class_weights, tally)  # P - Y
        for l in range(len(self.layers) - 1, 0, -1):
            self.device.gemm(self.layers[l].W, Delta[l + 1], out=A[l])  # A = W Delta of layer l + 1
            if self.activation.pieces == 1:
                self.device.activation_gradient(self.activation, A[l], X[l])  # Delta = A o theta'(Z)
            else:
                self.device.maxout_gradient(A[l], Delta[l])

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
        """G = 1/k X Delta^T, and the step along it with momentum and the penalties, which spare the biases."""
        self.device.gemm(X, Delta, out=layer.G, transpose_b=True, alpha=1 / len(Delta))
        self.device.gradient_mean(Delta, out=layer.Gb)
        self.device.sgd_update(layer.W, layer.V, layer.G, rates)
        self.device.sgd_update(layer.b, layer.Vb, layer.Gb, replace(rates, l1=0.0, l2=0.0))

    def evaluate(self, data, rows, chunk=1024):
        """Mean loss, accuracy, and the classes found (n,), of the examples data[rows]; rows on the host.

        Of a regression only the mean loss means anything.
        """
        tally = Tally(self.device, chunk)
        classes = self.device.empty((len(rows),), self.device.index_dtype)
        for part, space in self._forward_in_chunks(data, rows, chunk):
            Z, b = space.Z[-1], self.layers[-1].b
            self.loss.find(self.device, Z, b, classes[part])
            self.loss.gradient(self.device, Z, b, space.y, self._even_weights, tally)
        loss, hits = tally.read()
        return loss / len(rows), hits / len(rows), self.device.download(classes)

    def outputs(self, data, rows, chunk=1024):
        """What the loss reads off the top layer for the examples data[rows], (n, m); their labels play no part.

        Softmax's probabilities (n, m), the sigmoid's of class 1 (n, 1), or the numbers z themselves.
        """
        P = np.empty((len(rows), self.sizes[-1]), self.device.dtype)
        for part, space in self._forward_in_chunks(data, rows, chunk):
            self.loss.output(self.device, space.Z[-1], self.layers[-1].b)
            P[part] = self.device.download(space.Z[-1])
        return P

    def _forward_in_chunks(self, data, rows, chunk):
        """For each chunk of rows: the slice of rows that it is, and the workspace after the forward pass."""
        order = self.device.upload(rows, self.device.index_dtype)
        for start in range(0, len(rows), chunk):
            part = slice(start, min(start + chunk, len(rows)))
            space = self.workspace(part.stop - start)
            self.device.forward(self, data, order, start, space)
            yield part, space
