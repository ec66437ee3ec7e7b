"""The activation functions theta of the hidden layers, one row each.

Lecture 14, "Examples of activation fns" and "More activation functions". A layer keeps X = theta(Z) and discards Z, so
each derivative is a function of the output x = theta(z). A row has what NumPy, ONNX and the documentation need;
kernels/activations.cuh has the same rows for the GPU, the emulator and the compiled CPU step.

A name may be followed by its parameter: leaky_relu:0.01, elu:0.5, maxout:3.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hw5.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Parameter:
    """The number alpha of an activation: what it means, its default and its range."""

    meaning: str
    default: float
    least: float
    most: float = math.inf
    whole: bool = False

    @property
    def range(self):
        """The range in words."""
        kind = "a whole number" if self.whole else "a number"
        return f"{kind} from {self.least:g}" + ("" if math.isinf(self.most) else f" to {self.most:g}")

    def read(self, text):
        """Parse the number in text. Raises ValueError if it is invalid or out of range."""
        alpha = (int if self.whole else float)(text)
        if not self.least <= alpha <= self.most or math.isinf(alpha):
            raise ValueError
        return alpha


@dataclass(frozen=True)
class Formula:
    """theta and theta', in place and element by element: theta(Z, alpha, scratch) and derivative(X, alpha, out).

    scratch and out have Z's shape. text is the formula for the documentation. onnx(add, z, alpha) adds theta to an ONNX
    graph: add(operator, *inputs, **attributes), with names, numbers or arrays as inputs, returns the output's name.

    The initial weights of a layer with d inputs have the standard deviation gain(alpha) / sqrt(d), which preserves the
    scale of the signal (He et al. 2015 for ReLU and its variants, LeCun et al. 1998 for the others). Maxout is not
    elementwise: devices and exports have operations of their own for it.
    """

    text: str
    theta: Callable | None
    derivative: Callable | None
    onnx: Callable | None
    gain: Callable[[float], float] = lambda a: 1.0
    parameter: Parameter | None = None


_SLOPE = Parameter("the slope below 0", 0.1, least=0, most=1)  # the lecture's max(0.1 x, x)
_ALPHA = Parameter("minus the limit far below 0", 1.0, least=0)
_PIECES = Parameter("the number of pieces", 2, least=2, most=1024, whole=True)

FORMULAS = {
    "relu": Formula(
        "max(0, z)",
        lambda Z, a, t: np.maximum(Z, 0, out=Z),
        lambda X, a, out: np.greater(X, 0, out=out),
        lambda add, z, a: add("Relu", z),
        lambda a: 2**0.5,
    ),
    "leaky_relu": Formula(
        "max(a z, z)",
        lambda Z, a, t: np.maximum(Z, np.multiply(Z, a, out=t), out=Z),
        lambda X, a, out: np.add(np.multiply(np.greater(X, 0, out=out), 1 - a, out=out), a, out=out),  # 1 or a
        lambda add, z, a: add("LeakyRelu", z, alpha=a),
        lambda a: (2 / (1 + a**2)) ** 0.5,
        _SLOPE,
    ),
    "elu": Formula(  # the sum of max(z, 0) and a (exp(min(z, 0)) - 1), one of which is 0; theta' = 1, or x + a
        "z if z ≥ 0, else a (eᶻ − 1)",
        lambda Z, a, t: np.add(_a_expm1(np.minimum(Z, 0, out=t), a), np.maximum(Z, 0, out=Z), out=Z),
        lambda X, a, out: np.copyto(np.add(X, a, out=out), 1, where=X >= 0),
        lambda add, z, a: add("Elu", z, alpha=a),
        lambda a: 2**0.5,
        _ALPHA,
    ),
    "tanh": Formula(
        "tanh z",
        lambda Z, a, t: np.tanh(Z, out=Z),
        lambda X, a, out: np.subtract(1, np.multiply(X, X, out=out), out=out),  # 1 - x^2
        lambda add, z, a: add("Tanh", z),
    ),
    "sigmoid": Formula(  # exp may overflow: 1 / inf is right
        "1 / (1 + e⁻ᶻ)",
        lambda Z, a, t: np.reciprocal(np.add(np.exp(np.negative(Z, out=Z), out=Z), 1, out=Z), out=Z),
        lambda X, a, out: np.multiply(X, np.subtract(1, X, out=out), out=out),  # x (1 - x)
        lambda add, z, a: add("Sigmoid", z),
    ),
    "linear": Formula("z", lambda Z, a, t: Z, lambda X, a, out: out.fill(1), lambda add, z, a: z),
    "heaviside": Formula(
        "1 if z > 0, else 0", lambda Z, a, t: np.heaviside(Z, 0, out=Z), lambda X, a, out: out.fill(0), None
    ),
    "maxout": Formula(  # Goodfellow et al. 2013
        "the largest of a numbers z, each with weights of its own", None, None, None, parameter=_PIECES
    ),
}


def _a_expm1(Z, a):
    return np.multiply(np.expm1(Z, out=Z), a, out=Z)


# Those that gradients can train: the derivative of heaviside is 0
ACTIVATIONS = tuple(name for name in FORMULAS if name != "heaviside")
ELEMENTWISE = tuple(name for name, formula in FORMULAS.items() if formula.theta)


@dataclass(frozen=True)
class Activation:
    """An activation by name, with its parameter alpha (0 if it has none)."""

    name: str
    alpha: float = 0.0

    @classmethod
    def of(cls, text):
        """The Activation named by text: tanh, leaky_relu, leaky_relu:0.01. Raises InputError."""
        if not isinstance(text, str):
            raise InputError(f"an activation is a name such as relu, not {text!r}; they are {', '.join(ACTIVATIONS)}")
        name, colon, parameter = text.partition(":")
        if name not in FORMULAS:
            guess = did_you_mean(name, FORMULAS)
            raise InputError(f"there is no activation {name!r}{guess}; they are {', '.join(ACTIVATIONS)}")
        wanted = FORMULAS[name].parameter
        if not colon:
            return cls(name, wanted.default if wanted else 0.0)
        if wanted is None:
            raise InputError(f"the activation {name} has no parameter; remove {':' + parameter!r}")
        try:
            return cls(name, wanted.read(parameter))
        except ValueError:
            raise InputError(f"{text!r}: the parameter of {name} is {wanted.meaning}, {wanted.range}") from None

    def __str__(self):
        parameter = FORMULAS[self.name].parameter
        return self.name if parameter is None or self.alpha == parameter.default else f"{self.name}:{self.alpha:g}"

    @property
    def formula(self):
        return FORMULAS[self.name]

    @property
    def pieces(self):
        """The number of columns of Z for each of X = theta(Z)."""
        return self.alpha if self.name == "maxout" else 1

    @property
    def gain(self):
        return self.formula.gain(self.alpha)
