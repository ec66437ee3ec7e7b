"""Dataset and Examples, which `load` returns."""

from dataclasses import dataclass

import numpy as np

from hw5.tables.columns import Columns


@dataclass(frozen=True)
class Examples:
    """N examples of d features."""

    X: np.ndarray  # (N, d), uint8 or float32, C order
    y: np.ndarray  # (N,), int32 indices into class_names (-1: another class), or the float targets of a regression


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
