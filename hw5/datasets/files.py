"""Opening a data file, and reading from it no more than its header promises."""

import gzip
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hw5.errors import InputError

_CHUNK = 1 << 20
_MAX_DIMENSIONS = 32  # NumPy's own limit before NumPy 2

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


@contextmanager
def open_binary(path: Path) -> Iterator[tuple[BinaryIO, int | None]]:
    """The bytes of `path`, inflated where it ends in .gz, and their number where that is known."""
    with reading(path):
        size = size_of(path)
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                yield stream, None
        else:
            with open(path, "rb") as stream:
                yield stream, size


def read_array(
    stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, *, left: int | None, where: str, order: str = "C"
) -> np.ndarray:
    """The array that a header has promised, which must be exactly what is left of `stream`.

    `left` is the number of bytes that remain, None where only inflating them would tell. Nothing
    is allocated on a header's word: a promise that the file cannot keep is refused before reading,
    and compressed data are inflated to at most one byte more than promised.
    """
    if not 0 < len(shape) <= _MAX_DIMENSIONS or min(shape) < 1 or not dtype.itemsize:
        raise InputError(
            f"{where}: its header promises an array of shape {shape}, which has no "
            "rows to read; write or download it again"
        )
    promised = math.prod(shape) * dtype.itemsize
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
    return np.frombuffer(data, dtype).reshape(shape, order=order)
