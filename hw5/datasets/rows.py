"""What every reader hands over: features that are numbers, and labels as they stand in the file (labels.py)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hw5.errors import InputError

MISSING = {"", "?", "NA", "N/A", "NULL"}
_BEYOND_FLOAT32 = (2 - 2**-24) * 2.0**127  # from here on, rounding to float32 gives infinity


@dataclass(frozen=True)
class Rows:
    """The examples of one file: N rows of d finite features, each with a label."""

    where: str  # the file, for messages
    X: np.ndarray  # (N, d), uint8 or float32
    codes: np.ndarray  # (N,), integers: indices into labels
    labels: list  # the distinct labels, numbers or text
    feature_names: tuple[str, ...] | None = None
    image_shape: tuple[int, ...] | None = None
    lines: np.ndarray | None = None  # (N,), in a CSV the line on which each row begins
    label_place: str = ""  # in a table the column of the labels, for messages

    def place(self, row: int) -> str:
        """Where the label of a row, counted from 0, stands."""
        line = row + 1 if self.lines is None else self.lines[row]
        return f"{self.where}, row {line}{self.label_place}"


@dataclass(frozen=True)
class Schema:
    """What a trained model takes, so that other data can be read for it."""

    features: int
    class_names: tuple[str, ...] = ()  # none in a regression
    feature_names: tuple[str, ...] | None = None
    image_shape: tuple[int, ...] | None = None
    label_column: str | None = None  # where it was chosen for the training; other data may have it elsewhere


def quoted(text: str) -> str:
    """`text` in quotes, cut where it would drown a message."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def listed(names: Sequence[str]) -> str:
    """The first of `names`, each quoted."""
    return ", ".join(map(quoted, names[:10])) + (", ..." if len(names) > 10 else "")


_NO_NUMBER = {
    "feature": "as every feature must be; encode the column as numbers, or choose it with --label-column if it holds "
    "the classes",
    "target": "as regression needs; leave out --task regression, or choose the column of numbers with --label-column",
}


def number(text: str, what: str = "feature") -> float:
    """`text` as a number, of a feature or a target; ValueError with the reason where a float32 can hold none."""
    if text.strip() in MISSING:
        raise ValueError(
            f"the {'value' if what == 'feature' else what} is missing ({quoted(text)}); fill it in or remove the row"
        )
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or "_" in text:  # float() would take "1_000" for a number
        raise ValueError(f"{quoted(text)} is not a number, {_NO_NUMBER[what]}")
    if not abs(value) < _BEYOND_FLOAT32:
        raise ValueError(f"{quoted(text)} is not a finite float32; correct it or remove the row")
    return value


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


def usual_position(schema: Schema | None, width: int) -> str | None:
    """The position at which the model's training found the labels, if a table of `width` columns has it."""
    if schema is None or schema.label_column is None:
        return None
    try:
        column_index(schema.label_column, width, "")
    except InputError:
        return None
    return schema.label_column


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


def labelled(where: str, X: np.ndarray, labels: np.ndarray, image_shape=None, label_place: str = "") -> Rows:
    """Rows with one number or string of `labels` (N,) for each example of X."""
    if labels.dtype.kind not in "buifU":
        raise InputError(
            f"{where}: labels must be numbers or text, but these have the type {labels.dtype}; "
            "write them as int, float or str"
        )
    distinct, codes = np.unique(labels, return_inverse=True)
    return Rows(where, X, codes, distinct.tolist(), image_shape=image_shape, label_place=label_place)


def image_shape_of(values: np.ndarray) -> tuple[int, ...] | None:
    """(height, width) where `values` holds grey images, one an example."""
    return values.shape[1:] if values.ndim == 3 else None
