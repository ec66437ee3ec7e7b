"""Reverse-mode automatic differentiation, as a check of the network's gradients, which are written out by hand.

Operations on Variables build a computation graph: each result refers to its inputs. From the loss L back to them,

    dL/d(input) = dL/d(output) * d(output)/d(input),     upstream gradient times local gradient,

as in "Gradient Descent and Neural Networks", sections "Backward Pass Computations" and "Computing the Gradients of
Loss". The gradient of a node with several uses is the sum over them.

    >>> x, y, z = Variable(-2), Variable(5), Variable(-4)
    >>> f = (x + y) * z
    >>> f.backward()
    >>> f, x.gradient, y.gradient, z.gradient
    (Variable(-12.0), array(-4.), array(-4.), array(3.))

Values are float64 arrays and broadcast as in NumPy.
"""

import numpy as np


class Variable:
    """A node of the graph: a value and, after backward(), the gradient with respect to it, of the same shape."""

    __array_ufunc__ = None  # so that array + variable calls Variable.__radd__

    def __init__(self, value, *edges):
        """edges: (node, pull) for each input of the operation; pull(G) is G times the local gradient."""
        self.value = np.array(value, np.float64)  # a copy, which no one else changes
        self.gradient = np.zeros_like(self.value)
        self.edges = edges

    def __repr__(self):
        return f"Variable({self.value})"

    def backward(self):
        """Compute the gradient of this node with respect to every node that it depends on.

        If this node has several elements, their sum is differentiated. Gradients are replaced, not accumulated.
        """
        order = self._topological_order()
        for node in order:
            node.gradient = np.zeros_like(node.value)
        self.gradient = np.ones_like(self.value)  # dL/dL
        for node in reversed(order):
            for source, pull in node.edges:
                source.gradient += _sum_to(pull(node.gradient), source.value.shape)

    def _topological_order(self):
        """The nodes of the graph, each after its inputs (section "Directed Acyclic Graphs").

        The depth-first search is not recursive, so a long chain does not exceed Python's recursion limit.
        """
        order, seen, stack = [], set(), [(self, False)]
        while stack:
            node, inputs_done = stack.pop()
            if inputs_done:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                stack.extend((source, False) for source, _ in node.edges)
        return order

    # -- arithmetic; G is the upstream gradient dL/d(result)

    def __add__(self, other):
        other = _variable(other)
        return Variable(self.value + other.value, (self, lambda G: G), (other, lambda G: G))

    def __mul__(self, other):
        other = _variable(other)
        a, b = self.value, other.value
        return Variable(a * b, (self, lambda G: G * b), (other, lambda G: G * a))

    def __pow__(self, n):
        """x^n for a constant n, with the local gradient n x^(n-1)."""
        x = self.value
        return Variable(x**n, (self, lambda G: G * n * x ** (n - 1)))

    def __matmul__(self, other):
        """H = A B of matrices or vectors: dL/dA = G B^T and dL/dB = A^T G (section "Computing the Local Gradients")."""
        other = _variable(other)
        H = self.value @ other.value
        A = np.atleast_2d(self.value)  # a vector on the left is a row,
        B = np.atleast_2d(other.value.T).T  # on the right a column
        matrix = len(A), B.shape[1]  # the shape of H as a matrix
        return Variable(
            H,
            (self, lambda G: (G.reshape(matrix) @ B.T).reshape(self.value.shape)),
            (other, lambda G: (A.T @ G.reshape(matrix)).reshape(other.value.shape)),
        )

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -_variable(other)

    def __truediv__(self, other):
        return self * _variable(other) ** -1

    # the same with the Variable on the right: number - variable, array @ variable, ...
    __radd__, __rmul__ = __add__, __mul__
    __rsub__ = lambda self, other: _variable(other) - self
    __rtruediv__ = lambda self, other: _variable(other) / self
    __rmatmul__ = lambda self, other: _variable(other) @ self

    # -- elementwise functions

    def exp(self):
        y = np.exp(self.value)
        return Variable(y, (self, lambda G: G * y))

    def log(self):
        """ln x"""
        x = self.value
        return Variable(np.log(x), (self, lambda G: G / x))

    def relu(self):
        """max(0, z), whose gradient "is 1 when z > 0, and is 0 otherwise" (Perceptron to CNN, quiz on ReLU)."""
        z = self.value
        return Variable(np.maximum(z, 0), (self, lambda G: G * (z > 0)))

    def tanh(self):
        y = np.tanh(self.value)
        return Variable(y, (self, lambda G: G * (1 - y**2)))

    def sigmoid(self):
        """s = 1 / (1 + e^-z), computed from ln(1 + e^-z), which does not overflow. The local gradient is s (1 - s)."""
        s = np.exp(-np.logaddexp(0, -self.value))
        return Variable(s, (self, lambda G: G * s * (1 - s)))

    # -- shapes

    @property
    def T(self):
        return Variable(self.value.T, (self, lambda G: G.T))

    def sum(self, axis=None, keepdims=False):
        """The gradient of each term is the upstream gradient."""
        shape, kept = self.value.shape, self.value.sum(axis, keepdims=True).shape
        total = self.value.sum(axis, keepdims=keepdims)
        return Variable(total, (self, lambda G: np.broadcast_to(G.reshape(kept), shape)))

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.value.size / self.value.size)


def log_softmax(Z):
    """ln p_k = z_k - ln(sum over j of exp(z_j)) along the last axis of a Variable.

    The row's maximum is subtracted first, so that exp does not overflow; p does not depend on it.
    """
    Z = Z - Z.value.max(axis=-1, keepdims=True)
    return Z - Z.exp().sum(axis=-1, keepdims=True).log()


def softmax_cross_entropy(Z, y):
    """The mean over the minibatch of J = -sum over k of y_k ln p_k (Lecture 14, "Linear classifier J & gradient").

    Z is a Variable (k, m) with one example per row, and y (k,) are the labels.
    """
    Y = np.eye(Z.value.shape[1])[y]
    return -(Y * log_softmax(Z)).sum() / len(Y)


def _variable(x):
    """x as a Variable; a constant becomes a leaf of the graph."""
    return x if isinstance(x, Variable) else Variable(x)


def _sum_to(G, shape):
    """The gradient of an input that was broadcast from shape: the sum of G over the copies."""
    G = G.sum(axis=tuple(range(G.ndim - len(shape))))
    return G.sum(axis=tuple(axis for axis, n in enumerate(shape) if n == 1), keepdims=True)
