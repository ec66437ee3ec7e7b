"""Text tables: one example a row, separated by commas, semicolons or tabs.

Files are UTF-8, with or without a byte-order mark. Cells may be quoted and have line breaks; any line ending is
accepted, and empty lines are skipped. Features are finite numbers, stored as float32. Reading takes at most about 20
bytes of memory for each byte of the file (80 if it is nothing but commas), and little more than the array for a table
of many rows.

The label column is chosen by its name in the header, or by position: 1 is the first column, -1 the last. The default is
the column named label, class, target, species or y, in any case, and otherwise the last one. A label is text or a whole
number ("3" and "3.0" are the same class), or any finite number in a regression.

The first row is a header if a cell outside the label column is text, or if its label cell is text over a number, one of
the default names (except y, which may be a class), or the chosen name. So a first row that could be an example is no
header. A missing value does not count as text.
"""

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import TextIO

import numpy as np

from hw5.datasets.opening import Spool, open_plain, open_text
from hw5.datasets.table import MISSING, Schema, Table, column_index, listed, number, quoted, training_label_column
from hw5.errors import InputError

_LABEL_NAMES = ("label", "class", "target", "species", "y")

_DELIMITERS = ",;\t"
_BLOCK = 1 << 14  # cells converted to numbers at once

_Records = Iterator[tuple[int, list[str]]]  # each row, with the line on which it begins


@dataclass(frozen=True)
class _Layout:
    """Which columns of `path` are read."""

    path: Path
    first: list[str]  # the first row
    header: bool  # whether the first row is a header
    features: list[int]  # the feature columns, in the order of the features
    label: int | None  # the label column, or None to ignore it

    def column(self, index: int) -> str:
        """A column, for messages."""
        name = f" ({quoted(self.first[index].strip())})" if self.header else ""
        return f", column {index + 1}{name}"


def read(path: Path, label_column: str | None, schema: Schema | None = None) -> tuple[Table, None]:
    """The examples of a labelled table, with the features of `schema`, in its order, if it is given."""
    records, first, second = _open_table(path)
    if len(first) < 2:
        raise InputError(
            f"{path}: the table has one column, but needs a feature and a label; "
            "separate columns by commas, semicolons or tabs"
        )
    features = _features_by_name(first, schema)
    if features is not None:
        header, label = True, _label_by_name(path, first, schema, label_column)
    else:
        position = training_label_column(schema, len(first)) if label_column is None else label_column
        header, label = _header_and_label(path, first, second, position)
        features = _features_by_position(path, first, header, label, schema)
    return _parse(_Layout(path, first, header, features, label), records), None


def read_inputs(path: Path | Spool, schema: Schema, rows: list[list[str]] | None = None) -> np.ndarray:
    """The features (N, d) of a table; its labels, if there are any, are ignored.

    Every row of the table as text, including the header, is appended to `rows`.

    If the first row has all the model's feature names, columns are chosen by name. Otherwise the table must have
    exactly the features, or the features and the label.
    """
    records, first, second = _open_table(path)
    if rows is not None:
        records = _kept(records, rows)
    features = _features_by_name(first, schema)
    if features is not None:
        header = True
    else:
        header, label = _is_header(first, second, None), None
        if len(first) == schema.features + 1:
            header, label = _header_and_label(path, first, second, training_label_column(schema, len(first)))
        features = _features_by_position(path, first, header, label, schema)
    return _parse(_Layout(path, first, header, features, None), records).X


def _kept(records: _Records, rows: list[list[str]]) -> _Records:
    for line, cells in records:
        rows.append(cells)
        yield line, cells


def _features_by_name(first: list[str], schema: Schema | None) -> list[int] | None:
    """The columns of the model's features, if the first row has all their names."""
    if schema is None or schema.feature_names is None:
        return None
    index = {cell.strip(): column for column, cell in enumerate(first)}
    features = [index.get(name) for name in schema.feature_names]
    return None if None in features else features


def _features_by_position(
    path: Path, first: list[str], header: bool, label: int | None, schema: Schema | None
) -> list[int]:
    """All columns except the label; InputError if their names or their number are not those of the model."""
    features = [column for column in range(len(first)) if column != label]
    if schema is None:
        return features
    if header and schema.feature_names is not None:
        names = {cell.strip() for cell in first}
        missing = [name for name in schema.feature_names if name not in names]
        raise InputError(
            f"{path}: the model needs columns named {listed(missing)}, which the table lacks; "
            "give the columns of the training data, in any order"
        )
    if len(features) != schema.features:
        raise InputError(
            f"{path}: the table has {len(first)} columns, but the model takes {schema.features} features; "
            "give these, with or without the label"
        )
    return features


def _label_by_name(path: Path, first: list[str], schema: Schema, wanted: str | None) -> int:
    """The label column of a table whose first row names all features of the model, and possibly other columns."""
    if wanted is not None:
        return _header_and_label(path, first, [], wanted)[1]
    features = set(schema.feature_names)
    others = {name: column for column, cell in enumerate(first) if (name := cell.strip()) not in features}
    lower = {name.lower(): column for name, column in others.items()}
    if schema.label_column in others:
        return others[schema.label_column]
    if len(others) == 1:
        return next(iter(others.values()))
    for name in _LABEL_NAMES:
        if name in lower:
            return lower[name]
    if not others:
        raise InputError(f"{path}: the table has the features of the model but no label column; add it")
    raise InputError(f"{path}: any of the columns {listed(list(others))} may be the label; choose with --label-column")


def _open_table(path: Path) -> tuple[_Records, list[str], list[str]]:
    """All records, the first row, and the second row (empty if it is not as long as the first)."""
    records = _records(path)
    start = list(islice(records, 2))
    if not start:
        raise InputError(f"{path}: the file has no rows; save or download it again")
    first, second = start[0][1], start[1][1] if len(start) > 1 else []
    return chain(start, records), first, second if len(second) == len(first) else []


def _records(path: Path) -> _Records:
    """Every row that is not blank, with the line on which it begins."""
    line = 1
    try:
        with open_text(path) as file:
            reader = csv.reader(file, delimiter=_delimiter(file), skipinitialspace=True, strict=True)
            for cells in reader:
                if cells not in ([], [""]):
                    yield line, cells
                line = reader.line_num + 1
    except csv.Error as error:
        reason = str(error).replace("\t", "tab")
        raise InputError(f"{path}, row {line}: not valid CSV ({reason}); look for an unclosed quote") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: byte {_undecodable(path)} (counted from 0) is not UTF-8; save the file as UTF-8"
        ) from error


def _delimiter(file: TextIO) -> str:
    """The delimiter that gives the first row the most columns; on a tie, one that gives the second row as many."""

    def columns(delimiter: str) -> tuple[int, bool]:
        file.seek(0)
        lengths = []
        records = (cells for cells in csv.reader(file, delimiter=delimiter) if "".join(cells).strip() or len(cells) > 1)
        try:
            lengths.extend(map(len, islice(records, 2)))
        except csv.Error:  # with the wrong delimiter, a long row may be too large for one cell
            pass
        first, second, *_ = *lengths, 0, 0
        return first, first == second

    best = max(_DELIMITERS, key=columns)
    file.seek(0)
    return best


def _undecodable(path: Path) -> int:
    """The position, from 0, of the first byte that is not UTF-8."""
    position = 0
    with open_plain(path) as (file, _):
        for line in file:
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return position + error.start
            position += len(line)
    return position


def _header_and_label(path: Path, first: list[str], second: list[str], wanted: str | None) -> tuple[bool, int]:
    """Whether the first row is a header, and the label column, by the rules of the module docstring."""
    names = [cell.strip() for cell in first]
    if wanted is not None and not re.fullmatch(r"[-+]?\d+", wanted):
        if wanted not in names:
            raise InputError(
                f"{path}: there is no column named {quoted(wanted)}; the first row has {listed(names)}: "
                "choose one of these, or a position"
            )
        return True, names.index(wanted)
    if wanted is not None:
        label = column_index(wanted, len(first), str(path))
    else:
        lower = [name.lower() for name in names]
        for label in [lower.index(name) for name in _LABEL_NAMES if name in lower]:
            if _is_header(first, second, label):
                return True, label
        label = len(first) - 1
    return _is_header(first, second, label), label


def _is_header(first: list[str], second: list[str], label: int | None) -> bool:
    if any(_is_text(cell) for column, cell in enumerate(first) if column != label):
        return True
    if label is None or not _is_text(first[label]):
        return False
    over_number = second != [] and not _is_text(second[label])
    return over_number or first[label].strip().lower() in _LABEL_NAMES[:-1]


def _is_text(cell: str) -> bool:
    """Whether `cell` is neither a number (NaN and infinity included) nor a missing value."""
    if cell.strip() in MISSING:
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return "_" in cell


def _parse(layout: _Layout, records: _Records) -> Table:
    """The Table of the rows below the header; InputError names the line and the column."""
    names, columns = None, layout.features
    if layout.header:
        next(records)
        _require_unique_names(layout)
        names = tuple(layout.first[column].strip() for column in columns)
    several = len(columns) > 1  # with one index, itemgetter returns the cell itself
    pick = itemgetter(*columns) if several else itemgetter(slice(columns[0], columns[0] + 1))
    values, cells, lines = bytearray(), [], array("q")
    codes, code_of = array("q"), {}
    for line, row in records:
        if len(row) != len(layout.first):
            raise InputError(
                f"{layout.path}, row {line}: the row has {len(row)} columns, but the first row has "
                f"{len(layout.first)}; look for a missing or extra delimiter"
            )
        lines.append(line)
        if layout.label is not None:
            codes.append(code_of.setdefault(row[layout.label], len(code_of)))
        cells += pick(row)
        if len(cells) >= _BLOCK:
            values += _numbers(layout, cells, lines).tobytes()
            cells.clear()
    if not lines:
        raise InputError(f"{layout.path}: there are no rows below the header; add examples")
    values += _numbers(layout, cells, lines).tobytes()
    X = np.frombuffer(values, np.float32).reshape(len(lines), -1)
    label = "" if layout.label is None else layout.column(layout.label)
    return Table(str(layout.path), X, np.array(codes), list(code_of), names, lines=np.array(lines), label_suffix=label)


def _require_unique_names(layout: _Layout) -> None:
    names = Counter(name.strip() for name in layout.first)
    name, count = names.most_common(1)[0]
    if count > 1:
        raise InputError(f"{layout.path}: {count} columns are named {quoted(name)}; give each a unique name")


def _numbers(layout: _Layout, cells: list[str], lines: array) -> np.ndarray:
    """`cells`, which are the features of the last rows in `lines`, as float32."""
    try:
        distinct = set(cells)
        if "_" in "".join(distinct):  # float() accepts "1_000"
            raise ValueError
        convert = float
        if 4 * len(distinct) < len(cells):  # pixels and counts: parse each number once
            convert = dict(zip(distinct, map(float, distinct))).__getitem__
        with np.errstate(over="ignore"):
            values = np.fromiter(map(convert, cells), np.float32, len(cells))
        if not np.isfinite(values).all():
            raise ValueError
        return values
    except ValueError:
        raise _first_error(layout, cells, lines) from None


def _first_error(layout: _Layout, cells: list[str], lines: array) -> InputError:
    """The error for the first of `cells` that is not a finite number."""
    width = len(layout.features)
    for position, cell in enumerate(cells):
        try:
            number(cell)
        except ValueError as error:
            row, feature = divmod(position, width)
            line = lines[len(lines) - len(cells) // width + row]
            return InputError(f"{layout.path}, row {line}{layout.column(layout.features[feature])}: {error}")
    raise AssertionError("every cell is a number")
