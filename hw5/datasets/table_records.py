"""The records of a table, whose header is known by the names of a model's columns, or of the label's."""

import re
from pathlib import Path

from hw5.opening import Spool
from hw5.tables.columns import LeftOut
from hw5.tables.formats import READERS
from hw5.tables.table import Schema


def open_records(path: Path | Spool, format: str, schema: Schema | None, label_column: str | None):
    """The records of a table of this format in READERS. Raises InputError."""
    wanted, position = _names_of(schema), None
    if label_column is not None:
        names = [label_column] if "," not in label_column else label_column.split(",")
        numbers = [number for name in names if (number := _as_position(name.strip())) is not None]
        position = numbers[0] if numbers else None
        wanted = wanted or (frozenset() if numbers else frozenset({label_column}))
    elif schema is not None:
        position = _label_position(schema)
    return READERS[format](path, wanted, position)


def _label_position(schema: Schema) -> int | None:
    """The position of the labels in training, from 0, or negative from the end."""
    if schema.columns is not None and schema.columns.labels:
        return schema.columns.labels[0]
    return _as_position(schema.label_column or "")


def _as_position(text: str) -> int | None:
    """The position that the text counts from 1, or from -1 backwards, as one from 0; None if it is another text."""
    if not re.fullmatch(r"[-+]?[0-9]{1,9}", text):  # no table has more columns, and int() reads no thousands of digits
        return None
    return int(text) - (int(text) > 0)


def _names_of(schema: Schema | None) -> frozenset:
    """The names of the columns that a model needs, if they have names."""
    if schema is None:
        return frozenset()
    if schema.columns is None:
        return frozenset(schema.feature_names or ())
    return frozenset(c.name for c in schema.columns.each if c.name and not isinstance(c, LeftOut))
