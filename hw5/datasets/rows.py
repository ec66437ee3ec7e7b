"""What every reader hands over: features that are numbers, and labels that name classes."""

import math
from dataclasses import dataclass

import numpy as np

from hw5.errors import InputError

MISSING = {"", "?", "NA", "N/A", "NULL"}


@dataclass(frozen=True)
class Rows:
    """The examples of one file: N rows of d finite features, each with a label."""

    where: str  # the file, for messages
    X: np.ndarray  # (N, d), uint8 or float32
    codes: np.ndarray  # (N,), integers: indices into labels
    labels: tuple[str, ...]  # class names; two codes may share one
    feature_names: tuple[str, ...] | None = None
    image_shape: tuple[int, ...] | None = None
    lines: np.ndarray | None = None  # (N,), in a CSV the line on which each row begins


def quoted(text: str) -> str:
    """`text` in quotes, cut where it would drown a message."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def number(text: str) -> float:
    """`text` as a number; ValueError with the reason where it is none that a float32 can hold."""
    if text.strip() in MISSING:
        raise ValueError(f"the value is missing ({quoted(text)}); fill it in or remove the row")
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or "_" in text:  # float() would take "1_000" for a number
        raise ValueError(
            f"{quoted(text)} is not a number, as every feature must be; encode the "
            "column as numbers, or choose it with --label-column if it holds the "
            "classes"
        )
    with np.errstate(over="ignore"):
        finite = np.isfinite(np.float32(value))
    if not finite:
        raise ValueError(f"{quoted(text)} is not a finite float32; correct it or remove the row")
    return value


def class_name(label: str) -> str:
    """The class that `label` names: "3" for "3", "3.0" and "3e0", and text as it is.

    ValueError with the reason for a missing label, and for a fraction: a column of measurements is
    not a column of classes.
    """
    label = label.strip()
    if label in MISSING:
        raise ValueError(f"the label is missing ({quoted(label)}); fill it in or remove the row")
    if "_" in label:
        return label
    for exact in (int, float):  # int first: it keeps every digit of a long number
        try:
            value = exact(label)
        except ValueError:
            continue
        if math.isfinite(value) and value == int(value):
            return str(int(value))
        raise ValueError(
            f"the label {quoted(label)} is neither a whole number nor text; choose "
            "the column of the classes with --label-column"
        )
    return label


def column_index(position: str, width: int, where: str) -> int:
    """The index of the column at `position`, which counts from 1, or from the end if negative."""
    try:
        index = int(position)
    except ValueError:
        raise InputError(
            f"{where}: its columns have no names, so none is named "
            f"{quoted(position)}; give a position from 1 to {width}"
        ) from None
    if not 1 <= abs(index) <= width:
        raise InputError(
            f"{where}: there is no column {index}; columns count from 1 to {width}, or from the end from -1 to -{width}"
        )
    return index - 1 if index > 0 else width + index


def as_features(values: np.ndarray, where: str, without: int | None = None) -> np.ndarray:
    """`values` of shape (N, ...) as finite (N, d) features: uint8 stays, the rest is float32.

    `without` is the column of the labels in a table, which is left out.
    """
    if values.dtype.kind not in "buif":
        raise InputError(
            f"{where}: features must be numbers, but these have the type {values.dtype}; encode them as numbers"
        )
    values = values.reshape(len(values), -1)
    if without is not None:
        values = np.delete(values, without, axis=1)
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    with np.errstate(over="ignore", invalid="ignore"):
        X = values.astype(np.float32, order="C")
    finite = np.isfinite(X)
    if not finite.all():
        row, column = divmod(int(finite.argmin()), X.shape[1])
        place = column + 1 if without is None or column < without else column + 2
        raise InputError(
            f"{where}, row {row + 1}, column {place}: {values[row, column]} is not a "
            "finite float32; correct it or remove the row"
        )
    return X


def labelled(where: str, X: np.ndarray, labels: np.ndarray, image_shape=None) -> Rows:
    """Rows with one integer, whole float or string of `labels` (N,) for each example of X."""
    if labels.dtype.kind not in "buifU":
        raise InputError(
            f"{where}: labels must be whole numbers or text, but these have the type "
            f"{labels.dtype}; write them as int or str"
        )
    distinct, rows, codes = np.unique(labels, return_index=True, return_inverse=True)
    names = [""] * len(distinct)
    for code in np.argsort(rows):  # so that the first fault in the file is reported
        try:
            names[code] = class_name(str(distinct[code]))
        except ValueError as error:
            raise InputError(f"{where}, row {rows[code] + 1}: {error}") from None
    return Rows(where, X, codes, tuple(names), image_shape=image_shape)


def image_shape_of(values: np.ndarray) -> tuple[int, ...] | None:
    """(height, width) where `values` holds grey images, one an example."""
    return values.shape[1:] if values.ndim == 3 else None
