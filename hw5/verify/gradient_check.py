"""Compare a network's gradients with numerical differentiation in float64, for `hw5 check gradients`.

dJ/dw is about (J(w + h) - J(w - h)) / 2h. The truncation error is of order h^2 and the rounding error of order eps / h,
so with h = 1e-5 the result is accurate to about 1e-10 times J, far better than the tolerances.
"""

from dataclasses import dataclass

import numpy as np

from hw5.devices.activations import ACTIVATIONS, Activation
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network

TOLERANCES = {np.dtype("float64"): 1e-6, np.dtype("float32"): 2e-3}  # of the relative error, by the device's dtype
STEP = 1e-5
EXAMPLES = 8
SAMPLE = 200  # maximum number of elements of an array to test
NETWORKS = ((5, 3), (6, 7, 4), (5, 6, 4, 3), (784, 128, 10))  # (features, ..., classes)


@dataclass(frozen=True)
class LayerReport:
    """The largest relative error of a layer's gradient, over the parameters tried."""

    sizes: tuple[int, ...]
    activation: str
    loss: str
    layer: int
    tried: int
    parameters: int
    worst: float
    tolerance: float

    @property
    def is_right(self):
        return self.worst <= self.tolerance


@dataclass(frozen=True)
class _Problem:
    """A network's parameters, in float64 but exact in float32, and examples for it."""

    parameters: list
    activation: str
    loss: str
    X: np.ndarray
    y: np.ndarray

    @classmethod
    def draw(cls, sizes, activation, loss, classes, seed=0):
        rng = np.random.default_rng(seed)

        def normal(*shape, scale=1.0):
            return (rng.normal(size=shape) * scale).astype(np.float32).astype(np.float64)

        rows = [m * Activation.of(activation).pieces for m in sizes[1:-1]] + [sizes[-1]]
        parameters = [(normal(m, d, scale=d**-0.5), normal(m)) for d, m in zip(sizes, rows)]
        y = normal(EXAMPLES) if LOSSES[loss].task == "regression" else rng.integers(0, classes, EXAMPLES)
        return cls(parameters, activation, loss, normal(EXAMPLES, sizes[0]), y)

    def on(self, device):
        """The stepper of the network and the data on a device."""
        d = self.X.shape[1]
        data = device.upload_data(self.X, self.y, np.zeros(d), np.ones(d))
        return device.stepper(Network(device, self.parameters, self.activation, self.loss), data)

    def gradients(self, device):
        """The network's own gradients: after one step with momentum, the velocities are the gradient."""
        stepper, order = self.on(device), device.upload(np.arange(EXAMPLES), device.index_dtype)
        stepper.train(order, EXAMPLES, Rates(eta=0.1, momentum=0.5), Tally(device, EXAMPLES))
        return stepper.network.velocities()


def check_gradients(device=None, networks=NETWORKS, activations=ACTIVATIONS, losses=tuple(LOSSES)):
    """Yield a LayerReport for every layer of every network, activation and loss, on a device (default: NumPy, float64).

    A network without hidden layers has no activation, and a perceptron no hidden layers. The last network is tested
    with the first activation only.
    """
    device = device or CpuDevice(np.float64)
    for loss in losses:
        for *lower, classes in networks:
            sizes = (*lower, LOSSES[loss].units(classes))
            if len(sizes) == 2:
                yield from _check_network(device, sizes, "linear", loss, classes)
            elif loss != "perceptron":
                for activation in activations[:1] if (*lower, classes) == networks[-1] else activations:
                    yield from _check_network(device, sizes, activation, loss, classes)


def _check_network(device, sizes, activation, loss, classes):
    problem = _Problem.draw(sizes, activation, loss, classes if sizes[-1] > 1 else 2)
    stepper = problem.on(CpuDevice(np.float64))
    rng, theta = np.random.default_rng(1), "-" if len(sizes) == 2 else activation

    def mean_loss():
        return stepper.evaluate(np.arange(EXAMPLES), chunk=EXAMPLES)[0]

    for number, (layer, gradients) in enumerate(zip(stepper.network.layers, problem.gradients(device)), start=1):
        pairs = list(zip((layer.W, layer.b), gradients))
        worst = max(_relative_error(array, gradient, rng, mean_loss) for array, gradient in pairs)
        tried, parameters = sum(min(SAMPLE, array.size) for array, _ in pairs), layer.W.size + layer.b.size
        yield LayerReport(sizes, theta, loss, number, tried, parameters, worst, TOLERANCES[device.dtype])


def _relative_error(array, gradient, rng, loss):
    """The largest |numerical - gradient| over a sample, relative to the array's largest gradient."""
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
