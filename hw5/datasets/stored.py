"""Arrays behind the headers that declare them: mapped into memory, read whole, or in blocks of rows."""

import math
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from hw5.errors import InputError
from hw5.opening import Length, require_memory

LARGE = 1 << 28  # bytes of an array from which it is mapped, not read
_CHUNK = 1 << 20
_MAX_DIMENSIONS = 32  # the limit of NumPy 1
_MAX_BYTES = 1 << 62


class StoredArray(NamedTuple):
    """The array that a header declares, which must be all that is left of `stream`.

    Memory is allocated only after the declared size has been compared with the length, and compressed data are inflated
    to one byte more than declared at most. The methods raise InputError, which begins with `where`.
    """

    stream: BinaryIO  # just behind the header
    shape: tuple[int, ...]
    dtype: np.dtype
    length: Length  # of the whole stream
    where: str
    order: str = "C"  # or "F"
    scalar: bool = False  # whether no dimensions are allowed
    is_plain: bool = False  # whether the stream is a file, which can be mapped

    def require_valid(self) -> None:
        """Refuse what cannot be the header of an undamaged file."""
        shape, maximum = self.shape, self.length.maximum
        is_valid = (self.scalar or shape) and len(shape) <= _MAX_DIMENSIONS and min(shape, default=1) > 0
        if not (is_valid and self.dtype.itemsize) or self._nbytes > _MAX_BYTES:
            raise InputError(
                f"{self.where}: the header declares the shape {_short(shape)}, which is "
                f"{'too large' if is_valid and self.dtype.itemsize else 'empty or invalid'}; save or download the file "
                "again"
            )
        if self._nbytes > maximum and self.length.exact is None:
            raise InputError(
                f"{self.where}: the header declares {self._nbytes} bytes, too many for the compressed size; "
                "if the file is not damaged, decompress it"
            )
        if self.length.exact is not None:
            self._require(self.length.exact - self.stream.tell())

    def read(self) -> np.ndarray:
        """The array in C order; mapped if it is large and can be used as it is.

        A large file of float32 or bytes may be larger than memory: its pages are read when they are needed.
        """
        self.require_valid()
        if self.is_plain and self._nbytes > LARGE and self._is_usable:
            return np.memmap(self.stream, self.dtype, "r", self.stream.tell(), self.shape)
        require_memory(self._nbytes, self.where)
        data = self._take(self._nbytes)
        self._require(len(data) + len(self.stream.read(1)))
        array = np.frombuffer(data, self.dtype).reshape(self.shape, order=self.order)
        return array if self.order == "C" else array.copy()

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yield the array in blocks of at most `rows` rows. In C order, only one block is in memory."""
        if self.order != "C":
            array = self.read()
            yield from (array[start : start + rows] for start in range(0, len(array), rows))
            return
        self.require_valid()
        left, of_block = self._nbytes, rows * math.prod(self.shape[1:]) * self.dtype.itemsize
        while left:
            data = self._take(min(of_block, left))
            if len(data) < min(of_block, left):
                self._require(self._nbytes - left + len(data))
            left -= len(data)
            yield np.frombuffer(data, self.dtype).reshape(-1, *self.shape[1:])
        self._require(self._nbytes + len(self.stream.read(1)))

    @property
    def _is_usable(self) -> bool:
        """Whether these are features, or images, as all devices take them."""
        dtype = self.dtype
        return self.order == "C" and dtype in (np.uint8, np.float32) and dtype.isnative and len(self.shape) > 1

    @property
    def _nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def _take(self, size: int) -> bytearray:
        """As many bytes of the stream, or fewer if it ends."""
        data = bytearray()
        while chunk := self.stream.read(min(_CHUNK, size - len(data))):
            data += chunk
        return data

    def _require(self, left: int) -> None:
        """Raise InputError unless this is the number of bytes behind the header."""
        declared = self._nbytes
        if left != declared:
            raise InputError(
                f"{self.where}: the header declares {' x '.join(map(str, self.shape))} values in {declared} bytes, but "
                f"{f'only {left}' if left < declared else 'more'} follow; save or download the file again"
            )


class LoadedArray(NamedTuple):
    """An array that is in memory already, as a StoredArray."""

    array: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    def require_valid(self) -> None:
        """Refuse nothing."""

    def read(self) -> np.ndarray:
        return self.array

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        yield from (self.array[start : start + rows] for start in range(0, len(self.array), rows))


def _short(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) <= 80 else text[:77] + "..."
