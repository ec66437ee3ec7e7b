"""Columns of the batches that records give: pyarrow arrays of text or numbers."""

import numpy as np


def as_strings(array):
    """A pyarrow array as text."""
    import pyarrow as pa

    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def without_blank_rows(columns: list) -> list:
    """The columns without the rows in which every cell is empty."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    first = columns[0]
    if not first.null_count and not (types.is_string(first.type) and pc.min(pc.binary_length(first)).as_py() == 0):
        return columns  # as in most files
    blank = None
    for array in columns:
        if blank is not None and array.null_count == len(array):
            continue
        empty = array.is_null()
        if types.is_string(array.type):
            empty = pc.or_(empty, pc.fill_null(pc.equal(array, ""), True))
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            return columns
    return [array.filter(pc.invert(blank)) for array in columns]


def as_numpy(array) -> np.ndarray:
    """The numbers of a pyarrow array, NaN where null."""
    if array.null_count:
        return array.to_numpy(zero_copy_only=False)
    return np.from_dlpack(array)  # to_numpy imports pandas where it is installed, which takes 0.2 s


def without(mask, strings):
    """Text with nulls where a mask is true. if_else of pyarrow before 24 loses the end of text that is a slice."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.replace_with_mask(strings, mask, pa.scalar(None, strings.type))
