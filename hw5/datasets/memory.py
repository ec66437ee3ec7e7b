"""Data in memory: DataFrames of pandas and polars as the records of a table."""

from hw5.tables.columnar import ArrowRecords
from hw5.tables.frames import records_of

WHERE = "the data"  # in messages
SOURCE = "data in memory"  # the Dataset.source of arrays and frames


def is_frame(source) -> bool:
    """Whether this is a DataFrame of pandas or polars."""
    return hasattr(source, "columns") and (hasattr(source, "iloc") or hasattr(source, "to_arrow"))


def records(frame) -> ArrowRecords:
    """The records of a DataFrame. Raises InputError."""
    return records_of(frame, WHERE)
