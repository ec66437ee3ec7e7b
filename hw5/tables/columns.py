"""What happens to each column of a table: the columns of a model, as plain data.

They are fitted on the training rows alone (fitting.py), stored in the checkpoint as JSON, and applied to all examples
that the model sees. Each column makes some features, of which some may be left out:

    Number      the number, minus an offset where float32 would lose its digits; the training mean where it is missing
    YesNo       0 or 1
    Categories  one feature a category, 1 for that of the row (one-hot); none for a category that training did not have
    Date        days since 1970, and the position in the day, the week and the year, where the training dates span them
    LeftOut     nothing, and why

If the training rows had missing cells, a feature more says where: 1 if the cell is missing.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from hw5.tables.dates import DATE_FORMATS
from hw5.tables.decimals import DECIMALS, POINT

_DAY = 86_400
CYCLES = {"day": _DAY, "week": 7 * _DAY, "year": 365.2425 * _DAY}  # in seconds


@dataclass(frozen=True)
class Number:
    name: str | None
    fill: float | None  # what a missing cell becomes, after the offset; None refuses it
    gaps: bool = False  # whether a feature says where the cell is missing
    offset: float = 0.0
    gap_word: str | None = None  # what stands for a missing cell, apart from the usual
    unit: str | None = None  # that numbers may have, such as % or cm
    decimal: str = POINT  # the decimal sign

    kind = "number"

    @property
    def features(self) -> list[str]:
        return [self.name, *[f"{self.name} missing"] * self.gaps]

    def encode(self, cells: np.ndarray, out: np.ndarray) -> None:
        """Write the features (n, features) of cells (n,), float32 after the offset, with NaN where missing."""
        out[:, 0] = cells
        missing = np.isnan(cells)
        if missing.any():
            out[missing, 0] = math.nan if self.fill is None else self.fill
        if self.gaps:
            out[:, 1] = missing


@dataclass(frozen=True)
class YesNo:
    name: str | None
    no: str
    yes: str
    share: float  # of yes in the training rows: what a missing or unknown cell becomes
    gaps: bool = False

    kind = "yes/no"

    @property
    def features(self) -> list[str]:
        return [f"{self.name}={self.yes}", *[f"{self.name} missing"] * self.gaps]

    def known(self, value: str | None) -> bool:
        return value in (None, self.no, self.yes)

    def encode(self, cells: tuple, out: np.ndarray) -> None:
        """Write the features of cells (values, codes): text or None, and the index of each row's."""
        values, codes = cells
        out[:, 0] = np.array([{self.no: 0.0, self.yes: 1.0}.get(v, self.share) for v in values], np.float32)[codes]
        if self.gaps:
            out[:, 1] = np.array([v is None for v in values])[codes]


@dataclass(frozen=True)
class Categories:
    name: str | None
    values: tuple[str, ...]
    rare: tuple[str, ...] = ()  # which share one feature, "other"
    gaps: bool = False

    kind = "categories"

    @property
    def features(self) -> list[str]:
        others = ["other"] * bool(self.rare)
        return [*(f"{self.name}={v}" for v in (*self.values, *others)), *[f"{self.name} missing"] * self.gaps]

    def known(self, value: str | None) -> bool:
        return value is None or value in self._index

    @property
    def _index(self) -> dict:
        return dict.fromkeys(self.rare, len(self.values)) | {value: i for i, value in enumerate(self.values)}

    def encode(self, cells: tuple, out: np.ndarray) -> None:
        """As YesNo.encode."""
        values, codes = cells
        index, width = self._index, out.shape[1]
        missing = width - 1 if self.gaps else -1
        feature = np.array([missing if v is None else index.get(v, -1) for v in values], np.int64)[codes]
        out[:] = 0
        rows = np.flatnonzero(feature >= 0)
        out[rows, feature[rows]] = 1


@dataclass(frozen=True)
class Date:
    name: str | None
    format: str
    origin: float  # days since 1970, which are subtracted
    fill: float | None  # what a missing date becomes, in days since origin; None refuses it
    cycles: tuple[str, ...] = ()
    gaps: bool = False

    kind = "date"

    @property
    def features(self) -> list[str]:
        waves = [f"{self.name} ({wave} of the {cycle})" for cycle in self.cycles for wave in ("sine", "cosine")]
        return [f"{self.name} (days)", *waves, *[f"{self.name} missing"] * self.gaps]

    def encode(self, cells: np.ndarray, out: np.ndarray) -> None:
        """Write the features of cells (n,), seconds since 1970 in float64, with NaN where missing."""
        missing = np.isnan(cells)
        out[:, 0] = np.where(missing, math.nan if self.fill is None else self.fill, cells / _DAY - self.origin)
        for i, cycle in enumerate(self.cycles):
            angle = 2 * np.pi * (np.where(missing, 0, cells) / CYCLES[cycle] % 1)
            for j, wave in enumerate((np.sin, np.cos)):
                out[:, 1 + 2 * i + j] = np.where(missing, 0, wave(angle))
        if self.gaps:
            out[:, -1] = missing


@dataclass(frozen=True)
class LeftOut:
    name: str | None
    why: str

    kind = "left out"
    features = ()


Column = Number | YesNo | Categories | Date | LeftOut


@dataclass(frozen=True)
class Columns:
    """The columns of the training table in its order, without the labels, whose positions (from 0) are `labels`."""

    each: tuple[Column, ...]
    labels: tuple[int, ...]
    label_names: tuple[str, ...] = ()  # if the table had a header
    label_decimals: tuple[str, ...] = ()  # the decimal signs of targets, if some are no points

    @property
    def width(self) -> int:
        """The number of features."""
        return sum(len(column.features) for column in self.each)

    @property
    def are_points(self) -> bool:
        """Whether all numbers have decimal points."""
        signs = (*self.label_decimals, *(c.decimal for c in self.each if isinstance(c, Number)))
        return all(sign == POINT for sign in signs)

    @property
    def are_plain(self) -> bool:
        """Whether every feature is simply the number in a column."""
        return all(type(c) is Number and not c.gaps for c in self.each)

    @property
    def indicators(self) -> np.ndarray:
        """Which features are 0 or 1 by their kind, (d,)."""
        return np.array([is_one for c in self.each for is_one in _indicators(c)], bool)

    @property
    def offsets(self) -> np.ndarray:
        """What was subtracted from each feature, (d,) float64."""
        return np.array([x for c in self.each for x in _offsets(c)], np.float64)

    @property
    def feature_names(self) -> tuple[str, ...] | None:
        """The names of the features; None if the columns have none and are plain."""
        if self.are_plain and all(column.name is None for column in self.each):
            return None
        return tuple(name for column in self.numbered for name in column.features)

    @property
    def positions(self) -> list[int]:
        """The position of each column in a table with its labels."""
        return [p for p in range(len(self.each) + len(self.labels)) if p not in self.labels]

    @property
    def numbered(self):
        """The columns; those without a name are named by position."""
        return [
            c if c.name is not None else replace(c, name=f"column {p + 1}") for c, p in zip(self.each, self.positions)
        ]

    @classmethod
    def of_names(cls, names: tuple[str, ...] | None, features: int):
        """Plain columns that refuse missing cells, as all were in the checkpoints of format 1."""
        return cls(tuple(Number(name, None) for name in names or [None] * features), (features,))

    @property
    def label_option(self) -> str:
        """What to give to --label-column for these labels."""
        if self.label_names and all(n and "," not in n and not n.lstrip("+-").isdigit() for n in self.label_names):
            return ",".join(self.label_names)
        return ",".join(str(p + 1) for p in self.labels)


def _offsets(column: Column) -> list[float]:
    n = len(column.features)
    return [getattr(column, "offset", 0.0)] + [0.0] * (n - 1) if n else []


def _indicators(column: Column) -> list[bool]:
    n = len(column.features)
    if isinstance(column, YesNo | Categories):
        return [True] * n
    return [False] * (n - column.gaps) + [True] * column.gaps if n else []


def are_valid(columns: Columns) -> bool:
    """Whether columns from a file are such as fitting makes them."""
    labels = columns.labels
    numbers = [x for c in columns.each for x in (getattr(c, name, None) for name in _NUMBERS) if x is not None]
    return (
        len(set(labels)) == len(labels)
        and all(0 <= p < len(columns.each) + len(labels) for p in labels)
        and len(columns.label_names) in (0, len(labels))
        and len(columns.label_decimals) in (0, len(labels))
        and {*columns.label_decimals, *(c.decimal for c in columns.each if isinstance(c, Number))} <= {*DECIMALS}
        and all(map(math.isfinite, numbers))
        and all(
            set(c.cycles) <= CYCLES.keys() and c.format in DATE_FORMATS for c in columns.each if isinstance(c, Date)
        )
        and all(
            len({*c.values, *c.rare}) == len(c.values) + len(c.rare) for c in columns.each if isinstance(c, Categories)
        )
    )


_NUMBERS = ("fill", "offset", "share", "origin")
