"""The activation functions theta of the hidden layers, one row a name.

Lecture 14, "Examples of activation fns" and "More activation functions". A layer keeps X = theta(Z) and lets Z go, so
each derivative is written in terms of the output x = theta(z). Here is the NumPy form; kernels/activation.cu has the
same table.

A name may come with its parameter: leaky_relu:0.01, elu:0.5, maxout:3.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hw5.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Parameter:
    """The number alpha that an activation may be given: what it is, its default and its range."""

    meaning: str
    default: float
    least: float
    most: float = math.inf
    whole: bool = False

    def read(self, text):
        """The number in text. Raises ValueError with what it should be."""
        try:
            alpha = (int if self.whole else float)(text)
        except ValueError:
            alpha = math.nan
        if not self.least <= alpha <= self.most or math.isinf(alpha):
            kind = "a whole number" if self.whole else "a number"
            bounds = f"from {self.least:g}" + ("" if math.isinf(self.most) else f" to {self.most:g}")
            raise ValueError(f"{kind} {bounds}")
        return alpha


@dataclass(frozen=True)
class Formula:
    """theta and theta', in place and element by element: theta(Z, alpha, scratch) and derivative(X, alpha, out).

    scratch and out have Z's shape. The initial weights of a layer with d inputs have the standard deviation
    gain(alpha) / sqrt(d), which keeps the scale of the signal from layer to layer (He et al. 2015 for ReLU and its kin,
    LeCun et al. 1998 for the others). Maxout is no function of one element: a device has operations of its own for it.
    """

    theta: Callable | None
    derivative: Callable | None
    gain: Callable[[float], float] = lambda a: 1.0
    parameter: Parameter | None = None


_SLOPE = Parameter("the slope below 0", 0.1, least=0, most=1)  # the lecture's max(0.1 x, x)
_ALPHA = Parameter("minus the limit far below 0", 1.0, least=0)
_PIECES = Parameter("the number of pieces", 2, least=2, most=1024, whole=True)

FORMULAS = {
    "relu": Formula(  # max(0, z)
        lambda Z, a, t: np.maximum(Z, 0, out=Z),
        lambda X, a, out: np.greater(X, 0, out=out),
        lambda a: 2**0.5,
    ),
    "leaky_relu": Formula(  # max(a z, z); 1 where x > 0, else a
        lambda Z, a, t: np.maximum(Z, np.multiply(Z, a, out=t), out=Z),
        lambda X, a, out: np.add(np.multiply(np.greater(X, 0, out=out), 1 - a, out=out), a, out=out),
        lambda a: (2 / (1 + a**2)) ** 0.5,
        _SLOPE,
    ),
    "elu": Formula(  # z where z >= 0, else a (exp(z) - 1): one of the two terms is 0; 1 where x >= 0, else x + a
        lambda Z, a, t: np.add(_a_expm1(np.minimum(Z, 0, out=t), a), np.maximum(Z, 0, out=Z), out=Z),
        lambda X, a, out: np.copyto(np.add(X, a, out=out), 1, where=X >= 0),
        lambda a: 2**0.5,
        _ALPHA,
    ),
    "tanh": Formula(  # 1 - x^2
        lambda Z, a, t: np.tanh(Z, out=Z),
        lambda X, a, out: np.subtract(1, np.multiply(X, X, out=out), out=out),
    ),
    "sigmoid": Formula(  # 1 / (1 + exp(-z)), where exp may rightly overflow; x (1 - x)
        lambda Z, a, t: np.reciprocal(np.add(np.exp(np.negative(Z, out=Z), out=Z), 1, out=Z), out=Z),
        lambda X, a, out: np.multiply(X, np.subtract(1, X, out=out), out=out),
    ),
    "linear": Formula(lambda Z, a, t: Z, lambda X, a, out: out.fill(1)),
    "heaviside": Formula(lambda Z, a, t: np.heaviside(Z, 0, out=Z), lambda X, a, out: out.fill(0)),
    "maxout": Formula(None, None, parameter=_PIECES),  # the largest of alpha linear pieces (Goodfellow et al. 2013)
}


def _a_expm1(Z, a):
    return np.multiply(np.expm1(Z, out=Z), a, out=Z)


# What gradients can train: a step has the derivative 0 wherever it has one
ACTIVATIONS = tuple(name for name in FORMULAS if name != "heaviside")
ELEMENTWISE = tuple(name for name, formula in FORMULAS.items() if formula.theta)


@dataclass(frozen=True)
class Activation:
    """An activation function by name, with its parameter alpha (0 for those that have none)."""

    name: str
    alpha: float = 0.0

    @classmethod
    def of(cls, text):
        """The Activation that text names: tanh, leaky_relu, leaky_relu:0.01. Raises InputError."""
        name, _, parameter = text.partition(":")
        if name not in FORMULAS:
            guess = did_you_mean(name, FORMULAS)
            raise InputError(f"there is no activation {name!r}{guess}; they are {', '.join(ACTIVATIONS)}")
        wanted = FORMULAS[name].parameter
        if wanted is None and ":" in text:
            raise InputError(f"the activation {name} has no parameter; write it without {':' + parameter!r}")
        try:
            return cls(name, wanted.read(parameter) if ":" in text else wanted.default if wanted else 0.0)
        except ValueError as error:
            raise InputError(f"{text!r}: the parameter of {name} is {wanted.meaning}, {error}") from None

    def __str__(self):
        parameter = FORMULAS[self.name].parameter
        return self.name if parameter is None or self.alpha == parameter.default else f"{self.name}:{self.alpha:g}"

    @property
    def formula(self):
        return FORMULAS[self.name]

    @property
    def pieces(self):
        """How many units of Z make one of X = theta(Z)."""
        return self.alpha if self.name == "maxout" else 1

    @property
    def gain(self):
        return self.formula.gain(self.alpha)
