"""The numbers of a table in blocks of rows, in memory, or in a temporary file if they may be larger than that."""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from hw5.errors import InputError

_GROWTH = 1 / 8  # of its rows, by which a full array grows
MOST_GROWTH = 1 << 27  # bytes


class Blocks:
    """Blocks (n, k) float32, in one array that grows and can become the features of a table as it is."""

    def __init__(self):
        self._rows, self._stops = np.empty((0, 0), np.float32), [0]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self._rows.nbytes

    def room(self, n: int, k: int) -> np.ndarray:
        """An array (n, k) without values, which costs least to append next."""
        start = self._stops[-1]
        if start + n > len(self._rows) or self._rows.shape[1] != k:
            self._resize(start + max(n, min(int(_GROWTH * start), MOST_GROWTH // (4 * max(k, 1)))), k)
        return self._rows[start : start + n]

    def append(self, block: np.ndarray) -> None:
        room = self.room(*block.shape)
        if not np.may_share_memory(room, block):
            room[:] = block
        self._stops.append(self._stops[-1] + len(block))

    def _resize(self, n, k):
        if not self._rows.size:
            self._rows = np.empty((n, k), np.float32)
        try:
            self._rows.resize((n, k))  # moves pages instead of bytes, where the system can
        except ValueError:  # a block, or a profiler, still refers to it
            kept = self._rows[:n]
            self._rows = np.empty((n, k), np.float32)
            self._rows[: len(kept)] = kept

    def __len__(self) -> int:
        return len(self._stops) - 1

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self._rows[start:stop] for start, stop in pairwise(self._stops))

    def column(self, i: int) -> np.ndarray:
        """Column i of all blocks, (N,)."""
        return self._rows[: self._stops[-1], i].copy()

    def keep(self, mask: np.ndarray) -> None:
        """Drop the rows that are not in the mask (N,)."""
        kept = Blocks()
        for block in self._kept(mask):
            kept.append(block)
        self._rows, self._stops = kept._rows, kept._stops

    def _kept(self, mask):
        start = 0
        for block in self:
            yield block[mask[start : start + len(block)]]
            start += len(block)

    def used_up(self) -> Iterator[tuple[int, np.ndarray]]:
        """The blocks, of which none is kept, and the number of their first row; the last block comes first."""
        while len(self):
            start, stop = self._stops[-2:]
            block = self._rows[start:stop].copy()
            self._resize(start, block.shape[1])
            self._stops.pop()
            yield start, block

    def joined(self) -> np.ndarray:
        """All blocks as one array (N, k), of which none is kept."""
        self._resize(self._stops[-1], self._rows.shape[1])
        rows, self._rows, self._stops = self._rows, np.empty((0, 0), np.float32), [0]
        return rows


class BlocksOnDisk(Blocks):
    """Blocks (n, k) float32, in a temporary file without a name in a folder; each is stored column by column."""

    nbytes = 0

    def __init__(self, folder: Path):
        self._folder, self._shapes = folder, []
        try:
            self._file = tempfile.TemporaryFile(dir=folder)
        except OSError as error:
            raise InputError(f"{folder}: no temporary file can be written there; choose another folder") from error

    def room(self, n: int, k: int) -> np.ndarray:
        return np.empty((n, k), np.float32)

    def append(self, block: np.ndarray) -> None:
        self._shapes.append(block.shape)
        self._file.write(np.ascontiguousarray(block.T))

    def __len__(self) -> int:
        return len(self._shapes)

    def __iter__(self) -> Iterator[np.ndarray]:
        for (n, k), at in self._places():
            yield np.ascontiguousarray(self._read(at, n * k).reshape(k, n).T)

    def column(self, i: int) -> np.ndarray:
        return np.concatenate([self._read(at + 4 * i * n, n) for (n, _), at in self._places()])

    def _places(self):
        """The shape of each block, and where it begins in the file, in bytes."""
        at = 0
        for n, k in self._shapes:
            yield (n, k), at
            at += 4 * n * k

    def _read(self, at, count):
        self._file.seek(at)
        return np.frombuffer(self._file.read(4 * count), np.float32)

    def keep(self, mask: np.ndarray) -> None:
        kept = BlocksOnDisk(self._folder)
        for block in self._kept(mask):
            kept.append(block)
        self._file.close()
        self._file, self._shapes = kept._file, kept._shapes

    def used_up(self) -> Iterator[tuple[int, np.ndarray]]:
        start = 0
        for block in self:
            yield start, block
            start += len(block)
