"""`load` reads a named data set, a folder or a file into a Dataset."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hw5.datasets import arrays, memory
from hw5.datasets.agreement import require_features_of, require_same_features, require_targets
from hw5.datasets.built_in import BUILT_IN, read_built_in
from hw5.datasets.dataset import Dataset, Examples
from hw5.datasets.file_formats import array_reader_of, is_table
from hw5.datasets.sources import Source, are_same_file, file_of, name_and_source
from hw5.datasets.table_records import open_records
from hw5.errors import InputError
from hw5.opening import Spool, memory_errors
from hw5.tables import labels
from hw5.tables.for_model import ForModel
from hw5.tables.reading import read
from hw5.tables.table import Reading, Schema, Table


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
        if test_table is only and are_same_file(source, test):
            train = replace(train, warnings=(*train.warnings, _TESTED_ON_TRAINING_DATA))
    if test_table is not None:
        require_same_features(train, test_table)
    return _dataset(*name_and_source(source), train, test_table, class_names, options)


_TESTED_ON_TRAINING_DATA = "the test set is the training set: its figures say nothing about new examples"


def _class_names(train: Table, options: _Options) -> tuple[str, ...]:
    """The classes of the training set, or those of the schema, whose features it must have."""
    if options.schema is not None:
        require_features_of(options.schema, train)
        return options.schema.class_names
    return labels.class_names(train) if options.task == "classification" else ()


def _dataset(name: str, source: str, train: Table, test_table: Table | None, class_names, options) -> Dataset:
    y = [labels.decoded(table, options.task, class_names) for table in (train, test_table) if table is not None]
    target_names = _target_names(train, y[0], options)
    for table, its_y in zip((train, test_table), y):
        require_targets(table, its_y, target_names)
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
        warnings=(
            *train.warnings,
            *(w for t, each in zip((train, test_table), y) if t for w in labels.unknown_classes(t, each)),
        ),
        target_names=target_names,
    )


def _target_names(table: Table, y: np.ndarray, options: _Options) -> tuple[str, ...]:
    """The names of several targets or labels: the schema's, those in the file, or target_1, target_2, ..."""
    if options.schema is not None:
        return options.schema.target_names
    word = "label" if options.task == "multilabel" else "target"
    numbered = tuple(f"{word}_{j}" for j in range(1, y.shape[1] + 1)) if y.ndim == 2 else ()
    return table.target_names or numbered


def _schema_of(train: Table, class_names, options: _Options) -> Schema:
    """To read a test set whose columns are those of the training set."""
    names = class_names, train.feature_names, train.image_shape, options.label_column
    targets = _target_names(train, labels.decoded(train, options.task, class_names), options)
    return Schema(train.X.shape[1], *names, train.columns, targets, options.task == "multilabel")


def _read_whole(source: Source, options: _Options) -> tuple[Table, Table | None]:
    """The training set, and the test set if the source has one."""
    with memory_errors(source if isinstance(source, str) else memory.WHERE):
        return _read(source, options)


def _read(source: Source, options: _Options) -> tuple[Table, Table | None]:
    if isinstance(source, tuple):
        _refuse_table_options(memory.WHERE, options)
        if len(source) != 2:
            raise InputError(f"{memory.WHERE}: arrays are given as (X, y), but these are {len(source)}; give two")
        return arrays.read_arrays(*source, options.schema), None
    if memory.is_frame(source):
        return _read_table(source, options), None
    if source in BUILT_IN:
        _refuse_table_options(source, options)
        return read_built_in(source, options.data_dir)
    path = file_of(source)
    if is_table(path):
        return _read_table(path, options), None
    reader = array_reader_of(path)
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
    records = memory.records(path) if memory.is_frame(path) else open_records(path, schema, label_column)
    if schema is None:
        return read(records, label_column, options.reading, options.task, options.training_rows, options.out)
    return ForModel(records, schema, True, label_column).read(options.task)
