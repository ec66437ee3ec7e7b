"""hw5's estimators with the parameters of scikit-learn's networks and linear models; a plugin for pytest.

    pytest -p tests.peers.sklearn_adapter .../sklearn/neural_network/tests/test_mlp.py

then tests hw5. A parameter is translated to the one that means the same. The solver lbfgs becomes Adam with another
learning rate and hw5's minibatches: tests with it check what is learnt. What has no equivalent is refused.
"""

from dataclasses import dataclass

import numpy as np
import sklearn.linear_model
import sklearn.neural_network
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

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


class _Linear(BaseEstimator):
    """What the adapters of linear models share: one estimator of hw5, fitted with parameters that mean the same."""

    def fit(self, X, y, sample_weight=None):
        self._fitted(X).fit(X, y, sample_weight=sample_weight)
        return self

    def _fitted(self, X):
        if not getattr(self, "fit_intercept", True):
            raise NotImplementedError("hw5's units have a bias")
        self._model = vars(self).get("_model") or self._kind(device="cpu", standardise=False)
        seed = 0 if self.random_state is None else self.random_state
        return self._model.set_params(random_state=seed, verbose=bool(self.verbose), **self._parameters(np.shape(X)[0]))

    def __getattr__(self, name):
        if name.startswith("__") or "_model" not in vars(self):
            raise AttributeError(name)
        return getattr(self._model, name)

    def predict(self, X):
        return self._fitted_model.predict(X)

    def decision_function(self, X):
        return self._fitted_model.decision_function(X)

    @property
    def _fitted_model(self):
        check_is_fitted(self, "_model")
        return self._model


@dataclass(eq=False, repr=False)
class LogisticRegression(ClassifierMixin, _Linear):
    """Trained by Adam on all examples at once, until the weights stop changing."""

    penalty: str = "deprecated"
    C: float = 1.0
    l1_ratio: float = 0.0
    dual: bool = False
    tol: float = 1e-4
    fit_intercept: bool = True
    intercept_scaling: float = 1
    class_weight: dict | str | None = None
    random_state: int | None = None
    solver: str = "lbfgs"
    max_iter: int = 100
    verbose: int = 0
    warm_start: bool = False
    n_jobs: int | None = None

    _kind = hw5.sklearn.LinearClassifier

    def _parameters(self, n):
        penalty = 1 / (self.C * n)
        return {
            "l2": penalty * (1 - self.l1_ratio),
            "l1": penalty * self.l1_ratio,
            "class_weight": self.class_weight,
            "epochs": 30 * self.max_iter,
            "batch_size": "all",
            "lr": 0.03,
            "lr_decay": 0.999,
            "warm_start": self.warm_start,
        }


@dataclass(eq=False, repr=False)
class _BySgd(_Linear):
    penalty: str = "l2"
    alpha: float = 0.0001
    l1_ratio: float = 0.15
    fit_intercept: bool = True
    max_iter: int = 1000
    tol: float | None = 1e-3
    shuffle: bool = True
    verbose: int = 0
    epsilon: float = 0.1
    n_jobs: int | None = None
    random_state: int | None = None
    learning_rate: str = "optimal"
    eta0: float = 0.01
    power_t: float = 0.5
    early_stopping: bool = False
    validation_fraction: float = 0.1
    n_iter_no_change: int = 5
    class_weight: dict | str | None = None
    warm_start: bool = False
    average: bool = False

    def partial_fit(self, X, y, **options):
        self._fitted(X).partial_fit(X, y, **options)
        return self

    def _parameters(self, n):
        if self.average or self.learning_rate in ("adaptive", "pa1", "pa2"):
            raise NotImplementedError("hw5 has no averaged weights and no such learning rate")
        share = {"l1": 1.0, "l2": 0.0, "elasticnet": self.l1_ratio}[self.penalty]
        parameters = {
            "optimizer": "sgd",
            "batch_size": 1,
            "lr": self.eta0,
            "l1": self.alpha * share,
            "l2": self.alpha * (1 - share),
            "epochs": self.max_iter,
            "patience": self.n_iter_no_change if self.tol is not None else None,
            "min_delta": self.tol or 0.0,
            "validation": self.validation_fraction if self.early_stopping else 0.0,
            "shuffle": self.shuffle,
            "warm_start": self.warm_start,
        }
        return parameters | ({"class_weight": self.class_weight} if is_classifier(self) else {})


@dataclass(eq=False, repr=False)
class SGDClassifier(ClassifierMixin, _BySgd):
    loss: str = "log_loss"
    _kind = hw5.sklearn.LinearClassifier


@dataclass(eq=False, repr=False)
class SGDRegressor(RegressorMixin, _BySgd):
    loss: str = "squared_error"

    @staticmethod
    def _kind(**options):
        return hw5.sklearn.MLPRegressor(hidden=(), **options)


sklearn.linear_model.Perceptron, sklearn.linear_model.LogisticRegression = Perceptron, LogisticRegression
sklearn.linear_model.SGDClassifier, sklearn.linear_model.SGDRegressor = SGDClassifier, SGDRegressor
sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor = MLPClassifier, MLPRegressor
