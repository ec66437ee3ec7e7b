"""Columns of the batches that records give: pyarrow arrays of text or numbers."""


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
