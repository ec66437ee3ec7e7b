"""A table for a model: the columns of its training, found by name or position, made features block by block."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from hw5.errors import InputError
from hw5.tables.arrow_columns import as_strings, without_blank_rows
from hw5.tables.bad_cells import bad_cell
from hw5.tables.columns import Columns, Date, LeftOut, Number
from hw5.tables.dates import date_format, seconds_of
from hw5.tables.decimals import POINT, as_in_training, decimal_at, said_of_open
from hw5.tables.gathered import Gathered, Texts
from hw5.tables.gathering import require_readable
from hw5.tables.header import LABEL_NAMES
from hw5.tables.label_cells import one_hot_labels, targets_in
from hw5.tables.label_columns import (
    drop_unlabelled,
    label_positions,
    labelled,
    place_of,
)
from hw5.tables.missing import is_missing, is_missing_label
from hw5.tables.number_columns import as_float32, has_gaps, numbers_together
from hw5.tables.number_text import lacks_percent
from hw5.tables.numeric import as_pixels
from hw5.tables.reading import explained, name_apart, repeated_headers
from hw5.tables.table import Schema, Table, training_label_column
from hw5.text import listed, quoted


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
    """The rows of a table as the features of a model; iterate over blocks().

    unseen: {column: number of cells}. without_percent: the columns with numbers that lack the % of training.
    """

    def __init__(self, records, schema: Schema, needs_label: bool, label_column: str | None = None):
        self.records, self.schema = records, schema
        if needs_label and records.width < 2:
            raise InputError(
                f"{records.where}: the table has one column, but needs a feature and a label; separate columns by commas"
            )
        self.columns = schema.columns or Columns.of_names(schema.feature_names, schema.features)
        self.unseen, self.without_percent, self.labels = Counter(), {}, []
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
        apart, known = name_apart(records), {c.name for c in columns.each}
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
        X = np.empty((len(arrays[0]), self.columns.width), np.float32)
        numbers, at = [], 0
        for column, position in zip(self.columns.each, self.positions):
            if isinstance(column, Number):
                numbers.append((column, position, at))
            elif not isinstance(column, LeftOut):
                self._encode(column, arrays[position], X[:, at : at + len(column.features)], position, start)
            at += len(column.features)
        self._look_for_percent(arrays, numbers)
        block, is_plain = self._numbers(numbers, arrays, start)
        plain = frozenset(p for _, p, _ in numbers) if is_plain else frozenset()
        is_whole = not has_gaps(block)
        if is_whole and len(numbers) == X.shape[1]:
            return block, plain
        X[:, [at for *_, at in numbers]] = block
        missing = np.zeros(len(numbers), bool) if is_whole else np.isnan(block).any(axis=0)
        for i, (column, position, at) in enumerate(numbers):
            if missing[i] and column.fill is None:
                raise self._bad_input(arrays, position, int(np.isnan(block[:, i]).argmax()), start)
            if missing[i] or column.gaps:
                column.encode(block[:, i], X[:, at : at + len(column.features)])
        return X, plain

    def _look_for_percent(self, arrays, numbers) -> None:
        for column, position, _ in numbers:
            if column.unit == "%" and lacks_percent(arrays[position]):
                self.without_percent[place_of(self.records, position)] = None

    def _numbers(self, numbers, arrays, start) -> tuple[np.ndarray, bool]:
        """The cells (n, k) of numbers, float32 with NaN where missing, and whether all are as programs write them.

        numbers: [(column, position, first of its features), ...].
        """
        positions = [position for _, position, _ in numbers]
        values, bad, is_plain = numbers_together(
            [arrays[p] for p in positions],
            [decimal_at(self.records, p) for p in positions],
            len(arrays[0]),
            [c.gap_word for c, *_ in numbers],
            [c.unit or "" for c, *_ in numbers],
        )
        for i, mask in bad.items():
            raise self._bad_input(arrays, positions[i], int(mask.argmax()), start)
        return as_float32(values, np.array([c.offset for c, *_ in numbers], np.float64)), is_plain

    def _bad_input(self, arrays, position, row, start) -> InputError:
        text = as_strings(arrays[position])[row].as_py() or ""
        return bad_cell(self.records, position, start + row, text, "input")

    def _encode(self, column, array, out, position, start) -> None:
        strings = as_strings(array)
        if isinstance(column, Date):
            seconds, bad = seconds_of(strings, column.format)
            if bad is not None:
                seconds, bad = self._dates_in_any_format(strings, seconds, bad)
            if bad is not None:
                row = int(bad.argmax())
                raise InputError(
                    f"{self.records.where}, row {self.records.line(start + row)}, {place_of(self.records, position)}: "
                    f"{quoted(strings[row].as_py())} is not a date like those in training ({column.format}); correct it"
                )
            missing = np.isnan(seconds)
            if missing.any() and column.fill is None:
                raise bad_cell(self.records, position, start + int(missing.argmax()), "", "input")
            column.encode(seconds, out)
            return
        texts = Texts()
        texts.add(strings, is_missing)
        unknown = [code for code, value in enumerate(texts.values) if not column.known(value)]
        if unknown:
            self.unseen[column.name or f"column {position + 1}"] += int(np.isin(texts.codes, unknown).sum())
        column.encode((texts.values, texts.codes), out)

    def _dates_in_any_format(self, strings, seconds, bad):
        format = date_format(strings)
        return seconds_of(strings, format) if format else (seconds, bad)

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
        notes = [*self.records.notes, *repeated_headers(self.records)]
        notes += [
            f"{count:,} {'value' if count == 1 else 'values'} of {quoted(name)} did not occur in "
            "training; each counts as none of its categories"
            for name, count in self.unseen.items()
        ]
        if self.without_percent:
            notes.append(
                f"{', '.join([*self.without_percent][:5])}: training had numbers with %, and some here have none; 0.05 is "
                "read as 0.05%, so write 5% for 5%"
            )
        return [f"{self.records.where}: {note}" for note in notes]


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
        return self.texts.add(as_strings(block.columns[chosen[0]]), is_missing_label)

    def finish(self) -> tuple[Table, np.ndarray]:
        """The Table of all rows that have a label, without features, and which rows these are, (N,)."""
        rows, records, gathered = self._rows, self._rows.records, self.gathered
        gathered.labels = self.texts if self._task == "classification" else np.concatenate(self._numbers)
        missing, notes = drop_unlabelled(records, gathered, rows.labels, refuse=rows.schema.columns is None)
        table = labelled(records, gathered, rows.labels)
        notes += rows.notes()
        names, columns = rows.columns.feature_names, rows.schema.columns
        return replace(table, feature_names=names, columns=columns, notes=tuple(notes)), ~missing
