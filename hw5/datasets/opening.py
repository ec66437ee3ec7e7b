"""Opening a data file, and reading from it no more than its header promises.

No file of n bytes makes its reader take memory or time beyond a multiple of n: an array is taken from a plain file only
if exactly its bytes are there, and compressed data are inflated to 256 MiB + 200 n bytes at most (deflate could reach
1032 n, and members of a zip archive that overlap any number). From there on it is a small factor: bytes that become
float32 take four times their size beside themselves.
"""

import gzip
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from hw5.errors import InputError

_CHUNK = 1 << 20
_MAX_DIMENSIONS = 32  # NumPy's own limit before NumPy 2
_MAX_BYTES = 1 << 62

# The first kind that fits an exception tells what to say, so the special ones stand before OSError.
_FAULTS = {
    FileNotFoundError: "there is no such file; check the path",
    PermissionError: "you are not allowed to read it; change its permissions (chmod u+r)",
    gzip.BadGzipFile: "it is not a sound gzip file; download it again, or drop .gz from its name "
    "if it is not compressed",
    zipfile.BadZipFile: "it is not a sound zip archive, as .npz files are; write or download it again",
    NotImplementedError: "it is a zip archive of a kind that NumPy does not write; save it with numpy.savez",
    EOFError: "its compressed data break off; it is truncated: write or download it again",
    zlib.error: "its compressed data are damaged; write or download it again",
    OSError: "it cannot be read; check the file and the disk that it lies on",
}


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong while `path` is read into one sentence."""
    try:
        yield
    except tuple(_FAULTS) as error:
        sentence = next(text for kind, text in _FAULTS.items() if isinstance(error, kind))
        raise InputError(f"{path}: {sentence}") from error


def size_of(path: Path) -> int:
    """The size in bytes of a regular file that is not empty; anything else is an InputError."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: this is not a regular file; give a file to read")
    if status.st_size == 0:
        raise InputError(f"{path}: the file is empty; write or download it again")
    return status.st_size


class Length(NamedTuple):
    """A number of bytes: known, or known not to be larger."""

    exact: int | None
    most: int


@contextmanager
def open_plain(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """The bytes of `path`, and their number."""
    with reading(path):
        size = size_of(path)
        with open(path, "rb") as stream:
            yield stream, size


@contextmanager
def open_gzip(path: Path) -> Iterator[tuple[BinaryIO, Length]]:
    """The bytes of `path`, inflated where it ends in .gz, and their number."""
    with open_plain(path) as (stream, size):
        if path.suffix == ".gz":
            with gzip.open(stream) as unzipped:
                yield unzipped, Length(None, inflated(size))
        else:
            yield stream, Length(size, size)


def inflated(size: int) -> int:
    """To how many bytes a compressed file of `size` bytes may be inflated."""
    return (256 << 20) + 200 * size


def read_array(
    stream: BinaryIO,
    shape: tuple[int, ...],
    dtype: np.dtype,
    *,
    length: Length,
    where: str,
    order: str = "C",
    scalar: bool = False,
) -> np.ndarray:
    """The array that a header has promised, which must be exactly what is left of `stream`, in C order.

    `length` is that of the stream from its beginning. Nothing is allocated on a header's word: a promise that the
    file cannot keep is refused before reading, and compressed data are inflated to at most one byte more than
    promised. `scalar` says whether an array without dimensions will do.
    """
    has_rows = (scalar or shape) and len(shape) <= _MAX_DIMENSIONS and min(shape, default=1) > 0 and dtype.itemsize
    promised = math.prod(shape) * dtype.itemsize
    if not has_rows or promised > _MAX_BYTES:
        raise InputError(
            f"{where}: its header promises an array of shape {_short(shape)}, which "
            f"{'no file can hold' if has_rows else 'has no rows to read'}; write or download it again"
        )
    if promised > length.most and length.exact is None:
        raise InputError(
            f"{where}: its header promises {promised} bytes, more than it should hold for its compressed size; it is "
            "damaged, or else decompress it first"
        )
    left = None if length.exact is None else length.exact - stream.tell()
    data = bytearray()
    if left is None or left == promised:
        while len(data) <= promised and (chunk := stream.read(min(_CHUNK, promised + 1 - len(data)))):
            data += chunk
        left = len(data)
    if left != promised:
        held = f"only {left}" if left < promised else "more"
        raise InputError(
            f"{where}: its header promises {' x '.join(map(str, shape))} values in {promised} "
            f"bytes, but {held} follow; it is truncated or damaged: write or download it again"
        )
    array = np.frombuffer(data, dtype).reshape(shape, order=order)
    return array if order == "C" else array.copy()


def _short(shape: tuple[int, ...]) -> str:
    text = str(shape)
    return text if len(text) <= 80 else text[:77] + "..."
