"""The network against the formulas in float64 (its gradients: test_autodiff.py)."""

import numpy as np
import pytest

from hw5.devices.activations import ACTIVATIONS
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn.hidden import dense_layers
from hw5.nn.network import Network, Workspace, initial_parameters


def problem(sizes, k, seed=0):
    """Random parameters and k random examples, float64."""
    rng = np.random.default_rng(seed)
    parameters = [(rng.normal(size=(m, d)) / d**0.5, rng.normal(size=m)) for d, m in zip(sizes, sizes[1:])]
    return parameters, rng.normal(size=(k, sizes[0])), rng.integers(0, sizes[-1], k)


def upload(device, X, y):
    d = X.shape[1]
    return device.upload_data(X, y, np.zeros(d), np.ones(d))


@pytest.mark.parametrize(
    "rates",
    [
        Rates(0.1),
        Rates(0.1, l2=0.3),
        Rates(0.1, 0.9),
        Rates(0.1, 0.9, 0.2, 0.3),
        Rates(0.1, l1=0.2),
        Rates(0.1, 0.9, nesterov=True),
        Rates(0.1, 0.9, 0.2, 0.3, nesterov=True),
    ],
)
def test_linear_step_by_the_formula(rates):
    """Two steps of W <- W - eta/k x'(p - y)^T with the penalties' gradients; the second has fewer examples."""
    (parameters, X, y), mu, eta = problem((5, 3), k=7), rates.momentum, rates.eta
    W, b = (array.copy() for array in parameters[0])
    V, Vb = np.zeros_like(W), np.zeros_like(b)
    for rows in (slice(0, 4), slice(4, 7)):
        P = np.exp(X[rows] @ W.T + b)
        P /= P.sum(axis=1, keepdims=True)
        Delta = P - np.eye(3)[y[rows]]
        G = Delta.T @ X[rows] / len(Delta) + rates.l2 * W + rates.l1 * np.sign(W)
        Gb = Delta.mean(axis=0)
        V, Vb = mu * V + G, mu * Vb + Gb
        step, step_b = (G + mu * V, Gb + mu * Vb) if rates.nesterov else (V, Vb)
        W, b = W - eta * step, b - eta * step_b

    device = CpuDevice(np.float64)
    network = Network(device, parameters)
    order = device.upload(np.arange(7), device.index_dtype)
    device.stepper(network, upload(device, X, y)).train(order, 4, rates, Tally(device, 4))
    (actual_W, actual_b), *_ = network.parameters()
    np.testing.assert_allclose(actual_W, W, rtol=1e-13, atol=1e-15)  # the same sums in another order
    np.testing.assert_allclose(actual_b, b, rtol=1e-13, atol=1e-15)


def test_nesterov_computes_the_gradient_ahead_along_the_momentum():
    """Sutskever et al. (2013): v <- mu v - eta gradient(theta + mu v), theta <- theta + v.

    hw5's W is the point of that gradient, theta + mu v. The update has another form but the same values.
    """
    parameters, X, y = problem((5, 3), k=40)
    mu, eta, l2, Y = 0.9, 0.1, 0.05, np.eye(3)
    theta, v = parameters[0][0].copy(), np.zeros((3, 5))
    theta_b, v_b = parameters[0][1].copy(), np.zeros(3)
    device = CpuDevice(np.float64)
    network = Network(device, parameters)
    for rows in np.split(np.arange(40), 8):
        ahead, ahead_b = theta + mu * v, theta_b + mu * v_b
        P = np.exp(X[rows] @ ahead.T + ahead_b)
        Delta = P / P.sum(axis=1, keepdims=True) - Y[y[rows]]
        v = mu * v - eta * (Delta.T @ X[rows] / 5 + l2 * ahead)
        v_b = mu * v_b - eta * Delta.mean(axis=0)
        theta, theta_b = theta + v, theta_b + v_b
        rates = Rates(eta, mu, l2=l2, nesterov=True)
        device.stepper(network, upload(device, X, y)).train(rows, 5, rates, Tally(device, 5))
        W, b = network.parameters()[0]
        np.testing.assert_allclose(W, theta + mu * v, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(b, theta_b + mu * v_b, rtol=1e-12, atol=1e-14)


def test_tally_sums_losses_and_correct_predictions_of_all_minibatches():
    parameters, X, y = problem((5, 3), k=10)
    P = np.exp(X @ parameters[0][0].T + parameters[0][1])
    P /= P.sum(axis=1, keepdims=True)
    device = CpuDevice(np.float64)
    tally, tiny_step = Tally(device, 4), Rates(eta=1e-300)
    order = device.upload(np.arange(10), device.index_dtype)
    stepper = device.stepper(Network(device, parameters), upload(device, X, y))
    stepper.train(order, 4, tiny_step, tally)
    loss, correct = tally.read()
    assert loss == pytest.approx(-np.log(P[np.arange(10), y]).sum(), rel=1e-12)
    assert correct == (P.argmax(axis=1) == y).sum()


def test_evaluate_and_outputs_use_the_given_rows_in_chunks():
    parameters, X, y = problem((6, 7, 4), k=50)
    device = CpuDevice(np.float64)
    network, data, rows = Network(device, parameters, "tanh"), upload(device, X, y), np.arange(48, 2, -3)
    stepper = device.stepper(network, data)
    stepper.chunk = 5
    P = stepper.outputs(rows)
    H = np.tanh(X[rows] @ parameters[0][0].T + parameters[0][1])
    expected = np.exp(H @ parameters[1][0].T + parameters[1][1])
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(P, expected, rtol=1e-12)
    stepper.chunk = 7
    loss, accuracy, classes = stepper.evaluate(rows)
    assert loss == pytest.approx(-np.log(expected[np.arange(len(rows)), y[rows]]).mean(), rel=1e-12)
    assert accuracy == (expected.argmax(axis=1) == y[rows]).mean()
    assert (classes == expected.argmax(axis=1)).all()


def test_workspaces_share_one_allocation():
    device = CpuDevice()
    network = Network(device, initial_parameters(dense_layers((3, 4, 2), "relu"), 0))
    stepper = device.stepper(network, upload(device, np.zeros((9, 3), np.float32), np.zeros(9, int)))
    full, short = stepper.space(8), stepper.space(5)
    assert short is stepper.space(5)
    assert np.shares_memory(full.X, short.X)
    assert all(np.shares_memory(a.X, b.X) for a, b in zip(full.slots, short.slots))
    hidden, top = short.slots
    assert np.shares_memory(top.X, top.Delta) and hidden.X.shape == hidden.Delta.shape == (5, 4)
    assert isinstance(stepper.space(9), Workspace) and stepper.space(5).y.shape == (5,)


@pytest.mark.parametrize("theta", ACTIVATIONS)
def test_initial_weights_keep_the_scale_of_the_signal(theta):
    (W1, b1), (W2, _) = initial_parameters(dense_layers((1000, 500, 500), theta), 3)
    gain = {"relu": 2**0.5, "elu": 2**0.5, "leaky_relu": (2 / 1.01) ** 0.5}.get(theta, 1.0)
    assert W1.shape == (1000 if theta == "maxout" else 500, 1000) and W1.dtype == np.float32 and not b1.any()
    # the standard deviation of n samples has the relative error 1 / sqrt(2n); allow five times that
    assert W1.std() == pytest.approx(gain / 1000**0.5, rel=5 / (2 * W1.size) ** 0.5)
    assert W2.std() == pytest.approx(1 / 500**0.5, rel=5 / (2 * W2.size) ** 0.5)
    assert (W1 == initial_parameters(dense_layers((1000, 500, 500), theta), 3)[0][0]).all()
    assert (W1 != initial_parameters(dense_layers((1000, 500, 500), theta), 4)[0][0]).any()
