"""Data sets: `load` gives the examples of a known name, a folder or a file, in one form.

Bundled or drawn: digits, xor, spirals, sine. From the data directory, into which fetch.py fetches them:
mnist and its kin. By path: an IDX folder or file (idx.py), .npz and .npy (arrays.py), CSV
(csv_table.py). Rows and columns in messages count from 1; the rows of a CSV are the lines of the
file, its header included.
"""

import math
import os
import string
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hw5.datasets import arrays, csv_table, idx, labels, synthetic
from hw5.datasets.rows import Rows, Schema, as_features, column_index, usual_position
from hw5.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Examples:
    """N examples of d features."""

    X: np.ndarray  # (N, d), uint8 or float32, C order, one example a row
    y: np.ndarray  # (N,), int32, indices into class_names; in a regression float32, the targets


@dataclass(frozen=True)
class Dataset:
    """A train part, where there is one a test part, and the names of things."""

    name: str  # a known name, or that of the file or folder
    source: str  # for load() to find it again: name or absolute path
    train: Examples
    test: Examples | None
    class_names: tuple[str, ...]  # by number if all are numbers, else by alphabet; none in a regression
    feature_names: tuple[str, ...] | None  # from the header of a CSV
    image_shape: tuple[int, ...] | None  # (height, width) of grey images


BUILT_IN = {
    "digits": "1,797 handwritten digits of 8 x 8 pixels, bundled",
    "xor": "two classes in the four corners of a square, drawn: no straight line parts them",
    "spirals": "three classes on interleaved spiral arms, drawn",
    "sine": "noisy points of a sine wave, drawn: numbers to predict, with --task regression",
    "mnist": "70,000 handwritten digits of 28 x 28 pixels, from the data directory",
    "fashion-mnist": "70,000 pictures of clothes of 28 x 28 pixels, from the data directory",
    "kmnist": "70,000 handwritten Japanese syllables of 28 x 28 pixels, from the data directory",
    "emnist-digits": "280,000 handwritten digits of 28 x 28 pixels, from the data directory",
    "emnist-letters": "145,600 handwritten letters of 28 x 28 pixels, from the data directory",
    "emnist-balanced": "131,600 digits and letters, large and small, of 28 x 28 pixels, from the data directory",
}

# What the numbers mean with which these sets label their classes
_CLASSES = {
    "fashion-mnist": dict(
        enumerate("T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(","))
    ),
    "kmnist": dict(enumerate("o,ki,su,tsu,na,ha,ma,ya,re,wo".split(","))),
    "emnist-letters": dict(enumerate(string.ascii_uppercase, start=1)),
    "emnist-balanced": dict(enumerate(string.digits + string.ascii_uppercase + "abdefghnqrt")),
}

_Parts = tuple[Rows, Rows | None]  # train and test


class _Kind(NamedTuple):
    """How a kind of file is read."""

    read: Callable[..., _Parts]  # with labels; a table: (path, label_column, schema)
    values: Callable[[Path], np.ndarray] | None = None  # its features alone, as an array
    table: bool = False  # whether the labels are one of its columns


_CSV = _Kind(csv_table.read, table=True)
_KINDS = {
    "folder": _Kind(idx.read_folder),
    "idx": _Kind(idx.read_file, idx.read_values),
    ".npz": _Kind(arrays.read_npz, arrays.read_npz_values),
    ".npy": _Kind(arrays.read_npy, arrays.read_npy_values, table=True),
    ".csv": _CSV,
    ".tsv": _CSV,
    ".txt": _CSV,
    ".data": _CSV,
}


def load(
    source: str,
    *,
    test: str | None = None,
    label_column: str | None = None,
    data_dir: str | Path | None = None,
    task: str = "classification",
    schema: Schema | None = None,
) -> Dataset:
    """The data set of a name in BUILT_IN, or of a path.

    test: a source whose examples become the test part; one with two parts gives its test part.
    label_column: for CSV and .npy, the name or position of the label column; see csv_table.
    data_dir: where mnist and its kin lie; see data_directory.
    task: "classification", or "regression" if the labels are numbers to predict.
    schema: what a trained model takes, if the data are for one. Its task is taken, its classes keep their numbers and
    need not all occur, and the columns of a CSV are brought into its order.
    Whatever is wrong with a file is an InputError that says what, where and what to do.
    """
    train, test_part = _read(source, label_column, data_dir, schema)
    if test is not None:
        own, test_part = _read(test, label_column, data_dir, schema)
        test_part = own if test_part is None else test_part
    if test_part is not None:
        _refuse_other_features(train, test_part)
    if schema is not None:
        _refuse_unfit(train, schema)
        class_names = schema.class_names
    else:
        class_names = () if task == "regression" else labels.class_names(train)
    known, path = source in BUILT_IN, _absolute(source)
    return Dataset(
        name=source if known else path.name,
        source=source if known else str(path),
        train=_examples(train, class_names),
        test=None if test_part is None else _examples(test_part, class_names),
        class_names=class_names,
        feature_names=train.feature_names,
        image_shape=train.image_shape,
    )


def load_inputs(path: str, schema: Schema) -> np.ndarray:
    """The (N, features) inputs in a file, uint8 or float32, for a model to classify.

    A table may have its labels too, which are left aside; the columns of a CSV go by the model's
    feature_names where it has them all. Another array may be a single example, of shape
    (features,) or the model's image_shape.
    """
    file = _existing(path)
    kind = _kind_of(file)
    if kind is _CSV:
        return csv_table.read_inputs(file, schema)
    if kind.values is None:
        raise InputError(f"{file}: this is a folder; give the file in it that holds the inputs")
    values, features, image_shape = kind.values(file), schema.features, schema.image_shape
    if kind.table and values.ndim == 2 and values.shape[1] == features + 1:
        label = column_index(usual_position(schema, features + 1) or "-1", features + 1, str(file))
        return as_features(values, str(file), without=label)
    if values.shape in ((features,), image_shape):
        values = values[np.newaxis]
    reshaped = image_shape is not None and values.ndim > 2 and values.shape[1:] != image_shape
    if reshaped or math.prod(values.shape[1:]) != features:
        wanted = " x ".join(map(str, image_shape or (features,)))
        raise InputError(
            f"{file}: its array has the shape {values.shape}, but the model takes "
            f"{wanted} features an example; give it an array of such rows"
        )
    return as_features(values, str(file))


def load_cells(path: str) -> list[list[str]] | None:
    """Every row of a CSV, its header included, as text; None where the file is none."""
    file = _existing(path)
    return csv_table.read_cells(file) if _kind_of(file) is _CSV else None


def data_directory(data_dir: str | Path | None = None) -> Path:
    """Where mnist and its kin lie: data_dir, else $HW5_DATA, else hw5/data in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _absolute(data_dir or os.environ.get("HW5_DATA") or os.path.join(cache, "hw5", "data"))


def _read(source: str, label_column: str | None, data_dir: str | Path | None, schema: Schema | None) -> _Parts:
    """The parts of a known name or of a path."""
    path = None if source in BUILT_IN else _existing(source, BUILT_IN)
    kind = None if path is None else _kind_of(path)
    if kind is not None and kind.table:
        return kind.read(path, label_column, schema)
    if label_column is not None:
        raise InputError(
            f"{source}: only in CSV and .npy tables can a label column be chosen; "
            f"leave out --label-column {label_column}"
        )
    return _known(source, data_dir) if kind is None else kind.read(path)


def _known(name: str, data_dir: str | Path | None) -> _Parts:
    inside = {"digits": _digits, "xor": synthetic.xor, "spirals": synthetic.spirals, "sine": synthetic.sine}
    if name in inside:
        return inside[name]()
    folder = data_directory(data_dir) / name
    if not folder.is_dir():
        raise InputError(
            f"{name}: there is no folder {folder}; hw5 data fetch {name} fetches it; or put "
            f"{', '.join(idx.FILES)} into it, each plain or .gz, or name another data directory with --data-dir "
            "or HW5_DATA"
        )
    train, test = idx.read_folder(folder)
    return _with_class_names(train, name), test and _with_class_names(test, name)


def _with_class_names(rows: Rows, name: str) -> Rows:
    names = _CLASSES.get(name, {})
    return replace(rows, labels=[names.get(label, label) for label in rows.labels])


def _digits() -> _Parts:
    bundled = resources.files("hw5.data")
    with (
        resources.as_file(bundled / "digits-images-idx3-ubyte.gz") as images,
        resources.as_file(bundled / "digits-labels-idx1-ubyte.gz") as labels,
    ):
        return idx.read_pair(images, labels), None


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path)))


def _existing(source: str, names: Collection[str] = ()) -> Path:
    """The path `source`, which might have been meant for one of `names`."""
    path = _absolute(source)
    if not os.path.exists(path):
        choice = f", or give one of the names {', '.join(names)}" if names else ""
        raise InputError(
            f"{source}: there is no such file or folder{did_you_mean(source, names)}; check the path{choice}"
        )
    return path


def _kind_of(path: Path) -> _Kind:
    if path.is_dir():
        return _KINDS["folder"]
    suffix = "idx" if idx.FILE_NAME.search(path.name) else path.suffix.lower()
    if suffix not in _KINDS:
        suffixes = ", ".join(name for name in _KINDS if name.startswith("."))
        raise InputError(
            f"{path}: its name does not tell what it holds; readable are {suffixes}, "
            f"and files of IDX, named like {idx.FILES[0]}, or a folder of them"
        )
    return _KINDS[suffix]


def _examples(rows: Rows, class_names: tuple[str, ...]) -> Examples:
    return Examples(rows.X, labels.classes(rows, class_names) if class_names else labels.targets(rows))


def _refuse_unfit(rows: Rows, schema: Schema) -> None:
    features, shapes = rows.X.shape[1], (rows.image_shape, schema.image_shape)
    if features != schema.features:
        raise InputError(
            f"{rows.where}: it has {features} features an example, but the model takes {schema.features}; "
            "give data of the kind that it was trained on"
        )
    if None not in shapes and shapes[0] != shapes[1]:
        given, wanted = (" x ".join(map(str, shape)) for shape in shapes)
        raise InputError(f"{rows.where}: its images have {given} pixels, but the model takes {wanted}; give it these")


def _refuse_other_features(train: Rows, test: Rows) -> None:
    if train.X.shape[1] != test.X.shape[1]:
        raise InputError(
            f"the test part ({test.where}) has {test.X.shape[1]} features, but the "
            f"train part ({train.where}) has {train.X.shape[1]}; give two that have "
            "the same"
        )
    names = zip(test.feature_names or (), train.feature_names or ())
    for position, (given, wanted) in enumerate(names, start=1):
        if given != wanted:
            raise InputError(
                f"{test.where}: its feature {position} is named {given!r}, but that "
                f"of the train part ({train.where}) {wanted!r}; give both the same "
                "columns in the same order"
            )
