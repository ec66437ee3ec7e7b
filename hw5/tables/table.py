"""Table, which every reader returns: numeric features, and labels as they are in the file (labels.py decodes them)."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hw5.errors import InputError, require_known
from hw5.tables.columns import Columns
from hw5.tables.missing import is_missing
from hw5.text import quoted, shortened

BEYOND_FLOAT32 = (2 - 2**-24) * 2.0**127  # the smallest number that float32 rounds to infinity


@dataclass(frozen=True)
class Reading:
    """How a table is read to train on it.

    text: "encode" or "refuse" columns of text. missing: fill gaps with the "mean", "refuse" them, or "drop" their rows.
    drop, only, categorical: columns to leave out, to use alone, and whose numbers name categories.
    """

    text: str = "encode"
    missing: str = "mean"
    drop: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()

    def __post_init__(self):
        require_known("--text", self.text, ("encode", "refuse"))
        require_known("--missing", self.missing, ("mean", "refuse", "drop"))


def columns_of(text: str | None) -> tuple[str, ...]:
    """The columns in an option such as --drop: names or positions with commas between them."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


@dataclass(frozen=True)
class Table:
    """N examples of one file: d finite features and a label each."""

    where: str  # the file, for messages
    X: np.ndarray  # (N, d), uint8 or float32
    codes: np.ndarray | None  # (N,), indices into labels
    labels: list  # the distinct labels, numbers or text
    feature_names: tuple[str, ...] | None = None
    image_shape: tuple[int, ...] | None = None  # (height, width) of grey images, or (height, width, channels)
    line_of: Callable | None = None  # gives the line of a file on which row i begins
    label_suffix: str = ""  # ", column 3", for messages
    targets: np.ndarray | None = None  # (N,) float64, instead of codes and labels; of several label columns (N, q)
    target_names: tuple[str, ...] = ()  # of the columns of targets, if they have names
    label: str | None = None  # the label column, for messages
    columns: Columns | None = None  # of a table of any format but .npy
    notes: tuple[str, ...] = ()  # guesses, to be said
    warnings: tuple[str, ...] = ()
    class_names: tuple[str, ...] | None = None  # the classes to which the columns were fitted; () without classes
    y: np.ndarray | None = None  # the labels, once they are decoded (labels.py)

    def label_location(self, row: int) -> str:
        """File, row and column of a label, for messages; rows count from 0."""
        line = row + 1 if self.line_of is None else self.line_of(row)
        return f"{self.where}, row {line}{self.label_suffix}"


@dataclass(frozen=True)
class Schema:
    """The data that a trained model expects."""

    features: int
    class_names: tuple[str, ...] = ()  # empty in a regression
    feature_names: tuple[str, ...] | None = None
    image_shape: tuple[int, ...] | None = None
    label_column: str | None = None  # if one was chosen for training; new data may have it elsewhere
    columns: Columns | None = None  # if it was trained on a table
    target_names: tuple[str, ...] = ()  # if an example has several targets or labels
    has_labels: bool = False  # whether these are labels, 0 or 1

    @property
    def task(self) -> str:
        """As that of a Loss."""
        return "classification" if self.class_names else "multilabel" if self.has_labels else "regression"


def as_option(name: str, position: int) -> str:
    """A column for an option: by its name if that is short and plain, else by its position, which counts from 0."""
    is_plain = name and name == shortened(name) and name.isprintable() and "," not in name
    return shlex.quote(name) if is_plain else str(position + 1)


_NOT_A_NUMBER = {
    "feature": "correct it, or make the column categories with --categorical, or leave it out with --drop",
    "input": "correct it",
    "label": "correct it",
    "target": "correct it, select columns of numbers with --label-column, or predict one column of classes without "
    "--task regression or multilabel",
}


def number(text: str, role: str = "feature") -> float:
    """The finite float32 that `text` spells; ValueError with the reason otherwise.

    role: "feature", "input" of a model, "label" or "target".
    """
    if is_missing(text) and text.strip() != "nan":
        name = "value" if role in ("feature", "input") else role
        raise ValueError(f"the {name} is missing ({quoted(text)}); fill it in or remove the row")
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or "_" in text:  # float() accepts "1_000"
        raise ValueError(f"{quoted(text)} is not a number; {_NOT_A_NUMBER[role]}")
    if not abs(value) < BEYOND_FLOAT32:
        raise ValueError(f"{quoted(text)} is not a finite float32; correct it or remove the row")
    return value


def column_index(position: str, width: int, where: str) -> int:
    """The index of the column at `position`, which counts from 1, or from -1 backwards; InputError if there is none."""
    try:
        index = int(position)
    except ValueError:
        raise InputError(
            f"{where}: the columns have no names, and {quoted(position)} is not a position; "
            f"give a position from 1 to {width}"
        ) from None
    if not 1 <= abs(index) <= width:
        raise InputError(f"{where}: there is no column {index}; give a position from 1 to {width}, or -1 to -{width}")
    return index - 1 if index > 0 else width + index


def training_label_column(schema: Schema | None, width: int) -> str | None:
    """The position of the labels in training, if a table of `width` columns has that position."""
    if schema is None or schema.label_column is None:
        return None
    try:
        column_index(schema.label_column, width, "")
    except InputError:
        return None
    return schema.label_column


def make_table(where: str, X: np.ndarray, labels: np.ndarray, image_shape=None, label_suffix: str = "") -> Table:
    """The Table of features X (N, d) and `labels` (N,), which are numbers or text."""
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "backslashreplace")
    if labels.dtype.kind not in "buifU":
        raise InputError(f"{where}: labels must be numbers or text, not {labels.dtype}; save them as int, float or str")
    if labels.dtype.kind == "f" or labels.dtype.kind == "U":
        distinct, codes = np.unique(labels, return_inverse=True)
    else:  # the same, in half the memory
        distinct = np.unique(labels)
        codes = np.searchsorted(distinct, labels)
    return Table(where, X, codes, distinct.tolist(), image_shape=image_shape, label_suffix=label_suffix)


def as_images(values: np.ndarray) -> np.ndarray:
    """Images as (N, height, width) if they are grey, or (N, height, width, channels), as in Keras.

    PyTorch has the channels before the pixels; 3 or 4 of them are moved to the end.
    """
    if values.ndim != 4:
        return values
    if 1 in (values.shape[1], values.shape[3]):
        return values[..., 0] if values.shape[3] == 1 else values[:, 0]
    return np.moveaxis(values, 1, 3) if has_channels_first(values.shape) else values


def has_channels_first(shape: tuple[int, ...]) -> bool:
    """Whether this looks like the shape of colour images (N, channels, height, width)."""
    return len(shape) == 4 and shape[1] in (3, 4) and min(shape[2:]) > 4


def channels_note(shape: tuple[int, ...]) -> list[str]:
    """What to say about images that as_images takes for PyTorch's."""
    return ["took the images as (N, channels, height, width)"] if has_channels_first(shape) else []


def image_shape_of(values: np.ndarray) -> tuple[int, ...] | None:
    """The shape of an example if `values` are images as as_images returns them."""
    return values.shape[1:] if values.ndim in (3, 4) and values.size else None
