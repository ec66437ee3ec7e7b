"""The numbers of a table in blocks of rows, in memory, or in a temporary file if they may be larger than that."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hw5.errors import InputError


class Blocks:
    """Blocks (n, k) float32, in memory, of which nbytes were appended."""

    nbytes = 0

    def __init__(self):
        self._blocks = []

    def append(self, block: np.ndarray) -> None:
        self._blocks.append(block)
        self.nbytes += block.nbytes

    def __len__(self) -> int:
        return len(self._blocks)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self._blocks)

    def column(self, i: int) -> np.ndarray:
        """Column i of all blocks, (N,)."""
        return np.concatenate([block[:, i] for block in self])

    def keep(self, mask: np.ndarray) -> None:
        """Drop the rows that are not in the mask (N,)."""
        self._blocks = list(self._kept(mask))

    def _kept(self, mask):
        start = 0
        for block in self:
            yield block[mask[start : start + len(block)]]
            start += len(block)

    def used_up(self) -> Iterator[np.ndarray]:
        """The blocks, of which none is kept."""
        while self._blocks:
            yield self._blocks.pop(0)


class BlocksOnDisk(Blocks):
    """Blocks (n, k) float32, in a temporary file without a name in a folder; each is stored column by column."""

    def __init__(self, folder: Path):
        self._folder, self._shapes = folder, []
        try:
            self._file = tempfile.TemporaryFile(dir=folder)
        except OSError as error:
            raise InputError(f"{folder}: no temporary file can be written there; choose another folder") from error

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

    def used_up(self) -> Iterator[np.ndarray]:
        return iter(self)
