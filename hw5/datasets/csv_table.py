"""Tables as text: one example a row, separated by commas, semicolons or tabs.

Quotes, quoted line breaks, a byte-order mark and any line end are understood; the text must be
UTF-8. Empty lines are skipped. Features are finite numbers, and float32 whatever their range.
Reading takes some 20 bytes of memory for each byte of the file at most, or 80 if it is nothing but
commas; of a table of many rows it is little more than its array.

The label column is chosen by its name in the header, or by its position: a whole number, 1 for the
first column and -1 for the last. By default it is the one named label, class, target, species or y,
in any case, and else the last. A label is text or a whole number ("3" and "3.0" are one class); in a
regression it is any finite number, found by the same rules.

The first row is a header when a cell outside the label column is text, or when its label cell is
text over a number, or is one of the names above (other than y, which may be an answer), or is the
name asked for. So a file has no header when its first row could be an example; a missing value is
not text.
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

from hw5.datasets.opening import reading, size_of
from hw5.datasets.rows import MISSING, Rows, Schema, column_index, listed, number, quoted, usual_position
from hw5.errors import InputError

_LABEL_NAMES = ("label", "class", "target", "species", "y")

_DELIMITERS = ",;\t"
_BLOCK = 1 << 14  # cells that are turned into numbers at once

_Records = Iterator[tuple[int, list[str]]]  # each row, with the line on which it begins


@dataclass(frozen=True)
class _Layout:
    """Which columns of `path` are read."""

    path: Path
    first: list[str]  # the first row
    header: bool  # whether that is a header
    features: list[int]  # the columns of the features, in their order
    label: int | None  # the column of the labels, None where they are not read

    def column(self, index: int) -> str:
        name = f" ({quoted(self.first[index].strip())})" if self.header else ""
        return f", column {index + 1}{name}"


def read(path: Path, label_column: str | None, schema: Schema | None = None) -> tuple[Rows, None]:
    """The examples of a table with labels, and with the features of `schema` in their order if one is given."""
    records, first, second = _open_table(path)
    if len(first) < 2:
        raise InputError(
            f"{path}: it has one column, but a table needs a feature and a label; "
            "separate columns by commas, semicolons or tabs"
        )
    features = _by_name(first, schema)
    if features is not None:
        header, label = True, _label_beside(path, first, schema, label_column)
    else:
        position = usual_position(schema, len(first)) if label_column is None else label_column
        header, label = _find_label(path, first, second, position)
        features = _by_place(path, first, header, label, schema)
    return _parse(_Layout(path, first, header, features, label), records), None


def read_inputs(path: Path, schema: Schema) -> np.ndarray:
    """The (N, features) inputs of a table, whose labels, if it has any, are left aside.

    Columns are found by the model's names where the first row has them all, in any order and among
    others. Else the table must have exactly the features, or the features and the label column.
    """
    records, first, second = _open_table(path)
    features = _by_name(first, schema)
    if features is not None:
        header = True
    else:
        header, label = _is_header(first, second, None), None
        if len(first) == schema.features + 1:
            header, label = _find_label(path, first, second, usual_position(schema, len(first)))
        features = _by_place(path, first, header, label, schema)
    return _parse(_Layout(path, first, header, features, None), records).X


def read_cells(path: Path) -> list[list[str]]:
    """Every row of a table, its header included, as text."""
    return [cells for _, cells in _records(path)]


def _by_name(first: list[str], schema: Schema | None) -> list[int] | None:
    """The columns of the model's features, if the first row names them all."""
    if schema is None or schema.feature_names is None:
        return None
    index = {cell.strip(): column for column, cell in enumerate(first)}
    features = [index.get(name) for name in schema.feature_names]
    return None if None in features else features


def _by_place(path: Path, first: list[str], header: bool, label: int | None, schema: Schema | None) -> list[int]:
    """All columns but that of the labels, which must be as many as the model takes, and not have other names."""
    features = [column for column in range(len(first)) if column != label]
    if schema is None:
        return features
    if header and schema.feature_names is not None:
        names = {cell.strip() for cell in first}
        lacking = [name for name in schema.feature_names if name not in names]
        raise InputError(
            f"{path}: no column is named {listed(lacking)}, as features of the model are; "
            "give the columns that it was trained on, in any order"
        )
    if len(features) != schema.features:
        raise InputError(
            f"{path}: it has {len(first)} columns, but the model takes {schema.features} "
            "features; give it these, with or without the label"
        )
    return features


def _label_beside(path: Path, first: list[str], schema: Schema, wanted: str | None) -> int:
    """The column of the labels in a table whose first row names all features of the model, maybe among others."""
    if wanted is not None:
        return _find_label(path, first, [], wanted)[1]
    features = set(schema.feature_names)
    beside = {name: column for column, cell in enumerate(first) if (name := cell.strip()) not in features}
    lower = {name.lower(): column for name, column in beside.items()}
    if schema.label_column in beside:
        return beside[schema.label_column]
    if len(beside) == 1:
        return next(iter(beside.values()))
    for name in _LABEL_NAMES:
        if name in lower:
            return lower[name]
    if not beside:
        raise InputError(f"{path}: it has the features of the model but no column of labels; add one")
    raise InputError(
        f"{path}: beside the features of the model it has the columns {listed(list(beside))}; "
        "choose that of the labels with --label-column"
    )


def _open_table(path: Path) -> tuple[_Records, list[str], list[str]]:
    """All records, and the first two rows, the second empty if it is not as long as the first."""
    records = _records(path)
    start = list(islice(records, 2))
    if not start:
        raise InputError(f"{path}: the file has no rows; write or download it again")
    first, second = start[0][1], start[1][1] if len(start) > 1 else []
    return chain(start, records), first, second if len(second) == len(first) else []


def _records(path: Path) -> _Records:
    """Each record that is not blank, with the line on which it begins."""
    line = 1
    with reading(path):
        size_of(path)
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=_delimiter(file), skipinitialspace=True, strict=True)
                for cells in reader:
                    if cells not in ([], [""]):
                        yield line, cells
                    line = reader.line_num + 1
        except csv.Error as error:
            reason = str(error).replace("\t", "tab")
            raise InputError(
                f"{path}, row {line}: this is not sound CSV ({reason}); look for a quote that is not closed"
            ) from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: byte {_undecodable(path)}, counted from 0, is not UTF-8; save the file as UTF-8"
            ) from error


def _delimiter(file: TextIO) -> str:
    """The delimiter that splits the first record into most cells, of several one that splits the second alike.

    A comma if none splits it.
    """

    def columns(delimiter: str) -> tuple[int, bool]:
        file.seek(0)
        lengths = []
        records = (cells for cells in csv.reader(file, delimiter=delimiter) if "".join(cells).strip() or len(cells) > 1)
        try:
            lengths.extend(map(len, islice(records, 2)))
        except csv.Error:  # a long row that another delimiter would split is too large for one cell
            pass
        first, second, *_ = *lengths, 0, 0
        return first, first == second

    best = max(_DELIMITERS, key=columns)
    file.seek(0)
    return best


def _undecodable(path: Path) -> int:
    """The position, from 0, of the first byte that is not UTF-8."""
    position = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return position + error.start
            position += len(line)
    return position


def _find_label(path: Path, first: list[str], second: list[str], wanted: str | None) -> tuple[bool, int]:
    """Whether the first row is a header, and the label column, by the rules of this module."""
    names = [cell.strip() for cell in first]
    if wanted is not None and not re.fullmatch(r"[-+]?\d+", wanted):
        if wanted not in names:
            raise InputError(
                f"{path}: there is no column named {quoted(wanted)}; its first row "
                f"has {listed(names)}: choose one of these, or give a position"
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


def _parse(layout: _Layout, records: _Records) -> Rows:
    """The rows below the header; what is wrong in one is reported with its line and column."""
    names, columns = None, layout.features
    if layout.header:
        next(records)
        _refuse_twins(layout)
        names = tuple(layout.first[column].strip() for column in columns)
    several = len(columns) > 1  # of one column, itemgetter would give no sequence
    pick = itemgetter(*columns) if several else itemgetter(slice(columns[0], columns[0] + 1))
    values, cells, lines = bytearray(), [], array("q")
    codes, code_of = array("q"), {}
    for line, row in records:
        if len(row) != len(layout.first):
            raise InputError(
                f"{layout.path}, row {line}: it has {len(row)} columns, but the first "
                f"row has {len(layout.first)}; look for a missing or extra delimiter"
            )
        lines.append(line)
        if layout.label is not None:
            codes.append(code_of.setdefault(row[layout.label], len(code_of)))
        cells += pick(row)
        if len(cells) >= _BLOCK:
            values += _numbers(layout, cells, lines).tobytes()
            cells.clear()
    if not lines:
        raise InputError(f"{layout.path}: there are no rows below its header; add examples")
    values += _numbers(layout, cells, lines).tobytes()
    X = np.frombuffer(values, np.float32).reshape(len(lines), -1)
    place = "" if layout.label is None else layout.column(layout.label)
    return Rows(str(layout.path), X, np.array(codes), list(code_of), names, lines=np.array(lines), label_place=place)


def _refuse_twins(layout: _Layout) -> None:
    names = Counter(name.strip() for name in layout.first)
    name, times = names.most_common(1)[0]
    if times > 1:
        raise InputError(f"{layout.path}: {times} columns are named {quoted(name)}; give each a name of its own")


def _numbers(layout: _Layout, cells: list[str], lines: array) -> np.ndarray:
    """The cells of the latest rows as float32 values."""
    try:
        distinct = set(cells)
        if "_" in "".join(distinct):  # float() would take "1_000" for a number
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
        raise _first_fault(layout, cells, lines) from None


def _first_fault(layout: _Layout, cells: list[str], lines: array) -> InputError:
    """What is wrong with the first of `cells` that is no finite number, and where it stands."""
    width = len(layout.features)
    for position, cell in enumerate(cells):
        try:
            number(cell)
        except ValueError as error:
            row, feature = divmod(position, width)
            line = lines[len(lines) - len(cells) // width + row]
            return InputError(f"{layout.path}, row {line}{layout.column(layout.features[feature])}: {error}")
    raise AssertionError("every cell is a number")
