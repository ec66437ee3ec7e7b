"""Checkpoints: one .npz that holds a trained network and all that is needed to use it.

Readable by hand: numpy.load(path) gives W1, b1, V1, Vb1 (weights, biases and their velocities) and so on up the
layers, mean and scale of the standardisation (of a regression also target_mean and target_scale), and description, a
JSON text with everything else.
Nothing in it is a pickle, and the time of writing is not in it: equal runs write equal bytes.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from hw5.activations import Activation
from hw5.datasets import BUILT_IN, Dataset, Schema
from hw5.errors import InputError
from hw5.files import replacing
from hw5.losses import LOSSES
from hw5.preprocessing import Part, Standardisation, partition
from hw5.training import Settings

FORMAT = 1


@dataclass(frozen=True)
class DataSource:
    """How to get the training data again, by the arguments of hw5.datasets.load, and how to know them.

    is_held_out says that the test part was taken from the training data; digest is that of their bytes.
    """

    source: str
    test: str | None
    label_column: str | None
    is_held_out: bool
    digest: str

    @classmethod
    def of(cls, dataset, test, label_column):
        """Of a data set that was loaded with these arguments."""
        if test is not None and test not in BUILT_IN:
            test = os.path.abspath(os.path.expanduser(test))
        return cls(dataset.source, test, label_column, dataset.test is None, _digest(dataset.train))


def _digest(examples):
    digest = hashlib.blake2b(np.ascontiguousarray(examples.X), digest_size=16)
    digest.update(np.ascontiguousarray(examples.y))
    return digest.hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """A trained network, [(W, b), ...] with its velocities, and what it was trained on and how."""

    parameters: list
    velocities: list
    standardisation: Standardisation
    settings: Settings
    data: DataSource
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None
    image_shape: tuple[int, ...] | None
    history: list[dict] = field(default_factory=list)  # one row an epoch
    of_targets: Standardisation | None = None  # in a regression

    @property
    def schema(self):
        """What the network takes, for hw5.datasets to read other data for it."""
        features = self.parameters[0][0].shape[1]
        return Schema(features, self.class_names, self.feature_names, self.image_shape, self.data.label_column)

    def save(self, path):
        """Write the checkpoint; a file that was at path is replaced in one go. Raises OSError."""
        arrays = {"mean": self.standardisation.mean, "scale": self.standardisation.scale}
        if self.of_targets:
            arrays |= {"target_mean": self.of_targets.mean, "target_scale": self.of_targets.scale}
        for l, (parameters, velocities) in enumerate(zip(self.parameters, self.velocities), start=1):
            arrays |= zip((f"W{l}", f"b{l}", f"V{l}", f"Vb{l}"), (*parameters, *velocities))
        with replacing(path) as file:
            np.savez(file, description=json.dumps(self._description()), **arrays)

    def _description(self):
        return {
            "format": FORMAT,
            "layers": len(self.parameters),
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
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file; hw5 train --out {path} writes a checkpoint there") from error
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
        except Exception as error:  # whatever the readers of zip and npy stumble over in foreign bytes
            raise InputError(f"{path} {_what_is_wrong(path)}; name a file that hw5 train --out wrote") from error
        return cls._from_arrays(arrays, path)

    @classmethod
    def _from_arrays(cls, arrays, path):
        try:
            description = json.loads(str(arrays["description"]))
            if description["format"] > FORMAT:
                raise InputError(f"{path} was written by a newer hw5 than this one; upgrade hw5 to read it")
            layers = range(1, description["layers"] + 1)
            settings = description["settings"]
            settings["hidden"] = tuple(settings["hidden"])
            checkpoint = cls(
                [(arrays[f"W{l}"], arrays[f"b{l}"]) for l in layers],
                [(arrays[f"V{l}"], arrays[f"Vb{l}"]) for l in layers],
                Standardisation(arrays["mean"], arrays["scale"]),
                Settings(**settings),
                DataSource(**description["data"]),
                tuple(description["class_names"]),
                description["feature_names"] and tuple(description["feature_names"]),
                description["image_shape"] and tuple(description["image_shape"]),
                description["history"],
                Standardisation(arrays["target_mean"], arrays["target_scale"]) if "target_mean" in arrays else None,
            )
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(f"{path} is not a hw5 checkpoint; name a file that hw5 train --out wrote") from error
        if not checkpoint._is_consistent():
            raise InputError(f"{path} is damaged: its arrays do not fit each other; go back to an earlier copy")
        return checkpoint

    def _is_consistent(self):
        """Whether every array is finite float32 of the shape that its place in the network demands."""
        settings, pieces = self.settings, Activation.of(self.settings.activation).pieces
        sizes = [len(self.standardisation.mean), *settings.hidden, LOSSES[settings.loss].units(len(self.class_names))]
        rows = [pieces * m for m in settings.hidden] + [sizes[-1]]
        expected = [shape for d, m in zip(sizes, rows) for shape in ((m, d), (m,))]
        arrays = [self.standardisation.mean, self.standardisation.scale]
        for pairs in (self.parameters, self.velocities):
            arrays += [array for pair in pairs for array in pair]
        shapes = [(sizes[0],)] * 2 + expected * 2
        if settings.is_regression:
            arrays += [self.of_targets.mean, self.of_targets.scale]
            shapes += [(1,)] * 2
        return [array.shape for array in arrays] == shapes and all(
            array.dtype == np.float32 and np.isfinite(array).all() for array in arrays
        )

    def part(self, dataset: Dataset, split):
        """The "test" or "train" part of a data set that was loaded for this schema.

        Of the set that the checkpoint was trained on, these are the parts that the training made, or the test part
        that it is given now; of another set, its own parts, or all of it where it has no test part. Raises
        InputError where there is no such part.
        """
        if dataset.source != self.data.source:
            return Part.whole(dataset.test if split == "test" and dataset.test else dataset.train)
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
        parts = partition(replace(dataset, test=None), self.settings.validation, holdout, self.settings.seed)
        return parts if dataset.test is None else parts | {"test": Part.whole(dataset.test)}


def _what_is_wrong(path):
    with open(path, "rb") as file:
        start = file.read(2)
    if start == b"PK":
        return "is truncated or damaged"
    return "is a pickle, which hw5 never loads" if start[:1] == b"\x80" else "is not a hw5 checkpoint"
