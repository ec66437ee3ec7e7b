"""Gather the cells of a table in one pass: numbers as float32, dates as seconds, and text as codes.

What a column holds is decided by its first rows. If later ones contradict, the table is read again with that column as
text. A few cells that are no numbers in a column of numbers do not make it text: they are kept for the message.
"""

from collections.abc import Callable, Sequence

import numpy as np

from hw5.errors import InputError
from hw5.opening import require_memory
from hw5.tables import cells
from hw5.tables.blocks import MOST_GROWTH, Blocks
from hw5.tables.decimals import POINT, decimal_at, decimal_of, may_be_thousands, signs_in
from hw5.tables.delimited import LONGEST_CELL, NotNumbers
from hw5.tables.numeric import offsets
from hw5.tables.table import BEYOND_FLOAT32, as_option, number
from hw5.text import quoted

MOST_VALUES = 100_000  # distinct ones of a text column; with more it is left out
_LARGE = 1 << 28  # bytes of a table
_MANY = 2000  # columns, of which not every cell is looked at as text
_MOST_BAD = 1000  # cells that are no numbers


class Texts:
    """Text cells, as codes (n,) of distinct values; None stands for a missing cell."""

    def __init__(self, most=None):
        self.index, self.most, self.is_overflown, self._codes = {}, most, False, []

    def add(self, array, missing):
        """Append a pyarrow array of text, and return its codes.

        missing: a function that says whether a text stands for a missing cell.
        """
        encoded = array.dictionary_encode()
        values = [None if v is None or missing(v) else v.strip() for v in encoded.dictionary.to_pylist()]
        codes = cells.as_numpy(encoded.indices)
        if self.is_overflown or self.most and len(self.index) + len(values) > self.most:
            self.is_overflown, self.index, values = True, {None: 0}, [None] * len(values)
        lookup = np.array([*(self.index.setdefault(v, len(self.index)) for v in values), -1], np.int32)
        if encoded.null_count:
            codes = np.nan_to_num(codes, nan=-1).astype(np.int64)
            lookup[-1] = self.index.setdefault(None, len(self.index))
        self._codes.append(lookup[codes])
        return self._codes[-1]

    @property
    def values(self) -> list:
        return list(self.index)

    @property
    def codes(self) -> np.ndarray:
        self._codes = [np.concatenate(self._codes)] if len(self._codes) > 1 else self._codes
        return self._codes[0]

    def keep(self, rows):
        self._codes = [self.codes[rows]]

    def count(self, rows) -> np.ndarray:
        """How often each value occurs in some rows."""
        return np.bincount(self.codes[rows], minlength=len(self.index))


class Gathered:
    """The cells of all rows.

    numbers: the positions of the columns of numbers, whose cells are in `blocks`, (n, numbers) float32 after the offsets;
    has_gaps: whether any of them is NaN. units: what stands after them, by position. texts: Texts by position.
    dates: (format, seconds (N,)) by position. signs: what numbers show of their decimal sign, by position. Positions of columns: categorical, whose numbers name categories; padded,
    with numbers such as 007; bracketed, with numbers in brackets, which are negative; partly_percent, with 5% and 0.05.
    labels: Texts, or float64 targets (N,) or (N, q). bad: (position, row, text) of cells that are no numbers.
    """

    def __init__(self, blocks: Blocks | None = None, categorical: set = frozenset()):
        self.categorical = categorical
        self.numbers, self.offsets, self.units, self.signs = [], None, {}, {}
        self.blocks = Blocks() if blocks is None else blocks
        self.has_gaps = False
        self.texts, self.dates, self.bad, self.bracketed, self.padded = {}, {}, [], set(), set()
        self.partly_percent = set()
        self.rows = 0
        self.row_numbers = None  # of the rows in the file, if some were dropped
        self.labels = None

    def number_cells(self, i: int) -> np.ndarray:
        """The cells (N,) of self.numbers[i]."""
        return self.blocks.column(i)

    def keep(self, mask: np.ndarray) -> None:
        """Drop the rows that are not in the mask."""
        numbers = np.arange(self.rows) if self.row_numbers is None else self.row_numbers
        self.row_numbers, self.rows = numbers[mask], int(mask.sum())
        self.blocks.keep(mask)
        for texts in self.texts.values():
            texts.keep(mask)
        self.dates = {position: (format, seconds[mask]) for position, (format, seconds) in self.dates.items()}
        if isinstance(self.labels, Texts):
            self.labels.keep(mask)
        else:
            self.labels = self.labels[mask]

    def row_number(self, row: int) -> int:
        return int(row if self.row_numbers is None else self.row_numbers[row])


class _Contradiction(Exception):
    """Columns that seemed to hold numbers hold text; args: their positions."""


class _OtherDecimal(Exception):
    """Numbers whose decimal sign is another than that of the rows before."""


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
            _Pass(records, labels, left_out, as_text, refused, task, is_typed, gathered)
            return gathered
        except NotNumbers:
            is_typed = False
        except _OtherDecimal:
            pass  # the signs are known now
        except _Contradiction as contradiction:
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
    """One pass over a table, apart from the first rows. is_typed: let the reader make the numbers, which is faster.

    refused: by position, formats that the dates of a column do not have.
    """

    def __init__(self, records, labels, left_out, as_text, refused, task, is_typed, gathered):
        self.records, self.labels, self.task, self.as_text, self.refused = records, labels, task, as_text, refused
        self.gathered, self._targets, self._present = gathered, [], None
        self._targets_at = labels if task != "classification" or len(labels) > 1 else []
        self._columns = [p for p in range(records.width) if p not in left_out and p not in labels]
        for columns in self._whole_rows():
            self._choose_kinds(columns)
            break
        self._is_typed = is_typed and self._are_points and not self.gathered.units
        for columns in self._whole_rows(self.gathered.numbers if self._is_typed else ()):
            self._add(columns)
            self._require_room()
        gathered = self.gathered
        if not gathered.rows:
            raise InputError(f"{records.where}: there are no rows below the header; add examples")
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
        gathered = self.gathered
        no_numbers = self.as_text | gathered.categorical
        maybe = [p for p in self._columns if p not in no_numbers]
        self._observe_signs(columns, [*maybe, *self._targets_at])
        if _cast_together([columns[p] for p in maybe]) is None:
            for p in maybe:
                decimal = decimal_at(self.records, p)
                unit = cells.unit_of(columns[p], decimal)
                if _are_numbers(columns[p], decimal, unit):
                    gathered.numbers.append(p)
                    gathered.units |= {p: unit} if unit else {}
        else:
            gathered.numbers = maybe
        numbers = set(gathered.numbers)
        for p in self._columns:
            if p not in numbers:
                strings, refused = as_strings(columns[p]), self.refused.get(p, ())
                format = None if p in self.as_text else cells.date_format(strings, refused)
                if format:
                    gathered.dates[p] = (format, [])
                else:
                    gathered.texts[p] = Texts(MOST_VALUES)
        if len(gathered.numbers) < _MANY:
            gathered.padded = {p for p in gathered.numbers if cells.has_zeros_before(columns[p])}
        self._present = np.zeros(len(gathered.numbers), np.int64)
        self._bad = np.zeros(len(gathered.numbers), np.int64)
        self._words = [set() for _ in gathered.numbers]
        if self.task == "classification":
            gathered.labels = Texts()

    def _add(self, columns):
        gathered, start = self.gathered, self.gathered.rows
        gathered.rows += len(columns[0])
        self._add_numbers([columns[p] for p in gathered.numbers], start)
        for p, texts in gathered.texts.items():
            texts.add(self._texts(columns, p), cells.is_missing)
        for p, (format, parts) in gathered.dates.items():
            seconds, bad = cells.dates(as_strings(columns[p]), format)
            if bad is not None:
                raise _OtherDates(p, format)
            parts.append(seconds)
        self._add_labels(columns, start)

    def _add_numbers(self, columns, start):
        gathered, n = self.gathered, self.gathered.rows - start
        if self._is_typed and gathered.blocks:
            block = gathered.blocks.room(n, len(columns))
            if fill_whole(block, columns, gathered.offsets):
                self._present += n
                gathered.blocks.append(block)
                return
        units = [gathered.units.get(p, "") for p in gathered.numbers]
        decimals = [decimal_at(self.records, p) for p in gathered.numbers]
        values, bad, is_plain = numbers_together(columns, decimals, n, units=units)
        if not (is_plain and self._are_points):
            self._require_same_signs(dict(zip(gathered.numbers, columns)))
        if not is_plain:
            gathered.bracketed |= {p for p, column in zip(gathered.numbers, columns) if cells.has_brackets(column)}
            percent = [(p, each) for p, each, unit in zip(gathered.numbers, columns, units) if unit == "%"]
            gathered.partly_percent |= {p for p, each in percent if cells.lacks_percent(each)}
        if bad and self._is_typed:
            raise NotNumbers  # to name the cell as it is written
        for i, mask in bad.items():
            rows = np.flatnonzero(mask)
            infinite = rows[~np.isnan(values[i, rows])]
            if len(infinite):
                row, position = int(infinite[0]), gathered.numbers[i]
                raise bad_cell(self.records, position, start + row, as_strings(columns[i])[row].as_py())
            self._bad[i] += len(rows)
            self._words[i] |= set(as_strings(columns[i]).take(rows).unique().to_pylist()[:2])
            text = as_strings(columns[i]).take(rows[:_MOST_BAD]).to_pylist()
            gathered.bad += [(gathered.numbers[i], start + int(r), t) for r, t in zip(rows, text)]
            values[i, mask] = np.nan
        if gathered.offsets is None:
            gathered.offsets = offsets(values)
        block = as_float32(values, gathered.offsets)
        gaps = has_gaps(block)
        gathered.has_gaps |= gaps
        self._present += n - (np.isnan(block).sum(axis=0) if gaps else 0)
        gathered.blocks.append(block)
        if self._bad.any():
            self._require_few_bad()

    @property
    def _are_points(self):
        return {self.records.decimal, *self.records.decimals.values()} == {POINT}

    def _require_same_signs(self, columns: dict):
        if self._observe_signs(columns, [*columns]):
            raise _OtherDecimal

    def _observe_signs(self, columns, positions) -> bool:
        """Set the decimal signs of columns by all rows so far; whether one changes."""
        records, before = self.records, dict(self.records.decimals)
        values = _cast_together([columns[p] for p in positions]) if self._are_points else None
        if values is not None:
            positions = [positions[i] for i in np.flatnonzero(may_be_thousands(values))] if values.size else []
        for p in positions:
            signs = self.gathered.signs.setdefault(p, set())
            signs |= signs_in(columns[p], signs)
            records.decimals[p] = decimal_of(signs, records.decimal)
        return any(decimal != before.get(p, records.decimal) for p, decimal in records.decimals.items())

    def _require_room(self):
        """Raise InputError before a large table takes the last of the memory."""
        if self.gathered.blocks.nbytes > _LARGE:
            require_memory(MOST_GROWTH, f"{self.records.where}, row {self.gathered.rows:,}")

    def _require_few_bad(self):
        few = np.maximum(1, self._present / 20)
        is_word = np.array([len(words) == 1 and is_gap_word(*words) for words in self._words], bool)
        text = (self._bad > few) & ~is_word | (self._bad > 0) & (self._bad >= self._present)
        if text.any():
            raise _Contradiction(*(self.gathered.numbers[i] for i in np.flatnonzero(text)))

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
        self._require_same_signs({p: columns[p] for p in self._targets_at})
        if self.task != "classification":
            self._targets.append(targets_in(self.records, columns, self.labels, start))
            if (self._targets[-1] < 0).any():
                self.gathered.bracketed |= {p for p in self.labels if cells.has_brackets(columns[p])}
        elif len(self.labels) > 1:
            self.gathered.labels.add(one_hot_labels(self.records, columns, self.labels, start), lambda text: False)
        else:
            self.gathered.labels.add(self._texts(columns, self.labels[0]), cells.is_missing_label)


def _are_numbers(array, decimal, unit) -> bool:
    values, bad = cells.numbers(array, decimal, unit=unit)
    if bad is None:
        return True
    bad &= np.isnan(values)  # an infinite number is no text
    wrong, present = int(bad.sum()), int(np.isfinite(values).sum())
    words = as_strings(array).take(np.flatnonzero(bad)).unique().to_pylist()
    return wrong < max(present, 1) and (wrong <= max(1, present / 20) or len(words) == 1 and is_gap_word(words[0]))


def is_gap_word(word: str) -> bool:
    """Whether a word may stand for missing numbers, as unknown and --- do; 3+ does not."""
    return not any(map(str.isdigit, word))


def as_strings(array):
    """A pyarrow array as text."""
    import pyarrow as pa

    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def without_blank_rows(columns: list) -> list:
    """The columns without the rows in which every cell is empty."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    first = columns[0]
    if not first.null_count and not (types.is_string(first.type) and pc.min(pc.binary_length(first)).as_py() == 0):
        return columns  # as in most files
    blank = None
    for array in columns:
        if blank is not None and array.null_count == len(array):
            continue
        empty = array.is_null()
        if types.is_string(array.type):
            empty = pc.or_(empty, pc.fill_null(pc.equal(array, ""), True))
        blank = empty if blank is None else pc.and_(blank, empty)
        if not pc.any(blank).as_py():
            return columns
    return [array.filter(pc.invert(blank)) for array in columns]


def _cast_together(columns: list):
    """The numbers of several columns (k, n), float64 with NaN where null; None if a cell is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not columns:
        return np.empty((0, 0))
    try:
        same = all(array.type == columns[0].type for array in columns)
        arrays = [pa.concat_arrays(columns)] if same else columns
        parts = [cells.as_numpy(pc.cast(array, pa.float64())) for array in arrays]
        return np.concatenate(parts).reshape(len(columns), -1)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def numbers_together(columns: list, decimals: list, n: int, gap_words=None, units=None):
    """(values (k, n) float64 with NaN where missing, {index of a column: mask of its cells that are no numbers}, is_plain).

    is_plain: whether all cells are written as programs write numbers.
    """
    is_grouped = any(map(cells.has_thousands, columns, decimals))
    values = None if is_grouped else _cast_together(columns) if columns else np.empty((0, n))
    bad, is_plain = {}, values is not None
    if not is_plain:
        values = np.empty((len(columns), n))
        for i, array in enumerate(columns):
            words = [gap_words[i]] if gap_words and gap_words[i] else ()
            values[i], mask = cells.numbers(array, decimals[i], words, units[i] if units else "")
            if mask is not None:
                bad[i] = mask
    with np.errstate(invalid="ignore", over="ignore"):
        if abs(values.sum()) < BEYOND_FLOAT32 and values.min(initial=0) > -BEYOND_FLOAT32:  # false for NaN
            return values, bad, is_plain
        beyond = np.abs(values) >= BEYOND_FLOAT32
    if beyond.any():
        for i in np.flatnonzero(beyond.any(axis=1)):
            bad[int(i)] = bad.get(int(i), False) | beyond[i]
    return values, bad, is_plain


def fill_whole(block: np.ndarray, columns: list, offsets: np.ndarray) -> bool:
    """Set a block (n, k) float32 to columns of float64, less their offsets; false if a number is missing or not finite."""
    if any(column.null_count for column in columns):
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        for feature, column, offset in zip(block.T, columns, offsets):
            values = cells.as_numpy(column)
            np.copyto(feature, values - offset if offset else values, casting="same_kind")
        return bool(np.isfinite(block.sum()))


def as_float32(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Numbers (k, n), less the offset of each column, as (n, k) float32 in C order."""
    block = np.empty(values.T.shape, np.float32)
    if offsets.any():
        np.subtract(values.T, offsets, out=block, casting="same_kind")
    else:
        block[:] = values.T
    return block


def has_gaps(block: np.ndarray) -> bool:
    """Whether numbers (n, k) float32 have a NaN; faster than to look at each."""
    with np.errstate(over="ignore", invalid="ignore"):  # the sum of infinities of both signs is NaN as well
        return bool(np.isnan(block.sum()))


def targets(records, array, position: int, start: int) -> np.ndarray:
    """The targets of a regression, float64 with NaN where missing; InputError names a cell that is no number."""
    values, bad = cells.numbers(array, decimal_at(records, position))
    with np.errstate(invalid="ignore"):
        bad = (np.abs(values) >= BEYOND_FLOAT32) | (False if bad is None else bad)
    if bad.any():
        row = int(bad.argmax())
        raise bad_cell(records, position, start + row, as_strings(array)[row].as_py(), "target")
    return values


def targets_in(records, columns, labels: Sequence[int], start: int) -> np.ndarray:
    """The targets in these columns, (n,) of one and (n, q) of several; as targets."""
    found = [targets(records, columns[p], p, start) for p in labels]
    return found[0] if len(found) == 1 else np.stack(found, axis=1)


def one_hot_labels(records, columns, labels: Sequence[int], start: int):
    """The name of the one label column that is not 0 in each row, as a pyarrow array."""
    import pyarrow as pa

    values = np.stack([targets(records, columns[p], p, start) for p in labels])
    wrong = (values != 0).sum(axis=0) != 1
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{records.where}, row {records.line(start + row)}: of the {len(labels)} label columns exactly one must be 1 "
            "and the others 0; correct the row, choose one column with --label-column, or use --task multilabel"
        )
    names = [records.names[p] if records.names else f"column {p + 1}" for p in labels]
    return pa.DictionaryArray.from_arrays(pa.array(values.argmax(axis=0)), pa.array(names)).dictionary_decode()


def bad_cell(records, position: int, row: int, text: str | None, role: str = "feature") -> InputError:
    """The error for a cell that is no number; row counts from 0, in the file."""
    name = f" ({quoted(records.names[position])})" if records.names else ""
    where = f"{records.where}, row {records.line(row)}, column {position + 1}{name}"
    if cells.is_summary(text or ""):
        return InputError(f"{where}: {quoted(text)} is not a number; remove the row if it sums up the others")
    try:
        number(text or "", role)
    except ValueError as error:
        return InputError(f"{where}: {error}")
    return InputError(f"{where}: {quoted(text)} is not a number like the others of its column; correct it")
