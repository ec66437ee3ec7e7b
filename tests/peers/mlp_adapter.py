"""hw5's networks with the parameters of scikit-learn's MLPClassifier and MLPRegressor; a plugin for pytest.

    pytest -p tests.peers.mlp_adapter .../sklearn/neural_network/tests/test_mlp.py

then tests hw5. A parameter is translated to the one that means the same. The solver lbfgs becomes Adam with another
learning rate and hw5's minibatches: tests with it check what is learnt. What has no equivalent is refused.
"""

from dataclasses import dataclass

import numpy as np
import sklearn.neural_network
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

import hw5.sklearn

_ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}


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
        self._model = self._translated(X, is_part=False).fit(X, y, sample_weight=sample_weight)
        return self

    @available_if(lambda self: self.solver != "lbfgs")
    def partial_fit(self, X, y, **options):
        self._model = self._translated(X, is_part=True)
        try:
            self._model.partial_fit(X, y, **options)
        except ValueError as error:  # which names hw5's parameter
            raise ValueError(str(error).replace("patience", "early_stopping=True")) from error
        return self

    def _translated(self, X, is_part):
        """The hw5 estimator: the one that was fitted before, with new parameters, or a new one."""
        model = vars(self).get("_model") or self._kind(device="cpu")
        return model.set_params(**self._parameters(np.shape(X)[0], is_part))

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
            "lr": 0.01 if is_lbfgs else self.learning_rate_init,
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
            "warm_start": self.warm_start,
            "verbose": self.verbose,
            "random_state": self.random_state,
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
    _kind = hw5.sklearn.MLPClassifier


class MLPRegressor(RegressorMixin, _Adapter):
    _kind = hw5.sklearn.MLPRegressor


sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor = MLPClassifier, MLPRegressor
