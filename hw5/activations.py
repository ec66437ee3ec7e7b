"""The activation functions theta of the hidden layers, one row a name.

Lecture 14, "Examples of activation fns". A layer keeps X = theta(Z) and lets Z go, so each derivative is
written in terms of the output x = theta(z). Here is the NumPy form; kernels/activation.cu has the same table.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Activation:
    """One activation function.

    apply(Z) turns Z into theta(Z) in place; derivative(X, out) writes theta'(Z), given X = theta(Z).
    The initial weights of a layer with d inputs have the standard deviation gain / sqrt(d), which keeps
    the scale of the signal from layer to layer (He et al. 2015 for ReLU, LeCun et al. 1998 for the others).
    """

    apply: Callable[[np.ndarray], object]
    derivative: Callable[[np.ndarray, np.ndarray], object]
    gain: float


def _sigmoid(Z):
    """1 / (1 + exp(-z)); exp overflows to infinity for z < -88, where the quotient is rightly 0."""
    with np.errstate(over="ignore"):
        np.exp(np.negative(Z, out=Z), out=Z)
    np.reciprocal(np.add(Z, 1, out=Z), out=Z)


def _sigmoid_derivative(X, out):
    """x (1 - x)"""
    np.multiply(X, np.subtract(1, X, out=out), out=out)


def _tanh_derivative(X, out):
    """1 - x^2"""
    np.subtract(1, np.multiply(X, X, out=out), out=out)


ACTIVATIONS = {
    "relu": Activation(lambda Z: np.maximum(Z, 0, out=Z), lambda X, out: np.greater(X, 0, out=out), gain=2**0.5),
    "tanh": Activation(lambda Z: np.tanh(Z, out=Z), _tanh_derivative, gain=1.0),
    "sigmoid": Activation(_sigmoid, _sigmoid_derivative, gain=1.0),
}
