"""Numbers as features: float32, after an offset where float32 would lose their digits, or bytes if they are pixels."""

import numpy as np

from hw5.errors import InputError
from hw5.tables.columns import Columns, Number

_AT_ONCE = 1 << 20  # values that are looked at together


def offsets(values: np.ndarray) -> np.ndarray:
    """What to subtract from numbers (k, n) before they become float32: 0, or the mean where digits would be lost.

    float32 has 24 bits. Where the mean takes more than 8 of them, and the numbers are not whole numbers that float32
    holds, little would be left of what tells them apart.
    """
    with np.errstate(all="ignore"):
        present = np.isfinite(values)
        count = np.maximum(present.sum(axis=1), 1)
        filled = np.where(present, values, 0)
        mean = filled.sum(axis=1) / count
        deviation = np.sqrt((np.where(present, values - mean[:, np.newaxis], 0) ** 2).sum(axis=1) / count)
        is_exact = (filled.astype(np.float32) == filled).all(axis=1)
    return np.where((np.abs(mean) > 256 * deviation) & ~is_exact & (deviation > 0), mean, 0.0)


def as_features(
    values: np.ndarray,
    where: str,
    label: int | None = None,
    columns: Columns | None = None,
    *,
    start: int = 0,
    copy: bool = True,
) -> np.ndarray:
    """Reshape `values` (N, ...) to features (N, d), uint8 if they are pixels and finite float32 otherwise.

    `label` is the column of the labels in a table, which is dropped; `columns` are those of array_columns, if any.
    start: the number of rows before the first, for messages. copy: never to share float32 with `values`, because
    whoever has them may change them.
    """
    if values.dtype.kind not in "buif":
        raise InputError(f"{where}: features must be numbers, not {values.dtype}; encode them as numbers")
    if columns is not None and not columns.are_plain:
        raise InputError(f"{where}: the model takes the columns of a table, such as text or dates; give it a table")
    values = values.reshape(len(values), -1)
    if label is not None:
        values = np.delete(values, label, axis=1)
    if values.dtype == np.uint8:
        return values if label is None and isinstance(values, np.memmap) else np.ascontiguousarray(values)
    if label is None and isinstance(values, np.memmap) and values.dtype == np.float32 and columns is None:
        _require_finite(values, values, where, label, start)
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        if columns is not None:
            values = values - np.array([column.offset for column in columns.each], np.float64)
        X = values.astype(np.float32, order="C", copy=copy and label is None)
    _require_finite(X, values, where, label, start)
    return as_pixels(X)


def _parts(X):
    """Slices of the rows of X (n, d), of some megabytes each."""
    rows = max(1, _AT_ONCE // max(1, X.shape[1]))
    return (slice(start, start + rows) for start in range(0, len(X), rows))


def _require_finite(X, values, where, label, start):
    """Raise InputError for the first of X (n, d), made of `values`, that is not finite.

    start: the number of rows before them.
    """
    for part in _parts(X):
        finite = np.isfinite(X[part])
        if not finite.all():
            row, column = divmod(int(finite.argmin()), X.shape[1])
            position = column + 1 if label is None or column < label else column + 2
            raise InputError(
                f"{where}, row {start + part.start + row + 1}, column {position}: {values[part.start + row, column]} is "
                "not a finite float32; correct it or remove the row"
            )


_SAMPLE = 1 << 22  # values


def array_columns(values: np.ndarray, label: int | None = None) -> Columns | None:
    """Columns with an offset for features that float32 would melt into few values; None if there are none such."""
    values = values.reshape(len(values), -1) if values.size else values
    if values.dtype.kind not in "iuf" or values.dtype.itemsize < 4 or values.dtype == np.float32 or values.ndim != 2:
        return None
    sample = values[: max(1000, _SAMPLE // values.shape[1])]
    sample = sample if label is None else np.delete(sample, label, axis=1)
    found = offsets(np.ascontiguousarray(sample.T, np.float64))
    return Columns(tuple(Number(None, None, offset=float(x)) for x in found), ()) if found.any() else None


_LEAST_PIXELS = 49


def as_pixels(X: np.ndarray) -> np.ndarray:
    """X (N, d) as uint8 if it looks like the pixels of images, which share one scale; else X itself."""
    return X.astype(np.uint8) if are_pixels(X) else X


def are_pixels(X: np.ndarray) -> bool:
    """Whether X (N, d) looks like the pixels of images.

    Pixels are many whole numbers from 0 to at most 255, of which the brightest is reached in half of the columns.
    """
    n, d = X.shape
    if d < _LEAST_PIXELS or not n:
        return False
    if not 0 <= X[0].min() <= X[0].max() <= 255 or (X[0] % 1).any():
        return False
    brightest = np.zeros(d, X.dtype)
    for part in map(X.__getitem__, _parts(X)):
        if part.min() < 0 or part.max() > 255 or (part % 1).any():
            return False
        np.maximum(brightest, part.max(axis=0), out=brightest)
    top = brightest.max()
    return top >= 15 and np.mean(brightest >= 0.9 * top) >= 0.5
