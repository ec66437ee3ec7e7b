"""What happens to a data set before training: parts are held out, and features are standardised."""

import math
from dataclasses import dataclass

import numpy as np

from hw5.datasets import Dataset, Examples
from hw5.datasets.rows import listed
from hw5.errors import InputError, did_you_mean

_HOLD_OUT, _VALIDATION = 2, 3  # keep these random numbers apart from the others that come of the same seed


@dataclass(frozen=True)
class Subset:
    """Some rows of some examples: how the train, validation and test parts are told apart without copying any."""

    examples: Examples
    rows: np.ndarray

    @classmethod
    def whole(cls, examples):
        """Every row."""
        return cls(examples, np.arange(len(examples.y)))


def split_dataset(dataset: Dataset, validation, holdout, seed):
    """Subset "train", "validation" and "test" of a data set, by name; parts without examples are left out.

    validation is the fraction of the training examples put aside to watch the training. holdout is the fraction
    put aside for the test, of a set that has no test part of its own. The same seed takes the same examples.
    """
    train, rows = dataset.train, np.arange(len(dataset.train.y))
    if dataset.test is None:
        rows, test_rows = _hold_out(train.y, rows, holdout, (seed, _HOLD_OUT))
        test = Subset(train, test_rows)
    else:
        test = Subset.whole(dataset.test)
    rows, validation_rows = _hold_out(train.y, rows, validation, (seed, _VALIDATION))
    if not len(rows):
        raise InputError(f"{dataset.name}: no example is left to train on; lower --validation or --holdout")
    parts = {"train": Subset(train, rows), "validation": Subset(train, validation_rows), "test": test}
    return {name: part for name, part in parts.items() if len(part.rows)}


def _hold_out(y, rows, fraction, seed):
    """Split rows into (kept, held out), taking the same fraction of every class, or of all where y has targets."""
    shuffled = np.random.default_rng(seed).permutation(rows)
    classes = np.zeros_like(y) if y.dtype.kind == "f" else y
    of_each_class = [shuffled[classes[shuffled] == label] for label in np.unique(classes[rows])]
    held_out = [of_class[: round(fraction * len(of_class))] for of_class in of_each_class]
    held_out = np.sort(np.concatenate(held_out or [rows]))
    return np.setdiff1d(rows, held_out, assume_unique=True), held_out


@dataclass(frozen=True)
class Standardisation:
    """A feature x is used as (x - mean) * scale; mean and scale are float32 of the shape (d,)."""

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit_targets(cls, part: Subset):
        """Bring the targets of a regression to mean 0 and variance 1: mean and scale of the shape (1,)."""
        y = part.examples.y[:, np.newaxis]
        return cls.fit(Subset(Examples(y, y), part.rows))

    def transform(self, y):
        """Targets y (n,) as the network learns them."""
        return (y - self.mean) * self.scale

    def inverse_transform(self, z):
        """What the network says, z (n,) or (n, 1), in the units of the targets."""
        return z / self.scale + self.mean

    @classmethod
    def fit(cls, part: Subset):
        """Bring the rows of a part to mean 0 and variance 1; a feature that never varies becomes 0.

        Features are treated one by one, except for the pixels of uint8 images: these share one mean and one
        variance, or a border pixel that is almost always black would be blown up to rival all others.
        """
        shared = part.examples.X.dtype == np.uint8
        mean = _mean(part, lambda x: x, shared)
        variance = _mean(part, lambda x: (x - mean) ** 2, shared)
        # constant but for rounding, or so small that float32 could not hold the scale
        constant = variance <= np.maximum((np.finfo(np.float32).eps * mean) ** 2, np.finfo(np.float32).tiny ** 2 * 2)
        scale = 1 / np.sqrt(np.where(constant, 1, variance))
        return cls(mean.astype(np.float32), scale.astype(np.float32))


def class_weights(wanted, class_names, y):
    """The weight of every class (m,) that is wanted, given the labels y that are trained on.

    "balanced" gives a class with n of N examples the weight N / (m n), so that every class weighs the same; otherwise
    wanted is NAME=WEIGHT,NAME=WEIGHT, or a dictionary {name: weight}, and the classes that it does not name weigh 1.
    Raises InputError.
    """
    m = len(class_names)
    if wanted == "balanced":
        return len(y) / (m * np.maximum(np.bincount(y, minlength=m), 1))
    pairs = wanted.items() if isinstance(wanted, dict) else (item.rpartition("=")[::2] for item in wanted.split(","))
    weights = dict.fromkeys(class_names, 1.0)
    for name, weight in pairs:
        if name not in weights:
            wrong = f"there is no class {name!r}{did_you_mean(name, weights)}" if name else f"{weight!r} names no class"
            raise InputError(
                f"--class-weight {wanted}: {wrong}; write balanced, or NAME=WEIGHT,NAME=WEIGHT with "
                f"the classes {listed(class_names)}"
            )
        weights[name] = _weight(weight, wanted)
    return np.array(list(weights.values()))


def _weight(weight, wanted):
    try:
        number = float(weight)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise InputError(f"--class-weight {wanted}: {weight!r} is not a weight; give a number of 0 or more")
    return number


def _mean(part, f, shared, chunk=1024):
    """The mean of f(x) over a part, in float64: of each feature (d,), or of all together, repeated d times."""
    X, rows = part.examples.X, part.rows
    total = np.zeros(X.shape[1])
    for start in range(0, len(rows), chunk):
        total += f(X[rows[start : start + chunk]].astype(np.float64)).sum(axis=0)
    mean = total / len(rows)
    return np.full_like(mean, mean.mean()) if shared else mean
