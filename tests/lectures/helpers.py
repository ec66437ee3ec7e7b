"""Conversions between the lectures' letters and hw5's network.

Examples are rows here: X (k, d) and labels y (k,); parameters are [(W, b), ...] with W (m, d) and b (m,).
"""

from itertools import pairwise

import numpy as np

from hw5.devices.activations import Activation
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network

FLOAT64 = CpuDevice("float64")
FLOAT32 = {"rtol": 2e-6, "atol": 1e-6}  # about ten times float32's eps (1.2e-7), for sums of order 1
SAME_SUMS = {"rtol": 1e-12, "atol": 1e-13}  # sums of hundreds of float64 numbers in another order


def draw(sizes, k, seed=179):
    """Random parameters for layers of these sizes, and k random examples."""
    rng = np.random.default_rng(seed)
    parameters = [(rng.normal(size=(m, d)) / d**0.5, rng.normal(size=m)) for d, m in pairwise(sizes)]
    return parameters, rng.normal(size=(k, sizes[0])), rng.integers(0, sizes[-1], k)


def place(device, X, y):
    """The examples on a device, unstandardised."""
    X, y = np.asarray(X, device.dtype), np.asarray(y)
    d = X.shape[1]
    return device.upload_data(X, y, np.zeros(d), np.ones(d))


def stepper(device, parameters, X, y, theta="relu", loss="cross-entropy"):
    """The device's stepper of the network on the examples."""
    return device.stepper(Network(device, parameters, theta, loss), place(device, X, y))


def evaluate(device, parameters, X, y, theta="relu", loss="cross-entropy"):
    """(mean loss, accuracy, classes) of the network."""
    return stepper(device, parameters, X, y, theta, loss).evaluate(np.arange(len(y)))


def outputs(parameters, X, theta="relu", device=FLOAT64, loss="cross-entropy"):
    """The outputs of the network for the examples, (k, m): P with the cross-entropy."""
    labels = np.zeros(len(X), float if LOSSES[loss].task == "regression" else int)
    return stepper(device, parameters, X, labels, theta, loss).outputs(np.arange(len(X)))


def trained(parameters, X, y, eta, k, epochs=1, theta="relu", loss="cross-entropy", device=FLOAT64):
    """The network after plain SGD with minibatches of k examples, in the order of the rows."""
    trainer = stepper(device, parameters, X, y, theta, loss)
    for _ in range(epochs):
        order = device.upload(np.arange(len(y)), device.index_dtype)
        trainer.train(order, k, Rates(eta), Tally(device, k))
    return trainer.network


def stepped(parameters, X, y, theta="relu", l1=0.0, l2=0.0, loss="cross-entropy", device=FLOAT64):
    """The network after one step over all examples, with its gradient as .velocities().

    The initial velocities are 0, so V <- mu V + gradient is the gradient.
    """
    trainer, k = stepper(device, parameters, X, y, theta, loss), len(y)
    order = device.upload(np.arange(k), device.index_dtype)
    trainer.train(order, k, Rates(1e-3, 0.5, l1, l2), Tally(device, k))
    return trainer.network


def activated(device, theta, Z, b=0.0):
    """theta(Z + b) and theta'(Z + b), computed by the device."""
    theta = Activation.of(theta)
    X = device.upload(Z, device.dtype)
    device.activate(theta, X, device.upload(np.full(Z.shape[1], b), device.dtype))
    Delta = device.upload(np.ones_like(Z), device.dtype)
    device.activation_gradient(theta, Delta, X)
    return device.download(X), device.download(Delta)


def lecture_matrices(parameters):
    """{l: W^(l)} as in Lecture 14: (d + 1) x m, with the bias as the row of x'_0 = 1; layers are counted from 1."""
    return {l: np.vstack([b, W.T]) for l, (W, b) in enumerate(parameters, start=1)}


def assert_same_parameters(actual, expected):
    """Compare lists of (W, b), except for the last few bits."""
    for pair, expected_pair in zip(actual, expected, strict=True):
        for array, expected_array in zip(pair, expected_pair):
            np.testing.assert_allclose(array, expected_array, **SAME_SUMS)
