"""The activations against automatic differentiation, and the parsing of their names.

THETA has each activation as a graph, with an automatic gradient. test_operations.py and hw5 check kernels compare the
kernels with the formulas.
"""

from functools import reduce

import numpy as np
import pytest

from hw5.devices.activations import ACTIVATIONS, FORMULAS, Activation
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.nn.autodiff import Variable
from hw5.train.settings import Settings

THETA = {  # theta(z) as a graph, z a Variable (k, m) and a the parameter
    "relu": lambda z, a: z.relu(),
    "leaky_relu": lambda z, a: z.relu() - a * (-z).relu(),
    "elu": lambda z, a: z.relu() + a * ((-(-z).relu()).exp() - 1),  # z + 0 above zero, 0 + a (e^z - 1) below
    "tanh": lambda z, a: z.tanh(),
    "sigmoid": lambda z, a: z.sigmoid(),
    "linear": lambda z, a: z,
    "heaviside": lambda z, a: Variable(z.value > 0),  # constant except for its step
    "maxout": lambda z, a: reduce(_larger, (z @ np.eye(z.value.shape[1])[:, q::a] for q in range(a))),
}
_ALPHA = {name: (None,) if theta.parameter is None else (None, "0.25") for name, theta in FORMULAS.items()}
_ALPHA["maxout"] = (None, "3")


def _larger(a, b):
    return b + (a - b).relu()


def graph(theta):
    """The graph of an Activation: a function of a Variable."""
    return lambda z: THETA[theta.name](z, theta.alpha)


def test_every_activation_has_its_graph():
    assert THETA.keys() == FORMULAS.keys(), "a new activation needs a row in THETA"


@pytest.mark.parametrize(("name", "alpha"), [(name, alpha) for name in THETA for alpha in _ALPHA[name]])
def test_the_formulas_are_those_of_the_graph(name, alpha):
    """Values and derivatives in float64, to a few eps (2.2e-16) of rounding error."""
    theta, device = Activation.of(f"{name}:{alpha}" if alpha else name), CpuDevice(np.float64)
    rng = np.random.default_rng(0)
    Z, b, G = rng.normal(size=(40, 12)) * 3, rng.normal(size=12), rng.normal(size=(40, 12 // theta.pieces))
    z = Variable(Z + b)
    x = graph(theta)(z)
    (G * x).sum().backward()

    if theta.pieces == 1:
        X, Delta = Z, G.copy()
        device.activate(theta, X, b)
        device.activation_gradient(theta, Delta, X)
    else:
        X, Delta = np.empty(G.shape), Z
        device.maxout(Z, b, X)
        device.maxout_gradient(G, Delta)
    np.testing.assert_allclose(X, x.value, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(Delta, z.gradient, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "at_zero"),
    [("relu", 0), ("leaky_relu", 0.1), ("elu", 1), ("tanh", 1), ("sigmoid", 0.25), ("linear", 1), ("heaviside", 0)],
)
def test_the_derivative_at_zero(name, at_zero):
    X, out = np.zeros(1), np.empty(1)
    theta = Activation.of(name)
    theta.formula.theta(X, theta.alpha, np.empty(1))
    theta.formula.derivative(X, theta.alpha, out)
    assert out[0] == pytest.approx(at_zero, rel=1e-15)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name in FORMULAS if name != "maxout"])
def test_large_numbers_do_not_overflow(name, dtype):
    device, far = CpuDevice(dtype), np.finfo(dtype).max / 4
    Z = np.array([[-far, -1e4, 1e4, far]], dtype)
    device.activate(Activation.of(name), Z, np.zeros(4, dtype))
    assert np.isfinite(Z).all() and (np.diff(Z) >= 0).all()


def test_maxout_takes_the_first_of_equal_pieces():
    device = CpuDevice(np.float64)
    Z, X = np.array([[1.0, 1, 0, 2, 2, 2]]), np.empty((1, 2))
    device.maxout(Z, np.zeros(6), X)
    assert X.tolist() == [[1, 2]] and Z.tolist() == [[1, 0, 0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("text", "theta"),
    [
        ("relu", Activation("relu", 0)),
        ("leaky_relu", Activation("leaky_relu", 0.1)),
        ("leaky_relu:0.01", Activation("leaky_relu", 0.01)),
        ("leaky_relu:1", Activation("leaky_relu", 1)),
        ("elu:0", Activation("elu", 0)),
        ("maxout", Activation("maxout", 2)),
        ("maxout:5", Activation("maxout", 5)),
    ],
)
def test_a_name_is_parsed_with_its_parameter(text, theta):
    assert Activation.of(text) == theta
    assert Activation.of(str(theta)) == theta
    assert theta.pieces == (theta.alpha if theta.name == "maxout" else 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("relux", "did you mean 'relu'"),
        ("ReLU", "did you mean 'relu'"),
        ("Sigmoid", "did you mean 'sigmoid'"),
        ("max_out:3", "did you mean 'maxout'"),
        ("", "there is no activation ''"),
        ("swish", ", ".join(ACTIVATIONS)),
        ("relu:", "relu has no parameter"),
        ("tanh:0.5", "tanh has no parameter"),
        ("maxout:1", "number of pieces, a whole number from 2 to 1024"),
        ("maxout:2.5", "a whole number from 2 to 1024"),
        ("maxout:1025", "a whole number from 2 to 1024"),
        ("maxout:", "a whole number from 2 to 1024"),
        ("leaky_relu:1.5", "the slope below 0, a number from 0 to 1"),
        ("leaky_relu:-0.1", "a number from 0 to 1"),
        ("leaky_relu:nan", "a number from 0 to 1"),
        ("leaky_relu:x", "a number from 0 to 1"),
        ("elu:-1", "a number from 0"),
        ("elu:inf", "a number from 0"),
    ],
)
def test_invalid_activations_are_rejected(text, words):
    with pytest.raises(InputError) as refusal:
        Activation.of(text)
    assert words in str(refusal.value)


def test_gradients_cannot_train_through_a_step():
    assert set(FORMULAS) - set(ACTIVATIONS) == {"heaviside"}
    with pytest.raises(InputError, match="cannot train through heaviside, .* --model perceptron"):
        Settings(activation="heaviside")
    assert Settings(hidden=(), activation="heaviside")  # no hidden layer uses it
