"""What all estimators share: parameters, the attributes of a fitted network, and fitting it."""

import functools
import hashlib
import math
import os
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from threadpoolctl import ThreadpoolController

from hw5.datasets import Dataset, Examples
from hw5.datasets.preprocessing import split_dataset
from hw5.devices import require_device
from hw5.errors import InputError, RunError, in_parameters, require_known
from hw5.interrupts import interruptible
from hw5.nn.hidden import read_hidden
from hw5.sklearn.features import checked_features, features, fitted
from hw5.sklearn.several import LOSS_OF_LABELS
from hw5.train.data_source import IN_MEMORY, DataSource
from hw5.train.defaults import settings_for
from hw5.train.increments import continue_from, epochs_of, settings_of_increment
from hw5.train.opened import opened_device, opened_model
from hw5.train.predictor import Predictor
from hw5.train.run import Run
from hw5.train.schedules import SCHEDULES
from hw5.train.settings import OPTIMIZERS, Settings
from hw5.train.weights import weighted

_CHOICES = {
    "loss": ("cross-entropy", "binary-cross-entropy"),
    "optimizer": OPTIMIZERS,
    "lr_schedule": tuple(SCHEDULES),
}
_OUT_ACTIVATIONS = {"cross-entropy": "softmax", "binary-cross-entropy": "logistic", LOSS_OF_LABELS: "logistic"}


@contextmanager
def errors_for_python():
    """Raise ValueError instead of InputError, and name parameters instead of options in messages."""
    try:
        yield
    except (InputError, RunError) as error:
        raise (ValueError if isinstance(error, InputError) else RunError)(in_parameters(error)) from error


# A dataclass has the __init__ that scikit-learn requires: it stores each parameter unchanged
@dataclass(eq=False, repr=False, kw_only=True)
class Estimator(BaseEstimator):
    """The parameters of all estimators. The fitted attribute is checkpoint_; most others are read from it."""

    lr: float | None = None
    epochs: int | None = None
    tolerance: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    validation: float = 0.0
    shuffle: bool = True
    standardise: bool = True
    warm_start: bool = False
    verbose: bool = False
    device: str = "auto"
    random_state: int | np.random.RandomState | None = None

    _fixed = {}  # settings that are not parameters
    _takes_several = False  # whether y may have several columns
    _dtype = np.float32  # of coefs_, intercepts_ and predicted numbers: float64 if X was, by scikit-learn's convention

    # -- attributes of the fitted network

    @property
    def n_iter_(self):
        """Number of epochs."""
        return len(self.checkpoint_.history)

    @property
    def loss_curve_(self):
        """Mean training loss of each epoch."""
        return [row["loss"] for row in self.checkpoint_.history]

    @property
    def loss_(self):
        """Mean training loss of the last epoch."""
        return self.loss_curve_[-1]

    @property
    def best_loss_(self):
        """The lowest of loss_curve_; None if a validation set was held out."""
        return None if self._has_validation else min(self.loss_curve_)

    @property
    def validation_scores_(self):
        """The score on the held-out examples after each epoch, or None if there are none."""
        return list(map(self._validation_score, self.checkpoint_.history)) if self._has_validation else None

    @property
    def best_validation_score_(self):
        """The highest of validation_scores_, or None."""
        return max(self.validation_scores_) if self._has_validation else None

    @property
    def _has_validation(self):
        history = self.checkpoint_.history
        return bool(history) and history[-1]["validation_loss"] is not None

    @property
    def coefs_(self):
        """Weights of each layer, (d, m); the first are for standardised features."""
        return [W.T.astype(self._dtype, copy=False) for W, _ in self.checkpoint_.parameters]

    @property
    def intercepts_(self):
        """Biases of each layer, (m,)."""
        return [b.astype(self._dtype, copy=False) for _, b in self.checkpoint_.parameters]

    @property
    def n_layers_(self):
        """Number of layers with weights, and one for the input."""
        return len(self.checkpoint_.parameters) + 1

    @property
    def n_outputs_(self):
        """Number of units of the top layer."""
        return len(self.intercepts_[-1])

    @property
    def out_activation_(self):
        """softmax, logistic or identity."""
        return _OUT_ACTIVATIONS.get(self.checkpoint_.settings.loss, "identity")

    @property
    def coef_(self):
        """The weights of a linear model for features as they are given: (1, d) for two classes, (m, d), or (d,)."""
        return self._linear()[0]

    @property
    def intercept_(self):
        """The biases of a linear model for features as they are given: (1,) for two classes, (m,), or a number."""
        return self._linear()[1]

    def _linear(self):
        """coef_ and intercept_ in float64. Raises AttributeError if there are hidden layers."""
        its = self.checkpoint_
        if its.settings.hidden:
            raise AttributeError("a network with hidden layers has no coef_; its weights are in coefs_")
        W, b = (array.astype(np.float64) for array in its.parameters[0])
        W *= its.standardisation.scale
        b -= W @ its.standardisation.mean.astype(np.float64)
        if its.columns and its.columns.are_plain:  # which subtract it before
            b -= W @ np.array([column.offset for column in its.columns.each], np.float64)
        return W, b

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def save(self, path):
        """Save the fitted model as a checkpoint, for from_checkpoint and the hw5 command. Raises OSError."""
        check_is_fitted(self, "checkpoint_")
        self.checkpoint_.save(path)

    # -- fitting

    def _start(self):
        """The Checkpoint that fit begins with, or None for new weights."""
        return getattr(self, "checkpoint_", None) if self.warm_start else None

    def _require_partial_fit(self):
        """The Checkpoint that partial_fit continues, or None. Raises ValueError for parameters that it cannot have."""
        if self.patience:
            raise ValueError("partial_fit does not support patience; it makes one pass over the examples that it gets")
        if getattr(self, "class_weight", None) == "balanced":
            raise ValueError("partial_fit does not know all examples: give class_weight as {class: weight}")
        return getattr(self, "checkpoint_", None)

    def _train(self, X, y, names=(), weights=None, sample_weight=None, start=None, is_part=False, target_names=()):
        """Fit X (n, d) and y, float targets, int32 indices into names, or int32 labels (n, q); return self.

        weights: of the classes. start: the Checkpoint whose weights are the first. is_part: train one epoch, which
        follows those of start. target_names: of the columns of y, if it has several.
        """
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        seed = start.settings.seed if start and is_part else self._seed()
        self._dtype = np.float64 if getattr(X, "dtype", None) == np.float64 else np.float32
        with errors_for_python():
            dataset = self._dataset(X, y, names, seed, start, target_names)
            splits = split_dataset(dataset, 0.0 if is_part else self.validation, 0.0, seed)
            splits, row_weights = weighted(splits, sample_weight)
            given = self._settings() | {"seed": seed, "class_weight": weights, "holdout": 0.0}
            given |= {"loss": LOSS_OF_LABELS} if y.ndim == 2 and y.dtype.kind == "i" else {}
            settings = self._settings_for(splits, start, is_part, given)
            source = _source(dataset, sample_weight)
            one_thread = _libraries().limit(limits=1, user_api="blas")  # see hw5.cli._set_up_blas
            with one_thread, opened_device(self.device, _most_threads(), len(y)) as device:
                run = Run(device, dataset, settings, source, splits=splits, weights=row_weights, start=start)
                if start and is_part:
                    continue_from(run, start, self._updates)
                self._watch(run, is_part)
            self._conclude(run, start if is_part else None)
        return self

    def _dataset(self, X, y, names, seed, start, target_names):
        """The Dataset of X and y, whose features are those of the Checkpoint start, if there is one."""
        if start:
            X, columns, feature_names = features(X, start), start.columns, start.feature_names
        else:
            X, columns, feature_names = fitted(self, X, y, names, seed)
        shape = self._image_shape(X.shape[1])
        examples = Examples(X, y)
        return Dataset(
            "the data", IN_MEMORY, examples, None, names, feature_names, shape, columns, target_names=target_names
        )

    def _settings_for(self, splits, start, is_part, given):
        """The Settings for these splits.

        Raises InputError if they cannot be trained on, or start cannot be continued.
        """
        n = len(splits["train"].rows)
        if is_part:
            settings = settings_of_increment(start, n + (self.t_ if start else 0), **given)
        else:
            settings = settings_for(n, **given)
        if start:
            _require_same_network(start.settings, settings)
            _require_same_targets(start.target_names, splits["train"].examples.y)
        if settings.patience and settings.validation and "validation" not in splits:
            raise InputError(
                f"The validation set is too small: validation {settings.validation:g} leaves none; increase it"
            )
        return settings

    def _watch(self, run, is_part):
        """Train to the end, to that of an epoch for a part, or until Ctrl-C; warn if that was too early."""
        progress, epochs = None, run.settings.epochs
        with interruptible() as asked:
            for progress in run.train():
                if progress.epoch_ends and self.verbose:
                    print(_line(progress))
                if asked:
                    text = f"interrupted in epoch {progress.epoch} of {epochs}; warm_start=True continues from here"
                    warnings.warn(text, ConvergenceWarning, stacklevel=2)
                if asked or (is_part and progress.epoch_ends):
                    return
        if self.tolerance and run.training.ending is None:
            text = f"tolerance {self.tolerance} was not reached in {epochs} epochs"
            warnings.warn(text, ConvergenceWarning, stacklevel=2)
        elif self.patience and run.training.ending is None:
            text = f"patience {self.patience} was not exhausted in {epochs} epochs; increase epochs"
            warnings.warn(text, ConvergenceWarning, stacklevel=2)
        if run.settings.loss == "perceptron" and progress.accuracy < 1:
            warnings.warn(in_parameters(progress.ending), ConvergenceWarning, stacklevel=2)

    def _conclude(self, run, before):
        """Keep what a Run has learnt, after a Checkpoint if it was a part."""
        training = run.training
        trained = (training.epoch - 1 - epochs_of(before)) * len(training.rows) + training.done
        self.t_ = trained + (self.t_ if before else 0)  # examples that were trained on, over all epochs
        per_epoch = math.ceil(len(training.rows) / training.batch_size)
        self._updates = per_epoch + self._updates if before else training.steps
        self.checkpoint_ = replace(run.checkpoint(), label_type=self._label_type)
        held_out = run.splits.get("validation")
        self._validated_on = held_out and held_out.examples.y[held_out.rows]

    _label_type = None

    def _settings(self):
        """The parameters as Settings, without class_weight and seed. Raises InputError, ValueError and TypeError."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, choices in _CHOICES.items():
            if given.get(name) is not None:
                require_known(name, given[name], choices)
        require_device(given["device"])
        if "hidden" in given:
            hidden = given["hidden"]
            entries = read_hidden(hidden) if isinstance(hidden, str) else np.atleast_1d(np.array(hidden, object))
            given["hidden"] = tuple(map(plain, entries))
        given |= {"shuffle": bool(self.shuffle), "standardise": bool(self.standardise)}
        known = {field.name for field in fields(Settings)} - {"class_weight"}
        return {name: plain(given[name]) for name in given if name in known} | self._fixed

    def _image_shape(self, d):
        """The parameter image_shape, of examples of d numbers, or None. Raises InputError."""
        shape = getattr(self, "image_shape", None)
        if shape is None:
            return None
        shape = tuple(map(plain, np.atleast_1d(np.array(shape, object))))
        if len(shape) not in (2, 3) or not all(type(n) is int and n > 0 for n in shape) or math.prod(shape) != d:
            raise InputError(f"image_shape {shape} is not the (h, w) or (h, w, channels) of {d} features")
        return shape

    def _seed(self):
        random = check_random_state(self.random_state)
        return int(self.random_state if isinstance(self.random_state, Integral) else random.randint(2**31 - 1))

    def _call(self, X, method=Predictor.predict):
        """The result of a method of Predictor for X."""
        check_is_fitted(self, "checkpoint_")
        with errors_for_python():
            X = checked_features(self, X)
            with opened_model(self, self.checkpoint_, self.device, _most_threads(), len(X)) as model:
                return method(model, X)


def plain(value):
    """Convert a NumPy scalar to a Python number, for JSON."""
    return value.item() if isinstance(value, np.generic) else value


@functools.cache
def _libraries():
    """NumPy's BLAS, among others; to find it takes longer than to train on a few examples."""
    return ThreadpoolController()


def _most_threads():
    """The number that joblib sets in its workers, or None."""
    share = os.environ.get("OMP_NUM_THREADS", "")
    return int(share) if share.isdigit() else None


def _source(dataset, sample_weight):
    """The DataSource; weights are a part of the data, without which a training cannot be resumed."""
    source = DataSource.of(dataset, None, None)
    if sample_weight is None:
        return source
    digest = hashlib.blake2b(source.digest.encode() + sample_weight.tobytes(), digest_size=16)
    return replace(source, digest=digest.hexdigest())


def _require_same_network(before, settings):
    for name in ("hidden", "activation", "loss"):
        was, now = getattr(before, name), getattr(settings, name)
        if was != now:
            raise InputError(
                f"{name} was {was!r} and is {now!r}, but the fitted network is trained further; clone it first"
            )


def _require_same_targets(names, y):
    q, before = y.shape[1] if y.ndim == 2 else 1, len(names) or 1
    if q != before:
        raise InputError(
            f"y has {q} targets and had {before}, but the fitted network is trained further; clone it first"
        )


def _line(progress):
    """The line of an epoch, as scikit-learn prints it."""
    line = f"Iteration {progress.epoch}, loss = {progress.loss:.8f}"
    if progress.validation_loss is None:
        return line
    return f"{line}\nValidation loss: {progress.validation_loss:.6f}"
