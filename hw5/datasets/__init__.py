"""Data sets: `load` reads a named data set, a folder or a file into a Dataset.

digits is bundled; xor, spirals and sine are synthetic (synthetic.py); mnist and the like are in the data directory, to
which fetch.py downloads them. Files are IDX (idx.py), .npz and .npy (arrays.py), svmlight (sparse.py), and tables
(hw5/tables/). In messages, rows and columns count from 1, and the rows of a text table are the lines of the file,
including the header.
"""

import os
import re
import string
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hw5.datasets import arrays, idx, memory, sparse, synthetic
from hw5.datasets.inputs import ArrayInputs
from hw5.errors import InputError, did_you_mean
from hw5.opening import Spool, memory_errors, standard_input
from hw5.tables import labels
from hw5.tables.columns import Columns, LeftOut
from hw5.tables.for_model import ForModel
from hw5.tables.formats import READERS
from hw5.tables.kinds import REFUSED, kind_of
from hw5.tables.reading import read
from hw5.tables.streamed import StreamedExamples
from hw5.tables.table import Reading, Schema, Table
from hw5.text import printable


@dataclass(frozen=True)
class Examples:
    """N examples of d features."""

    X: np.ndarray  # (N, d), uint8 or float32, C order
    y: np.ndarray  # (N,), int32 indices into class_names (-1: another class), or the float targets of a regression
    # or (N, q): several targets, or int32 labels that are 0 or 1


@dataclass(frozen=True)
class Dataset:
    """A training set, a test set if there is one, and the names of classes and features."""

    name: str  # of the data set, file or folder, to print
    source: str  # the argument of load(): a name, or an absolute path
    train: Examples
    test: Examples | None
    class_names: tuple[str, ...]  # sorted as numbers if all are numbers, else as text; empty in a regression
    feature_names: tuple[str, ...] | None  # from the header of a table
    image_shape: tuple[int, ...] | None  # (height, width) of grey images, or (height, width, channels)
    columns: Columns | None = None  # of a table: how its columns became features
    label: str | None = None  # the label column of a table, for messages
    notes: tuple[str, ...] = ()  # what was guessed about the file
    warnings: tuple[str, ...] = ()  # what may be wrong
    target_names: tuple[str, ...] = ()  # of the columns of y, if there are several


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

Source = str | tuple | Any  # a name or path, (X, y), or a DataFrame
_Tables = tuple[Table, Table | None]  # training set and test set
STANDARD_INPUT = "-"


class _Reader(NamedTuple):
    """How a kind of file is read that is no table."""

    read: Callable[..., _Tables]  # takes the path, the label column if it has one, and the schema
    open_values: Callable | None = None  # the features without labels, as a context that gives a StoredArray
    has_label_column: bool = False


_ARRAY_READERS = {
    "folder": _Reader(idx.read_folder),
    "idx": _Reader(idx.read_file, idx.open_values),
    "npz": _Reader(arrays.read_npz, arrays.open_npz_values),
    "npy": _Reader(arrays.read_npy, arrays.open_npy_values, has_label_column=True),
    "svmlight": _Reader(sparse.read, sparse.open_values),
}


def all_rows(y: np.ndarray) -> np.ndarray:
    """The rows of labels y: all."""
    return np.arange(len(y))


@dataclass(frozen=True)
class _Options:
    """The arguments of load."""

    label_column: str | None
    data_dir: str | Path | None
    schema: Schema | None
    reading: Reading
    task: str
    training_rows: Callable
    out: Path | None = None


def load(
    source: Source,
    *,
    test: Source | None = None,
    label_column: str | None = None,
    data_dir: str | Path | None = None,
    task: str = "classification",
    schema: Schema | None = None,
    reading: Reading = Reading(),
    training_rows: Callable = all_rows,
    out: Path | None = None,
) -> Dataset:
    """Load the data set with a name in BUILT_IN, or from a path, or from standard input ("-", a table), or from memory.

    source: the name or path, or arrays (X, y), or a DataFrame of pandas or polars.
    test: a source whose test set, or whose only set, becomes the test set.
    label_column: the name or position of the label column of a table or .npy; see hw5/tables/label_columns.py.
    data_dir: the directory of downloaded data sets; see data_directory.
    task: "classification"; "regression" if the labels are numbers to predict; "multilabel" if each example has several
    labels that are 0 or 1.
    schema: of a trained model, to load data for it. It determines the task, the numbers of the classes, which need not
    all occur, and what happens to the columns of a table.
    reading, training_rows: without a schema, how the columns of a table are fitted, and training_rows(y) the rows on
    which they are.
    out: a new .npy, in a folder with space for as much again, from which the features of a table are mapped, instead of
    being in memory. A table that becomes bytes has them in another file there.
    Raises InputError, which says what is wrong with a file, where, and what to do.
    """
    if schema is not None:
        task = schema.task
    options = _Options(label_column, data_dir, schema, reading, task, training_rows, out)
    train, test_table = _read_whole(source, options)
    class_names = _class_names(train, options)
    if test is not None:
        options = replace(options, schema=schema or _schema_of(train, class_names, options))
        only, its_test_table = _read_whole(test, options)
        test_table = its_test_table or only
        if test_table is only and _is_same(source, test):
            train = replace(train, warnings=(*train.warnings, _TESTED_ON_TRAINING_DATA))
    if test_table is not None:
        _require_same_features(train, test_table)
    return _dataset(*_name_and_source(source), train, test_table, class_names, options)


_TESTED_ON_TRAINING_DATA = "the test set is the training set: its figures say nothing about new examples"


def _is_same(source: Source, test: Source) -> bool:
    """Whether two sources are the same file."""
    paths = [each for each in (source, test) if isinstance(each, str) and each not in BUILT_IN and os.path.isfile(each)]
    return len(paths) == 2 and os.path.samefile(*paths)


def _class_names(train: Table, options: _Options) -> tuple[str, ...]:
    """The classes of the training set, or those of the schema, whose features it must have."""
    if options.schema is not None:
        _require_features_of(options.schema, train)
        return options.schema.class_names
    return labels.class_names(train) if options.task == "classification" else ()


def _name_and_source(source: Source) -> tuple[str, str]:
    """The Dataset's name and source."""
    if not isinstance(source, str):
        return memory.WHERE, memory.SOURCE
    if source in BUILT_IN:
        return source, source
    if source == STANDARD_INPUT:
        return "standard input", source
    path = _absolute(source)
    return printable(path.name), str(path)


def _dataset(name: str, source: str, train: Table, test_table: Table | None, class_names, options) -> Dataset:
    y = [labels.decoded(table, options.task, class_names) for table in (train, test_table) if table is not None]
    target_names = _target_names(train, y[0], options)
    for table, its_y in zip((train, test_table), y):
        _require_targets(table, its_y, target_names)
    notes = [note for table in (train, test_table) if table is not None for note in table.notes]
    return Dataset(
        name=name,
        source=source,
        train=Examples(train.X, y[0]),
        test=None if test_table is None else Examples(test_table.X, y[1]),
        class_names=class_names,
        feature_names=train.feature_names,
        image_shape=train.image_shape,
        columns=train.columns,
        label=train.label,
        notes=tuple(notes),
        warnings=(*train.warnings, *(w for t, each in zip((train, test_table), y) if t for w in _unknown(t, each))),
        target_names=target_names,
    )


def _target_names(table: Table, y: np.ndarray, options: _Options) -> tuple[str, ...]:
    """The names of several targets or labels: the schema's, those in the file, or target_1, target_2, ..."""
    if options.schema is not None:
        return options.schema.target_names
    word = "label" if options.task == "multilabel" else "target"
    numbered = tuple(f"{word}_{j}" for j in range(1, y.shape[1] + 1)) if y.ndim == 2 else ()
    return table.target_names or numbered


def _require_targets(table: Table, y: np.ndarray, names: tuple[str, ...]) -> None:
    found, wanted = y.shape[1] if y.ndim == 2 else 1, len(names) or 1
    if found != wanted:
        raise InputError(
            f"{table.where}: each example has {found} targets or labels, but {wanted} are needed; choose their columns "
            "with --label-column"
        )


def _schema_of(train: Table, class_names, options: _Options) -> Schema:
    """To read a test set whose columns are those of the training set."""
    names = class_names, train.feature_names, train.image_shape, options.label_column
    targets = _target_names(train, labels.decoded(train, options.task, class_names), options)
    return Schema(train.X.shape[1], *names, train.columns, targets, options.task == "multilabel")


def _unknown(table: Table, y: np.ndarray) -> list[str]:
    return labels.unknown_classes(table, y) if y.dtype.kind == "i" else []


def load_inputs(path: str, schema: Schema) -> np.ndarray:
    """Load the features (N, d) of a file, uint8 or float32, for a model to predict.

    Labels in a table are ignored. The columns of a table are chosen by name if it has all those of the model. Other
    files may hold a single example, of shape (d,) or the model's image_shape. Raises InputError.
    """
    file = _existing(path)
    if is_table(file):
        return np.concatenate([block.X for block in open_inputs(file, schema).blocks()])
    return open_arrays(file, schema).read()


def open_arrays(path: str | Path, schema: Schema) -> ArrayInputs:
    """The examples of a file of arrays for a model to predict, to be read block by block. Raises InputError."""
    file = _existing(str(path))
    reader = _reader_of(file)
    if reader.open_values is None:
        raise InputError(f"{file}: this is a folder; choose the file of the inputs in it")
    return ArrayInputs(file, schema, reader.open_values, reader.has_label_column)


def open_inputs(path: str | Path | Spool, schema: Schema) -> ForModel:
    """The rows of a table for a model to predict, to be read block by block. Raises InputError."""
    file = path if isinstance(path, Spool) else _existing(str(path))
    return ForModel(_records(file, schema, None), schema, needs_label=False)


def open_labelled(
    source: Source, schema: Schema, label_column: str | None = None
) -> tuple[StreamedExamples, Dataset] | None:
    """The labelled examples of a table for a model, to be read in parts, and their Dataset, without examples as yet.

    None if the source is no table. Raises InputError.
    """
    if not isinstance(source, str) or source in BUILT_IN or schema.columns is None:
        return None
    path = standard_input() if source == STANDARD_INPUT else _existing(source, BUILT_IN)
    if not isinstance(path, Spool) and not is_table(path):
        return None
    rows = ForModel(_records(path, schema, label_column), schema, True, label_column)
    name, source = _name_and_source(source)
    nothing = Examples(np.empty((0, schema.features), np.float32), np.empty(0, np.int32))
    dataset = Dataset(name, source, nothing, None, schema.class_names, None, schema.image_shape)
    return StreamedExamples(rows), replace(dataset, target_names=schema.target_names)


def examined(dataset: Dataset, stream: StreamedExamples) -> Dataset:
    """The Dataset of open_labelled after a pass: with its labels, and what is to be said about them, but no features."""
    table, y = stream.table, stream.y
    _require_targets(table, y, dataset.target_names)
    warnings = (*table.warnings, *_unknown(table, y))
    examples = Examples(np.empty((len(y), 0), np.float32), y)
    return replace(dataset, train=examples, notes=table.notes, warnings=warnings)


def is_table(path: str | Path) -> bool:
    """Whether a file is read as a table. Raises InputError if there is no such file."""
    file = _existing(str(path))
    return not file.is_dir() and _kind_of(file) in READERS


def data_directory(data_dir: str | Path | None = None) -> Path:
    """The directory of downloaded data sets: data_dir, else $HW5_DATA, else hw5/data in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = os.path.expanduser(data_dir or os.environ.get("HW5_DATA") or os.path.join(cache, "hw5", "data"))
    if folder.startswith("~"):
        raise InputError(f"{folder}: there is no such home directory; choose a folder with --data-dir or HW5_DATA")
    return _absolute(folder)


def _read_whole(source: Source, options: _Options) -> _Tables:
    with memory_errors(source if isinstance(source, str) else memory.WHERE):
        return _read(source, options)


def _read(source: Source, options: _Options) -> _Tables:
    if isinstance(source, tuple):
        _refuse_table_options(memory.WHERE, options)
        if len(source) != 2:
            raise InputError(f"{memory.WHERE}: arrays are given as (X, y), but these are {len(source)}; give two")
        return arrays.read_arrays(*source, options.schema), None
    if memory.is_frame(source):
        return _read_table(source, options), None
    if source in BUILT_IN:
        _refuse_table_options(source, options)
        return _read_built_in(source, options.data_dir)
    path = standard_input() if source == STANDARD_INPUT else _existing(source, BUILT_IN)
    if isinstance(path, Spool) or not path.is_dir() and _kind_of(path) in READERS:
        return _read_table(path, options), None
    reader = _reader_of(path)
    if reader.has_label_column:
        return reader.read(path, options.label_column, options.schema)
    _refuse_table_options(source, options)
    return reader.read(path, options.schema)


def _refuse_table_options(source: str, options: _Options) -> None:
    if options.label_column is not None:
        raise InputError(
            f"{source}: only tables and .npy files have a label column to choose; remove --label-column "
            f"{options.label_column}"
        )
    for name in ("drop", "only", "categorical"):
        if getattr(options.reading, name):
            raise InputError(f"{source}: --{name} is for tables; remove it")


def _read_table(path: Path | Spool | Any, options: _Options) -> Table:
    """The Table of a file or a DataFrame."""
    schema, label_column = options.schema, options.label_column
    records = memory.records(path) if memory.is_frame(path) else _records(path, schema, label_column)
    if schema is None:
        return read(records, label_column, options.reading, options.task, options.training_rows, options.out)
    return ForModel(records, schema, True, label_column).read(options.task)


def _records(path: Path | Spool, schema: Schema | None, label_column: str | None):
    """The records of a table, whose header is known by the names of the model's columns or the label's."""
    wanted, position = _names_of(schema), None
    if label_column is not None:
        names = [label_column] if "," not in label_column else label_column.split(",")
        numbers = [number for name in names if (number := _as_position(name.strip())) is not None]
        position = numbers[0] if numbers else None
        wanted = wanted or (frozenset() if numbers else frozenset({label_column}))
    elif schema is not None:
        position = _label_position(schema)
    kind = _kind_of(path)
    if kind not in READERS:
        raise InputError(
            f"{path}: this is not a table, as {'standard input' if isinstance(path, Spool) else 'it'} must be"
        )
    return READERS[kind](path, wanted, position)


def _label_position(schema: Schema) -> int | None:
    """The position of the labels in training, from 0, or negative from the end."""
    if schema.columns is not None and schema.columns.labels:
        return schema.columns.labels[0]
    return _as_position(schema.label_column or "")


def _as_position(text: str) -> int | None:
    """The position that the text counts from 1, or from -1 backwards, as one from 0; None if it is another text."""
    if not re.fullmatch(r"[-+]?[0-9]{1,9}", text):  # no table has more columns, and int() reads no thousands of digits
        return None
    return int(text) - (int(text) > 0)


def _names_of(schema: Schema | None) -> frozenset:
    """The names of the columns that a model needs, if they have names."""
    if schema is None:
        return frozenset()
    if schema.columns is None:
        return frozenset(schema.feature_names or ())
    return frozenset(c.name for c in schema.columns.each if c.name and not isinstance(c, LeftOut))


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
    if not source:  # which would be the current directory
        raise InputError("the path of the data is empty; give that of a file or folder, or the name of a data set")
    path = _absolute(source)
    if not os.path.exists(path):
        choice = f", or choose one of the data sets {', '.join(names)}" if names else ""
        raise InputError(f"{source}: no such file or folder{did_you_mean(source, names)}; check the path{choice}")
    return path


def _kind_of(path: Path | Spool) -> str:
    """A name in READERS or _ARRAY_READERS; InputError for other files."""
    if not isinstance(path, Spool):
        if not path.is_file():
            raise InputError(
                f"{path}: not a regular file; give a table such as .csv, an .npz or .npy, an IDX file named like "
                f"{idx.FILES[0]}, or a folder of IDX files"
            )
        if idx.FILE_NAME.search(path.name):
            return "idx"
        if path.suffix.lower() in (".npz", ".npy"):
            return path.suffix.lower()[1:]
    kind = kind_of(path)
    if kind in REFUSED:
        raise InputError(f"{path}: this is {REFUSED[kind]}")
    return kind


def _reader_of(path: Path) -> _Reader:
    """How a folder or file that is no table is read."""
    return _ARRAY_READERS["folder" if path.is_dir() else _kind_of(path)]


def _require_features_of(schema: Schema, table: Table) -> None:
    d, shapes = table.X.shape[1], (table.image_shape, schema.image_shape)
    if d != schema.features:
        raise InputError(
            f"{table.where}: each example has {d} feature{'s' * (d != 1)}, but the model takes {schema.features}; "
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
