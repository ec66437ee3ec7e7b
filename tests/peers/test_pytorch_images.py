"""hw5's convolutions and pooling against PyTorch's: gradients against autograd, and the steps of LeNet."""

from math import prod

import numpy as np
import pytest

from hw5.devices.activations import ACTIVATIONS, Activation
from hw5.devices.base import Rates
from hw5.export.torch import modules, state
from hw5.nn.hidden import LENET, layers_of
from hw5.nn.losses import LOSSES
from hw5.nn.network import Network

from .helpers import FLOAT64, Steps, draw_y, tolerance

torch = pytest.importorskip("torch")
from .test_pytorch import LOSS, THETA, optimizer_of  # noqa: E402

rng = np.random.default_rng(0)


def exact(*shape, scale=1.0):
    """Random numbers that are exact in float32."""
    return (rng.normal(size=shape) * scale).astype(np.float32).astype(np.float64)


class Theta(torch.nn.Module):
    """An activation of which PyTorch has no module."""

    def __init__(self, theta):
        super().__init__()
        self.theta = Activation.of(theta)

    def forward(self, z):
        return THETA[self.theta.name](z, self.theta.alpha)


def module(text, theta):
    """The module of a text of modules(), in a network with the activation theta."""
    return Theta(theta) if text in ACTIVATIONS else eval(text, vars(torch.nn))


class Images(Steps):
    """hw5's network of images on a device, and the same in PyTorch, in float64."""

    def __init__(self, device, shape, hidden, theta, loss="cross-entropy", classes=3):
        self.layers = layers_of(shape, hidden, LOSSES[loss].units(classes), theta)
        shapes = [layer.parameter_shapes for layer in self.layers if layer.weighted]
        self.parameters = [(exact(*of_W, scale=of_W[1] ** -0.5), exact(*of_b)) for of_W, of_b in shapes]
        self.network = Network(device, self.parameters, loss=loss, layers=self.layers)
        self.peer = torch.nn.Sequential(*(module(text, theta) for text, _ in modules(self._with(self.parameters))))
        self.peer.double().load_state_dict({name: torch.tensor(array) for name, array in self._state(self.parameters)})
        self.loss, self.shape = LOSS[loss], shape

    def _with(self, pairs):
        pairs = iter(pairs)
        return [(layer, *(next(pairs) if layer.weighted else (None, None))) for layer in self.layers]

    def _state(self, pairs):
        return state(self._with(pairs)).items()

    def examples(self, k, classes=3):
        return exact(k, prod(self.shape)), draw_y(rng, self.network.loss.name, k, classes)

    def mean_loss(self, X, y):
        images = torch.tensor(X).reshape(-1, *self.shape).permute(0, 3, 1, 2).contiguous()
        return self.loss(self.peer(images), torch.tensor(y), None) / len(y)

    def assert_same(self, pairs, tensors, scale=1):
        """Compare arrays like the parameters with PyTorch's, by the names of its state dict."""
        allowed = {name: scale * value for name, value in tolerance(self.network.device).items()}
        for name, array in self._state(pairs):
            np.testing.assert_allclose(array, tensors[name].detach().numpy(), err_msg=name, **allowed)


NETWORKS = {
    "strides that leave a rest": ((9, 8, 2), ("conv:3x3/2+1", "pool:2", 5)),
    "overlapping windows over the edge": ((6, 7, 1), ("pool:3/2+1", "conv:4x3x2+1", "meanpool:2/1+1")),
    "windows larger than the image": ((3, 2, 3), ("conv:4x5+2", "conv:2x2")),
    "one pixel": ((1, 1, 4), ("conv:5x1", 3)),
}


def assert_same_gradients(device, name, theta, loss):
    classes = 2 if loss == "binary-cross-entropy" else 3
    ours = Images(device, *NETWORKS[name], theta, loss, classes)
    X, y = ours.examples(7, classes)
    J = ours.mean_loss(X, y)
    J.backward()
    assert ours.step(X, y, Rates(0.1, momentum=0.5)) == pytest.approx(J.item(), rel=tolerance(device)["rtol"])
    gradients = {name: parameter.grad for name, parameter in ours.peer.named_parameters()}
    ours.assert_same(ours.network.velocities(), gradients, scale=10)  # a filter sums over places too


@pytest.mark.parametrize("theta", ACTIVATIONS)
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "perceptron"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_autograd(name, loss, theta):
    assert_same_gradients(FLOAT64, name, theta, loss)


@pytest.mark.parametrize("theta", ["relu", "tanh", "maxout:3"])
@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_every_device_are_those_of_autograd(device, name, theta):
    assert_same_gradients(device, name, theta, "cross-entropy")


RATES = {"sgd": Rates(0.05), "momentum": Rates(0.02, 0.9, l2=0.01), "adam": Rates(0.003, adam=True)}


def lenet_steps(device, rates, steps, scale):
    ours = Images(device, (28, 28, 1), LENET, "relu", classes=10)
    parameters = list(ours.peer.parameters())
    optimizer = optimizer_of(rates, parameters[0::2], parameters[1::2])
    for _ in range(steps):
        X, y = ours.examples(16, 10)
        optimizer.zero_grad()
        ours.mean_loss(X, y).backward()
        optimizer.step()
        ours.step(X, y, rates)
        ours.assert_same(ours.network.parameters(), ours.peer.state_dict(), scale)


@pytest.mark.parametrize("rates", RATES)
def test_twenty_steps_of_lenet_are_those_of_pytorch(rates):
    """Errors of 784 places of a filter, and of 20 steps, accumulate: a thousand times those of a sum of order 1."""
    lenet_steps(FLOAT64, RATES[rates], 20, scale=1000)


def test_steps_of_lenet_on_every_device_are_those_of_pytorch(device):
    lenet_steps(device, RATES["sgd"], 3, scale=10)
