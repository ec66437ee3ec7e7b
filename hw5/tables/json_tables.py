"""Tables in JSON: lines, lists of objects, and the orientations of pandas, with nested objects."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress

from hw5.errors import InputError
from hw5.opening import Spool, input_errors, open_inflated
from hw5.tables.columnar import ArrowRecords, opened
from hw5.tables.delimited import TextRecords, read_text


def read_json_lines(path, wanted=frozenset(), label=None):
    import pyarrow as pa
    import pyarrow.types as types
    from pyarrow import json as arrow_json

    try:
        with input_errors(path), open_inflated(path) as stream:
            options = arrow_json.ReadOptions(use_threads=False, block_size=1 << 20)
            table = arrow_json.read_json(stream, read_options=options)
            kinds = dict(zip(table.column_names, table.schema.types))  # which raises for a name that is not UTF-8
    except (pa.ArrowException, UnicodeDecodeError):
        return read_json(path)
    if any(map(types.is_nested, kinds.values())):
        return read_json(path)
    if any(len(column) and not column[0].is_valid for column in table.columns):  # Arrow puts new names at the end
        with input_errors(path), open_inflated(path) as stream, suppress(ValueError, AttributeError):
            table = table.select(names_in(map(json.loads, stream)))
    return opened(path, lambda: ArrowRecords(path, table.schema, table.to_batches))


def read_json(path, wanted=frozenset(), label=None):
    """JSON in any of the orientations of pandas, with nested objects.

    It may be in lines of which Arrow cannot make columns.
    """
    import pyarrow as pa

    with input_errors(path), open_inflated(path) as stream:
        text = stream.read()
    try:
        document = _document(text)
        if isinstance(document, list) and document and all(isinstance(row, list) for row in document):
            return _of_lists(path, document, wanted, label)
        rows = [dict(_flattened(row)) for row in _objects_in(document)]
        table = pa.table({name: _array_of([row.get(name) for row in rows]) for name in names_in(rows)})
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: no table in this JSON; save it as a list of objects, one a row, or as CSV"
        ) from error
    return ArrowRecords(path, table.schema, table.to_batches)


def _of_lists(path, rows: list[list], wanted, label) -> TextRecords:
    """Rows without names, or below a row of names, as in a spreadsheet."""
    if any(isinstance(cell, list | dict) for row in rows for cell in row):
        raise ValueError
    text = io.StringIO()
    csv.writer(text).writerows([["" if cell is None else cell for cell in row] for row in rows])
    return read_text(Spool(io.BytesIO(text.getvalue().encode("utf-8", "backslashreplace")), str(path)), wanted, label)


def _document(text: bytes):
    """The value of a JSON document, or a list of those of its lines."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _objects_in(document) -> list:
    """One object a row. A list of objects may be within an object; pandas also writes columns, indexes and splits."""
    if isinstance(document, list):
        return document
    values = list(document.values())
    lists = [v for v in values if isinstance(v, list) and v and all(isinstance(row, dict) for row in v)]
    if len(lists) == 1:
        return lists[0]
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        return [dict(zip(document["columns"], row, strict=True)) for row in document["data"]]
    if all(isinstance(v, list) for v in values):
        return [dict(zip(document, row)) for row in zip(*values, strict=True)]
    if all(key.isdigit() for v in values for key in v):
        return [{name: column[key] for name, column in document.items()} for key in values[0]]
    return values


def _flattened(row: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The cells of an object by name; those of an object in it have names such as size.height."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def names_in(rows: Iterable[dict]) -> list[str]:
    """The names in all rows; one that earlier rows lack comes after the one that it follows in its row."""
    names, known = [], set()
    for row in rows:
        if not known.issuperset(row):
            for before, name in zip([None, *row], row):
                if name not in known:
                    names.insert(0 if before is None else names.index(before) + 1, name)
                    known.add(name)
    return names


def _array_of(values: list):
    """A column, as text if it has values of several types."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values])
