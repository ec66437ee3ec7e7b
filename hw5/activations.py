"""The activation functions theta of the hidden layers, one row a name.

Lecture 14, "Examples of activation fns". A layer keeps X = theta(Z) and lets Z go, so each derivative is
written in terms of the output x = theta(z). Here is the NumPy form; kernels/activation.cu has the same table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


LEAK = 0.1  # of leaky ReLU: the lecture's max(0.1 x, x)


@dataclass(frozen=True)
class Activation:
    """One activation function.

    apply(Z, scratch) turns Z into theta(Z) in place; derivative(X, out) writes theta'(Z), given X = theta(Z).
    scratch and out have Z's shape. The initial weights of a layer with d inputs have the standard deviation
    gain / sqrt(d), which keeps the scale of the signal from layer to layer (He et al. 2015 for ReLU and its kin,
    LeCun et al. 1998 for the others).
    """

    apply: Callable[[np.ndarray, np.ndarray], object]
    derivative: Callable[[np.ndarray, np.ndarray], object]
    gain: float


def _linear(Z, _):
    """z"""


def _relu(Z, _):
    """max(0, z)"""
    np.maximum(Z, 0, out=Z)


def _leaky_relu(Z, scratch):
    """max(0.1 z, z)"""
    np.maximum(Z, np.multiply(Z, LEAK, out=scratch), out=Z)


def _elu(Z, scratch):
    """z where z >= 0, else exp(z) - 1: one of the two terms below is 0"""
    np.expm1(np.minimum(Z, 0, out=scratch), out=scratch)
    np.add(np.maximum(Z, 0, out=Z), scratch, out=Z)


def _tanh(Z, _):
    np.tanh(Z, out=Z)


def _sigmoid(Z, _):
    """1 / (1 + exp(-z)); exp overflows to infinity for z < -88, where the quotient is rightly 0."""
    with np.errstate(over="ignore"):
        np.exp(np.negative(Z, out=Z), out=Z)
    np.reciprocal(np.add(Z, 1, out=Z), out=Z)


def _linear_derivative(X, out):
    out.fill(1)


def _relu_derivative(X, out):
    np.greater(X, 0, out=out)


def _leaky_relu_derivative(X, out):
    """1 where x > 0, else 0.1"""
    np.greater(X, 0, out=out)
    np.add(np.multiply(out, 1 - LEAK, out=out), LEAK, out=out)


def _elu_derivative(X, out):
    """1 where x >= 0, else exp(z) = x + 1"""
    np.add(np.minimum(X, 0, out=out), 1, out=out)


def _tanh_derivative(X, out):
    """1 - x^2"""
    np.subtract(1, np.multiply(X, X, out=out), out=out)


def _sigmoid_derivative(X, out):
    """x (1 - x)"""
    np.multiply(X, np.subtract(1, X, out=out), out=out)


ACTIVATIONS = {
    "relu": Activation(_relu, _relu_derivative, gain=2**0.5),
    "leaky_relu": Activation(_leaky_relu, _leaky_relu_derivative, gain=(2 / (1 + LEAK**2)) ** 0.5),
    "elu": Activation(_elu, _elu_derivative, gain=2**0.5),
    "tanh": Activation(_tanh, _tanh_derivative, gain=1.0),
    "sigmoid": Activation(_sigmoid, _sigmoid_derivative, gain=1.0),
    "linear": Activation(_linear, _linear_derivative, gain=1.0),
}
