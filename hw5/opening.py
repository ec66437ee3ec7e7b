"""Open data files, and read no more from them than their headers declare.

Reading a file of n bytes takes memory and time proportional to n, whatever the file holds. A plain file must have
exactly the declared length. Compressed data are inflated to at most 64 MiB + 200 n bytes; deflate could reach 1032 n,
and zip members that overlap any size. Converting bytes to float32 takes another four times their size. docs/data.md
states the bounds of each reader. Only regular files are read: nothing waits for a pipe, or reads a device.
"""

import bz2
import gzip
import io
import lzma
import math
import os
import shutil
import stat
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, TextIO

from hw5.errors import InputError, reason_of

_CHUNK = 1 << 20
_NO_WAITING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)  # for a pipe, or by taking over a terminal

# The first type that an exception is an instance of gives the message, so OSError comes last.
_MESSAGES = {
    FileNotFoundError: "no such file; check the path",
    PermissionError: "permission denied; make the file readable (chmod u+r)",
    gzip.BadGzipFile: "not a valid gzip file; download it again, or remove .gz from its name if it is not compressed",
    zipfile.BadZipFile: "not a valid zip archive, which an .npz file is; save or download it again",
    NotImplementedError: "the zip archive uses a feature that NumPy never uses; save it with numpy.savez",
    EOFError: "the compressed data are truncated; save or download the file again",
    zlib.error: "the compressed data are damaged; save or download the file again",
    lzma.LZMAError: "the compressed data are damaged; save or download the file again",
    OSError: "the file cannot be read; check the file and its disk",
}


@contextmanager
def input_errors(path: Path) -> Iterator[None]:
    """Turn errors of reading `path` into InputError."""
    try:
        yield
    except tuple(_MESSAGES) as error:
        message = next(text for kind, text in _MESSAGES.items() if isinstance(error, kind))
        raise InputError(f"{path}: {message}") from error


def _require_regular(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: a folder, not a regular file; choose a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            f"{path}: not a regular file; choose another file, or save what the pipe or device gives to a file"
        )


def open_regular(path: str, flags: int) -> int:
    """An opener for open(); InputError if the file is not regular."""
    _require_regular(path, os.stat(path))  # opening a device may already act on it
    descriptor = os.open(path, flags | _NO_WAITING)
    try:
        _require_regular(path, os.fstat(descriptor))  # if it was replaced meanwhile
    except InputError:
        os.close(descriptor)
        raise
    return descriptor


class Spool:
    """A copy of a stream, to be read like a file, and more than once. It has no name, so nothing is left of it."""

    suffix = ""

    def __init__(self, stream: BinaryIO, name: str):
        self._name = self.name = name
        try:
            self._file = tempfile.TemporaryFile()
            shutil.copyfileobj(stream, self._file)
            self._file.flush()
        except OSError as error:
            reason = reason_of(error)
            raise InputError(f"{name} cannot be copied to a temporary file: {reason}; save it to a file") from error

    def __del__(self):
        if hasattr(self, "_file"):
            self._file.close()

    def __fspath__(self) -> str:
        return self._name

    __str__ = __fspath__

    def open_copy(self, path: str, flags: int) -> int:
        """An opener for open(), like open_regular."""
        descriptor = os.dup(self._file.fileno())
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor


def standard_input() -> Spool:
    """A copy of standard input. Raises InputError if it is closed."""
    if sys.stdin is None:
        raise InputError("standard input is closed; pipe a table to hw5, or give a file")
    return Spool(sys.stdin.buffer, "standard input")


def opener_of(path: Path | Spool) -> Callable[[str, int], int]:
    return path.open_copy if isinstance(path, Spool) else open_regular


def _size_of(path: Path | Spool, file: BinaryIO | TextIO) -> int:
    """The size in bytes of an open file; InputError if it is empty."""
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        raise InputError(f"{path}: the file is empty; save or download it again")
    return size


class Length(NamedTuple):
    """The length of a stream in bytes: exact if it is known, and an upper bound."""

    exact: int | None
    maximum: int


@contextmanager
def open_plain(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file; gives the stream and the size in bytes."""
    with input_errors(path), open(path, "rb", opener=opener_of(path)) as stream:
        yield stream, _size_of(path, stream)


@contextmanager
def open_gzip(path: Path) -> Iterator[tuple[BinaryIO, Length]]:
    """Open a file; gives the stream and its Length.

    It is inflated if it begins like a gzip file, or its name ends in .gz.
    """
    with open_plain(path) as (stream, size):
        start = stream.read(2)
        stream.seek(0)
        if start == b"\x1f\x8b" or path.suffix == ".gz":
            with gzip.open(stream) as unzipped:
                yield unzipped, Length(None, inflation_limit(size))
        else:
            yield stream, Length(size, size)


_XZ_MEMORY = 80 << 20  # bytes
_ZIP = b"PK\3\4"
_INFLATE = {  # by the first bytes of a file
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lambda stream: _Xz(stream),
    b"\x28\xb5\x2f\xfd": lambda stream: _zstd(stream),
    _ZIP: lambda stream: _only_member(stream),
}


@contextmanager
def open_inflated(path: Path | Spool) -> Iterator[BinaryIO]:
    """Open a file, inflating it if its first bytes are those of gzip, bzip2, xz, zstd, or of a zip with one file.

    Reading raises InputError beyond inflation_limit.
    """
    with open_plain(path) as (stream, size):
        start = stream.read(6)
        stream.seek(0)
        inflate = next((inflate for magic, inflate in _INFLATE.items() if start.startswith(magic)), None)
        yield stream if inflate is None else _Limited(path, inflate(stream), inflation_limit(size))


def _zstd(stream: BinaryIO) -> BinaryIO:
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, "r"), "zstd")


def _only_member(stream: BinaryIO) -> BinaryIO:
    """The one file in a zip archive, apart from what macOS adds; its name is never used as a path."""
    try:
        archive = zipfile.ZipFile(stream)
        files = (each for each in archive.infolist() if not each.filename.endswith("/"))
        members = [each for each in files if not each.filename.startswith("__MACOSX/")]
        if len(members) != 1:
            names = ", ".join(repr(each.filename)[:42] for each in members[:5])
            raise InputError(f"{stream.name}: the archive has {len(members)} files ({names}); unpack it and choose one")
        if members[0].flag_bits & 1:
            raise InputError(f"{stream.name}: the archive is encrypted; unpack it")
        return archive.open(members[0])
    except (ValueError, OverflowError, UnicodeError) as error:  # of damaged archives
        raise zipfile.BadZipFile("damaged") from error


class _Xz:
    """The content of an xz file, which may ask for a dictionary of any size; that of xz -9 is allowed."""

    def __init__(self, stream: BinaryIO):
        self._stream, self._decompressor = stream, lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)

    def read(self, size: int) -> bytes:
        data = b""
        while not data and not self._decompressor.eof:
            chunk = self._stream.read(_CHUNK) if self._decompressor.needs_input else b""
            if not chunk and self._decompressor.needs_input:
                raise EOFError
            data = self._decompressor.decompress(chunk, size)
        return data


class _Limited(io.RawIOBase):
    """A stream that refuses to be read beyond a number of bytes, since a small file may inflate to any size."""

    def __init__(self, path: Path | Spool, stream: BinaryIO, limit: int):
        self._path, self._stream, self._left = path, stream, limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(self._left + 1 if size is None or size < 0 else size)
        self._left -= len(data)
        if self._left < 0:
            raise InputError(f"{self._path}: inflates to too many bytes for its size; decompress it first")
        return data

    def readinto(self, buffer) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def inflation_limit(size: int) -> int:
    """The number of bytes that a compressed file of `size` bytes may be inflated to."""
    return (64 << 20) + 200 * size


_INSTEAD = "save features of float32 or bytes as X.npy and labels as y.npy, which are read in pieces"


def require_memory(nbytes: int, where: str) -> None:
    """Raise InputError, which begins with `where`, if so much memory is not free.

    Otherwise the kernel could end this process.
    """
    free = free_memory()
    if nbytes > free:
        raise InputError(
            f"{where}: needs {nbytes / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free; {_INSTEAD}"
        )


@contextmanager
def memory_errors(where: str) -> Iterator[None]:
    """Turn MemoryError into InputError, which names what does not fit into memory."""
    try:
        yield
    except MemoryError as error:
        reason = f" ({error})" if str(error) else ""
        raise InputError(f"{where}: does not fit into memory{reason}; {_INSTEAD}") from error


def free_memory(meminfo: Path = Path("/proc/meminfo"), groups: Path = Path("/sys/fs/cgroup")) -> float:
    """The bytes of memory that are free, for the machine and this process's control group; infinity if unknown."""
    found = [math.inf]
    with suppress(OSError, ValueError):
        found += [
            1024 * int(line.split()[1]) for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable")
        ]
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # memory.max may be "max"
            free = int((groups / limit).read_text()) - int((groups / used).read_text())
            found.append(free + _cached((groups / used).with_name("memory.stat")))
    return min(found)


def _cached(statistics: Path) -> int:
    """The bytes of files that a control group caches, and gives up when memory is needed."""
    with suppress(OSError, ValueError):
        entries = dict(line.split() for line in statistics.read_text().splitlines())
        return sum(int(entries.get(f"{state}_file", 0)) for state in ("active", "inactive"))
    return 0
