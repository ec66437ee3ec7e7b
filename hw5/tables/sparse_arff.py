"""Sparse ARFF: the rows of a dense table, of which only the cells are written that are not 0 or the first category."""

import csv
import io
import re
import tempfile
from collections.abc import Iterator

from hw5.errors import InputError
from hw5.opening import Spool, inflation_limit, input_errors, open_inflated, open_plain
from hw5.text import quoted

QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_CELL = re.compile(rf"\s*(\d{{1,9}})\s+({QUOTED}|[^\s,}}]+)\s*")
_FIRST_CATEGORY = re.compile(rf"\{{\s*({QUOTED}|[^\s,}}]*)")
_NUMBERS = ("numeric", "real", "integer")


def dense(path, kinds: list[str], skipped: int, encoding: str) -> Spool:
    """The rows below the first `skipped` lines as CSV, each on its line of the file.

    kinds: the types of the attributes. Raises InputError, and UnicodeError for bytes that are no text in the encoding.
    """
    with open_plain(path) as (_, size), tempfile.TemporaryFile() as file:
        left = inflation_limit(size)
        for row in _lines(path, kinds, skipped, encoding):
            left -= file.write(row.encode())
            if left < 0:
                raise InputError(
                    f"{path}: has too many attributes for dense rows, which hw5 needs; select some of them"
                )
        file.seek(0)
        return Spool(file, str(path))


def _lines(path, kinds, skipped, encoding) -> Iterator[str]:
    """The lines of the dense file; those without a row are empty."""
    unwritten, line = list(map(_unwritten, kinds)), io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    with input_errors(path), open_inflated(path) as stream:
        text = io.TextIOWrapper(io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream, encoding)
        for number, each in enumerate(text, start=1):
            each = each.strip()
            if number <= skipped or not each or each.startswith("%"):
                yield "\n"
                continue
            line.seek(line.truncate(0))
            writer.writerow(_row(each, unwritten, f"{path}, row {number}"))
            yield line.getvalue()


def _unwritten(kind: str) -> str:
    """What a cell of an attribute is that is not written."""
    category = _FIRST_CATEGORY.match(kind)
    return unquoted(category[1]) if category else "0" * kind.lower().startswith(_NUMBERS)


def _row(line: str, unwritten: list[str], where: str) -> list[str]:
    if not (line.startswith("{") and line.endswith("}")):
        raise InputError(f"{where}: {quoted(line)} is no row in braces, as those above; correct it or remove the row")
    row, end = list(unwritten), 1
    while line[end:-1].strip():
        cell = _CELL.match(line, end)
        if cell is None or line[cell.end()] not in ",}" or int(cell[1]) >= len(row):
            raise InputError(
                f"{where}: {quoted(line[end:-1])} is not the position of an attribute, from 0 to {len(row) - 1}, and its "
                "value; correct it or remove the row"
            )
        row[int(cell[1])], end = unquoted(cell[2]), cell.end() + 1
    return row


def unquoted(text: str) -> str:
    """A name or value without its quotes, and the backslashes in them."""
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[:1] in ("'", '"') else text
