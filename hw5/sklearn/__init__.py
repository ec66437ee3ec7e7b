"""scikit-learn estimators.

    from hw5.sklearn import MLPClassifier, from_checkpoint

    model = MLPClassifier(hidden=(64,), momentum=0.9, random_state=0).fit(X, y)
    P = model.predict_proba(X_new)
    model.save("model.npz")                 # a checkpoint for hw5 eval, predict and export
    model = from_checkpoint("model.npz")    # also loads the files of hw5 train --out

The parameters are the options of hw5 train, with the same names and defaults, except that validation is 0. Features are
standardised, and X of dtype uint8 is treated as pixels. X may be a DataFrame with text, dates and gaps, which are encoded
as in a file, and a sparse matrix, which becomes dense.
"""

import math
import os
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, fields
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from hw5.train.checkpoint import IN_MEMORY, Checkpoint, DataSource
from hw5.datasets import Dataset, Examples
from hw5.tables.frames import features_of, fitted_features, is_table
from hw5.tables.labels import values_of
from hw5.tables.table import listed
from hw5.tables.numeric import array_columns, as_features, offsets
from hw5.devices import require_device
from hw5.errors import InputError, RunError, in_parameters, require_known
from hw5.nn.hidden import read_hidden
from hw5.datasets.preprocessing import class_weights, training_rows
from hw5.train.opened import opened_device, opened_model
from hw5.train.run import Model, Run
from hw5.train.schedules import SCHEDULES
from hw5.train.defaults import settings_for
from hw5.train.settings import OPTIMIZERS, Settings

_CHOICES = {
    "loss": ("cross-entropy", "binary-cross-entropy"),
    "optimizer": OPTIMIZERS,
    "lr_schedule": tuple(SCHEDULES),
}
_FEATURES = {"dtype": (np.float64, np.float32, np.uint8), "order": "C", "accept_sparse": True}


# A dataclass has the __init__ that scikit-learn requires: it stores each parameter unchanged
@dataclass(eq=False, repr=False, kw_only=True)
class _Estimator(BaseEstimator):
    """The parameters of all estimators. The fitted attribute is checkpoint_; the others are read from it."""

    lr: float | None = None
    epochs: int | None = None
    tolerance: float | None = None
    patience: int | None = None
    validation: float = 0.0
    device: str = "auto"
    random_state: int | np.random.RandomState | None = None

    _fixed = {}  # settings that are not parameters

    @property
    def n_iter_(self):
        """Number of epochs."""
        return len(self.checkpoint_.history)

    @property
    def loss_curve_(self):
        """Mean training loss of each epoch."""
        return [row["loss"] for row in self.checkpoint_.history]

    @property
    def coefs_(self):
        """Weights of each layer, (d, m); the first are for standardised features."""
        return [W.T for W, _ in self.checkpoint_.parameters]

    @property
    def intercepts_(self):
        """Biases of each layer, (m,)."""
        return [b for _, b in self.checkpoint_.parameters]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def save(self, path):
        """Save the fitted model as a checkpoint, for from_checkpoint and the hw5 command. Raises OSError."""
        check_is_fitted(self, "checkpoint_")
        self.checkpoint_.save(path)

    def _train(self, X, y, class_names=(), weights=None):
        """Fit X (n, d) and y (n,), float targets or int32 indices into class_names; return self."""
        feature_names = getattr(self, "feature_names_in_", None)
        feature_names = None if feature_names is None else tuple(feature_names)
        with _errors_for_python():
            if is_table(X):
                X, columns = self._fitted(X, y, class_names)
                feature_names = columns.feature_names
            else:
                columns = array_columns(X)
                X = as_features(X, "X", columns=columns)
        with _errors_for_python():
            shape = self._image_shape(X.shape[1])
            dataset = Dataset("the data", IN_MEMORY, Examples(X, y), None, class_names, feature_names, shape, columns)
            n = len(training_rows(y, has_test=True, validation=self.validation, holdout=0, seed=0))
            settings = settings_for(n, **self._settings(), class_weight=weights, holdout=0.0)
            source = DataSource.of(dataset, None, None)
            one_thread = threadpool_limits(1, user_api="blas")  # see hw5.cli._set_up_blas
            with one_thread, opened_device(self.device, _most_threads(), len(y)) as device:
                run = Run(device, dataset, settings, source)
                for progress in run.train():
                    pass
        if self.tolerance and progress.ending is None:
            text = f"tolerance {self.tolerance} was not reached in {settings.epochs} epochs"
            warnings.warn(text, ConvergenceWarning)
        if settings.loss == "perceptron" and progress.epoch == settings.epochs and progress.accuracy < 1:
            warnings.warn(in_parameters(progress.ending), ConvergenceWarning)
        self.checkpoint_ = run.checkpoint()
        return self

    def _validated(self, X, y, **options):
        """X and y after scikit-learn's checks; a DataFrame with text stays what it is."""
        if not is_table(X):
            X, y = validate_data(self, X, y, **_FEATURES, **options)
            return _dense(X), y
        y = check_array(y, dtype=None, ensure_2d=False, input_name="y", ensure_all_finite=True)
        check_consistent_length(X, y)
        self.n_features_in_, self.feature_names_in_ = X.shape[1], np.array(list(map(str, X.columns)), object)
        return X, y

    def _fitted(self, X, y, class_names):
        """The features of a DataFrame with text, and its Columns, which are fitted on the training rows."""
        rows = training_rows(y, has_test=True, validation=self.validation, holdout=0, seed=self._seed())
        return fitted_features(X, y if class_names else None, rows)

    def _settings(self):
        """The parameters as Settings, without class_weight. Raises InputError, ValueError and TypeError."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, choices in _CHOICES.items():
            if given.get(name) is not None:
                require_known(name, given[name], choices)
        require_device(given["device"])
        if "hidden" in given:
            hidden = given["hidden"]
            entries = read_hidden(hidden) if isinstance(hidden, str) else np.atleast_1d(np.array(hidden, object))
            given["hidden"] = tuple(map(_plain, entries))
        known = {field.name for field in fields(Settings)} - {"class_weight"}
        return {name: _plain(given[name]) for name in given if name in known} | {"seed": self._seed()} | self._fixed

    def _image_shape(self, d):
        """The parameter image_shape, of examples of d numbers, or None. Raises InputError."""
        shape = getattr(self, "image_shape", None)
        if shape is None:
            return None
        shape = tuple(map(_plain, np.atleast_1d(np.array(shape, object))))
        if len(shape) not in (2, 3) or not all(type(n) is int and n > 0 for n in shape) or math.prod(shape) != d:
            raise InputError(f"image_shape {shape} is not the (h, w) or (h, w, channels) of {d} features")
        return shape

    def _seed(self):
        random = check_random_state(self.random_state)
        return int(self.random_state if isinstance(self.random_state, Integral) else random.randint(2**31 - 1))

    def _call(self, X, method=Model.predict):
        """The result of a method of Model for X."""
        check_is_fitted(self, "checkpoint_")
        columns = self.checkpoint_.columns
        is_plain = columns is None or columns.are_plain
        if is_plain:
            X = _dense(validate_data(self, X, reset=False, **_FEATURES))
        with _errors_for_python():
            if is_plain:
                X = as_features(X, "X", columns=columns)
            elif hasattr(X, "iloc"):
                X = features_of(X, self.checkpoint_.schema)
            else:
                raise InputError(f"X must be a DataFrame with the columns {listed(_names(columns))}")
            with opened_model(self, self.checkpoint_, self.device, _most_threads(), len(X)) as model:
                return method(model, X)


def _most_threads():
    """The number that joblib sets in its workers, or None."""
    share = os.environ.get("OMP_NUM_THREADS", "")
    return int(share) if share.isdigit() else None


def _plain(value):
    """Convert a NumPy scalar to a Python number, for JSON."""
    return value.item() if isinstance(value, np.generic) else value


@contextmanager
def _errors_for_python():
    """Raise ValueError instead of InputError, and name parameters instead of options in messages."""
    try:
        yield
    except (InputError, RunError) as error:
        raise (ValueError if isinstance(error, InputError) else RunError)(in_parameters(error)) from error


@dataclass(eq=False, repr=False, kw_only=True)
class _ByGradient(_Estimator):
    """The parameters of minibatch stochastic gradient descent."""

    batch_size: int | str | None = None
    lr_schedule: str | None = None
    lr_decay: float | None = None
    lr_step: int | None = None
    warmup: int = 0
    optimizer: str | None = None
    momentum: float = 0.0
    nesterov: bool = False
    l1: float = 0.0
    l2: float | None = None
    weight_decay: float = 0.0


class _Classifier(ClassifierMixin):
    def fit(self, X, y):
        """Fit the examples X (n, d) and classes y (n,), numbers or text; return self.

        Raises ValueError or TypeError for bad input, and RunError if training diverges.
        """
        X, y = self._validated(X, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"a classifier needs at least two classes, but y has one class only: {self.classes_[0]!r}")
        names = tuple(str(int(name) if isinstance(name, float) else name) for name in self.classes_.tolist())
        return self._train(X, codes.astype(np.int32), names, self._weights(y, names))

    def _weights(self, y, names):
        """class_weight with class names as keys."""
        weights = getattr(self, "class_weight", None)
        if not weights or weights == "balanced":
            return weights or None
        return dict(zip(names, compute_class_weight(weights, classes=self.classes_, y=y).tolist()))

    def predict(self, X):
        """Predict the classes (n,) of the examples X (n, d)."""
        P = self._call(X)
        return self.classes_[P.argmax(axis=1)]


class _ClassifierByGradient(_Classifier):
    def predict_proba(self, X):
        """Predict the class probabilities (n, m) of the examples X (n, d), in the order of classes_."""
        return self._call(X)


@dataclass(eq=False, repr=False, kw_only=True)
class LinearClassifier(_ClassifierByGradient, _ByGradient):
    """Softmax regression; logistic regression with loss="binary-cross-entropy".

    class_weight is "balanced" or {class: weight}.
    """

    loss: str = "cross-entropy"
    class_weight: dict | str | None = None

    _fixed = {"hidden": ()}


@dataclass(eq=False, repr=False, kw_only=True)
class MLPClassifier(_ClassifierByGradient, _ByGradient):
    """A multi-layer network for classification.

    hidden has the number of units of each hidden layer. With image_shape, (h, w) or (h, w, channels) of the rows of X,
    there may be convolutions and pooling as for --hidden: "conv:6x5+2,pool:2,120", or a tuple of such entries. activation
    is a name in hw5.devices.activations, which may have its parameter. class_weight is "balanced" or {class: weight}.
    """

    hidden: tuple[int | str, ...] | str = (128,)
    image_shape: tuple[int, ...] | None = None
    activation: str = "relu"
    loss: str = "cross-entropy"
    class_weight: dict | str | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class MLPRegressor(RegressorMixin, _ByGradient):
    """A multi-layer network for regression.

    hidden has the number of units of each hidden layer, () for a linear model; with image_shape, (h, w) or (h, w,
    channels), also convolutions and pooling, as in MLPClassifier. activation is a name in hw5.devices.activations,
    optionally with its parameter.
    """

    hidden: tuple[int | str, ...] | str = (128,)
    image_shape: tuple[int, ...] | None = None
    activation: str = "relu"

    _fixed = {"loss": "squared"}

    def fit(self, X, y):
        """Fit the examples X (n, d) and targets y (n,); return self.

        Raises ValueError or TypeError for bad input, and RunError if training diverges.
        """
        X, y = self._validated(X, y, y_numeric=True)
        targets = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if not offsets(targets[np.newaxis])[0]:
            targets = check_array(y, dtype=np.float32, ensure_2d=False, input_name="y")
        return self._train(X, targets)

    def predict(self, X):
        """Predict the targets (n,) of the examples X (n, d)."""
        return self._call(X)[:, 0]


@dataclass(eq=False, repr=False, kw_only=True)
class Perceptron(_Classifier, _Estimator):
    """Rosenblatt's perceptron, for two or more classes."""

    _fixed = {"loss": "perceptron", "hidden": (), "batch_size": 1}

    def decision_function(self, X):
        """The outputs z (n, m) for the examples X (n, d); the largest is that of the predicted class.

        For two classes it is one output z (n,), positive for the second class.
        """
        z = self._call(X, Model.outputs)
        return z[:, 0] if z.shape[1] == 1 else z


def from_checkpoint(path, device="auto"):
    """Load a fitted estimator from a checkpoint of save() or hw5 train --out. Raises ValueError if it is not one.

    Class names are converted to integers if all are integers, and to booleans if they are False and True.
    """
    with _errors_for_python():
        checkpoint = Checkpoint.load(path)
    settings = checkpoint.settings
    kinds = {"perceptron": Perceptron, "linear": LinearClassifier}
    kind = MLPRegressor if settings.task == "regression" else kinds.get(settings.model, MLPClassifier)
    given = {field.name: getattr(settings, field.name) for field in fields(kind) if hasattr(settings, field.name)}
    if "image_shape" in {field.name for field in fields(kind)}:
        given["image_shape"] = checkpoint.image_shape
    model = kind(**given | {"device": device, "random_state": settings.seed})
    model.checkpoint_, model.n_features_in_ = checkpoint, checkpoint.schema.features
    if checkpoint.columns and not checkpoint.columns.are_plain:
        model.n_features_in_, names = len(checkpoint.columns.each), _names(checkpoint.columns)
        model.feature_names_in_ = np.array(names, object)
    elif checkpoint.feature_names:
        model.feature_names_in_ = np.array(checkpoint.feature_names, object)
    if checkpoint.class_names:
        model.classes_ = values_of(checkpoint.class_names)
    if settings.class_weight not in (None, "balanced"):
        weights = class_weights(settings.class_weight, checkpoint.class_names, None)
        model.class_weight = dict(zip(model.classes_.tolist(), weights.tolist()))
    return model


def _dense(X):
    """X as an array in C order; hw5 computes with dense matrices."""
    return X.toarray(order="C") if hasattr(X, "toarray") else X


def _names(columns):
    return [column.name for column in columns.numbered]
