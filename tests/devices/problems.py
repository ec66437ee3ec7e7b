"""Training problems that devices are compared on."""

import numpy as np
import pytest

from hw5.devices.base import Rates, Tally
from hw5.nn.hidden import dense_layers, layers_of
from hw5.nn.network import Network, initial_parameters

RATES = {
    "plain": Rates(0.1),
    "l2": Rates(0.1, l2=0.01),
    "l1": Rates(0.1, l1=0.01),
    "momentum and penalties": Rates(0.1, 0.9, 1e-3, 1e-2),
    "nesterov": Rates(0.1, 0.9, l2=0.01, nesterov=True),
    "adam": Rates(0.01, adam=True),
    "adam and penalties": Rates(0.01, l1=1e-3, l2=1e-2, adam=True, weight_decay=0.1),
}


def draw_y(rng, loss, n, outputs, classes):
    """n labels or targets or, with several outputs, n for each."""
    shape = (n, outputs) if outputs > 1 else n
    if loss == "squared":
        return rng.standard_normal(shape).astype(np.float32)
    return rng.integers(0, 2, shape) if loss == "multilabel-cross-entropy" else rng.integers(0, classes, n)


class Problem:
    """Random examples and a network, the same on every device."""

    def __init__(self, sizes, theta="relu", loss="cross-entropy", dtype=np.float32, examples=50):
        self.sizes, self.theta, self.loss = sizes, theta, loss
        rng = np.random.default_rng(len(sizes))
        d, m = sizes[0], sizes[-1] if loss == "cross-entropy" else max(sizes[-1], 2)
        self.X = rng.integers(0, 256, (examples, d)).astype(dtype)
        self.y = draw_y(rng, loss, examples, sizes[-1], m)
        self.mean, self.scale = np.full(d, 127, np.float32), rng.uniform(0.01, 0.02, d).astype(np.float32)
        weights = rng.uniform(0.5, 2, m).astype(np.float32)
        self.class_weights = weights if loss in ("cross-entropy", "binary-cross-entropy") else None
        self.order = rng.permutation(examples)

    def on(self, device):
        """The device's stepper of the network and the data."""
        data = device.upload_data(self.X, self.y, self.mean, self.scale)
        layers = self.layers()
        parameters = initial_parameters(layers, 1)
        network = Network(device, parameters, self.theta, self.loss, self.class_weights, layers)
        return device.stepper(network, data)

    def layers(self):
        """The layers of the network."""
        return dense_layers(self.sizes, self.theta)

    def trained(self, device, rates, k, stretches=()):
        """The network and the tally after an epoch, divided into stretches."""
        stepper, tally = self.on(device), Tally(device, min(k, len(self.y)))
        for order in np.split(self.order, stretches):
            stepper.train(order, k, rates, tally)
        return stepper.network, tally.read()


def assert_same_step(device, reference, problem, rates, k):
    """Within 2e-5 of the largest number in a layer.

    float32 rounds each of a few hundred terms by 6e-8, and the error of one step grows in the next. Adam divides a
    gradient by its size, so its step, of eta, has the relative error of a gradient that nearly cancels.
    """
    step = 1e-3 * rates.eta if rates.adam else 0
    (network, tally), (other, (loss, correct)) = (problem.trained(each, rates, k) for each in (device, reference))
    for pair, expected in (
        *zip(network.parameters(), other.parameters()),
        *zip(network.velocities(), other.velocities()),
        *zip(network.squares(), other.squares()),
    ):
        largest = max(abs(array).max() for array in expected) or 1
        for array, expected_array in zip(pair, expected):
            np.testing.assert_allclose(array, expected_array, rtol=0, atol=2e-5 * largest + step)
    assert tally == (pytest.approx(loss, rel=2e-5), correct)


class ImageProblem(Problem):
    """Random images and a network over them; hidden: the entries of --hidden."""

    def __init__(self, image, hidden, theta="relu", loss="cross-entropy", dtype=np.float32, examples=50, outputs=None):
        outputs = outputs or (5 if loss == "cross-entropy" else 1)
        super().__init__((int(np.prod(image)), outputs), theta, loss, dtype, examples)
        self.image, self.hidden = image, hidden

    def layers(self):
        return layers_of(self.image, self.hidden, self.sizes[-1], self.theta)


def bits(network, tally):
    return tally, *(array.tobytes() for array in sum(network.parameters(), ()))
