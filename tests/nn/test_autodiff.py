"""Automatic differentiation against numerical differentiation, and the network's formulas against both."""

import doctest

import numpy as np
import pytest

from hw5.devices.activations import ACTIVATIONS, Activation
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn import autodiff
from hw5.nn.autodiff import Variable, log_softmax, softmax_cross_entropy
from hw5.nn.network import Network
from tests.devices.test_activations import graph

H = 1e-5
# A central difference errs by about H^2 times a third derivative and by eps / H times the function: 1e-10 and 2e-11
# for the numbers below, which are of order 1 to 100.
TOLERANCE = {"rtol": 1e-7, "atol": 1e-8}


def numerical_gradient(f, inputs, position):
    """df / d(inputs[position]) by central differences; f maps arrays to a number."""
    inputs = [np.array(x, np.float64) for x in inputs]
    x = inputs[position]
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        value = x[i]
        x[i] = value + H
        above = f(*inputs)
        x[i] = value - H
        below = f(*inputs)
        x[i] = value
        gradient[i] = (above - below) / (2 * H)
    return gradient


def check(f, *inputs):
    """Check all gradients of f, a function of Variables. Its elements have different weights in the loss."""

    def loss(*arrays):
        variables = [Variable(x) for x in arrays]
        result = f(*variables)
        weights = np.cos(np.arange(result.value.size)).reshape(result.value.shape)
        return (weights * result).sum(), variables

    L, variables = loss(*inputs)
    L.backward()
    for position, variable in enumerate(variables):
        want = numerical_gradient(lambda *arrays: loss(*arrays)[0].value, inputs, position)
        assert variable.gradient.shape == variable.value.shape
        np.testing.assert_allclose(variable.gradient, want, **TOLERANCE)


def draw(*shape, seed=0):
    """Numbers of both signs with magnitudes in (0.5, 2), away from the kink of ReLU and the pole of 1 / x."""
    rng = np.random.default_rng((seed, *shape))
    return rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)


UNARY = {
    "-x": lambda x: -x,
    "x^2": lambda x: x**2,
    "x^3": lambda x: x**3,
    "x^-1": lambda x: x**-1,
    "|x|^0.5": lambda x: (x * x) ** 0.25,
    "exp": Variable.exp,
    "log": lambda x: (x * x).log(),
    "relu": Variable.relu,
    "tanh": Variable.tanh,
    "sigmoid": Variable.sigmoid,
    "T": lambda x: x.T,
    "sum": Variable.sum,
    "mean": Variable.mean,
    "3 - x": lambda x: 3 - x,
    "x - 3": lambda x: x - 3,
    "3 / x": lambda x: 3 / x,
    "x / 3": lambda x: x / 3,
    "3 + x": lambda x: 3 + x,
    "3 x": lambda x: 3 * x,
}


@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_variable(name, shape):
    check(UNARY[name], draw(*shape))


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2)])
@pytest.mark.parametrize("reduce", [Variable.sum, Variable.mean])
def test_reductions_along_axes(reduce, axis, keepdims):
    x = draw(2, 3, 4)
    check(lambda x: reduce(x, axis, keepdims), x)
    want = (np.sum if reduce is Variable.sum else np.mean)(x, axis, keepdims=keepdims)
    np.testing.assert_allclose(reduce(Variable(x), axis, keepdims).value, want, rtol=1e-14)


BINARY = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
}
BROADCAST = [((3, 4), (3, 4)), ((3, 4), (4,)), ((4,), (3, 4)), ((3, 1), (1, 4)), ((), (3, 4)), ((2, 1, 3), (4, 1))]


@pytest.mark.parametrize("shapes", BROADCAST, ids=str)
@pytest.mark.parametrize("name", BINARY)
def test_broadcasting_sums_the_gradient_over_the_copies(name, shapes):
    check(BINARY[name], draw(*shapes[0]), draw(*shapes[1], seed=1))


def test_a_broadcast_bias_receives_the_sum_over_the_rows():
    b = Variable([1.0, 2.0])
    (np.ones((3, 2)) * [[1], [10], [100]] + b).backward()
    assert b.gradient.tolist() == [3, 3]


@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((3, 4), (4,)), ((4,), (4, 2)), ((4,), (4,))], ids=str)
def test_products_of_matrices_and_vectors(shapes):
    A, B = draw(*shapes[0]), draw(*shapes[1], seed=1)
    check(lambda A, B: A @ B, A, B)
    for left, right in ((Variable(A), B), (A, Variable(B))):  # an array on either side
        np.testing.assert_array_equal((left @ right).value, A @ B)


def test_an_array_on_the_left_uses_the_operator_of_the_variable():
    a, x = draw(3), Variable(draw(3, seed=1))
    for result, want in ((a + x, a + x.value), (a - x, a - x.value), (a * x, a * x.value), (a / x, a / x.value)):
        assert isinstance(result, Variable)
        np.testing.assert_allclose(result.value, want, rtol=1e-15)


def test_softmax_cross_entropy_and_log_softmax():
    Z, y = draw(5, 3), np.array([0, 2, 1, 1, 0])
    check(log_softmax, Z)
    check(lambda Z: softmax_cross_entropy(Z, y), Z)
    p = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    assert softmax_cross_entropy(Variable(Z), y).value == pytest.approx(-np.log(p[range(5), y]).mean(), rel=1e-14)


@pytest.mark.filterwarnings("error")
def test_large_numbers_do_not_overflow():
    z = Variable([-1e4, 0, 1e4])
    s = z.sigmoid()
    s.backward()
    assert s.value.tolist() == [0, 0.5, 1] and z.gradient.tolist() == [0, 0.25, 0]
    Z = Variable([[-1e4, 1e4]])
    J = softmax_cross_entropy(Z, [0])
    J.backward()
    assert J.value == 2e4 and Z.gradient.tolist() == [[-1, 1]]


def test_sigmoid_is_accurate_far_below_zero():
    assert Variable(-40).sigmoid().value == pytest.approx(np.exp(-40), rel=1e-14)


def test_a_node_used_twice_receives_both_gradients():
    x = Variable(3)
    y = x * x + x  # 2 x + 1
    y.backward()
    assert x.gradient == 7


def test_each_path_through_a_diamond_counts_once():
    """f = (a + b)(a - b) with a = x^2, b = 3 x: f = x^4 - 9 x^2, so f' = 4 x^3 - 18 x; a and b are used twice."""
    x = Variable(2)
    a, b = x**2, 3 * x
    f = (a + b) * (a - b)
    f.backward()
    assert f.value == -20 and x.gradient == -4
    assert a.gradient == 2 * a.value and b.gradient == -2 * b.value


def test_reused_nodes_are_visited_once():
    """Doubling y + y 200 times gives 2^200 paths."""
    x = y = Variable(1)
    for _ in range(200):
        y = y + y
    y.backward()
    assert x.gradient == 2.0**200


def test_a_second_backward_replaces_the_gradients():
    x = Variable([1.0, 2.0])
    loss = (x**2).sum()
    loss.backward()
    loss.backward()
    assert x.gradient.tolist() == [2, 4]
    (3 * x).backward()
    assert x.gradient.tolist() == [3, 3]


def test_a_variable_the_result_does_not_depend_on_has_no_gradient():
    x, y = Variable([1.0, 2.0]), Variable(4)
    (x + 1).backward()
    assert y.gradient == 0 and x.gradient.tolist() == [1, 1]


@pytest.mark.slow
def test_a_long_chain_does_not_exceed_the_recursion_limit():
    x = y = Variable(2)
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert y.value == 100_002 and x.gradient == 1


def test_a_variable_has_its_own_copy():
    array = np.array([1.0, 2.0])
    x = Variable(array)
    y = x * x
    array[:] = 0
    y.backward()
    assert y.value.tolist() == [1, 4] and x.gradient.tolist() == [2, 4]


def test_exponents_are_constants():
    with pytest.raises(TypeError):
        Variable(2) ** Variable(3)


def test_the_example_in_the_module():
    assert doctest.testmod(autodiff) == (0, 4)


@pytest.mark.parametrize("theta", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(5, 3), (1, 2), (6, 7, 4), (4, 5, 3, 2), (3, 8, 8, 8, 5), (64, 32, 10)])
def test_the_gradient_of_the_network(sizes, theta):
    """The formulas of hw5.nn.network and the graph multiply and add the same float64 numbers in different orders.

    Each error is a few eps (2.2e-16) times the terms of a sum; 1e-13 allows for sums of several hundred terms.
    """
    rng, k = np.random.default_rng(sizes), 9
    rows = [m * Activation.of(theta).pieces for m in sizes[1:-1]] + [sizes[-1]]
    parameters = [(rng.normal(size=(m, d)) / d**0.5, rng.normal(size=m)) for d, m in zip(sizes, rows)]
    x, y = rng.normal(size=(k, sizes[0])), rng.integers(0, sizes[-1], k)

    device = CpuDevice("float64")
    network, tally = Network(device, parameters, theta), Tally(device, k)
    data = device.upload_data(x, y, np.zeros(sizes[0]), np.ones(sizes[0]))
    order = device.upload(np.arange(k), device.index_dtype)
    device.stepper(network, data).train(
        order, k, Rates(eta=0.1, momentum=0.5), tally
    )  # the velocities are the gradient

    X, layers = x, [(Variable(W), Variable(b)) for W, b in parameters]
    for W, b in layers[:-1]:
        X = graph(Activation.of(theta))(X @ W.T + b)
    W, b = layers[-1]
    J = softmax_cross_entropy(X @ W.T + b, y)
    J.backward()

    assert tally.read()[0] / k == pytest.approx(J.value, rel=1e-13)
    for (W, b), (V, Vb) in zip(layers, network.velocities()):
        np.testing.assert_allclose(V, W.gradient, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(Vb, b.gradient, rtol=1e-13, atol=1e-13)
