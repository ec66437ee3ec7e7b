"""The features X of a table, from what was gathered of its columns."""

import os
from pathlib import Path

import numpy as np

from hw5.opening import require_memory
from hw5.tables.columns import Columns, Date, LeftOut, Number
from hw5.tables.gathered import Gathered

_AT_ONCE = 1 << 20  # rows whose gaps, dates and texts are encoded together


def encoded(gathered: Gathered, columns: Columns, where: str, out: Path | None = None) -> np.ndarray:
    """The features (N, d), float32 in C order, of a gathered table; mapped from `out` if given.

    The blocks of the table are used up.

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


def as_bytes(X: np.ndarray, out: Path | None) -> np.ndarray:
    """X (n, d) as uint8; if it is mapped from `out`, so is the result, from a file beside it."""
    if out is None:
        return X.astype(np.uint8)
    pixels = _features(*X.shape, np.uint8, out.with_suffix(".bytes.npy"))
    for rows in _slices(len(X)):
        pixels[rows] = X[rows]
    return pixels
