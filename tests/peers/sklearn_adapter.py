"""hw5's estimators with the parameters of scikit-learn's MLPClassifier, MLPRegressor and Perceptron; a plugin for pytest.

    pytest -p tests.peers.sklearn_adapter .../sklearn/neural_network/tests/test_mlp.py

then tests hw5. A parameter is translated to the one that means the same. The solver lbfgs becomes Adam with another
learning rate and hw5's minibatches: tests with it check what is learnt. What has no equivalent is refused.
"""

from dataclasses import dataclass

import numpy as np
import sklearn.linear_model
import sklearn.neural_network
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

import hw5.sklearn
from hw5.devices.base import Rates, Tally
from hw5.devices.cpu import CpuDevice
from hw5.nn.network import Network

_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
_LBFGS_RATE = 0.01


@dataclass(eq=False, repr=False)
class _Adapter(BaseEstimator):
    hidden_layer_sizes: tuple = (100,)
    activation: str = "relu"
    solver: str = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: int | None = None
    tol: float = 1e-4
    verbose: bool = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 10
    max_fun: int = 15000

    def fit(self, X, y, sample_weight=None):
        self._translate(X, y).fit(X, y, sample_weight=sample_weight)
        return self

    @available_if(lambda self: self.solver != "lbfgs")
    def partial_fit(self, X, y, **options):
        model = self._translate(X, options.get("classes", y), is_part=True)
        try:
            model.partial_fit(X, y, **options)
        except ValueError as error:  # which names hw5's parameter
            raise ValueError(str(error).replace("patience", "early_stopping=True")) from error
        return self

    def _translate(self, X, y, is_part=False):
        """The hw5 estimator, with these parameters: the one that was fitted before, or a new one."""
        self._model = vars(self).get("_model") or self._new(y)
        return self._model.set_params(**self._parameters(np.shape(X)[0], is_part))

    def _parameters(self, n, is_part):
        if self.learning_rate != "constant":
            raise NotImplementedError(f"hw5 has no learning rate that is {self.learning_rate}")
        is_sgd, is_lbfgs = self.solver == "sgd", self.solver == "lbfgs"
        batch_size = None if is_lbfgs else min(200, n) if self.batch_size == "auto" else self.batch_size
        patience = 10**9 if self.n_iter_no_change == np.inf else self.n_iter_no_change + 1
        has_momentum = is_sgd and self.momentum > 0
        return {
            "hidden": tuple(np.atleast_1d(self.hidden_layer_sizes)),
            "activation": _ACTIVATIONS[self.activation],
            "optimizer": "sgd" if is_sgd else "adam",
            "lr": _LBFGS_RATE if is_lbfgs else self.learning_rate_init,
            "lr_schedule": "constant",
            "l2": self.alpha / n,
            "batch_size": batch_size,
            "momentum": self.momentum if has_momentum else 0.0,
            "nesterov": has_momentum and self.nesterovs_momentum,
            "epochs": min(self.max_iter, self.max_fun) if is_lbfgs else self.max_iter,
            "patience": patience if self.early_stopping or not is_part else None,
            "min_delta": self.tol,
            "validation": self.validation_fraction if self.early_stopping else 0.0,
            "shuffle": self.shuffle,
            "standardise": False,
            "warm_start": self.warm_start,
            "verbose": self.verbose,
            "random_state": 0 if self.random_state is None else self.random_state,  # so that no test depends on chance
        }

    def __getattr__(self, name):
        if name.startswith("__") or "_model" not in vars(self):
            raise AttributeError(name)
        return getattr(self._model, name)

    @property
    def _no_improvement_count(self):
        """Epochs since the loss improved by more than tol."""
        best, count = np.inf, 0
        for loss in self._model.loss_curve_:
            best, count = (loss, 0) if loss < best - self.tol else (best, count + 1)
        return count if count < self._model.n_iter_ else count - 1


class MLPClassifier(ClassifierMixin, _Adapter):
    @staticmethod
    def _new(y):
        """scikit-learn has one output for two classes."""
        loss = "binary-cross-entropy" if len(np.unique(y)) == 2 else "cross-entropy"
        return hw5.sklearn.MLPClassifier(device="cpu", loss=loss)

    def _loss_grad_lbfgs(self, theta, X, Y, *_):
        """The loss and its gradient by hw5, in float64, for the weights of all layers and then the biases."""
        shapes = [W.shape for W in self.coefs_] + [b.shape for b in self.intercepts_]
        arrays = np.split(theta, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        arrays = [array.reshape(shape) for array, shape in zip(arrays, shapes)]
        parameters = [(W.T.copy(), b) for W, b in zip(arrays[: len(self.coefs_)], arrays[len(self.coefs_) :])]
        device, y = CpuDevice(np.float64), (Y[:, 0] if Y.shape[1] == 1 else Y.argmax(axis=1))
        settings, n = self.checkpoint_.settings, len(X)
        network = Network(device, parameters, settings.activation, settings.loss)
        data = device.upload_data(X, y, np.zeros(X.shape[1]), np.ones(X.shape[1]))
        stepper, tally = device.stepper(network, data), Tally(device, n)
        stepper.train(np.arange(n), n, Rates(1.0, l2=settings.l2), tally)  # W <- W - gradient
        gradient = [(W - new, b - new_b) for (W, b), (new, new_b) in zip(parameters, network.parameters())]
        penalty = settings.l2 / 2 * sum((W**2).sum() for W, _ in parameters)
        flat = [W.T.ravel() for W, _ in gradient] + [b for _, b in gradient]
        return tally.read()[0] / n + penalty, np.hstack(flat)


class MLPRegressor(RegressorMixin, _Adapter):
    @staticmethod
    def _new(y):
        return hw5.sklearn.MLPRegressor(device="cpu")


@dataclass(eq=False, repr=False)
class Perceptron(ClassifierMixin, BaseEstimator):
    max_iter: int = 1000
    tol: float | None = 1e-3
    shuffle: bool = True
    penalty: str | None = None
    l1_ratio: float = 0.15

    def fit(self, X, y):
        if self.penalty:
            raise NotImplementedError("hw5's perceptron has no penalty")
        options = {"epochs": self.max_iter, "shuffle": self.shuffle, "standardise": False, "device": "cpu"}
        self._model = hw5.sklearn.Perceptron(**options).fit(X, y)
        return self

    def predict(self, X):
        return self._model.predict(X)

    @property
    def coef_(self):
        return self._model.coef_


sklearn.linear_model.Perceptron = Perceptron
sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor = MLPClassifier, MLPRegressor
