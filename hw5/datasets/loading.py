"""`load` reads a named data set, a folder or a file into a Dataset."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hw5.datasets import arrays, memory
from hw5.datasets.agreement import require_features_of, require_same_features, require_targets
from hw5.datasets.built_in import BUILT_IN, read_built_in
from hw5.datasets.dataset import Dataset, Examples
from hw5.datasets.file_formats import ARRAY_READERS, format_of
from hw5.datasets.sources import Source, are_same_file, file_of, name_and_source
from hw5.datasets.table_records import open_records
from hw5.errors import InputError
from hw5.opening import memory_errors
from hw5.tables import labels
from hw5.tables.for_model import ForModel
from hw5.tables.formats import READERS
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
        if schema is None:
            train = _decoded(train, class_names, task)
            options = replace(options, schema=_schema_of(train, class_names, options))
        only, its_test_table = _read_whole(test, options)
        test_table = its_test_table or only
        if test_table is only and are_same_file(source, test):
            train = replace(train, warnings=(*train.warnings, _TESTED_ON_TRAINING_DATA))
    tables = [train]
    if test_table is not None:
        require_same_features(train, test_table)
        tables.append(test_table)
    tables = [_decoded(table, class_names, task) for table in tables]
    return _dataset(*name_and_source(source), tables, class_names, _target_names(tables[0], options))


_TESTED_ON_TRAINING_DATA = "the test set is the training set: its figures say nothing about new examples"


def _class_names(train: Table, options: _Options) -> tuple[str, ...]:
    """The classes of the training set, or those of the schema, whose features it must have."""
    if options.schema is not None:
        require_features_of(options.schema, train)
        return options.schema.class_names
    if train.class_names is not None:
        return train.class_names
    return labels.class_names(train) if options.task == "classification" else ()


def _decoded(table: Table, class_names: tuple[str, ...], task: str) -> Table:
    """The table with its y, if it has none yet."""
    return table if table.y is not None else replace(table, y=labels.decoded(table, task, class_names))


def _dataset(name: str, source: str, tables: list[Table], class_names, target_names) -> Dataset:
    """The Dataset of a training set, and a test set if there is one."""
    train, *_ = tables
    for table in tables:
        require_targets(table, target_names)
    sets = [Examples(table.X, table.y) for table in tables]
    return Dataset(
        name=name,
        source=source,
        train=sets[0],
        test=sets[1] if len(sets) > 1 else None,
        class_names=class_names,
        feature_names=train.feature_names,
        image_shape=train.image_shape,
        columns=train.columns,
        label=train.label,
        notes=tuple(note for table in tables for note in table.notes),
        warnings=(*train.warnings, *(warning for table in tables for warning in labels.unknown_classes(table))),
        target_names=target_names,
    )


def _target_names(table: Table, options: _Options) -> tuple[str, ...]:
    """The names of several targets or labels: the schema's, those in the file, or target_1, target_2, ..."""
    if options.schema is not None:
        return options.schema.target_names
    word = "label" if options.task == "multilabel" else "target"
    numbered = tuple(f"{word}_{j}" for j in range(1, table.y.shape[1] + 1)) if table.y.ndim == 2 else ()
    return table.target_names or numbered


def _schema_of(train: Table, class_names, options: _Options) -> Schema:
    """To read a test set whose columns are those of the training set."""
    names = class_names, train.feature_names, train.image_shape, options.label_column
    targets = _target_names(train, options)
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
        return _read_table(memory.records(source), options), None
    if source in BUILT_IN:
        _refuse_table_options(source, options)
        return read_built_in(source, options.data_dir)
    path = file_of(source)
    format = format_of(path)
    if format in READERS:
        return _read_table(open_records(path, format, options.schema, options.label_column), options), None
    reader = ARRAY_READERS[format]
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


def _read_table(records, options: _Options) -> Table:
    """The Table of the records of a file or a DataFrame."""
    label_column = options.label_column
    if options.schema is None:
        return read(records, label_column, options.reading, options.task, options.training_rows, options.out)
    return ForModel(records, options.schema, True, label_column).read(options.task)
