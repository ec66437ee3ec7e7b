"""Tables of any format to train on: choose the labels, fit the columns, and make features."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from hw5.errors import InputError
from hw5.tables import labels
from hw5.tables.blocks import Blocks, BlocksOnDisk
from hw5.tables.features import as_bytes, encoded
from hw5.tables.fitting import Fitting
from hw5.tables.gathered import Gathered
from hw5.tables.gathering import gather
from hw5.tables.label_columns import (
    drop_unlabelled,
    label_positions,
    labelled,
    other_label_names,
    place_of,
    position_of,
)
from hw5.tables.numeric import are_pixels
from hw5.tables.suspicions import label_warnings, one_hot_warnings, summary_warnings
from hw5.tables.table import Reading, Table
from hw5.text import counted, listed, quoted


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
    name_apart(records)
    chosen = label_positions(records, label_column)
    left_out = _left_out(records, reading, chosen)
    as_text = {position_of(records, name) for name in reading.categorical}
    new_blocks = Blocks if out is None else lambda: BlocksOnDisk(out.parent)
    gathered = gather(records, chosen, set(left_out), as_text, task, new_blocks)
    notes = [*records.notes, *repeated_headers(records), *_brackets(records, gathered)]
    notes += _drop_rows(records, gathered, chosen, reading)
    table = labelled(records, gathered, chosen)
    class_names, y = labels.classes_and_y(table, task)
    rows = training_rows(y)
    if not len(rows):
        raise InputError(f"{records.where}: no example is left to train on; lower --validation or --holdout")
    fitting = Fitting(records, gathered, chosen, rows, reading, y if class_names else None, left_out)
    columns = fitting.fit()
    unsure = other_label_names(records, chosen, left_out) if label_column is None else []
    warnings = unsure + fitting.warnings + summary_warnings(fitting) + one_hot_warnings(fitting)
    warnings += label_warnings(table.label, class_names, y, len(y)) if class_names else []
    X = encoded(gathered, columns, records.where, out)
    X = as_bytes(X, out) if columns.are_plain and are_pixels(X) else X
    names = columns.feature_names
    notes += fitting.notes
    table = replace(table, X=X, feature_names=names, columns=columns, class_names=class_names, y=y)
    return replace(table, notes=tuple(notes), warnings=tuple(warnings))


def name_apart(records) -> dict[str, list[str]]:
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


def repeated_headers(records) -> list[str]:
    n = getattr(records, "repeated_headers", 0)
    return [f"left out {counted(n, 'row')} that repeat{'s' * (n == 1)} the header"] if n else []


def _brackets(records, gathered: Gathered) -> list[str]:
    places = [place_of(records, position) for position in sorted(gathered.bracketed)]
    return (
        [f"{', '.join(places[:5])}: read numbers in brackets or with a minus after them as negative"] if places else []
    )


def _drop_rows(records, gathered: Gathered, chosen, reading) -> list[str]:
    """Drop rows without a label, and with --missing drop those with gaps; return what was done."""
    _, notes = drop_unlabelled(records, gathered, chosen, reading.missing == "refuse")
    if reading.missing == "drop":
        gaps = _gaps(gathered)
        if gaps.all():
            raise InputError(f"{records.where}: every row has a missing value, so --missing drop leaves none; use mean")
        if gaps.any():
            notes.append(f"left out {counted(int(gaps.sum()), 'row')} with missing values (--missing drop)")
            gathered.keep(~gaps)
    return notes


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
