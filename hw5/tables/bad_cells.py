"""The error for a cell that is no number, with its row and column."""

import re

from hw5.errors import InputError
from hw5.tables.table import number
from hw5.text import quoted

_SUMMARY = re.compile(r"((grand |sub)?totals?|sum|averages?|mean|overall) *:?", re.IGNORECASE)


def is_summary(text: str) -> bool:
    """Whether a text names a row that sums up others."""
    return _SUMMARY.fullmatch(text.strip()) is not None


def bad_cell(records, position: int, row: int, text: str | None, role: str = "feature") -> InputError:
    """The error for a cell that is no number; row counts from 0, in the file."""
    name = f" ({quoted(records.names[position])})" if records.names else ""
    where = f"{records.where}, row {records.line(row)}, column {position + 1}{name}"
    if is_summary(text or ""):
        return InputError(f"{where}: {quoted(text)} is not a number; remove the row if it sums up the others")
    try:
        number(text or "", role)
    except ValueError as error:
        return InputError(f"{where}: {error}")
    return InputError(f"{where}: {quoted(text)} is not a number like the others of its column; correct it")
