"""Reverse-mode automatic differentiation over a computation graph, small enough to read in one sitting.

The network has the lecture's gradients written out by hand. Here is a second way to the same numbers: compute with
Variables instead of arrays, and each result remembers what it came from. From the loss L back to every input,

    dL/d(input) = dL/d(output) * d(output)/d(input),     upstream gradient times local gradient,

as in "Gradient Descent and Neural Networks", sections "Backward Pass Computations" and "Computing the Gradients of
Loss"; a node that feeds several others receives the sum of what comes back from them.

    >>> x, y, z = Variable(-2), Variable(5), Variable(-4)
    >>> f = (x + y) * z
    >>> f.backward()
    >>> f, x.gradient, y.gradient, z.gradient
    (Variable(-12.0), array(-4.), array(-4.), array(3.))

Values are NumPy arrays of float64 and broadcast as NumPy's do. Nothing here is made for speed.
"""

import numpy as np


class Variable:
    """A node of the graph: a value, and after backward() the gradient of the loss with respect to it, of its shape."""

    __array_ufunc__ = None  # array + variable asks the variable, not NumPy

    def __init__(self, value, *edges):
        """edges: for each input of the operation (node, pull), where pull(G) is G times the local gradient."""
        self.value = np.array(value, np.float64)  # a copy: nobody else's change reaches the graph
        self.gradient = np.zeros_like(self.value)
        self.edges = edges

    def __repr__(self):
        return f"Variable({self.value})"

    def backward(self):
        """Give every node below this one its gradient: the derivative of this node with respect to it.

        Where this node has several elements it is their sum that is differentiated. Gradients of an earlier call
        are replaced, not added to.
        """
        order = self._inputs_first()
        for node in order:
            node.gradient = np.zeros_like(node.value)
        self.gradient = np.ones_like(self.value)  # dL/dL
        for node in reversed(order):
            for source, pull in node.edges:
                source.gradient += _sum_to(pull(node.gradient), source.value.shape)

    def _inputs_first(self):
        """The nodes of the graph in topological order (section "Directed Acyclic Graphs"), each of them once.

        A depth-first walk with a stack of its own, so that a long chain does not meet Python's recursion limit.
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
        B = np.atleast_2d(other.value.T).T  # and on the right a column
        matrix = len(A), B.shape[1]  # the shape of H, had it kept both axes
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

    # and with the variable on the right of something else: number - variable, array @ variable, ...
    __radd__, __rmul__ = __add__, __mul__
    __rsub__ = lambda self, other: _variable(other) - self
    __rtruediv__ = lambda self, other: _variable(other) / self
    __rmatmul__ = lambda self, other: _variable(other) @ self

    # -- functions of each element

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
        """s = 1 / (1 + e^-z), by way of ln(1 + e^-z), which does not overflow; the local gradient is s (1 - s)."""
        s = np.exp(-np.logaddexp(0, -self.value))
        return Variable(s, (self, lambda G: G * s * (1 - s)))

    # -- shapes

    @property
    def T(self):
        return Variable(self.value.T, (self, lambda G: G.T))

    def sum(self, axis=None, keepdims=False):
        """Each summand receives the upstream gradient of its sum."""
        shape, kept = self.value.shape, self.value.sum(axis, keepdims=True).shape
        total = self.value.sum(axis, keepdims=keepdims)
        return Variable(total, (self, lambda G: np.broadcast_to(G.reshape(kept), shape)))

    def mean(self, axis=None, keepdims=False):
        total = self.sum(axis, keepdims)
        return total * (total.value.size / self.value.size)


def log_softmax(Z):
    """ln p_k = z_k - ln(sum over j of exp(z_j)) along the last axis of a Variable.

    The row's largest z is subtracted first, lest exp overflow. As p is the same whatever constant is subtracted,
    no gradient flows through it.
    """
    Z = Z - Z.value.max(axis=-1, keepdims=True)
    return Z - Z.exp().sum(axis=-1, keepdims=True).log()


def softmax_cross_entropy(Z, y):
    """J = -sum over k of y_k ln p_k (Lecture 14, "Linear classifier J & gradient"), its mean over the minibatch.

    Z is a Variable (k, m) with one example a row, and y (k,) are the labels.
    """
    Y = np.eye(Z.value.shape[1])[y]
    return -(Y * log_softmax(Z)).sum() / len(Y)


def _variable(x):
    """x as a node: a constant becomes a leaf, whose gradient nobody reads."""
    return x if isinstance(x, Variable) else Variable(x)


def _sum_to(G, shape):
    """The gradient of an input that was broadcast from shape to G's: the sum over its copies."""
    G = G.sum(axis=tuple(range(G.ndim - len(shape))))
    return G.sum(axis=tuple(axis for axis, n in enumerate(shape) if n == 1), keepdims=True)
