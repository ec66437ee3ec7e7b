"""Tables of any format: choose the labels, fit the columns or apply those of a model, and make features.

The label columns are chosen by name or position: 1 is the first column, -1 the last; several are one-hot labels. The
default is the column named label, class, target, species or y, in any case, otherwise what the format says, otherwise
the last one.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from hw5.errors import InputError
from hw5.opening import require_memory
from hw5.tables import cells, labels
from hw5.tables.blocks import Blocks, BlocksOnDisk
from hw5.tables.columns import Columns, Date, LeftOut, Number
from hw5.tables.decimals import POINT, as_in_training, decimal_at, said_of_open
from hw5.tables.dialect import LABEL_NAMES
from hw5.tables.fitting import Fitting, label_warnings, one_hot_warnings, summary_warnings
from hw5.tables.gathering import (
    Gathered,
    Texts,
    as_float32,
    as_strings,
    bad_cell,
    gather,
    has_gaps,
    numbers_together,
    one_hot_labels,
    require_readable,
    targets_in,
    without_blank_rows,
)
from hw5.tables.numeric import are_pixels, as_pixels
from hw5.tables.table import Reading, Schema, Table, column_index, columns_of, training_label_column
from hw5.text import listed, quoted

_AT_ONCE = 1 << 20  # rows whose gaps, dates and texts are encoded together


# -- a table to train on


def read(records, label_column, reading: Reading, task: str, training_rows: Callable, out: Path | None = None) -> Table:
    """The Table of records whose columns are fitted on the rows training_rows(y), of all N rows.

    out: a new .npy for the features, which are mapped from it and never all in memory.
    """
    with explained(records):
        return _read(records, label_column, reading, task, training_rows, out)


@contextmanager
def explained(records) -> Iterator[None]:
    """Blame an error on the quotes of a text file, if there is a fault in them."""
    try:
        yield
    except InputError:
        records.require_closed_quotes()
        raise


def _read(records, label_column, reading, task, training_rows, out) -> Table:
    if records.width < 2:
        raise InputError(
            f"{records.where}: the table has one column, but needs a feature and a label; "
            "separate columns by commas, semicolons or tabs"
        )
    _name_apart(records)
    chosen = label_positions(records, label_column)
    left_out = _left_out(records, reading, chosen)
    as_text = {position_of(records, name) for name in reading.categorical}
    new_blocks = Blocks if out is None else lambda: BlocksOnDisk(out.parent)
    gathered = gather(records, chosen, set(left_out), as_text, task, new_blocks)
    notes = [*records.notes, *_headers(records), *_brackets(records, gathered)]
    notes += _drop_rows(records, gathered, chosen, reading)
    table = _labelled(records, gathered, chosen)
    class_names = labels.class_names(table) if task == "classification" else ()
    y = labels.decoded(table, task, class_names)
    fitting = Fitting(records, gathered, chosen, training_rows(y), reading, y if class_names else None, left_out)
    columns = fitting.fit()
    warnings = fitting.warnings + summary_warnings(fitting) + one_hot_warnings(fitting)
    warnings += label_warnings(table.label, class_names, y, len(y)) if class_names else []
    X = encoded(gathered, columns, records.where, out)
    X = _as_bytes(X, out) if columns.are_plain and are_pixels(X) else X
    names = columns.feature_names
    notes += fitting.notes
    return replace(table, X=X, feature_names=names, columns=columns, notes=tuple(notes), warnings=tuple(warnings))


def _name_apart(records) -> dict[str, list[str]]:
    """Call columns of the same name 'a', 'a (2)', ...; return the new names of all but the first, by the old name."""
    names, apart = list(records.names or ()), {}
    used, seen = set(names), set()
    for i, name in enumerate(names):
        if name and name in seen:
            others = apart.setdefault(name, [])
            names[i] = next(new for n in count(len(others) + 2) if (new := f"{name} ({n})") not in used)
            others.append(names[i])
            used.add(names[i])
        seen.add(name)
    if apart:
        records.names = tuple(names)
        example = quoted(next(iter(apart.values()))[0])
        records.notes.append(f"several columns are named {listed(list(apart))}; one is called {example} here")
    return apart


def label_positions(records, wanted: str | None) -> list[int]:
    """The positions of the label columns."""
    if wanted is None:
        lower = [name.lower() for name in records.names or ()]
        position = next(
            (lower.index(name) for name in LABEL_NAMES if name in lower and not _is_coordinate(lower, name)), None
        )
        position = records.label if position is None else position
        return [records.width - 1 if position is None else position]
    return positions_of(records, wanted)


def _is_coordinate(names: list[str], name: str) -> bool:
    """Whether this is the y of x, y and more columns."""
    at = names.index(name)
    return name == "y" and names[at - 1 : at] == ["x"] and at < len(names) - 1


def positions_of(records, wanted: str) -> list[int]:
    """The positions of columns given as NAME or POSITION, or several of these with commas."""
    if records.names and wanted in records.names or "," not in wanted:
        return [position_of(records, wanted)]
    found = [position_of(records, part) for part in columns_of(wanted) or [wanted]]
    if len(set(found)) < len(found):
        raise InputError(f"{records.where}: {wanted} names a column twice; name each once")
    return found


def position_of(records, wanted: str) -> int:
    """The position of a column given by name, or counted from 1, or from -1 backwards."""
    if records.names and wanted in records.names and not re.fullmatch(r"[-+]?\d+", wanted):
        return records.names.index(wanted)
    if re.fullmatch(r"[-+]?\d+", wanted):
        return column_index(wanted, records.width, records.where)
    raise InputError(
        f"{records.where}: there is no column named {quoted(wanted)}; the first row has "
        f"{listed([cell.strip() for cell in records.first])}: choose one of these, or a position"
    )


def _left_out(records, reading, chosen) -> dict[int, str]:
    """The columns that are not read, and why."""
    for option in ("drop", "only", "categorical"):
        for name in getattr(reading, option):
            if position_of(records, name) in chosen:
                raise InputError(f"--{option} {name}: this is the label column of {records.where}; leave it out")
    dropped = {position_of(records, name): "--drop" for name in reading.drop}
    if reading.only:
        kept = {position_of(records, name) for name in reading.only}
        dropped |= {p: "not in --only" for p in range(records.width) if p not in kept and p not in chosen}
    if getattr(records, "dialect", None) and records.dialect.row_names:
        dropped.setdefault(0, "row names")
    for position, why in getattr(records, "left_out", {}).items():
        dropped.setdefault(position, why)
    return dropped


def _headers(records) -> list[str]:
    n = getattr(records, "repeated_headers", 0)
    return [f"left out {_rows(n)} that repeat{'s' * (n == 1)} the header"] if n else []


def _brackets(records, gathered: Gathered) -> list[str]:
    places = [_place(records, position) for position in sorted(gathered.bracketed)]
    return (
        [f"{', '.join(places[:5])}: read numbers in brackets or with a minus after them as negative"] if places else []
    )


def _drop_rows(records, gathered: Gathered, chosen, reading) -> list[str]:
    """Drop rows without a label, and with --missing drop those with gaps; return what was done."""
    notes = []
    if isinstance(gathered.labels, Texts):
        missing = _missing_labels(gathered.labels, notes)
    else:
        missing = missing_targets(gathered.labels)
    if missing.any():
        if missing.all() and len(chosen) == 1:
            raise _no_labels(records, gathered, chosen)
        if missing.all() or reading.missing == "refuse":
            raise _missing_label(records, gathered, chosen, missing)
        row = gathered.row_number(int(missing.argmax()))
        line = records.line(row)
        notes.append(f"left out {_rows(int(missing.sum()))} without a label (the first is row {line})")
        gathered.keep(~missing)
    if reading.missing == "drop":
        gaps = _gaps(gathered)
        if gaps.all():
            raise InputError(f"{records.where}: every row has a missing value, so --missing drop leaves none; use mean")
        if gaps.any():
            notes.append(f"left out {_rows(int(gaps.sum()))} with missing values (--missing drop)")
            gathered.keep(~gaps)
    return notes


def missing_targets(values: np.ndarray) -> np.ndarray:
    """Which rows of targets (N,) or (N, q) lack one, (N,)."""
    return np.isnan(values).reshape(len(values), -1).any(axis=1)


def _missing_label(records, gathered: Gathered, chosen, missing) -> InputError:
    """The error for the first row that is missing a label."""
    row = int(missing.argmax())
    if isinstance(gathered.labels, Texts):
        return bad_cell(records, chosen[0], gathered.row_number(row), "", "label")
    column = int(np.isnan(np.atleast_1d(gathered.labels[row])).argmax())
    return bad_cell(records, chosen[column], gathered.row_number(row), "", "target")


def _no_labels(records, gathered: Gathered, chosen) -> InputError:
    what = "labels" if isinstance(gathered.labels, Texts) else "targets"
    hint = "choose another column with --label-column"
    return InputError(f"{records.where}: there are no {what} in {_label_name(records, chosen)}; {hint}")


def _rows(n):
    return "1 row" if n == 1 else f"{n:,} rows"


_CODE = re.compile(r"[A-Z]{2}")


def _missing_labels(texts: Texts, notes: list) -> np.ndarray:
    """Which rows have no class. NA among classes of two capital letters is a class."""
    values = texts.values
    rest = [v for v in values if v is not None]
    if None in values and len(rest) > 1 and all(_CODE.fullmatch(v) for v in rest) and "NA" not in rest:
        index = texts.index.pop(None)
        texts.index = {
            ("NA" if i == index else v): i for v, i in sorted([*texts.index.items(), (None, index)], key=lambda p: p[1])
        }
        notes.append("took NA in the labels as a class, since the others are codes of two letters as well")
        values = texts.values
    return np.isin(texts.codes, [code for code, v in enumerate(values) if v is None])


def _gaps(gathered: Gathered) -> np.ndarray:
    gaps = np.zeros(gathered.rows, bool)
    start = 0
    for block in gathered.blocks:
        gaps[start : start + len(block)] = np.isnan(block).any(axis=1)
        start += len(block)
    for _, seconds in gathered.dates.values():
        gaps |= np.isnan(seconds)
    for texts in gathered.texts.values():
        if None in texts.index and not texts.is_overflown:
            gaps |= texts.codes == texts.index[None]
    return gaps


def _labelled(records, gathered: Gathered, chosen) -> Table:
    """The Table with its labels, and no features yet."""
    location = lambda row: records.line(gathered.row_number(row))  # noqa: E731
    suffix, label = ", ".join(_place(records, p) for p in chosen), _label_name(records, chosen)
    common = {"where": records.where, "X": None, "line_of": location, "label_suffix": f", {suffix}", "label": label}
    if isinstance(gathered.labels, Texts):
        used, codes = _renumbered(gathered.labels.codes)
        values = gathered.labels.values
        return Table(codes=codes, labels=[values[code] for code in used], **common)
    names = tuple(records.names[p] if records.names else f"column {p + 1}" for p in chosen)
    several = names if len(chosen) > 1 else ()
    return Table(codes=None, labels=[], targets=gathered.labels, target_names=several, **common)


def _renumbered(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes that occur, ascending, and for each of `codes` its index in these; as np.unique without sorting."""
    occurs = np.bincount(codes) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def _place(records, position: int) -> str:
    name = f" ({quoted(records.names[position])})" if records.names else ""
    return f"column {position + 1}{name}"


def _label_name(records, chosen) -> str:
    if len(chosen) > 1:
        return "the columns " + ", ".join(quoted(records.names[p]) if records.names else str(p + 1) for p in chosen)
    return _place(records, chosen[0])


def encoded(gathered: Gathered, columns: Columns, where: str, out: Path | None = None) -> np.ndarray:
    """The features (N, d), float32 in C order, of a gathered table, whose blocks are used up; mapped from `out` if given.

    Raises InputError if memory does not suffice.
    """
    start, at = {}, 0
    for position, column in zip(columns.positions, columns.each):
        start[position], at = at, at + len(column.features)
    each = dict(zip(columns.positions, columns.each))
    plain = [(i, start[p]) for i, p in enumerate(gathered.numbers) if isinstance(each[p], Number)]
    X = _with_numbers(gathered, plain, columns.width, where, out)
    places = [(each[gathered.numbers[i]], j) for i, j in plain]
    for rows in _slices(gathered.rows):
        if gathered.has_gaps:
            _fill_gaps(X[rows], places)
        for position, column in each.items():
            part = X[rows, start[position] : start[position] + len(column.features)]
            if isinstance(column, Date):
                column.encode(gathered.dates[position][1][rows], part)
            elif position in gathered.texts and not isinstance(column, LeftOut):
                texts = gathered.texts[position]
                column.encode((texts.values, texts.codes[rows]), part)
    return X


def _with_numbers(gathered: Gathered, plain: list, d: int, where: str, out: Path | None) -> np.ndarray:
    """Features (N, d) of which only the numbers are set: feature j to gathered number i, for each (i, j) in plain."""
    numbers, features = [i for i, _ in plain], [j for _, j in plain]
    is_all = numbers == list(range(len(gathered.numbers))) and features == list(range(d))
    if is_all and out is None:
        return gathered.blocks.joined()
    if out is None:
        require_memory(4 * gathered.rows * d - gathered.blocks.nbytes, where)  # the blocks' own is given up meanwhile
    X = _features(gathered.rows, d, np.float32, out)
    for start, block in gathered.blocks.used_up():
        rows = X[start : start + len(block)]
        if is_all:
            rows[:] = block
        else:
            rows[:, features] = block[:, numbers]
    return X


def _features(n: int, d: int, kind, out: Path | None) -> np.ndarray:
    """An array (n, d) in memory, or mapped from a new .npy. Raises OSError if the disk is full."""
    if out is None:
        return np.empty((n, d), kind)
    X = np.lib.format.open_memmap(out, "w+", kind, (n, d))
    if hasattr(os, "posix_fallocate"):  # else a page that finds no room ends the process
        with open(out, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, os.path.getsize(out))
    return X


def _slices(n: int):
    return (slice(start, min(start + _AT_ONCE, n)) for start in range(0, n, _AT_ONCE))


def _fill_gaps(X: np.ndarray, places: list) -> None:
    """Encode the Number columns of X (n, d), as (column, position), that have gaps."""
    for column, j in places:
        if column.gaps or np.isnan(X[:, j]).any():
            column.encode(X[:, j].copy(), X[:, j : j + len(column.features)])


def _as_bytes(X: np.ndarray, out: Path | None) -> np.ndarray:
    """X (n, d) as uint8; if it is mapped from `out`, so is the result, from a file beside it."""
    if out is None:
        return X.astype(np.uint8)
    pixels = _features(*X.shape, np.uint8, out.with_suffix(".bytes.npy"))
    for rows in _slices(len(X)):
        pixels[rows] = X[rows]
    return pixels


# -- a table for a model


@dataclass(frozen=True)
class Block:
    """Some rows of a table for a model: features (n, d), and what the options asked for besides."""

    X: np.ndarray
    columns: list  # pyarrow arrays of all columns, as in the file
    start: int  # the first row's number, from 0
    plain: frozenset  # positions of columns whose cells are nothing but digits, signs, points and exponents


def _with_blanks(names, index):
    """Where the names of a DataFrame are that begin or end with blanks, as the header of a file does not."""
    free = index.keys() - names
    return {name: index[name.strip()] for name in names - index.keys() if name.strip() in free}


class ForModel:
    """The rows of a table as the features of a model; iterate over blocks(). unseen: {column: number of cells}."""

    def __init__(self, records, schema: Schema, needs_label: bool, label_column: str | None = None):
        self.records, self.schema = records, schema
        if needs_label and records.width < 2:
            raise InputError(
                f"{records.where}: the table has one column, but needs a feature and a label; separate columns by commas"
            )
        self.columns = schema.columns or Columns.of_names(schema.feature_names, schema.features)
        self.unseen, self.labels = Counter(), []
        self.positions = self._positions(needs_label, label_column)
        used = [p for p, c in zip(self.positions, self.columns.each) if not isinstance(c, LeftOut)]
        require_readable(records, [*used, *self.labels])
        self._take_decimals()

    def _take_decimals(self) -> None:
        """Read numbers with the decimal signs of training, unless they show others."""
        records, signs = self.records, getattr(getattr(self.records, "dialect", None), "signs", ())
        pairs = zip(self.positions, self.columns.each)
        of_labels = self.columns.label_decimals or [POINT] * len(self.labels)
        decimals = {p: c.decimal for p, c in pairs if isinstance(c, Number)} | dict(zip(self.labels, of_labels))
        records.decimals = as_in_training(decimals, signs, records.decimal)
        kept = {p: decimal for p, decimal in records.decimals.items() if decimal == decimals[p] and p < len(signs)}
        told = dict.fromkeys(said_of_open(decimal, signs[p], records.decimal) for p, decimal in kept.items())
        records.notes += [f"read {how}, as in training" for how in told if how]

    def _positions(self, needs_label, label_column) -> list:
        """Where the columns of the model are; sets self.labels if labels are needed."""
        records, columns, where = self.records, self.columns, self.records.where
        used = [c for c in columns.each if not isinstance(c, LeftOut)]
        apart, known = _name_apart(records), {c.name for c in columns.each}
        index = {name: p for p, name in reversed(list(enumerate(records.names or ())))}
        index |= _with_blanks({c.name for c in used if c.name}, index)
        if used and all(c.name for c in used) and all(c.name in index for c in used):
            twice = next((c.name for c in used if not known.issuperset(apart.get(c.name, ()))), None)
            if twice is not None:
                n = len(apart[twice]) + 1
                raise InputError(f"{where}: {n} columns are named {quoted(twice)}; give each a unique name")
            if needs_label:
                self.labels = self._label_by_name({records.names[index[c.name]] for c in used}, label_column)
            return [index.get(c.name) if c.name else None for c in columns.each]
        if records.names and used and all(c.name for c in used):
            missing = [c.name for c in used if c.name not in index]
            raise InputError(
                f"{where}: the model needs columns named {listed(missing)}, which the table lacks; "
                "give the columns of the training data, in any order"
            )
        return self._by_position(used, needs_label, label_column)

    def _by_position(self, used, needs_label, label_column) -> list:
        records, columns, width = self.records, self.columns, self.records.width
        n_labels = len(columns.labels) or 1  # a DataFrame has none
        for n, chosen in ((len(columns.each), columns.each), (len(used), used)):
            if width == n and not needs_label:
                free = iter(range(width))
            elif width == n + n_labels and (self.schema.columns is None or n == len(columns.each) or label_column):
                labels = self._labels_by_position(label_column, n)
                free = iter(p for p in range(width) if p not in labels)
                self.labels = labels if needs_label else []
            else:
                continue
            return [next(free) if c in chosen else None for c in columns.each]
        raise InputError(
            f"{records.where}: the table has {width} column{'s' * (width != 1)}, but the model takes "
            f"{len(used)} feature{'s' * (len(used) != 1)}; "
            "give these, with or without the label"
        )

    def _labels_by_position(self, label_column, n) -> list[int]:
        records, columns = self.records, self.columns
        if label_column is not None:
            return label_positions(records, label_column)
        if self.schema.columns is not None and columns.labels and n == len(columns.each):
            return list(columns.labels)
        usual = training_label_column(self.schema, records.width)
        return label_positions(records, usual)

    def _label_by_name(self, features: set, wanted: str | None) -> list[int]:
        records, schema = self.records, self.schema
        if wanted is not None:
            return label_positions(records, wanted)
        names = self.columns.label_names
        if names and all(name in records.names for name in names):
            return [records.names.index(name) for name in names]
        left_out = {c.name for c in self.columns.each if isinstance(c, LeftOut)}
        others = {name: p for p, name in enumerate(records.names) if name not in features}
        if schema.label_column in others:
            return [others[schema.label_column]]
        new = {name: p for name, p in others.items() if name not in left_out}
        if len(new) == 1:
            return list(new.values())
        lower = {name.lower(): p for name, p in others.items()}
        for name in LABEL_NAMES:
            if name in lower:
                return [lower[name]]
        if not others:
            raise InputError(f"{records.where}: the table has the features of the model but no label column; add it")
        raise InputError(
            f"{records.where}: any of the columns {listed(list(others))} may be the label; choose with --label-column"
        )

    def blocks(self, has_nulls: bool = False) -> Iterator[Block]:
        """The table in blocks of some thousand rows. Raises InputError."""
        start = 0
        for columns in self.records.batches(has_nulls):
            columns = without_blank_rows(columns)
            if len(columns[0]):
                X, plain = self._encoded(columns, start)
                yield Block(X, columns, start, plain)
                start += len(columns[0])
        if not start:
            raise InputError(f"{self.records.where}: there are no rows below the header; add examples")

    def _encoded(self, arrays, start) -> tuple[np.ndarray, frozenset]:
        """The features, and the positions of Block.plain."""
        n, records = len(arrays[0]), self.records
        X = np.empty((n, self.columns.width), np.float32)
        numbers, at = [], 0
        for column, position in zip(self.columns.each, self.positions):
            if isinstance(column, Number):
                numbers.append((column, position, at))
            elif not isinstance(column, LeftOut):
                self._encode(column, arrays[position], X[:, at : at + len(column.features)], position, start)
            at += len(column.features)
        values, bad, is_plain = numbers_together(
            [arrays[p] for _, p, _ in numbers],
            [decimal_at(records, p) for _, p, _ in numbers],
            n,
            [c.gap_word for c, *_ in numbers],
            [c.unit or "" for c, *_ in numbers],
        )
        plain = frozenset(p for _, p, _ in numbers) if is_plain else frozenset()
        for i, mask in bad.items():
            row, position = int(mask.argmax()), numbers[i][1]
            raise bad_cell(records, position, start + row, as_strings(arrays[position])[row].as_py(), "input")
        block = as_float32(values, np.array([c.offset for c, *_ in numbers]))
        is_whole = not has_gaps(block)
        if is_whole and len(numbers) == X.shape[1]:
            return block, plain
        X[:, [at for *_, at in numbers]] = block
        missing = np.zeros(len(numbers), bool) if is_whole else np.isnan(block).any(axis=0)
        for i, (column, position, at) in enumerate(numbers):
            if missing[i] and column.fill is None:
                row = int(np.isnan(block[:, i]).argmax())
                raise bad_cell(records, position, start + row, as_strings(arrays[position])[row].as_py() or "", "input")
            if missing[i] or column.gaps:
                column.encode(block[:, i], X[:, at : at + len(column.features)])
        return X, plain

    def _encode(self, column, array, out, position, start) -> None:
        strings = as_strings(array)
        if isinstance(column, Date):
            seconds, bad = cells.dates(strings, column.format)
            if bad is not None:
                seconds, bad = self._dates_in_any_format(strings, seconds, bad)
            if bad is not None:
                row = int(bad.argmax())
                raise InputError(
                    f"{self.records.where}, row {self.records.line(start + row)}, {_place(self.records, position)}: "
                    f"{quoted(strings[row].as_py())} is not a date like those in training ({column.format}); correct it"
                )
            missing = np.isnan(seconds)
            if missing.any() and column.fill is None:
                raise bad_cell(self.records, position, start + int(missing.argmax()), "", "input")
            column.encode(seconds, out)
            return
        texts = Texts()
        texts.add(strings, cells.is_missing)
        unknown = [code for code, value in enumerate(texts.values) if not column.known(value)]
        if unknown:
            self.unseen[column.name or f"column {position + 1}"] += int(np.isin(texts.codes, unknown).sum())
        column.encode((texts.values, texts.codes), out)

    def _dates_in_any_format(self, strings, seconds, bad):
        format = cells.date_format(strings)
        return cells.dates(strings, format) if format else (seconds, bad)

    def read(self, task: str) -> Table:
        """All rows with their labels, as a Table."""
        with explained(self.records):
            labels, parts = Labels(self, task), []
            for block in self.blocks(has_nulls=True):
                labels.add(block)
                parts.append(block.X)
            table, kept = labels.finish()
        X = np.concatenate(parts)
        X = X if kept.all() else X[kept]
        return replace(table, X=as_pixels(X) if self.columns.are_plain else X)

    def notes(self) -> list[str]:
        """Sentences about how the file was read, and about values that training did not have."""
        return [f"{self.records.where}: {note}" for note in [*self.records.notes, *_headers(self.records)]] + [
            f"{self.records.where}: {count:,} {'value' if count == 1 else 'values'} of {quoted(name)} did not occur in "
            "training; each counts as none of its categories"
            for name, count in self.unseen.items()
        ]


class Labels:
    """The labels of the rows of a ForModel, of which no features are kept."""

    def __init__(self, rows: ForModel, task: str):
        self._rows, self._task, self.gathered = rows, task, Gathered()
        self.texts, self._numbers = Texts(), []

    def add(self, block: Block) -> np.ndarray:
        """The labels of a block: indices (n,) into self.texts.values, or targets as targets_in, NaN where missing."""
        records, chosen, start = self._rows.records, self._rows.labels, self.gathered.rows
        self.gathered.rows += len(block.X)
        if self._task != "classification":
            self._numbers.append(targets_in(records, block.columns, chosen, start))
            return self._numbers[-1]
        if len(chosen) > 1:
            return self.texts.add(one_hot_labels(records, block.columns, chosen, start), lambda text: False)
        return self.texts.add(as_strings(block.columns[chosen[0]]), cells.is_missing_label)

    def finish(self) -> tuple[Table, np.ndarray]:
        """The Table of all rows that have a label, without features, and which rows these are, (N,)."""
        rows, records, gathered, notes = self._rows, self._rows.records, self.gathered, []
        is_class = self._task == "classification"
        gathered.labels = self.texts if is_class else np.concatenate(self._numbers)
        missing = _missing_labels(self.texts, notes) if is_class else missing_targets(gathered.labels)
        if missing.any():
            if missing.all() and len(rows.labels) == 1:
                raise _no_labels(records, gathered, rows.labels)
            if missing.all() or rows.schema.columns is None:
                raise _missing_label(records, gathered, rows.labels, missing)
            line = records.line(int(missing.argmax()))
            notes.append(f"left out {_rows(int(missing.sum()))} without a label (the first is row {line})")
            gathered.keep(~missing)
        table = _labelled(records, gathered, rows.labels)
        notes += rows.notes()
        names, columns = rows.columns.feature_names, rows.schema.columns
        return replace(table, feature_names=names, columns=columns, notes=tuple(notes)), ~missing
