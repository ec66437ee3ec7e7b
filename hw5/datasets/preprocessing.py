"""Preprocess a data set for training: split it, standardise it, and weight its classes."""

import math
import re
from dataclasses import dataclass

import numpy as np

from hw5.datasets.dataset import Dataset, Examples
from hw5.errors import InputError, did_you_mean
from hw5.random_streams import Stream
from hw5.tables.table import BEYOND_FLOAT32
from hw5.text import listed


@dataclass(frozen=True)
class Subset:
    """Some rows (n,) of examples, as indices, so that the training, validation and test sets need no copies."""

    examples: Examples
    rows: np.ndarray

    @classmethod
    def whole(cls, examples):
        """All rows."""
        return cls(examples, np.arange(len(examples.y)))


def split_dataset(dataset: Dataset, validation, holdout, seed):
    """Split a data set into the Subsets {"train": ..., "validation": ..., "test": ...}, without empty ones.

    validation is the fraction of the training examples held out for validation, and holdout the fraction held out for
    testing if the data set has no test set. Both are stratified by class, and determined by the seed. Raises InputError
    if no example is left to train on.
    """
    train, rows = dataset.train, np.arange(len(dataset.train.y))
    if dataset.test is None:
        rows, test_rows = _hold_out(train.y, rows, holdout, (seed, Stream.TEST))
        test = Subset(train, test_rows)
    else:
        test = Subset.whole(dataset.test)
    rows, validation_rows = _hold_out(train.y, rows, validation, (seed, Stream.VALIDATION))
    if not len(rows):
        raise InputError(f"{dataset.name}: no example is left to train on; lower --validation or --holdout")
    subsets = {"train": Subset(train, rows), "validation": Subset(train, validation_rows), "test": test}
    return {name: subset for name, subset in subsets.items() if len(subset.rows)}


def require_validation(splits, settings, what):
    """Raise InputError if the splits of these settings have no validation set, which `what` needs."""
    if "validation" not in splits:
        raise InputError(
            f"{what} needs a validation set, and --validation {settings.validation:g} leaves none; increase it"
        )


def training_rows(y, has_test, validation, holdout, seed):
    """The rows of labels y (n,) that split_dataset keeps to train on."""
    return _hold_out(y, _outside_test(y, has_test, holdout, seed), validation, (seed, Stream.VALIDATION))[0]


def _outside_test(y, has_test, holdout, seed):
    rows = np.arange(len(y))
    return rows if has_test else _hold_out(y, rows, holdout, (seed, Stream.TEST))[0]


def split_folds(dataset: Dataset, n, validation, holdout, seed):
    """The rows of n folds, as [{"train": rows, "validation": rows, "test": rows}, ...], without empty ones.

    Each example that is not held out for testing is in the test rows of one fold, and fold k is trained on the others,
    less the fraction held out for validation. The folds are stratified by class; their sizes, and those of a class in
    them, differ by at most one. Raises InputError if a class has fewer than n examples.
    """
    y = dataset.train.y
    rows = _outside_test(y, dataset.test is not None, holdout, seed)
    _require_examples_for(n, dataset, rows)
    shuffled = np.random.default_rng((seed, Stream.FOLDS)).permutation(rows)
    if dataset.class_names:
        shuffled = shuffled[np.argsort(y[shuffled], kind="stable")]
    return [_split_fold(y, rows, np.sort(shuffled[k::n]), validation, seed) for k in range(n)]


def _split_fold(y, rows, test, validation, seed):
    others = np.setdiff1d(rows, test, assume_unique=True)
    train, validation = _hold_out(y, others, validation, (seed, Stream.VALIDATION))
    subsets = {"train": train, "validation": validation, "test": test}
    return {name: subset for name, subset in subsets.items() if len(subset)}


def _require_examples_for(n, dataset, rows):
    if dataset.class_names:
        counts = np.bincount(dataset.train.y[rows], minlength=len(dataset.class_names))
        fewest, of = int(counts.min()), f"examples of class {dataset.class_names[counts.argmin()]!r}"
    else:
        fewest, of = len(rows) // 2, "pairs of examples"  # a single one has no R^2
    if fewest < n:
        what_to_do = f"choose at most {fewest}" if fewest > 1 else "add examples, or leave --folds out"
        raise InputError(f"--folds {n} of {dataset.name} needs {n} {of}, and it has {fewest}; {what_to_do}")


def _hold_out(y, rows, fraction, seed):
    """Split rows into (kept, held out), with the same fraction of every class, or of all rows if y are no classes."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    classes = np.zeros(len(rows), np.int8) if y.dtype.kind == "f" or y.ndim > 1 else _narrow(y[shuffled])
    order = np.argsort(classes, kind="stable")
    _, first, sizes = np.unique(classes[order], return_index=True, return_counts=True)
    rank = np.arange(len(rows)) - np.repeat(first, sizes)  # within its class
    is_held_out = np.zeros(len(y), bool)
    is_held_out[shuffled[order[rank < np.repeat(np.rint(fraction * sizes), sizes)]]] = True
    return rows[~is_held_out[rows]], np.flatnonzero(is_held_out)


def _narrow(classes):
    """The same as int16, if they fit: NumPy sorts these in linear time."""
    fit = classes.size and np.iinfo(np.int16).min <= classes.min() and classes.max() <= np.iinfo(np.int16).max
    return classes.astype(np.int16) if fit else classes


@dataclass(frozen=True)
class Standardisation:
    """Transform a feature x to (x - mean) * scale; mean and scale are float32 of shape (d,), or (q,) for q targets.

    Those of targets are float64 if float32 would lose what tells the targets apart.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, subset: Subset, image_shape=None, indicators=None):
        """The Standardisation that gives features mean 0 and variance 1; a constant feature becomes 0.

        Each feature has its own mean and variance, except the pixels of images, which share those of their channel: a
        border pixel that is almost always black would otherwise be scaled up as much as all others. Likewise, 0 and 1
        of the features in the mask `indicators` become 2 apart, as if both were frequent: a rare category would
        otherwise be far from 0, and training diverge.
        """
        is_shared = image_shape is not None or subset.examples.X.dtype == np.uint8
        channels = (image_shape[2] if image_shape and len(image_shape) == 3 else 1) if is_shared else None
        mean = _mean(subset, lambda x: x, channels)
        variance = _mean(subset, lambda x: (x - mean) ** 2, channels)
        # constant except for rounding, or too small for the scale to be a float32
        kind = np.promote_types(subset.examples.X.dtype, np.float32)
        smallest = 2 * float(np.finfo(kind).tiny) ** 2  # as a Python float, since float32 has no such number
        constant = variance <= np.maximum((np.finfo(kind).eps * mean) ** 2, smallest)
        scale = 1 / np.sqrt(np.where(constant, 1, variance))
        if indicators is not None:
            scale[indicators & ~constant] = 2
        return cls(mean.astype(kind), scale.astype(kind))

    @classmethod
    def none(cls, size):
        """The Standardisation that changes nothing, of a number of features."""
        return cls(np.zeros(size, np.float32), np.ones(size, np.float32))

    @classmethod
    def fit_targets(cls, subset: Subset):
        """The Standardisation that gives the targets of a regression mean 0 and variance 1."""
        y = subset.examples.y.reshape(len(subset.examples.y), -1)
        return cls.fit(Subset(Examples(y, y), subset.rows))

    def transform(self, y):
        """Standardise targets y, (n,) or (n, q)."""
        return (y - self.mean) * self.scale

    def inverse_transform(self, z):
        """Convert standardised targets z, (n,) or (n, q), back to their units."""
        return z / self.scale + self.mean


def class_weights(wanted, class_names, y):
    """The weight of every class, (m,), for training labels y (n,).

    wanted is "balanced", which gives a class with n_j of n examples the weight n / (m n_j), or NAME=WEIGHT,NAME=WEIGHT,
    where a NAME with a comma is in double quotes, or a dictionary {name: weight}; classes that are not named have
    weight 1. Raises InputError.
    """
    m = len(class_names)
    if wanted == "balanced":
        return len(y) / (m * np.maximum(np.bincount(y, minlength=m), 1))
    if not isinstance(wanted, str | dict):
        raise InputError("--class-weight must be balanced, or NAME=WEIGHT,NAME=WEIGHT, or in Python a dictionary")
    pairs = wanted.items() if isinstance(wanted, dict) else (item.rpartition("=")[::2] for item in _items(wanted))
    weights = dict.fromkeys(class_names, 1.0)
    named = set()
    for name, weight in pairs:
        if name in named:
            raise InputError(f"--class-weight {wanted}: {name!r} has two weights; leave one out")
        named.add(name)
        if name not in weights:
            guess = did_you_mean(name, weights)
            reason = f"there is no class {name!r}{guess}" if name else f"{weight!r} names no class"
            raise InputError(
                f"--class-weight {wanted}: {reason}; write balanced, or NAME=WEIGHT,NAME=WEIGHT with "
                f"the classes {listed(class_names)}"
            )
        weights[name] = _weight(weight, wanted)
    return np.array(list(weights.values()))


def _items(wanted):
    """The parts of "NAME=WEIGHT,NAME=WEIGHT", without the quotes around a NAME or a part."""
    parts, is_quoted = [""], False
    for piece in re.split('([",])', wanted):
        if piece == "," and not is_quoted:
            parts.append("")
        elif piece == '"':
            is_quoted = not is_quoted
        else:
            parts[-1] += piece
    return parts


def _weight(weight, wanted):
    try:
        number = float(weight)
    except (ValueError, TypeError, OverflowError):
        number = math.nan
    if not 0 <= number < BEYOND_FLOAT32:
        raise InputError(f"--class-weight {wanted}: {weight!r} is not a weight; give a number from 0 to 3.4e38")
    return number


def _mean(subset, f, channels=None, chunk=1024):
    """The float64 mean of f(x) over a subset, (d,): of each feature, or of each channel, repeated for every pixel."""
    X, rows = subset.examples.X, subset.rows
    total = np.zeros(X.shape[1])
    for start in range(0, len(rows), chunk):
        total += f(X[rows[start : start + chunk]].astype(np.float64)).sum(axis=0)
    mean = total / len(rows)
    if channels is None:
        return mean
    by_channel = np.ascontiguousarray(mean.reshape(-1, channels).T)  # so that NumPy sums pairwise
    return np.tile(by_channel.mean(axis=1), len(mean) // channels)
