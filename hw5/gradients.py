"""The network's gradients against numerical differentiation, in float64: what `hw5 check gradients` runs.

dJ/dw is about (J(w + h) - J(w - h)) / 2h. The formula errs by h^2 times a third derivative, and rounding by eps / h,
so with h = 1e-5 the difference is known to within about 1e-10 times J, far better than the tolerance asks for.
"""

from dataclasses import dataclass

import numpy as np

from hw5.activations import ACTIVATIONS
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.network import Network

TOLERANCE = 1e-6  # of the relative error
STEP = 1e-5
EXAMPLES = 8
SAMPLE = 200  # parameters of a layer that are tried, where it has more
NETWORKS = ((5, 3), (6, 7, 4), (5, 6, 4, 3), (784, 128, 10))


@dataclass(frozen=True)
class LayerReport:
    """The largest relative error of a layer's gradient, over the parameters that were tried."""

    sizes: tuple[int, ...]
    activation: str
    layer: int
    tried: int
    parameters: int
    worst: float

    @property
    def is_right(self):
        return self.worst <= TOLERANCE


def check_gradients(networks=NETWORKS, activations=tuple(ACTIVATIONS)):
    """Yield a LayerReport for every layer of every network; a linear one has no activation to vary."""
    for sizes in networks:
        for theta in activations if len(sizes) > 2 else activations[:1]:
            yield from _check_network(sizes, theta)


def _check_network(sizes, theta, seed=0):
    rng = np.random.default_rng(seed)
    parameters = [(rng.normal(size=(m, d)) / d**0.5, rng.normal(size=m)) for d, m in zip(sizes, sizes[1:])]
    X, y = rng.normal(size=(EXAMPLES, sizes[0])), rng.integers(0, sizes[-1], EXAMPLES)
    gradients = _gradients(parameters, theta, X, y)
    for layer, (pair, gradient_pair) in enumerate(zip(parameters, gradients), start=1):
        errors = [
            _relative_error(array, gradient, rng, lambda: _loss(parameters, theta, X, y))
            for array, gradient in zip(pair, gradient_pair)
        ]
        tried = sum(min(SAMPLE, array.size) for array in pair)
        yield LayerReport(sizes, theta if len(sizes) > 2 else "-", layer, tried, sum(a.size for a in pair), max(errors))


def _relative_error(array, gradient, rng, loss):
    """The largest |numerical - gradient| of a sample, relative to the largest gradient in the array."""
    sample = rng.permutation(array.size)[:SAMPLE]
    entries, worst = array.reshape(-1), 0.0
    for i in sample:
        value = entries[i]
        entries[i] = value + STEP
        above = loss()
        entries[i] = value - STEP
        below = loss()
        entries[i] = value
        worst = max(worst, abs((above - below) / (2 * STEP) - gradient.reshape(-1)[i]))
    return float(worst / abs(gradient).max())


def _on_cpu(parameters, theta, X, y):
    device, d = CpuDevice(np.float64), X.shape[1]
    return Network(device, parameters, theta), device.place(X, y, np.zeros(d), np.ones(d))


def _loss(parameters, theta, X, y):
    network, data = _on_cpu(parameters, theta, X, y)
    return network.evaluate(data, np.arange(len(y)))[0]


def _gradients(parameters, theta, X, y):
    """What the network's own formulas give: after one step with momentum, the velocities are the gradient."""
    network, data = _on_cpu(parameters, theta, X, y)
    order = network.device.upload(np.arange(len(y)), network.device.index_dtype)
    network.step(data, order, 0, len(y), Rates(eta=0.1, momentum=0.5), Tally(network.device, len(y)))
    return network.velocities()
