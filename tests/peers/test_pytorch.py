"""hw5 against PyTorch: gradients against autograd, steps against torch.optim.SGD, schedules against its schedulers."""

import numpy as np
import pytest

from hw5.devices.activations import ACTIVATIONS, Activation
from hw5.devices.base import Rates
from hw5.nn.losses import LOSSES
from hw5.train.settings import Settings
from tests.devices.test_activations import THETA as GRAPHS

from .helpers import FLOAT64, Steps, problem, tolerance

torch = pytest.importorskip("torch")
F = torch.nn.functional

THETA = GRAPHS | {  # PyTorch's own functions; other graphs run on PyTorch's tensors as they are
    "relu": lambda z, a: F.relu(z),
    "leaky_relu": lambda z, a: F.leaky_relu(z, a),
    "elu": lambda z, a: F.elu(z, a),
    "tanh": lambda z, a: torch.tanh(z),
    "sigmoid": lambda z, a: torch.sigmoid(z),
    "linear": lambda z, a: z,
    "maxout": lambda z, a: z.unflatten(1, (-1, a)).amax(2),
}
LOSS = {  # the sum over the examples, each with the weight of its class
    "cross-entropy": lambda Z, y, w: F.cross_entropy(Z, y, w, reduction="sum"),
    "binary-cross-entropy": lambda Z, y, w: F.binary_cross_entropy_with_logits(
        Z[:, 0], y.to(Z.dtype), None if w is None else w[y], reduction="sum"
    ),
    "multilabel-cross-entropy": lambda Z, y, w: F.binary_cross_entropy_with_logits(Z, y.to(Z.dtype), reduction="sum"),
    "squared": lambda Z, y, w: F.mse_loss(Z, y.reshape(Z.shape), reduction="sum"),
    "perceptron": lambda Z, y, w: _perceptron(Z if Z.shape[1] > 1 else F.pad(Z, (1, 0)), y),
}
NAMES = [*ACTIVATIONS, "leaky_relu:0.3", "elu:0.5", "maxout:3"]


def _perceptron(Z, y):
    return (Z.amax(1) - Z[torch.arange(len(y)), y]).sum()


class Peer:
    """The same network in PyTorch, in float64."""

    def __init__(self, parameters, theta, loss, class_weights=None):
        self.layers = [tuple(torch.tensor(array, requires_grad=True) for array in pair) for pair in parameters]
        self.theta, self.loss = Activation.of(theta), LOSS[loss]
        self.class_weights = None if class_weights is None else torch.tensor(class_weights)

    def mean_loss(self, X, y):
        H = torch.tensor(X)
        for W, b in self.layers[:-1]:
            H = THETA[self.theta.name](H @ W.T + b, self.theta.alpha)
        W, b = self.layers[-1]
        return self.loss(H @ W.T + b, torch.tensor(y), self.class_weights) / len(y)

    def arrays(self, of=lambda tensor: tensor):
        return [tuple(of(tensor).detach().numpy() for tensor in pair) for pair in self.layers]


def assert_same_gradient(device, loss, sizes, theta, class_weights=None):
    parameters, X, y = problem(loss, sizes, theta, k=16)
    peer, ours = Peer(parameters, theta, loss, class_weights), Steps(device, parameters, theta, loss, class_weights)
    J = peer.mean_loss(X, y)
    J.backward()
    # the initial velocities are 0, so after one step they are the gradient
    assert ours.step(X, y, Rates(eta=0.1, momentum=0.5)) == pytest.approx(J.item(), rel=tolerance(device)["rtol"])
    for pair, gradients in zip(ours.network.velocities(), peer.arrays(lambda tensor: tensor.grad)):
        for actual, expected in zip(pair, gradients):
            np.testing.assert_allclose(actual, expected, **tolerance(device))


def test_every_loss_has_its_peer():
    assert LOSS.keys() == LOSSES.keys()


@pytest.mark.parametrize("theta", NAMES)
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "perceptron"])
def test_gradients_are_those_of_autograd(loss, theta):
    for sizes in ((6, 7, 4), (5, 6, 4, 3), (784, 128, 10)):
        classes = 2 if loss == "binary-cross-entropy" else sizes[-1]
        assert_same_gradient(FLOAT64, loss, (*sizes[:-1], classes), theta)


@pytest.mark.parametrize("theta", NAMES)
@pytest.mark.parametrize("loss", [loss for loss in LOSSES if loss != "perceptron"])
def test_gradients_of_every_device_are_those_of_autograd(device, loss, theta):
    for sizes in ((6, 7, 4), (64, 32, 10)):
        classes = 2 if loss == "binary-cross-entropy" else sizes[-1]
        assert_same_gradient(device, loss, (*sizes[:-1], classes), theta)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_without_hidden_layers(device, loss, classes):
    classes = 2 if loss == "binary-cross-entropy" else classes
    for where in (FLOAT64, device):
        assert_same_gradient(where, loss, (6, classes), "linear")


@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy"])
def test_class_weights_are_those_of_its_losses(device, loss):
    weights = np.array([0.25, 3.0])
    for where in (FLOAT64, device):
        assert_same_gradient(where, loss, (6, 7, 2), "tanh", weights)


RATES = {
    "plain": Rates(0.1),
    "l2": Rates(0.1, l2=0.05),
    "momentum": Rates(0.1, 0.9),
    "momentum and l2": Rates(0.1, 0.9, l2=0.05),
    "momentum, l1 and l2": Rates(0.05, 0.9, 0.01, 0.02),
    "nesterov": Rates(0.1, 0.9, nesterov=True),
    "nesterov and l2": Rates(0.1, 0.9, l2=0.05, nesterov=True),
    "adam": Rates(0.01, adam=True),
    "adam, l1 and l2": Rates(0.01, l1=0.01, l2=0.05, adam=True),
    "adamw": Rates(0.01, adam=True, weight_decay=0.3),
}


def optimizer_of(rates, weights, biases):
    """PyTorch's optimiser with these rates."""
    decay = rates.weight_decay if rates.weight_decay else rates.l2
    groups = [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]
    if not rates.adam:
        return torch.optim.SGD(groups, lr=rates.eta, momentum=rates.momentum, nesterov=rates.nesterov)
    return (torch.optim.AdamW if rates.weight_decay else torch.optim.Adam)(groups, lr=rates.eta)


def assert_same_steps(device, rates, theta, loss, steps):
    """Compare every step with PyTorch's optimiser, without weight decay of the biases."""
    parameters, X, y = problem(loss, (6, 9, 3), theta, k=steps * 8)
    peer, ours = Peer(parameters, theta, loss), Steps(device, parameters, theta, loss)
    weights, biases = (list(kind) for kind in zip(*peer.layers))
    optimizer = optimizer_of(rates, weights, biases)
    for rows in np.split(np.arange(len(y)), steps):
        optimizer.zero_grad()
        (peer.mean_loss(X[rows], y[rows]) + rates.l1 * sum(W.abs().sum() for W in weights)).backward()
        optimizer.step()
        ours.step(X[rows], y[rows], rates)
        ours.assert_parameters(peer.arrays())


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
@pytest.mark.parametrize("theta", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("rates", RATES)
def test_steps_are_those_of_sgd(rates, theta, loss):
    assert_same_steps(FLOAT64, RATES[rates], theta, loss, steps=20)


@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
@pytest.mark.parametrize("theta", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("rates", RATES)
def test_steps_of_every_device_are_those_of_sgd(device, rates, theta, loss):
    assert_same_steps(device, RATES[rates], theta, loss, steps=4)


SCHEDULES = {
    "step": ({"lr_decay": 0.3, "lr_step": 4}, lambda s: torch.optim.lr_scheduler.StepLR(s, 4, 0.3)),
    "exponential": ({"lr_decay": 0.9}, lambda s: torch.optim.lr_scheduler.ExponentialLR(s, 0.9)),
    "cosine": ({}, lambda s: torch.optim.lr_scheduler.CosineAnnealingLR(s, 20)),
    "1/t": ({"lr_decay": 0.5}, lambda s: torch.optim.lr_scheduler.LambdaLR(s, lambda t: 1 / (1 + 0.5 * t))),
}


@pytest.mark.parametrize("warmup", [0, 3])
@pytest.mark.parametrize("name", SCHEDULES)
def test_learning_rates_are_those_of_its_schedulers(name, warmup):
    """With LinearLR for the warm-up. Its recurrences round differently from hw5's formulas."""
    parameters, scheduler = SCHEDULES[name]
    settings = Settings(lr=0.2, lr_schedule=name, warmup=warmup, epochs=20 + warmup, **parameters)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
    after = scheduler(optimizer)
    if warmup:
        rise = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), total_iters=warmup)
        after = torch.optim.lr_scheduler.SequentialLR(optimizer, [rise, after], [warmup])
    for epoch in range(1, settings.epochs + 1):
        assert settings.rates(epoch).eta == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        after.step()
