"""Problems, and hw5's steps on them, as arrays for the peers: X (k, d), y (k,), [(W (m, d), b (m,)), ...]."""

import numpy as np

from hw5.devices.activations import Activation
from hw5.devices.base import Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network

FLOAT64 = CpuDevice(np.float64)
# Sums in another order differ by a few eps (2.2e-16) of their size in each step
SAME_SUMS = {"rtol": 1e-13, "atol": 2e-14}
# The error of a float32 step is a few eps (1.2e-7) of sums of order 1; the errors of the steps accumulate
FLOAT32 = {"rtol": 2e-6, "atol": 1e-6}


def tolerance(device):
    return SAME_SUMS if device.dtype == np.float64 else FLOAT32


def problem(loss, sizes, theta, k, seed=0):
    """Parameters and k examples, exact in float32; sizes end with the number of classes."""
    rng = np.random.default_rng(seed)
    *lower, classes = sizes
    sizes = (*lower, LOSSES[loss].units(classes))
    rows = [m * Activation.of(theta).pieces for m in sizes[1:-1]] + [sizes[-1]]
    parameters = [
        (_float32(rng.normal(size=(m, d)) / d**0.5), _float32(rng.normal(size=m))) for d, m in zip(sizes, rows)
    ]
    return parameters, _float32(rng.normal(size=(k, sizes[0]))), draw_y(rng, loss, k, classes)


def draw_y(rng, loss, k, m):
    """Labels or targets of k examples: of m classes, or m of each example."""
    draw = {
        "classification": lambda: rng.integers(0, m, k),
        "multilabel": lambda: rng.integers(0, 2, (k, m)),
        "regression": lambda: _float32(rng.normal(size=(k, m))),
    }
    return draw[LOSSES[loss].task]()


def _float32(array):
    return array.astype(np.float32).astype(np.float64)


class Steps:
    """hw5's network on a device, trained step by step."""

    def __init__(self, device, parameters, theta, loss, class_weights=None):
        self.network = Network(device, parameters, theta, loss, class_weights)

    def step(self, X, y, rates):
        """Take one step over the examples; return their mean loss before it."""
        device, (k, d) = self.network.device, X.shape
        data = device.upload_data(X.astype(device.dtype), y, np.zeros(d), np.ones(d))
        order, tally = device.upload(np.arange(k), device.index_dtype), Tally(device, k)
        device.stepper(self.network, data).train(order, k, rates, tally)
        return tally.read()[0] / k

    def assert_parameters(self, expected):
        for (W, b), (expected_W, expected_b) in zip(self.network.parameters(), expected, strict=True):
            np.testing.assert_allclose(W, expected_W, **tolerance(self.network.device))
            np.testing.assert_allclose(b, expected_b, **tolerance(self.network.device))
