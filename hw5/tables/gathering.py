"""Gather the cells of a table in one pass: numbers as float32, dates as seconds, and text as codes.

What a column holds is decided by its first rows. If later ones contradict, the table is read again with that column as
text. A few cells that are no numbers in a column of numbers do not make it text: they are kept for the message.
"""

from collections.abc import Callable, Sequence

import numpy as np

from hw5.errors import InputError
from hw5.opening import require_memory
from hw5.tables.arrow_columns import as_strings, without_blank_rows
from hw5.tables.blocks import MOST_GROWTH, Blocks
from hw5.tables.dates import WITHOUT_SIGNS, are_dates_without_signs, date_format, seconds_of
from hw5.tables.decimals import decimal_at
from hw5.tables.delimited import LONGEST_CELL, NotNumbers
from hw5.tables.gathered import MOST_VALUES, Gathered, Texts
from hw5.tables.ids import is_named_as_id
from hw5.tables.label_cells import one_hot_labels, targets_in
from hw5.tables.missing import is_gap_word, is_missing, is_missing_label
from hw5.tables.number_columns import cast_together
from hw5.tables.number_gathering import Contradiction, Numbers, OtherDecimal, Signs
from hw5.tables.number_text import has_brackets, has_zeros_before, numbers_in, unit_of
from hw5.tables.table import as_option
from hw5.text import quoted

_LARGE = 1 << 28  # bytes of a table
_MANY = 2000  # columns, of which not every cell is looked at as text


class _OtherDates(Exception):
    """A column that seemed to hold dates in a format has other cells; args: its position and the format."""


def gather(
    records, labels: Sequence[int], left_out: set[int], as_text: set[int], task: str, new_blocks: Callable = Blocks
) -> Gathered:
    """The cells of a table. labels, left_out: positions of the label columns, and of those not to read.

    as_text: positions of columns whose numbers are names of categories, besides those of which the file says so.
    new_blocks(): the Blocks for the numbers. Raises InputError.
    """
    require_readable(records, [p for p in range(records.width) if p not in left_out])
    categorical = as_text | getattr(records, "categorical", set())
    as_text, refused, signs, is_typed = set(as_text), {}, {}, True
    while True:
        try:
            gathered = Gathered(new_blocks(), categorical)
            gathered.signs = signs
            _Pass(records, labels, left_out, as_text, refused, task, gathered).run(is_typed)
            return gathered
        except NotNumbers:
            is_typed = False
        except OtherDecimal:
            pass  # the signs are known now
        except Contradiction as contradiction:
            as_text |= set(contradiction.args)
        except _OtherDates as other:
            position, format = other.args
            refused.setdefault(position, set()).add(format)


def require_readable(records, positions: list) -> None:
    """Raise InputError for a column whose cells are no features."""
    for position, what in getattr(records, "unreadable", {}).items():
        if position in positions:
            name = records.names[position]
            raise InputError(
                f"{records.where}: column {position + 1} ({quoted(name)}) has {what} in a cell; leave it out with --drop "
                f"{as_option(name, position)}"
            )


class _Pass:
    """One pass over a table, apart from the first rows.

    refused: by position, formats that the dates of a column do not have.
    """

    def __init__(self, records, labels, left_out, as_text, refused, task, gathered):
        self.records, self.labels, self.task, self.as_text, self.refused = records, labels, task, as_text, refused
        self.gathered, self._signs, self._targets = gathered, Signs(records, gathered.signs), []
        self._targets_at = labels if task != "classification" or len(labels) > 1 else []
        self._columns = [p for p in range(records.width) if p not in left_out and p not in labels]

    def run(self, is_typed):
        """Gather all rows. is_typed: let the reader make the numbers, which is faster."""
        self._choose_kinds(next(self._whole_rows(), None))
        gathered = self.gathered
        is_typed = is_typed and self._signs.are_points and not gathered.units
        numbers = Numbers(self.records, gathered, self._signs, is_typed)
        for columns in self._whole_rows(gathered.numbers if is_typed else ()):
            self._add(columns, numbers)
            self._require_room()
        if not gathered.rows:
            raise InputError(f"{self.records.where}: there are no rows below the header; add examples")
        if self._targets:
            gathered.labels = np.concatenate(self._targets)
        gathered.dates = {p: (format, np.concatenate(parts)) for p, (format, parts) in gathered.dates.items()}

    def _whole_rows(self, numbers=()):
        """The rows that are not blank, in batches."""
        for columns in self.records.batches(True, numbers):
            columns = without_blank_rows(columns)
            if len(columns[0]):
                yield columns

    def _choose_kinds(self, columns):
        """Decide what the columns hold, by the first rows, if there are any."""
        if columns is None:
            return
        gathered = self.gathered
        self._choose_numbers(columns)
        numbers = set(gathered.numbers)
        for p in self._columns:
            if p not in numbers:
                strings, refused = as_strings(columns[p]), self.refused.get(p, ())
                format = None if p in self.as_text else date_format(strings, refused)
                if format:
                    gathered.dates[p] = (format, [])
                else:
                    gathered.texts[p] = Texts(MOST_VALUES)
        if len(gathered.numbers) < _MANY:
            gathered.padded = {p for p in gathered.numbers if has_zeros_before(columns[p])}
        if self.task == "classification":
            gathered.labels = Texts()

    def _choose_numbers(self, columns):
        gathered = self.gathered
        no_numbers = self.as_text | gathered.categorical
        maybe = [p for p in self._columns if p not in no_numbers and not self._are_dates(p, columns[p])]
        self._signs.observe(columns, [*maybe, *self._targets_at])
        if cast_together([columns[p] for p in maybe]) is not None:
            gathered.numbers = maybe
            return
        self._find_numbers(columns, maybe)
        if self._signs.settle_by(gathered.numbers):
            self._find_numbers(columns, maybe)

    def _are_dates(self, position, column) -> bool:
        """Whether the numbers of a column are dates such as 20240131, and it is not named as an ID."""
        if WITHOUT_SIGNS in self.refused.get(position, ()) or not are_dates_without_signs(column):
            return False
        return not (self.records.names and is_named_as_id(self.records.names[position]))

    def _find_numbers(self, columns, maybe):
        """Set which of some columns are numbers, and their units."""
        gathered = self.gathered
        gathered.numbers, gathered.units = [], {}
        for p in maybe:
            decimal = decimal_at(self.records, p)
            unit = unit_of(columns[p], decimal)
            if _are_numbers(columns[p], decimal, unit):
                gathered.numbers.append(p)
                gathered.units |= {p: unit} if unit else {}

    def _add(self, columns, numbers):
        gathered, start = self.gathered, self.gathered.rows
        gathered.rows += len(columns[0])
        numbers.add([columns[p] for p in gathered.numbers], start, len(columns[0]))
        for p, texts in gathered.texts.items():
            texts.add(self._texts(columns, p), is_missing)
        for p, (format, parts) in gathered.dates.items():
            seconds, bad = seconds_of(as_strings(columns[p]), format)
            if bad is not None:
                raise _OtherDates(p, format)
            parts.append(seconds)
        self._add_labels(columns, start)

    def _require_room(self):
        """Raise InputError before a large table takes the last of the memory."""
        if self.gathered.blocks.nbytes > _LARGE:
            require_memory(MOST_GROWTH, f"{self.records.where}, row {self.gathered.rows:,}")

    def _texts(self, columns, position):
        """A column as a pyarrow dictionary of text, of which no cell is too long to be the name of anything."""
        import pyarrow.compute as pc

        encoded = as_strings(columns[position]).dictionary_encode()
        longest = pc.max(pc.utf8_length(encoded.dictionary)).as_py() or 0
        if longest > LONGEST_CELL:
            name = f" ({quoted(self.records.names[position])})" if self.records.names else ""
            raise InputError(
                f"{self.records.where}, column {position + 1}{name}: a cell has {longest:,} characters; leave it out of the file"
            )
        return encoded

    def _add_labels(self, columns, start):
        if not self.labels:
            return
        self._signs.require_same({p: columns[p] for p in self._targets_at})
        if self.task != "classification":
            self._targets.append(targets_in(self.records, columns, self.labels, start))
            if (self._targets[-1] < 0).any():
                self.gathered.bracketed |= {p for p in self.labels if has_brackets(columns[p])}
        elif len(self.labels) > 1:
            self.gathered.labels.add(one_hot_labels(self.records, columns, self.labels, start), lambda text: False)
        else:
            self.gathered.labels.add(self._texts(columns, self.labels[0]), is_missing_label)


def _are_numbers(array, decimal, unit) -> bool:
    values, bad = numbers_in(array, decimal, unit=unit)
    if bad is None:
        return True
    bad &= np.isnan(values)  # an infinite number is no text
    wrong, present = int(bad.sum()), int(np.isfinite(values).sum())
    words = as_strings(array).take(np.flatnonzero(bad)).unique().to_pylist()
    return wrong < max(present, 1) and (wrong <= max(1, present / 20) or len(words) == 1 and is_gap_word(words[0]))
