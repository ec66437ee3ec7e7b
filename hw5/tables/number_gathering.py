"""Gather the columns of numbers of a table: their decimal signs, their cells, and those that are no numbers."""

import numpy as np

from hw5.tables.arrow_columns import as_strings
from hw5.tables.bad_cells import bad_cell
from hw5.tables.decimals import AS_IN_TABLE, POINT, decimal_at, decimal_of, may_be_thousands, signs_in
from hw5.tables.delimited import NotNumbers
from hw5.tables.gathered import Gathered
from hw5.tables.missing import is_gap_word
from hw5.tables.number_columns import as_float32, cast_together, fill_whole, has_gaps, numbers_together
from hw5.tables.number_text import has_brackets, lacks_percent
from hw5.tables.numeric import offsets

_MOST_BAD = 1000  # cells that are no numbers


class Contradiction(Exception):
    """Columns that seemed to hold numbers hold text; args: their positions."""


class OtherDecimal(Exception):
    """Numbers whose decimal sign is another than that of the rows before."""


class Signs:
    """The decimal signs of the columns of records, by all rows so far. of_columns: what was seen, by position."""

    def __init__(self, records, of_columns: dict):
        self._records, self._of_columns = records, of_columns

    @property
    def are_points(self) -> bool:
        return {self._records.decimal, *self._records.decimals.values()} == {POINT}

    def require_same(self, columns: dict) -> None:
        """Raise OtherDecimal if the cells of columns, by position, show that a sign is another one."""
        if self.observe(columns, [*columns]):
            raise OtherDecimal

    def observe(self, columns, positions) -> bool:
        """Set the decimal signs of columns; whether one changes."""
        records, before = self._records, dict(self._records.decimals)
        values = cast_together([columns[p] for p in positions]) if self.are_points else None
        if values is not None:
            positions = [positions[i] for i in np.flatnonzero(may_be_thousands(values))] if values.size else []
        for p in positions:
            signs = self._of_columns.setdefault(p, set())
            signs |= signs_in(columns[p], signs)
            records.decimals[p] = decimal_of(signs, records.decimal)
        return any(decimal != before.get(p, records.decimal) for p, decimal in records.decimals.items())

    def settle_by(self, numbers) -> bool:
        """Let columns be read like those of `numbers` with a decimal comma, if none has a point; whether any changes."""
        seen, before = self._of_columns, dict(self._records.decimals)
        if not any("clear comma" in seen[p] for p in numbers) or any("point" in seen[p] for p in numbers):
            return False
        for p, signs in seen.items():
            if "comma" in signs or {"1.234", "900"} <= signs:
                signs |= AS_IN_TABLE
                self._records.decimals[p] = decimal_of(signs, self._records.decimal)
        return self._records.decimals != before


class Numbers:
    """Adds the cells of gathered.numbers to the blocks. is_typed: whether the reader makes the numbers."""

    def __init__(self, records, gathered: Gathered, signs: Signs, is_typed: bool):
        self._records, self._gathered, self._signs, self._is_typed = records, gathered, signs, is_typed
        self._present = np.zeros(len(gathered.numbers), np.int64)
        self._bad = np.zeros(len(gathered.numbers), np.int64)
        self._words = [set() for _ in gathered.numbers]

    def add(self, columns: list, start: int, n: int) -> None:
        """Add n rows, the first of which has the number start.

        Raises InputError, and NotNumbers, OtherDecimal or Contradiction if the table is to be read in another way.
        """
        if self._is_typed and self._gathered.blocks and self._add_whole(columns, n):
            return
        gathered = self._gathered
        units = [gathered.units.get(p, "") for p in gathered.numbers]
        decimals = [decimal_at(self._records, p) for p in gathered.numbers]
        values, bad, is_plain = numbers_together(columns, decimals, n, units=units)
        if not (is_plain and self._signs.are_points):
            self._signs.require_same(dict(zip(gathered.numbers, columns)))
        if not is_plain:
            self._note_forms(columns, units)
        if bad and self._is_typed:
            raise NotNumbers  # to name the cell as it is written
        for i, mask in bad.items():
            self._keep_bad(i, columns[i], values[i], mask, start)
        self._append(values, n)
        if self._bad.any():
            self._require_few_bad()

    def _add_whole(self, columns, n) -> bool:
        """Add rows without a gap, directly to a block; False if there is one."""
        block = self._gathered.blocks.room(n, len(columns))
        if not fill_whole(block, columns, self._gathered.offsets):
            return False
        self._present += n
        self._gathered.blocks.append(block)
        return True

    def _note_forms(self, columns, units):
        """Note which columns have brackets, or numbers without the % of others."""
        gathered = self._gathered
        gathered.bracketed |= {p for p, column in zip(gathered.numbers, columns) if has_brackets(column)}
        percent = [(p, each) for p, each, unit in zip(gathered.numbers, columns, units) if unit == "%"]
        gathered.partly_percent |= {p for p, each in percent if lacks_percent(each)}

    def _keep_bad(self, i, column, values, mask, start):
        """Keep the cells in the mask, which are no numbers, and set them to NaN.

        Raises InputError for an infinite number.
        """
        rows, position = np.flatnonzero(mask), self._gathered.numbers[i]
        infinite = rows[~np.isnan(values[rows])]
        if len(infinite):
            row = int(infinite[0])
            raise bad_cell(self._records, position, start + row, as_strings(column)[row].as_py())
        self._bad[i] += len(rows)
        self._words[i] |= set(as_strings(column).take(rows).unique().to_pylist()[:2])
        text = as_strings(column).take(rows[:_MOST_BAD]).to_pylist()
        self._gathered.bad += [(position, start + int(r), t) for r, t in zip(rows, text)]
        values[mask] = np.nan

    def _append(self, values, n):
        """Append a block of numbers (k, n)."""
        gathered = self._gathered
        if gathered.offsets is None:
            gathered.offsets = offsets(values)
        block = as_float32(values, gathered.offsets)
        gaps = has_gaps(block)
        gathered.has_gaps |= gaps
        self._present += n - (np.isnan(block).sum(axis=0) if gaps else 0)
        gathered.blocks.append(block)

    def _require_few_bad(self):
        """Raise Contradiction for columns of which too many cells are no numbers."""
        few = np.maximum(1, self._present / 20)
        is_word = np.array([len(words) == 1 and is_gap_word(*words) for words in self._words], bool)
        text = (self._bad > few) & ~is_word | (self._bad > 0) & (self._bad >= self._present)
        if text.any():
            raise Contradiction(*(self._gathered.numbers[i] for i in np.flatnonzero(text)))
