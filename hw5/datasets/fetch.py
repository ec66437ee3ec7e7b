"""Download the data sets that are not bundled: from mirrors, resuming what was interrupted, and verified.

A file is downloaded as FILE.part in its folder, and renamed once its size and SHA-256 are the published ones. Of
several processes that want a set, one downloads it, and the others wait; if it dies, one of them resumes what it did.
Sizes and checksums are from the checksum files of TensorFlow Datasets (tensorflow_datasets/url_checksums/*.txt), which
pin the files of the mirrors below; torchvision (torchvision/datasets/mnist.py) pins the same files by MD5. A mirror
that is too slow is given up, so every download ends.
"""

import gzip
import hashlib
import http.client
import os
import stat
import struct
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw5.datasets import idx
from hw5.datasets.deadline import Deadline
from hw5.datasets.paths import data_directory
from hw5.errors import RunError, require_known
from hw5.files import atomic_write, locked

_CHUNK = 1 << 16
_TIMEOUT = 30  # seconds without a byte
_SLOWEST = 10_000  # bytes per second on average, after that time
_PAUSE = 0.1  # seconds between looks at what another process downloads
_ATTEMPTS = 3  # for a mirror that closes the connection early


@dataclass(frozen=True)
class File:
    """A published file."""

    name: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Source:
    """Where a data set is downloaded from; folder is below the data directory, and has the set's name by default."""

    mirrors: tuple[str, ...]
    files: tuple[File, ...]
    licence: str
    unpack: Callable[[Path, Path], None] | None = None  # (folder, data directory)
    folder: str | None = None

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def _idx_files(*sizes_and_checksums: tuple[int, str]) -> tuple[File, ...]:
    """The four files of an IDX folder, in the order of idx.FILES."""
    return tuple(File(f"{name}.gz", *pair) for name, pair in zip(idx.FILES, sizes_and_checksums))


EMNIST = ("emnist-balanced", "emnist-digits", "emnist-letters")


def _unpack_emnist(folder: Path, data_dir: Path) -> None:
    """Unpack gzip.zip into an IDX folder for each set of EMNIST, and delete it.

    The images are transposed, since EMNIST stores them by columns and MNIST by rows.
    """
    with zipfile.ZipFile(folder / "gzip.zip") as archive:
        for name in EMNIST:
            for file, split in zip(idx.FILES, ("train", "train", "test", "test")):
                member = f"gzip/{name}-{split}-{file.split('-', 1)[1]}.gz"
                with archive.open(member) as packed, gzip.open(packed) as stream:
                    content = stream.read()
                if "images" in file:
                    n, width, height = struct.unpack(">3I", content[4:16])
                    images = np.frombuffer(content, np.uint8, offset=16).reshape(n, width, height)
                    content = struct.pack(">4s3I", content[:4], n, height, width) + images.transpose(0, 2, 1).tobytes()
                with atomic_write(data_dir / name / f"{file}.gz") as target:
                    target.write(gzip.compress(content, compresslevel=6, mtime=0))
    (folder / "gzip.zip").unlink()


_EMNIST = Source(
    ("https://biometrics.nist.gov/cs_links/EMNIST/", "https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/"),
    (File("gzip.zip", 561_753_746, "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"),),
    "public domain (NIST)",
    _unpack_emnist,
    "emnist",
)

SOURCES = {
    "mnist": Source(
        ("https://storage.googleapis.com/cvdf-datasets/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        _idx_files(
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
        "CC BY-SA 3.0 (Y. LeCun, C. Cortes)",
    ),
    "fashion-mnist": Source(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
        _idx_files(
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        "MIT (Zalando)",
    ),
    "kmnist": Source(
        ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
        _idx_files(
            (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
        "CC BY-SA 4.0 (ROIS-DS Center for Open Data in the Humanities)",
    ),
    **dict.fromkeys(EMNIST, _EMNIST),
}


@dataclass(frozen=True)
class DownloadProgress:
    """The number of bytes of a file that have been downloaded."""

    file: File
    bytes: int


def find_downloaded(name: str, data_dir: str | Path | None = None) -> Path | None:
    """The folder of a set of SOURCES, or None if it is not downloaded completely."""
    folder = data_directory(data_dir) / name
    return folder if folder.is_dir() and idx.is_complete(folder) else None


def fetch(name: str, data_dir: str | Path | None = None) -> Iterator[DownloadProgress]:
    """Download a set of SOURCES into the data directory, yielding progress; a downloaded set yields nothing.

    A later call resumes an interrupted download. While another process downloads the set, the progress is that of its
    files. Raises InputError for an unknown name, RunError if no mirror has a file as published, and OSError if a file
    cannot be written.
    """
    require_known("data set to fetch", name, SOURCES)
    source, data_dir = SOURCES[name], data_directory(data_dir)
    folder = data_dir / (source.folder or name)
    while not find_downloaded(name, data_dir):
        with locked(data_dir / f".{folder.name}.lock") as is_ours:
            if is_ours and not find_downloaded(name, data_dir):
                yield from _fetch(source, folder, data_dir)
                return
        yield from _arriving(source, folder)
        time.sleep(_PAUSE)


def _arriving(source: Source, folder: Path) -> Iterator[DownloadProgress]:
    """The progress of the files that another process downloads."""
    for file in source.files:
        with suppress(OSError):
            yield DownloadProgress(file, os.lstat(_partial(folder / file.name)).st_size)


def _fetch(source: Source, folder: Path, data_dir: Path) -> Iterator[DownloadProgress]:
    for file in source.files:
        path = folder / file.name
        if source.unpack and path.exists():
            path.replace(_partial(path))  # to be verified before it is unpacked, whoever put it there
        if not path.exists() and not (folder / file.name.removesuffix(".gz")).exists():
            yield from _fetch_file(file, source.mirrors, path)
    if source.unpack:
        source.unpack(folder, data_dir)


class _MirrorError(Exception):
    """Why a mirror did not give a file, and whether another attempt may."""

    def __init__(self, reason: str, can_retry: bool = False):
        super().__init__(reason)
        self.can_retry = can_retry


def _fetch_file(file: File, mirrors: tuple[str, ...], path: Path) -> Iterator[DownloadProgress]:
    partial, reasons = _partial(path), []
    for mirror in mirrors:
        for _ in range(_ATTEMPTS):
            try:
                yield from _download(mirror + file.name, file, partial)
                partial.replace(path)
                return
            except _MirrorError as error:
                reason = error
                if not error.can_retry:
                    break
        reasons.append(f"{mirror}: {reason}")
    raise RunError(
        f"{file.name} cannot be fetched ({'; '.join(reasons)}); try again later to resume the download, "
        f"or copy the file into {path.parent}"
    )


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _download(url: str, file: File, partial: Path) -> Iterator[DownloadProgress]:
    """Complete and verify `partial`; if the server cannot resume, start again."""
    have = _size_of_ours(partial)
    is_resumed = 0 < have <= file.size
    if not is_resumed or have < file.size:
        with _request(url, file, have if is_resumed else 0) as (response, deadline):
            is_resumed = response.status == http.client.PARTIAL_CONTENT
            partial.parent.mkdir(parents=True, exist_ok=True)
            with open(partial, "ab" if is_resumed else "wb", opener=_open_ours) as target:
                have = have if is_resumed else 0
                while have < file.size and (chunk := _read(response, min(_CHUNK, file.size - have), deadline)):
                    have += target.write(chunk)
                    yield DownloadProgress(file, have)
    if have < file.size:
        raise _MirrorError(f"the connection closed after {have:,} of {file.size:,} bytes", can_retry=True)
    if _sha256(partial) != file.sha256:
        partial.unlink()
        raise _MirrorError("the file has the wrong SHA-256", can_retry=is_resumed)


def _size_of_ours(partial: Path) -> int:
    """The size of the file of a download; 0 if there is none yet."""
    try:
        status = os.lstat(partial)
    except FileNotFoundError:
        return 0
    _require_ours(partial, status)
    return status.st_size


def _open_ours(path: str, flags: int) -> int:
    """An opener for open(), which changes a file only if it is ours, and never waits for a pipe."""
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags & ~os.O_TRUNC | careful, 0o666)
    try:
        _require_ours(path, os.fstat(descriptor))
        if flags & os.O_TRUNC:
            os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _require_ours(path: str | Path, status: os.stat_result) -> None:
    """Raise RunError for a link or pipe, which others who may write in the folder could put there to mislead us."""
    is_ours = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
    if not (stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and is_ours):
        raise RunError(
            f"{path} is not a regular file of yours, or has links, so it is not written; remove it and try again"
        )


@contextmanager
def _request(url: str, file: File, start: int) -> Iterator[tuple[http.client.HTTPResponse, Deadline]]:
    """The response to a request for the bytes from `start` on; a server may send all bytes instead."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with Deadline(_TIMEOUT + (file.size - start) / _SLOWEST) as deadline:
        with _mirror_errors(deadline):
            response = deadline.open(request, _TIMEOUT)
        with closing(response):
            _require_size(response, file, start)
            yield response, deadline


def _require_size(response: http.client.HTTPResponse, file: File, start: int) -> None:
    if response.status == http.client.PARTIAL_CONTENT:
        expected = f"bytes {start}-{file.size - 1}/{file.size}"
        has_size = start and response.headers.get("Content-Range") == expected
    else:
        has_size = response.headers.get("Content-Length") in (None, str(file.size))
    if not has_size:
        raise _MirrorError("the file has the wrong size")


def _read(response: http.client.HTTPResponse, size: int, deadline: Deadline) -> bytes:
    """What has arrived, at most `size` bytes."""
    with _mirror_errors(deadline):
        chunk = response.read1(size)
        if deadline.is_over:  # the end may be that of the connection, which was shut down
            raise TimeoutError
        return chunk


@contextmanager
def _mirror_errors(deadline: Deadline) -> Iterator[None]:
    """Turn errors of the network, as opposed to the disk, into _MirrorError."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise _MirrorError(f"HTTP status {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        if deadline.is_over:
            raise _MirrorError(f"slower than {_SLOWEST:,} bytes per second") from error
        reason = getattr(error, "reason", error)  # of a URLError
        if isinstance(reason, TimeoutError):
            text = f"no response for {_TIMEOUT} seconds"
        else:
            text = (getattr(reason, "strerror", None) or str(reason) or type(reason).__name__).lower()
        raise _MirrorError(text, can_retry=not isinstance(error, urllib.error.URLError)) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", opener=_open_ours) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
