"""Formulas of the lectures in float64, which several contracts compare with."""

import numpy as np

from hw5.devices.activations import Activation

_OTHER_ALPHA = float(np.float32(0.3))  # not a default: a kernel that ignores its parameter fails


def softmax64(S):
    """P, its scale, S - max, and ln of the sum of exponentials. exp makes the rounding of S - max a relative error."""
    shifted = S - S.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    P = exponentials / sums
    reach = np.where(exponentials > 0, abs(shifted), 0)
    return P, P * (1 + reach + S.shape[1] ** 0.5), shifted, np.log(sums)


def activations(name):
    """The activation with its default parameter and, if it has one, with another value."""
    theta = Activation.of(name)
    return (theta, Activation(name, _OTHER_ALPHA)) if theta.formula.parameter else (theta,)


def theta64(theta, Z):
    X = Z.copy()
    theta.formula.theta(X, theta.alpha, np.empty_like(X))
    return X


def derivative64(theta, X):
    out = np.empty_like(X)
    theta.formula.derivative(X, theta.alpha, out)
    return out
