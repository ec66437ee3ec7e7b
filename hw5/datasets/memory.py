"""Data in memory: DataFrames of pandas and polars as the records of a table."""

from hw5.tables.formats import ArrowRecords

WHERE = "the data"  # in messages
SOURCE = "data in memory"  # the Dataset.source of arrays and frames


def is_frame(source) -> bool:
    """Whether this is a DataFrame of pandas or polars."""
    return not isinstance(source, (str, tuple)) and (hasattr(source, "iloc") or hasattr(source, "to_arrow"))


def records(frame) -> ArrowRecords:
    """The records of a DataFrame."""
    import pyarrow as pa

    table = frame.to_arrow() if hasattr(frame, "to_arrow") else pa.Table.from_pandas(frame, preserve_index=False)
    return ArrowRecords(WHERE, table.schema, table.to_batches)
