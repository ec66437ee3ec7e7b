"""Data sets: `load` reads a named data set, a folder or a file into a Dataset.

digits is bundled; xor, spirals and sine are synthetic (synthetic.py); mnist and the like are in the data directory, to
which fetch.py downloads them. Files are IDX (idx.py), .npz and .npy (arrays.py) and CSV (csv_table.py). In messages,
rows and columns count from 1, and the rows of a CSV are the lines of the file, including the header.
"""

import math
import os
import string
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from hw5.datasets import arrays, csv_table, idx, labels, synthetic
from hw5.datasets.opening import Spool
from hw5.datasets.table import Schema, Table, as_features, column_index, training_label_column
from hw5.errors import InputError, did_you_mean
from hw5.text import printable


@dataclass(frozen=True)
class Examples:
    """N examples of d features."""

    X: np.ndarray  # (N, d), uint8 or float32, C order
    y: np.ndarray  # (N,), int32 indices into class_names, or the float32 targets of a regression


@dataclass(frozen=True)
class Dataset:
    """A training set, a test set if there is one, and the names of classes and features."""

    name: str  # of the data set, file or folder, to print
    source: str  # the argument of load(): a name, or an absolute path
    train: Examples
    test: Examples | None
    class_names: tuple[str, ...]  # sorted as numbers if all are numbers, else as text; empty in a regression
    feature_names: tuple[str, ...] | None  # from the header of a CSV
    image_shape: tuple[int, ...] | None  # (height, width) of grey images


BUILT_IN = {
    "digits": "1,797 handwritten digits of 8 x 8 pixels, bundled",
    "xor": "synthetic: two classes in the corners of a square, not linearly separable",
    "spirals": "synthetic: three classes on interleaved spiral arms",
    "sine": "synthetic: noisy points of a sine wave, for --task regression",
    "mnist": "70,000 handwritten digits of 28 x 28 pixels, from the data directory",
    "fashion-mnist": "70,000 images of clothes of 28 x 28 pixels, from the data directory",
    "kmnist": "70,000 handwritten Japanese syllables of 28 x 28 pixels, from the data directory",
    "emnist-digits": "280,000 handwritten digits of 28 x 28 pixels, from the data directory",
    "emnist-letters": "145,600 handwritten letters of 28 x 28 pixels, from the data directory",
    "emnist-balanced": "131,600 digits, capital and small letters of 28 x 28 pixels, from the data directory",
}

# The names of the classes that these sets label with numbers
_CLASSES = {
    "fashion-mnist": dict(
        enumerate("T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(","))
    ),
    "kmnist": dict(enumerate("o,ki,su,tsu,na,ha,ma,ya,re,wo".split(","))),
    "emnist-letters": dict(enumerate(string.ascii_uppercase, start=1)),
    "emnist-balanced": dict(enumerate(string.digits + string.ascii_uppercase + "abdefghnqrt")),
}

_Tables = tuple[Table, Table | None]  # training set and test set


class _Reader(NamedTuple):
    """How a kind of file is read."""

    read: Callable[..., _Tables]  # takes the path, and if has_label_column also label_column and schema
    values: Callable[[Path], np.ndarray] | None = None  # the features without labels, as an array
    has_label_column: bool = False


_CSV = _Reader(csv_table.read, has_label_column=True)
_READERS = {
    "folder": _Reader(idx.read_folder),
    "idx": _Reader(idx.read_file, idx.read_values),
    ".npz": _Reader(arrays.read_npz, arrays.read_npz_values),
    ".npy": _Reader(arrays.read_npy, arrays.read_npy_values, has_label_column=True),
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
    """Load the data set with a name in BUILT_IN, or from a path.

    test: a name or path whose test set, or whose only set, becomes the test set.
    label_column: the name or position of the label column of a CSV or .npy; see csv_table.
    data_dir: the directory of downloaded data sets; see data_directory.
    task: "classification", or "regression" if the labels are numbers to predict.
    schema: of a trained model, to load data for it. It determines the task and the numbers of the classes, which need
    not all occur, and the order of a CSV's columns.
    Raises InputError, which says what is wrong with a file, where, and what to do.
    """
    train, test_table = _read(source, label_column, data_dir, schema)
    if test is not None:
        only, test_table = _read(test, label_column, data_dir, schema)
        test_table = only if test_table is None else test_table
    if test_table is not None:
        _require_same_features(train, test_table)
    if schema is not None:
        _require_features_of(schema, train)
        class_names = schema.class_names
    else:
        class_names = () if task == "regression" else labels.class_names(train)
    is_named, path = source in BUILT_IN, _absolute(source)
    return Dataset(
        name=source if is_named else printable(path.name),
        source=source if is_named else str(path),
        train=_examples(train, class_names),
        test=None if test_table is None else _examples(test_table, class_names),
        class_names=class_names,
        feature_names=train.feature_names,
        image_shape=train.image_shape,
    )


def load_inputs(path: str, schema: Schema, rows: list[list[str]] | None = None) -> np.ndarray:
    """Load the features (N, d) of a file, uint8 or float32, for a model to predict.

    Labels in a table are ignored. The columns of a CSV are chosen by name if it has all the model's feature names.
    Other files may hold a single example, of shape (d,) or the model's image_shape. If `rows` is given, every row of a
    CSV as text, including the header, is appended to it. Raises InputError.
    """
    file = _existing(path)
    reader = _reader_of(file)
    if reader is _CSV:
        return csv_table.read_inputs(file, schema, rows)
    if reader.values is None:
        raise InputError(f"{file}: this is a folder; choose the file of the inputs in it")
    values, d, image_shape = reader.values(file), schema.features, schema.image_shape
    if reader.has_label_column and values.ndim == 2 and values.shape[1] == d + 1:
        label = column_index(training_label_column(schema, d + 1) or "-1", d + 1, str(file))
        return as_features(values, str(file), label)
    if values.shape in ((d,), image_shape):
        values = values[np.newaxis]
    is_reshaped = image_shape is not None and values.ndim > 2 and values.shape[1:] != image_shape
    if is_reshaped or math.prod(values.shape[1:]) != d:
        expected = " x ".join(map(str, image_shape or (d,)))
        raise InputError(
            f"{file}: the array has shape {values.shape}, but the model takes {expected} features per example; "
            "give one such example a row"
        )
    return as_features(values, str(file))


def load_stream(stream: BinaryIO, name: str, schema: Schema, rows: list[list[str]] | None = None) -> np.ndarray:
    """As load_inputs, from a CSV that can be read only once; `name` is for messages."""
    return csv_table.read_inputs(Spool(stream, name), schema, rows)


def data_directory(data_dir: str | Path | None = None) -> Path:
    """The directory of downloaded data sets: data_dir, else $HW5_DATA, else hw5/data in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return _absolute(data_dir or os.environ.get("HW5_DATA") or os.path.join(cache, "hw5", "data"))


def _read(source: str, label_column: str | None, data_dir: str | Path | None, schema: Schema | None) -> _Tables:
    path = None if source in BUILT_IN else _existing(source, BUILT_IN)
    reader = None if path is None else _reader_of(path)
    if reader is not None and reader.has_label_column:
        return reader.read(path, label_column, schema)
    if label_column is not None:
        raise InputError(
            f"{source}: only CSV and .npy files have a label column to choose; remove --label-column {label_column}"
        )
    return _read_built_in(source, data_dir) if reader is None else reader.read(path)


def _read_built_in(name: str, data_dir: str | Path | None) -> _Tables:
    included = {"digits": _digits, "xor": synthetic.xor, "spirals": synthetic.spirals, "sine": synthetic.sine}
    if name in included:
        return included[name]()
    folder = data_directory(data_dir) / name
    if not folder.is_dir():
        raise InputError(
            f"{name}: there is no folder {folder}; download it with `hw5 data fetch {name}`, or copy "
            f"{', '.join(idx.FILES)} (each plain or .gz) into it, or choose another data directory with --data-dir "
            "or HW5_DATA"
        )
    train, test = idx.read_folder(folder)
    return _with_class_names(train, name), test and _with_class_names(test, name)


def _with_class_names(table: Table, name: str) -> Table:
    names = _CLASSES.get(name, {})
    return replace(table, labels=[names.get(label, label) for label in table.labels])


def _digits() -> _Tables:
    bundled = resources.files("hw5.data")
    with (
        resources.as_file(bundled / "digits-images-idx3-ubyte.gz") as images,
        resources.as_file(bundled / "digits-labels-idx1-ubyte.gz") as labels,
    ):
        return idx.read_pair(images, labels), None


def _absolute(path: str | Path) -> Path:
    return Path(os.path.abspath(os.path.expanduser(path)))


def _existing(source: str, names: Collection[str] = ()) -> Path:
    """The absolute path of `source`; InputError, which suggests one of `names`, if it does not exist."""
    path = _absolute(source)
    if not os.path.exists(path):
        choice = f", or choose one of the data sets {', '.join(names)}" if names else ""
        raise InputError(f"{source}: no such file or folder{did_you_mean(source, names)}; check the path{choice}")
    return path


def _reader_of(path: Path) -> _Reader:
    if path.is_dir():
        return _READERS["folder"]
    suffix = "idx" if idx.FILE_NAME.search(path.name) else path.suffix.lower()
    if suffix not in _READERS:
        suffixes = ", ".join(name for name in _READERS if name.startswith("."))
        what = "the name has no known file type" if path.is_file() else "not a regular file"
        raise InputError(
            f"{path}: {what}; give a file named {suffixes}, an IDX file named like "
            f"{idx.FILES[0]}, or a folder of IDX files"
        )
    return _READERS[suffix]


def _examples(table: Table, class_names: tuple[str, ...]) -> Examples:
    return Examples(table.X, labels.class_indices(table, class_names) if class_names else labels.targets(table))


def _require_features_of(schema: Schema, table: Table) -> None:
    d, shapes = table.X.shape[1], (table.image_shape, schema.image_shape)
    if d != schema.features:
        raise InputError(
            f"{table.where}: each example has {d} features, but the model takes {schema.features}; "
            "give data like the training data"
        )
    if None not in shapes and shapes[0] != shapes[1]:
        given, expected = (" x ".join(map(str, shape)) for shape in shapes)
        raise InputError(f"{table.where}: the images have {given} pixels, but the model takes {expected}; resize them")


def _require_same_features(train: Table, test: Table) -> None:
    if train.X.shape[1] != test.X.shape[1]:
        raise InputError(
            f"the test set ({test.where}) has {test.X.shape[1]} features, but the training set ({train.where}) has "
            f"{train.X.shape[1]}; give both the same features"
        )
    names = zip(test.feature_names or (), train.feature_names or ())
    for position, (given, expected) in enumerate(names, start=1):
        if given != expected:
            raise InputError(
                f"{test.where}: feature {position} is named {given!r}, but {expected!r} in the training set "
                f"({train.where}); give both the same columns in the same order"
            )
