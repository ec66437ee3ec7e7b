"""Checkpoints: one .npz that holds a trained network and all that is needed to use it.

Readable by hand: numpy.load(path) gives W1, b1, W2, b2 and so on up the layers, mean and scale of the standardisation
(of a regression also target_mean and target_scale), and description, a JSON text with everything else and a checksum of
all of it. For the training to go on: V1, Vb1, ... are the velocities, and sums the losses and hits of the epoch so far;
where --patience keeps the best parameters as W1, ..., the last ones are last_W1, ...; and for --tolerance, before_W1,
... are those of the end of the epoch before.
Nothing in it is a pickle, and the time of writing is not in it: equal runs write equal bytes.
"""

import hashlib
import json
import math
import os
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_type_hints

import numpy as np

from hw5.devices.activations import Activation
from hw5.train.decode import decode
from hw5.datasets import BUILT_IN, Dataset, Schema
from hw5.datasets.arrays import read_archive
from hw5.datasets.opening import open_plain
from hw5.datasets.labels import class_name
from hw5.errors import InputError
from hw5.files import atomic_write
from hw5.nn.losses import LOSSES
from hw5.datasets.preprocessing import Standardisation, Subset, split_dataset
from hw5.train.settings import Settings
from hw5.train.training import Best, State

FORMAT = 1
HISTORY = ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy")
_DESCRIBED = ("settings", "data", "class_names", "feature_names", "image_shape", "history")  # as they follow each other


IN_MEMORY = "data in memory"  # the source of what was no file, but arrays in Python


@dataclass(frozen=True)
class DataSource:
    """How to get the training data again, by the arguments of hw5.datasets.load, and how to know them.

    is_held_out says that the test part was taken from the training data; digest is that of their bytes. Of images,
    darkest and brightest are the lowest and the highest pixel.
    """

    source: str
    test: str | None
    label_column: str | None
    is_held_out: bool
    digest: str
    darkest: float | None = None
    brightest: float | None = None

    def require_at_hand(self):
        """Raise InputError where the data were arrays in Python, which cannot be read again."""
        if self.source == IN_MEMORY:
            raise InputError("the model was trained in Python on data in memory, which are gone; name data with --data")

    @classmethod
    def of(cls, dataset, test, label_column):
        """Of a data set that was loaded with these arguments."""
        if test is not None and test not in BUILT_IN:
            test = os.path.abspath(os.path.expanduser(test))
        X = dataset.train.X
        pixels = (float(X.min()), float(X.max())) if dataset.image_shape else ()
        return cls(dataset.source, test, label_column, dataset.test is None, _digest(dataset.train), *pixels)


def _digest(examples):
    digest = hashlib.blake2b(np.ascontiguousarray(examples.X), digest_size=16)
    digest.update(np.ascontiguousarray(examples.y))
    return digest.hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """A training as it stands, with the network that it has made so far, and what it was trained on and how."""

    state: State
    standardisation: Standardisation
    settings: Settings
    data: DataSource
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None
    image_shape: tuple[int, ...] | None
    history: list[dict[str, int | float | None]]  # one row an epoch, with the columns HISTORY
    of_targets: Standardisation | None = None  # in a regression

    @property
    def parameters(self):
        """[(W, b), ...] of the network to use."""
        return self.state.kept

    @property
    def loss(self):
        """The Loss that was minimised."""
        return LOSSES[self.settings.loss]

    @property
    def schema(self):
        """What the network takes, for hw5.datasets to read other data for it."""
        features = self.parameters[0][0].shape[1]
        return Schema(features, self.class_names, self.feature_names, self.image_shape, self.data.label_column)

    def save(self, path):
        """Write the checkpoint; a file that was at path is replaced in one go. Raises OSError."""
        arrays, description = self._arrays(), self._description()
        description["checksum"] = _checksum(arrays, description)
        with atomic_write(path) as file:
            np.savez(file, description=json.dumps(description), **arrays)

    def _arrays(self):
        state = self.state
        arrays = {"mean": self.standardisation.mean, "scale": self.standardisation.scale, "sums": state.sums}
        if self.of_targets:
            arrays |= {"target_mean": self.of_targets.mean, "target_scale": self.of_targets.scale}
        arrays |= _named("W", "b", self.parameters) | _named("V", "Vb", state.velocities)
        if state.best:
            arrays |= _named("last_W", "last_b", state.parameters)
        if state.previous_parameters is not None:
            arrays |= _named("before_W", "before_b", state.previous_parameters)
        return arrays

    def _description(self):
        state = self.state
        return {
            "format": FORMAT,
            "layers": len(self.parameters),
            "training": {
                "epoch": state.epoch,
                "done": state.done,
                "ending": state.ending,
                "best": state.best and {"epoch": state.best.epoch, "loss": state.best.loss},
            },
            "settings": asdict(self.settings),
            "data": asdict(self.data),
            "class_names": self.class_names,
            "feature_names": self.feature_names,
            "image_shape": self.image_shape,
            "history": self.history,
        }

    @classmethod
    def load(cls, path):
        """Read a checkpoint. Raises InputError where path holds none, or a damaged one."""
        path = Path(path)
        if not os.path.exists(path):
            raise InputError(f"{path}: no such file; hw5 train --out {path} writes a checkpoint there")
        with open_plain(path) as (file, _):
            start = file.read(2)
        if start != b"PK":
            what = "is a pickle, which hw5 never loads" if start[:1] == b"\x80" else "is not a hw5 checkpoint"
            raise InputError(f"{path} {what}; name a file that hw5 train --out wrote")
        try:
            arrays = read_archive(path, _most_bytes)
        except InputError as error:
            raise InputError(f"{path} is truncated or damaged; go back to an earlier copy") from error
        return cls._from_arrays(arrays, path)

    @classmethod
    def _from_arrays(cls, arrays, path):
        try:
            description = json.loads(str(arrays.pop("description")))
            if decode(int, description["format"]) > FORMAT:
                raise InputError(f"{path} was written by a newer hw5 than this one; upgrade hw5 to read it")
            if description.pop("checksum") != _checksum(arrays, description):
                raise InputError(
                    f"{path} is damaged: its checksum is not that of its content; go back to an earlier copy"
                )
            kinds = get_type_hints(cls)
            checkpoint = cls(
                _state(arrays, decode(int, description["layers"]), description["training"]),
                Standardisation(arrays["mean"], arrays["scale"]),
                *(decode(kinds[name], description[name]) for name in _DESCRIBED),
                Standardisation(arrays["target_mean"], arrays["target_scale"]) if "target_mean" in arrays else None,
            )
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{path} is not a hw5 checkpoint; name a file that hw5 train --out wrote") from error
        if not checkpoint._is_consistent():
            raise InputError(f"{path} is damaged: its arrays do not fit each other; go back to an earlier copy")
        return checkpoint

    def _is_consistent(self):
        """Whether all parts fit each other, every array being finite float32 of the shape that its place demands."""
        settings, m, d = self.settings, len(self.class_names), self.standardisation.mean.size
        if bool(self.of_targets) != (settings.task == "regression"):
            return False
        standardisations = [(self.standardisation, d)] + [(self.of_targets, 1)] * bool(self.of_targets)
        arrays = [array for each, _ in standardisations for array in (each.mean, each.scale)]
        shapes = [(size,) for _, size in standardisations for _ in range(2)]
        state = self.state
        for pairs in (self.parameters, state.velocities, state.parameters, state.previous_parameters):
            if pairs is not None:
                arrays += [array for pair in pairs for array in pair]
                shapes += _shapes([d, *settings.hidden, self.loss.units(m)], settings.activation)
        return (
            _is_sound(state)
            and (not settings.tolerance or state.previous_parameters is not None)
            and all(set(row) == set(HISTORY) and all(map(_is_float, row.values())) for row in self.history)
            and [array.shape for array in arrays] == shapes
            and all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays)
            and all(each.scale.min() > 0 for each, _ in standardisations)
            and (m == 0 if self.of_targets else m == 2 or m > 2 and settings.loss != "binary-cross-entropy")
            and _are_class_names(self.class_names)
            and settings.activation.isprintable()  # a parameter may have white space around it
            and "\0" not in self.data.source + (self.data.test or "")  # they are paths
            and (self.feature_names is None or len(self.feature_names) == d)
            and (self.image_shape is None or _is_image_shape(self.image_shape) and math.prod(self.image_shape) == d)
        )

    def part(self, dataset: Dataset, split):
        """The "test" or "train" part of a data set that was loaded for this schema.

        Of the set that the checkpoint was trained on, these are the parts that the training made, or the test part
        that it is given now; of another set, its own parts, or all of it where it has no test part. Raises
        InputError where there is no such part.
        """
        if dataset.source != self.data.source:
            return Subset.whole(dataset.test if split == "test" and dataset.test else dataset.train)
        part = self._trained_parts(dataset).get(split)
        if part is None:
            raise InputError(
                f"nothing of {dataset.name} was held out for a test: name test data with --test, or see how well "
                "the training data were learned with --split train"
            )
        return part

    def _trained_parts(self, dataset):
        if _digest(dataset.train) != self.data.digest:
            raise InputError(
                f"{dataset.name} has changed since the training, so the examples held out cannot be told apart; "
                "name other data with --data"
            )
        holdout = self.settings.holdout if self.data.is_held_out else 0
        parts = split_dataset(replace(dataset, test=None), self.settings.validation, holdout, self.settings.seed)
        return parts if dataset.test is None else parts | {"test": Subset.whole(dataset.test)}


def _most_bytes(size):
    """How much a file may hold: save() does not compress, so this allows a checkpoint that something else compressed."""
    return (16 << 20) + 8 * size


def _named(W, b, pairs):
    """The arrays of pairs by name: W1, b1, W2, b2, ..."""
    return {f"{name}{l}": array for l, pair in enumerate(pairs, start=1) for name, array in zip((W, b), pair)}


def _pairs(W, b, arrays, layers):
    return [(arrays[f"{W}{l}"], arrays[f"{b}{l}"]) for l in range(1, layers + 1)]


@dataclass(frozen=True)
class _Training:
    """What the description tells of a State."""

    epoch: int
    done: int
    ending: str | None
    best: dict[str, int | float] | None


def _state(arrays, layers, description):
    """The State in these arrays and this part of the description. Raises KeyError, ValueError or TypeError."""
    training, parameters, best = decode(_Training, description), _pairs("W", "b", arrays, layers), None
    if training.best is not None:
        best = Best(**training.best, parameters=parameters)
        parameters = _pairs("last_W", "last_b", arrays, layers)
    previous = _pairs("before_W", "before_b", arrays, layers) if "before_W1" in arrays else None
    velocities = _pairs("V", "Vb", arrays, layers)
    position = (training.epoch, training.done, arrays["sums"])
    return State(parameters, velocities, *position, best, previous, training.ending)


def _is_sound(state):
    sums = state.sums
    return (
        sums.dtype == np.float64
        and sums.ndim == 2
        and len(sums) == 2
        and np.isfinite(sums).all()
        and state.epoch >= 1
        and state.done >= 0
        and (state.ending is None or state.ending.isprintable())  # a sentence of the program, not of data
    )


def _is_float(figure):
    """Whether a figure of the history can be a float; JSON has integers of any size."""
    return not isinstance(figure, int) or abs(figure) <= sys.float_info.max


def _is_image_shape(shape):
    return len(shape) == 2 and min(shape) > 0


def _are_class_names(names):
    """Whether labels of that text would be classes of these names, all different."""
    try:
        return len(set(names)) == len(names) and all(class_name(name) == name for name in names)
    except ValueError:
        return False


def _shapes(sizes, activation):
    """The shapes of W and b, layer by layer, for the sizes (d, ..., m)."""
    pieces = Activation.of(activation).pieces
    rows = [pieces * m for m in sizes[1:-1]] + [sizes[-1]]
    return [shape for d, m in zip(sizes, rows) for shape in ((m, d), (m,))]


def _checksum(arrays, description):
    """Of the names, types, shapes and values of the arrays, and of the description without its checksum."""
    checksum = hashlib.blake2b(json.dumps(description, sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        checksum.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        checksum.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8))
    return checksum.hexdigest()
