"""Checkpoints: an .npz file with a trained network, and everything needed to use it or to resume its training.

    W1, b1, W2, b2, ...         parameters, from the bottom layer up
    mean, scale                 standardisation of the features; target_mean, target_scale: of a regression's targets
    V1, Vb1, ...                velocities
    S1, Sb1, ...                with Adam: the running means of the squared gradients (V1, ... are of the gradients)
    sums                        losses and correct predictions of the current epoch
    last_W1, last_b1, ...       with --patience: the last parameters (W1, ... are the best)
    before_W1, before_b1, ...   with --tolerance: the parameters at the end of the previous epoch
    history                     of more than 500 epochs: a row for each with the columns HISTORY, float64
    description                 JSON text: everything else, and a checksum; if it is long, uint8 bytes of UTF-8

Format 5 has columns whose decimal sign is no point. Format 4 has `target_names` in its description, for examples with
several targets or labels each. Format 3 has an array `history`, which takes a tenth of its text and of the time to
write it. Format 2 has `columns` of a table (hw5/tables/columns.py), colours, layers other than dense ones, a
`label_type`, or settings that versions before 0.2 lack. Others are of format 1. The file has no pickles and no
timestamps: equal runs write equal bytes.
"""

import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import get_type_hints

import numpy as np

from hw5.datasets import Dataset, Schema
from hw5.datasets.arrays import read_archive
from hw5.datasets.preprocessing import Standardisation, Subset, split_dataset
from hw5.errors import InputError
from hw5.files import atomic_write
from hw5.interrupts import interrupt_afterwards
from hw5.nn.hidden import example_shape
from hw5.nn.losses import LOSSES
from hw5.opening import open_plain
from hw5.tables.columns import Columns
from hw5.tables.decimals import POINT
from hw5.tables.labels import values_of
from hw5.train.consistency import is_consistent
from hw5.train.data_source import DataSource, has_digest
from hw5.train.decode import decode
from hw5.train.settings import Settings
from hw5.train.training import Best, State

FORMAT = 5
HISTORY = ("epoch", "loss", "accuracy", "validation_loss", "validation_accuracy")
_LONG = 500  # epochs whose history is an array
_LONG_TEXT = 1 << 16  # characters
_DESCRIBED = ("settings", "data", "class_names", "feature_names", "image_shape")  # always, by Checkpoint's names
# Settings that older versions lack, and their defaults
_NEWER = {"split_seed": None, "min_delta": 0.0, "shuffle": True, "standardise": True, "slices": 1}
USUAL_ARITHMETIC = "the compiled step"  # not written, so that files are as they were before it was recorded


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training, with everything needed to use its network or to resume it."""

    state: State
    standardisation: Standardisation
    settings: Settings
    data: DataSource
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None
    image_shape: tuple[int, ...] | None
    history: list[dict[str, int | float | None]]  # one row per epoch, with the columns HISTORY
    of_targets: Standardisation | None = None  # for a regression
    arithmetic: str = USUAL_ARITHMETIC  # what computed the training steps, as Device.arithmetic
    columns: Columns | None = None  # for a table: how its columns become features
    label_type: str | None = None  # of the labels, if it is not the usual one: see values_of
    target_names: tuple[str, ...] = ()  # of the targets or labels of an example, if it has several

    @property
    def parameters(self):
        """[(W, b), ...] of the network to use."""
        return self.state.kept

    @property
    def classes(self):
        """The classes (m,) as they were in the labels: numbers, booleans or text."""
        return values_of(self.class_names, self.label_type)

    @property
    def loss(self):
        """The Loss that was minimised."""
        return LOSSES[self.settings.loss]

    def layers(self):
        """The layers of the network, without parameters. Raises InputError if one does not fit."""
        units = self.loss.units(len(self.class_names) or len(self.target_names) or 1)
        return self.settings.layers(example_shape(self.image_shape, self.standardisation.mean.size), units)

    @property
    def schema(self):
        """The Schema with which hw5.datasets reads other data for the network."""
        return Schema(
            features=self.standardisation.mean.size,
            class_names=self.class_names,
            feature_names=self.feature_names,
            image_shape=self.image_shape,
            label_column=self.data.label_column,
            columns=self.columns,
            target_names=self.target_names,
            has_labels=self.settings.task == "multilabel",
        )

    def save(self, path, like=None):
        """Write the checkpoint, atomically replacing any file at path (see atomic_write). Raises OSError."""
        arrays, description = self._arrays(), self._description()
        description["checksum"] = _checksum(arrays, description)
        with atomic_write(path, like) as file, interrupt_afterwards():
            np.savez(file, description=_array(json.dumps(description)), **arrays)

    def _arrays(self):
        state = self.state
        arrays = {"mean": self.standardisation.mean, "scale": self.standardisation.scale, "sums": state.sums}
        if self.of_targets:
            arrays |= {"target_mean": self.of_targets.mean, "target_scale": self.of_targets.scale}
        arrays |= _named("W", "b", self.parameters) | _named("V", "Vb", state.velocities)
        if state.squares is not None:
            arrays |= _named("S", "Sb", state.squares)
        if state.best:
            arrays |= _named("last_W", "last_b", state.parameters)
        if state.previous_parameters is not None:
            arrays |= _named("before_W", "before_b", state.previous_parameters)
        if len(self.history) > _LONG:
            arrays["history"] = np.array(list(map(itemgetter(*HISTORY), self.history)), np.float64)
        return arrays

    @property
    def _format(self):
        """1, which older versions read, unless the file has what they do not know."""
        if self.columns and not self.columns.are_points:
            return FORMAT
        if self.target_names:
            return 4
        if len(self.history) > _LONG:
            return 3
        has_layers = any(isinstance(entry, str) for entry in self.settings.hidden)
        has_colours = self.image_shape is not None and len(self.image_shape) == 3
        is_new = any(getattr(self.settings, name) != _NEWER[name] for name in _NEWER if name != "split_seed")
        is_new |= self.label_type is not None
        return 2 if self.columns or self.data.reading or has_layers or has_colours or is_new else 1

    def _description(self):
        state = self.state
        return (
            {
                "format": self._format,
                "layers": len(self.parameters),
                "training": {
                    "epoch": state.epoch,
                    "done": state.done,
                    "ending": state.ending,
                    "best": state.best and {"epoch": state.best.epoch, "loss": state.best.loss},
                },
                "settings": {n: x for n, x in asdict(self.settings).items() if n not in _NEWER or x != _NEWER[n]},
                "data": {name: x for name, x in asdict(self.data).items() if name != "reading" or x is not None},
                "class_names": self.class_names,
                "feature_names": self.feature_names,
                "image_shape": self.image_shape,
            }
            | ({"history": self.history} if len(self.history) <= _LONG else {})
            | ({"arithmetic": self.arithmetic} if self.arithmetic != USUAL_ARITHMETIC else {})
            | ({"columns": _as_dict(self.columns)} if self.columns else {})
            | ({"label_type": self.label_type} if self.label_type else {})
            | ({"target_names": self.target_names} if self.target_names else {})
        )

    @classmethod
    def load(cls, path):
        """Read a checkpoint. Raises InputError if path has none, or a damaged one."""
        path = Path(path)
        if not os.path.exists(path):
            raise InputError(f"{path}: no such file; hw5 train --out {path} creates it")
        with open_plain(path) as (file, _):
            start = file.read(2)
        if start != b"PK":
            what = "is a pickle, which hw5 never loads" if start[:1] == b"\x80" else "is not a hw5 checkpoint"
            raise InputError(f"{path} {what}; pass a file written by hw5 train --out")
        try:
            arrays = read_archive(path, _most_bytes)
        except InputError as error:
            raise InputError(f"{path} is truncated or damaged; use an earlier checkpoint") from error
        checkpoint = cls._from_arrays(arrays, path)
        return replace(checkpoint, data=checkpoint.data.beside(path))

    @classmethod
    def _from_arrays(cls, arrays, path):
        try:
            description = json.loads(_text(arrays.pop("description")))
            if decode(int, description["format"]) > FORMAT:
                raise InputError(f"{path} was written by a newer version of hw5; upgrade hw5 to read it")
            if description.pop("checksum") != _checksum(arrays, description):
                raise InputError(f"{path} is damaged: its checksum does not match; use an earlier checkpoint")
            kinds = get_type_hints(cls)
            is_long = "history" not in description
            checkpoint = cls(
                state=_state(arrays, decode(int, description["layers"]), description["training"]),
                standardisation=Standardisation(arrays["mean"], arrays["scale"]),
                **{name: decode(kinds[name], description[name]) for name in _DESCRIBED},
                history=_history(arrays) if is_long else decode(kinds["history"], description["history"]),
                of_targets=_of_targets(arrays),
                arithmetic=decode(str, description.get("arithmetic", USUAL_ARITHMETIC)),
                columns=decode(Columns, description["columns"]) if "columns" in description else None,
                label_type=decode(str | None, description.get("label_type")),
                target_names=decode(kinds["target_names"], description.get("target_names", [])),
            )
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{path} is not a hw5 checkpoint; pass a file written by hw5 train --out") from error
        if not (is_consistent(checkpoint) and _is_history(checkpoint.history)):
            raise InputError(f"{path} is damaged: its arrays are inconsistent; use an earlier checkpoint")
        return checkpoint

    def subset(self, dataset: Dataset, split, digests=None):
        """The "test", "train" or "validation" subset of a data set that was loaded for this schema.

        For the data set that the checkpoint was trained on, these are the subsets of the training, or the test set that
        was loaded now. Another one has no validation set; its "test" is its own test set, or all of it. digests: of the
        data set, if its features are not in memory. Raises InputError if there is no such subset.
        """
        is_own = self._is_own(dataset, digests)
        if split == "validation" and not is_own:
            raise InputError(f"{dataset.name} is not the training data, so it has no validation set; use another split")
        if dataset.source != self.data.source and not is_own:
            return Subset.whole(dataset.test if split == "test" and dataset.test else dataset.train)
        splits = self._trained_splits(dataset, is_own)
        if split in splits:
            return splits[split]
        if split == "validation":
            raise InputError(f"the model was trained without a validation set; use another split of {dataset.name}")
        if dataset.source != self.data.source and self.data.test is None:
            return Subset.whole(dataset.train)
        raise InputError(
            f"{dataset.name} has no test set, and nothing was held out for testing; pass test data with --test, or "
            "use the training set with --split train"
        )

    def _is_own(self, dataset, digests):
        return has_digest(dataset.train, self.data.digest) if digests is None else self.data.digest in digests

    def _trained_splits(self, dataset, is_own):
        if not is_own:
            raise InputError(
                f"{dataset.name} has changed since training, so the held-out examples are unknown; restore it, or pass "
                "other data with --data"
            )
        holdout = self.settings.holdout if self.data.is_held_out else 0
        seed = self.settings.seed_of_splits
        splits = split_dataset(replace(dataset, test=None), self.settings.validation, holdout, seed)
        return splits if dataset.test is None else splits | {"test": Subset.whole(dataset.test)}


def _most_bytes(size):
    """How much a file may hold.

    save() does not compress, so this allows a checkpoint that something else compressed.
    """
    return (16 << 20) + 8 * size


def _array(text):
    """The text as an array; NumPy takes four bytes for a character, which is much for a wide table."""
    return np.array(text) if len(text) <= _LONG_TEXT else np.frombuffer(text.encode(), np.uint8)


def _as_dict(columns):
    """As older versions read them, unless numbers have decimal commas."""
    entries = asdict(columns)
    entries["each"] = [{n: x for n, x in each.items() if (n, x) != ("decimal", POINT)} for each in entries["each"]]
    return {name: value for name, value in entries.items() if (name, value) != ("label_decimals", ())}


def _text(array):
    return array.tobytes().decode() if array.dtype == np.uint8 else str(array)


def _named(W, b, pairs):
    """The arrays of pairs by name: W1, b1, W2, b2, ..."""
    return {f"{name}{l}": array for l, pair in enumerate(pairs, start=1) for name, array in zip((W, b), pair)}


def _pairs(W, b, arrays, layers):
    return [(arrays[f"{W}{l}"], arrays[f"{b}{l}"]) for l in range(1, layers + 1)]


@dataclass(frozen=True)
class _Training:
    """The entries of the description for a State."""

    epoch: int
    done: int
    ending: str | None
    best: dict[str, int | float] | None


def _state(arrays, layers, description):
    """The State in the arrays and this entry of the description. Raises KeyError, ValueError or TypeError."""
    training, parameters, best = decode(_Training, description), _pairs("W", "b", arrays, layers), None
    if training.best is not None:
        best = Best(**training.best, parameters=parameters)
        parameters = _pairs("last_W", "last_b", arrays, layers)
    previous = _pairs("before_W", "before_b", arrays, layers) if "before_W1" in arrays else None
    velocities = _pairs("V", "Vb", arrays, layers)
    squares = _pairs("S", "Sb", arrays, layers) if "S1" in arrays else None
    return State(
        parameters=parameters,
        velocities=velocities,
        squares=squares,
        epoch=training.epoch,
        done=training.done,
        sums=arrays["sums"],
        best=best,
        previous_parameters=previous,
        ending=training.ending,
    )


def _of_targets(arrays):
    """The Standardisation of the targets, or None."""
    return Standardisation(arrays["target_mean"], arrays["target_scale"]) if "target_mean" in arrays else None


def _history(arrays):
    """The rows in the array of this name. Raises KeyError or ValueError; NaN stands for None."""
    figures = arrays["history"]
    is_table = figures.dtype == np.float64 and figures.shape[1:] == (len(HISTORY),)
    if not is_table or not np.isfinite(figures[:, 0]).all():
        raise ValueError("this is no history")
    rows = [[None if x != x else x for x in row] for row in figures.tolist()]
    return [dict(zip(HISTORY, [int(epoch), *others])) for epoch, *others in rows]


def _is_history(rows):
    """Whether all rows have the figures of HISTORY, which can be floats; JSON has integers of any size."""
    figures = (x for row in rows for x in row.values() if isinstance(x, int))
    return all(set(row) == set(HISTORY) for row in rows) and all(abs(x) <= sys.float_info.max for x in figures)


def _checksum(arrays, description):
    """Hash of the names, types, shapes and values of the arrays, and of the description without its checksum."""
    checksum = hashlib.blake2b(json.dumps(description, sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        checksum.update(f"{name} {arrays[name].dtype.str} {arrays[name].shape}".encode())
        checksum.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8))
    return checksum.hexdigest()
