"""The cells of a table as `gather` returns them: numbers as float32, dates as seconds, and text as codes."""

import numpy as np

from hw5.tables.arrow_columns import as_numpy
from hw5.tables.blocks import Blocks

MOST_VALUES = 100_000  # distinct ones of a text column; with more it is left out


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
        codes = as_numpy(encoded.indices)
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

    numbers: the positions of the columns of numbers, whose cells are in `blocks`, (n, numbers) float32 after the
    offsets; has_gaps: whether any of them is NaN. units: what stands after them, by position. texts: Texts by position.
    dates: (format, seconds (N,)) by position. signs: what numbers show of their decimal sign, by position. Positions of
    columns: categorical, whose numbers name categories; padded, with numbers such as 007; bracketed, with numbers in
    brackets, which are negative; partly_percent, with 5% and 0.05. labels: Texts, or float64 targets (N,) or (N, q).
    bad: (position, row, text) of cells that are no numbers.
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
