"""hw5 against scikit-learn's MLPClassifier and MLPRegressor, step by step, with solver="sgd".

Their L2 term alpha/2 sum w^2 is divided by the size of the minibatch, hw5's is not: l2 = alpha / k. Their squared loss
has a factor 1/2, the lecture's does not: with half the learning rate and twice the l2, hw5's velocity is twice theirs,
and its weights are the same.
"""

import warnings

import numpy as np
import pytest

from hw5.devices.base import Rates, Tally

from .helpers import FLOAT64, Steps

neural_network = pytest.importorskip("sklearn.neural_network")

K, STEPS = 8, 12
MOMENTUM = {
    "plain": {"momentum": 0.0, "nesterovs_momentum": False},
    "momentum": {"momentum": 0.9, "nesterovs_momentum": False},
    "nesterov": {"momentum": 0.9, "nesterovs_momentum": True},
}
KINDS = {  # scikit-learn's class, the number of classes, and the factors of eta and l2
    "cross-entropy": (neural_network.MLPClassifier, 3, 1, 1),
    "binary-cross-entropy": (neural_network.MLPClassifier, 2, 1, 1),
    "squared": (neural_network.MLPRegressor, 0, 0.5, 2),
}


class Peer:
    """scikit-learn's MLP, trained on one minibatch at a time."""

    def __init__(self, loss, dtype, **settings):
        self.kind, self.classes, *_ = KINDS[loss]
        self.dtype, self.settings = dtype, settings

    def start(self, X, y):
        """Its initial weights, which a step with a tiny learning rate does not change."""
        return _parameters(self._steps(X, y, self._new(learning_rate_init=1e-300)))

    def steps(self, minibatches):
        """[(W, b), ...] after each minibatch."""
        model = self._new()
        for X, y in minibatches:
            yield _parameters(self._steps(X, y, model))

    def _new(self, **settings):
        return self.kind(solver="sgd", batch_size=K, shuffle=False, random_state=1, **(self.settings | settings))

    def _steps(self, X, y, model):
        classes = {"classes": range(self.classes)} if self.classes else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about a minibatch shorter than batch_size
            return model.partial_fit(X.astype(self.dtype), y, **(classes if not hasattr(model, "coefs_") else {}))


def _parameters(model):
    return [(W.T.copy(), b.copy()) for W, b in zip(model.coefs_, model.intercepts_)]


def minibatches(loss, steps):
    """Minibatches of K examples; the last one is shorter."""
    rng = np.random.default_rng(0)
    classes = KINDS[loss][1]
    for k in [K] * (steps - 1) + [K // 2 + 1]:
        X = rng.normal(size=(k, 6)).astype(np.float32).astype(np.float64)
        yield X, rng.integers(0, classes, k) if classes else rng.normal(size=k)


def assert_same_steps(device, loss, activation, momentum, alpha, steps, hidden=(9, 5), eta=0.1):
    batches = list(minibatches(loss, steps))
    settings = {"hidden_layer_sizes": hidden, "activation": activation, "alpha": alpha, "learning_rate_init": eta}
    peer = Peer(loss, device.dtype, **settings, **momentum)
    theta = {"logistic": "sigmoid", "identity": "linear"}.get(activation, activation)
    ours = Steps(device, peer.start(*batches[0]), theta, loss)
    on_eta, on_l2 = KINDS[loss][2:]
    for (X, y), expected in zip(batches, peer.steps(batches), strict=True):
        l2 = on_l2 * alpha / len(y)
        ours.step(X, y, Rates(on_eta * eta, momentum["momentum"], l2=l2, nesterov=momentum["nesterovs_momentum"]))
        ours.assert_parameters(expected)


@pytest.mark.parametrize("alpha", [0, 0.3])
@pytest.mark.parametrize("momentum", MOMENTUM)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("loss", KINDS)
def test_every_step_is_the_same(loss, activation, momentum, alpha):
    assert_same_steps(FLOAT64, loss, activation, MOMENTUM[momentum], alpha, STEPS)


@pytest.mark.parametrize("momentum", MOMENTUM)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@pytest.mark.parametrize("loss", KINDS)
def test_every_step_of_every_device_is_the_same(device, loss, activation, momentum):
    assert_same_steps(device, loss, activation, MOMENTUM[momentum], 0.3, steps=4)


@pytest.mark.parametrize("loss", KINDS)
def test_an_epoch_of_shuffled_minibatches_ends_in_the_same_weights(loss):
    """A hundred steps in float64, by its own loop and by a Stepper, in the same order."""
    rng, n = np.random.default_rng(2), 100 * K
    X, order = rng.normal(size=(n, 6)), rng.permutation(n)
    classes = KINDS[loss][1]
    y = rng.integers(0, classes, n) if classes else rng.normal(size=n)
    peer = Peer(loss, np.float64, hidden_layer_sizes=(9,), activation="tanh", alpha=0.3, learning_rate_init=0.05)
    ours = Steps(FLOAT64, peer.start(X[order], y[order]), "tanh", loss)
    (want,) = peer.steps([(X[order], y[order])])

    data = FLOAT64.upload_data(X, y, np.zeros(6), np.ones(6))
    on_eta, on_l2 = KINDS[loss][2:]
    rates = Rates(on_eta * 0.05, 0.9, l2=on_l2 * 0.3 / K, nesterov=True)  # its defaults
    FLOAT64.stepper(ours.network, data).train(FLOAT64.upload(order, FLOAT64.index_dtype), K, rates, Tally(FLOAT64, K))
    ours.assert_parameters(want)
