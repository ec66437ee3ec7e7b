"""Compare a network's gradients with numerical differentiation in float64, for `hw5 check gradients`.

dJ/dw is about (J(w + h) - J(w - h)) / 2h. The truncation error is of order h^2 and the rounding error of order eps / h,
so with h = 1e-5 the result is accurate to about 1e-10 times J, far better than the tolerances.
"""

from dataclasses import dataclass
from math import prod

import numpy as np

from hw5.datasets.preprocessing import Standardisation
from hw5.devices.activations import ACTIVATIONS
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn.hidden import layers_of, written
from hw5.nn.input_gradient import InputGradient
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network

TOLERANCES = {np.dtype("float64"): 1e-6, np.dtype("float32"): 2e-3}  # of the relative error, by the device's dtype
STEP = 1e-5
EXAMPLES = 8
SAMPLE = 200  # maximum number of elements of an array to test
NETWORKS = (  # (shape of an example, hidden layers, classes, labels or targets)
    ((5,), (), 3),
    ((6,), (7,), 4),
    ((5,), (6, 4), 3),
    ((7, 6, 2), ("conv:3x3+1", "pool:2", "conv:4x2x1/2", "meanpool:2/1+1", 5), 3),
    ((5, 6, 1), ("pool:3x2/2+1", "conv:3x1", "conv:2x2+1"), 4),  # windows over the edge; a convolution below the top
    ((784,), (128,), 10),
)


@dataclass(frozen=True)
class LayerReport:
    """The largest relative error of a layer's gradient, over the parameters tried; layers without any do not count.

    Layer 0 is the input: the gradient with respect to the examples, whose numbers are its parameters.
    """

    network: str
    sizes: tuple[int, ...]  # the numbers in an example, and in the output of each layer
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

    layers: list
    parameters: list
    loss: str
    X: np.ndarray
    y: np.ndarray

    @classmethod
    def draw(cls, layers, loss, m, seed=0):
        """m: the number of classes, labels or targets."""
        rng = np.random.default_rng(seed)

        def normal(*shape, scale=1.0):
            return (rng.normal(size=shape) * scale).astype(np.float32).astype(np.float64)

        shapes = [layer.parameter_shapes for layer in layers if layer.weighted]
        parameters = [(normal(*of_W, scale=of_W[1] ** -0.5), normal(*of_b)) for of_W, of_b in shapes]
        draw_y = {
            "classification": lambda: rng.integers(0, m, EXAMPLES),
            "multilabel": lambda: rng.integers(0, 2, (EXAMPLES, m)),
            "regression": lambda: normal(EXAMPLES, *[m] * (m > 1)),
        }[LOSSES[loss].task]
        y = draw_y()
        return cls(layers, parameters, loss, normal(EXAMPLES, layers[0].inputs), y)

    def on(self, device):
        """The stepper of the network and the data on a device."""
        d = self.X.shape[1]
        data = device.upload_data(self.X, self.y, np.zeros(d), np.ones(d))
        return device.stepper(Network(device, self.parameters, loss=self.loss, layers=self.layers), data)

    def gradients(self, device):
        """The network's own gradients: after one step with momentum, the velocities are the gradient."""
        stepper, order = self.on(device), device.upload(np.arange(EXAMPLES), device.index_dtype)
        stepper.train(order, EXAMPLES, Rates(eta=0.1, momentum=0.5), Tally(device, EXAMPLES))
        return stepper.network.velocities()

    def input_gradient(self, device):
        """The gradient (k, d) of the mean loss with respect to the examples."""
        unscaled = Standardisation.none(self.X.shape[1])
        gradient = InputGradient(device, self.parameters, self.layers, self.loss, unscaled)
        return gradient.of_loss(self.X.astype(device.dtype), self.y) / EXAMPLES


def check_gradients(device=None, networks=NETWORKS, activations=ACTIVATIONS, losses=tuple(LOSSES)):
    """Yield a LayerReport for every layer of every network, activation and loss, on a device (default: NumPy, float64).

    A network without hidden layers has no activation, and a perceptron no hidden layers. The last network is tested
    with the first activation only. A regression is tested with one target, too.
    """
    device = device or CpuDevice(np.float64)
    for loss in losses:
        for network in networks:
            if not network[1]:
                yield from _check_network(device, network, "linear", loss)
            elif loss != "perceptron":
                for activation in activations[:1] if network == networks[-1] else activations:
                    yield from _check_network(device, network, activation, loss)


def _check_network(device, network, activation, loss):
    shape, hidden, m = network
    for outputs in (1, m) if LOSSES[loss].task == "regression" else (m,):
        layers = layers_of(shape, hidden, LOSSES[loss].units(outputs), activation)
        yield from _check_layers(device, layers, activation if hidden else "-", loss, outputs)


def _check_layers(device, layers, theta, loss, m):
    problem = _Problem.draw(layers, loss, m if layers[-1].units > 1 or LOSSES[loss].task == "regression" else 2)
    name, sizes = written(layers), (layers[0].inputs, *(prod(layer.shape) for layer in layers))
    gradients = [*enumerate(problem.gradients(device), start=1), (0, [problem.input_gradient(device)])]
    for (number, arrays), samples in zip(gradients, numerical_gradients(problem)):
        worst = max(_relative_error(array, *sample) for array, sample in zip(arrays, samples))
        tried, parameters = sum(len(sample) for sample, _ in samples), sum(array.size for array in arrays)
        yield LayerReport(name, sizes, theta, loss, number, tried, parameters, worst, TOLERANCES[device.dtype])


def numerical_gradients(problem):
    """For each layer, and at last the input, [(sample of its elements, dJ/dw by these)] of W and b, or X."""
    stepper, rng = problem.on(CpuDevice(np.float64)), np.random.default_rng(1)
    stepper.chunk = EXAMPLES

    def mean_loss():
        return stepper.evaluate(np.arange(EXAMPLES))[0]

    def of(array):
        sample = rng.permutation(array.size)[:SAMPLE]
        return sample, _differentiated(array.reshape(-1), sample, mean_loss)

    return [*([of(layer.W), of(layer.b)] for layer in stepper.network.weighted), [of(stepper.data.X)]]


def _differentiated(entries, sample, loss):
    """The numerical derivative of loss() by each entry of the sample."""
    derivatives = np.empty(len(sample))
    for at, i in enumerate(sample):
        value = entries[i]
        entries[i] = value + STEP
        above = loss()
        entries[i] = value - STEP
        below = loss()
        entries[i] = value
        derivatives[at] = (above - below) / (2 * STEP)
    return derivatives


def _relative_error(gradient, sample, expected):
    """The largest |expected - gradient| over a sample, relative to the array's largest gradient."""
    return float(abs(expected - gradient.reshape(-1)[sample]).max() / abs(gradient).max())
