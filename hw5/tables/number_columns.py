"""Columns of numbers, as pyarrow gives them, together: as float64, and as blocks of float32."""

import numpy as np

from hw5.tables.arrow_columns import as_numpy
from hw5.tables.number_text import has_thousands, numbers_in
from hw5.tables.table import BEYOND_FLOAT32


def cast_together(columns: list):
    """The numbers of several columns (k, n), float64 with NaN where null; None if a cell is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not columns:
        return np.empty((0, 0))
    try:
        same = all(array.type == columns[0].type for array in columns)
        arrays = [pa.concat_arrays(columns)] if same else columns
        parts = [as_numpy(pc.cast(array, pa.float64())) for array in arrays]
        return np.concatenate(parts).reshape(len(columns), -1)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def numbers_together(columns: list, decimals: list, n: int, gap_words=None, units=None):
    """The numbers of several columns: (values, bad, is_plain).

    values: (k, n) float64, with NaN where missing. bad: {index of a column: mask of its cells that are no numbers}.

    is_plain: whether all cells are written as programs write numbers.
    """
    is_grouped = any(map(has_thousands, columns, decimals))
    values = None if is_grouped else cast_together(columns) if columns else np.empty((0, n))
    bad, is_plain = {}, values is not None
    if not is_plain:
        values = np.empty((len(columns), n))
        for i, array in enumerate(columns):
            words = [gap_words[i]] if gap_words and gap_words[i] else ()
            values[i], mask = numbers_in(array, decimals[i], words, units[i] if units else "")
            if mask is not None:
                bad[i] = mask
    with np.errstate(invalid="ignore", over="ignore"):
        if abs(values.sum()) < BEYOND_FLOAT32 and values.min(initial=0) > -BEYOND_FLOAT32:  # false for NaN
            return values, bad, is_plain
        beyond = np.abs(values) >= BEYOND_FLOAT32
    if beyond.any():
        for i in np.flatnonzero(beyond.any(axis=1)):
            bad[int(i)] = bad.get(int(i), False) | beyond[i]
    return values, bad, is_plain


def fill_whole(block: np.ndarray, columns: list, offsets: np.ndarray) -> bool:
    """Set a block (n, k) float32 to columns of float64, less their offsets.

    False if a number is missing or not finite.
    """
    if any(column.null_count for column in columns):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        for feature, column, offset in zip(block.T, columns, offsets):
            values = as_numpy(column)
            np.copyto(feature, values - offset if offset else values, casting="same_kind")
        return bool(np.isfinite(block.sum()))


def as_float32(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Numbers (k, n), less the offset of each column, as (n, k) float32 in C order."""
    block = np.empty(values.T.shape, np.float32)
    if offsets.any():
        np.subtract(values.T, offsets, out=block, casting="same_kind")
    else:
        block[:] = values.T
    return block


def has_gaps(block: np.ndarray) -> bool:
    """Whether numbers (n, k) float32 have a NaN; faster than to look at each."""
    with np.errstate(over="ignore", invalid="ignore"):  # the sum of infinities of both signs is NaN as well
        return bool(np.isnan(block.sum()))
