"""Fetching the sets that are not bundled: from mirrors, going on where a download broke off, and put in place whole.

A file comes down as FILE.part beside its place, and is renamed when its size and SHA-256 are those published. Both are
from the checksum files of TensorFlow Datasets (tensorflow_datasets/url_checksums/*.txt), which pin the files of the
mirrors below; torchvision (torchvision/datasets/mnist.py) pins the same files by MD5.
"""

import gzip
import hashlib
import http.client
import struct
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hw5.datasets import data_directory, idx
from hw5.errors import RunError, require_known
from hw5.files import atomic_write

_CHUNK = 1 << 16
_PATIENCE = 30  # seconds without a byte
_ATTEMPTS = 3  # at a mirror that breaks off


@dataclass(frozen=True)
class File:
    """A file as it is published."""

    name: str
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Source:
    """Where a set comes from; folder, in the data directory, is where its files go, and by default has its name."""

    mirrors: tuple[str, ...]
    files: tuple[File, ...]
    licence: str
    unpack: Callable[[Path, Path], None] | None = None  # (folder of the files, data directory)
    folder: str | None = None

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def _idx_files(*sizes_and_checksums: tuple[int, str]) -> tuple[File, ...]:
    """The four files of an IDX folder, in the order of idx.FILES."""
    return tuple(File(f"{name}.gz", *pair) for name, pair in zip(idx.FILES, sizes_and_checksums))


EMNIST = ("emnist-balanced", "emnist-digits", "emnist-letters")


def _unpack_emnist(folder: Path, data_dir: Path) -> None:
    """Make an IDX folder of each set of EMNIST in gzip.zip, which then goes.

    EMNIST stores its images transposed; here they are turned as MNIST's are.
    """
    with zipfile.ZipFile(folder / "gzip.zip") as archive:
        for name in EMNIST:
            for file, part in zip(idx.FILES, ("train", "train", "test", "test")):
                member = f"gzip/{name}-{part}-{file.split('-', 1)[1]}.gz"
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
class Arrival:
    """How far a file has come."""

    file: File
    bytes: int


def find_downloaded(name: str, data_dir: str | Path | None = None) -> Path | None:
    """The folder of a set of SOURCES, if all of its four files lie there."""
    folder = data_directory(data_dir) / name
    return folder if folder.is_dir() and idx.is_complete(folder) else None


def fetch(name: str, data_dir: str | Path | None = None) -> Iterator[Arrival]:
    """Fetch a set of SOURCES into the data directory, yielding Arrival as the bytes come; nothing if it is at hand.

    What has come is kept when the fetching ends early, and the next one goes on from there. Raises InputError for
    another name, RunError where no mirror gives a file as it is published, and OSError where it cannot be written.
    """
    require_known("data set to fetch", name, SOURCES)
    if find_downloaded(name, data_dir):
        return
    source, data_dir = SOURCES[name], data_directory(data_dir)
    folder = data_dir / (source.folder or name)
    for file in source.files:
        if source.unpack and (folder / file.name).exists():
            (folder / file.name).replace(_part(folder, file))  # verified before it is unpacked, whoever put it there
        if not any((folder / there).exists() for there in (file.name, file.name.removesuffix(".gz"))):
            yield from _fetch_file(file, source.mirrors, folder)
    if source.unpack:
        source.unpack(folder, data_dir)


class _Fault(Exception):
    """Why a mirror did not give a file; is_final says that asking it again would be of no use."""

    def __init__(self, reason: str, is_final: bool = True):
        super().__init__(reason)
        self.is_final = is_final


def _fetch_file(file: File, mirrors: tuple[str, ...], folder: Path) -> Iterator[Arrival]:
    part, faults = _part(folder, file), []
    for mirror in mirrors:
        for _ in range(_ATTEMPTS):
            try:
                yield from _download(mirror + file.name, file, part)
                part.replace(folder / file.name)
                return
            except _Fault as fault:
                reason = fault
                if fault.is_final:
                    break
        faults.append(f"{mirror}: {reason}")
    raise RunError(
        f"{file.name} cannot be fetched ({'; '.join(faults)}); try again later, which goes on from what has come, "
        f"or put it into {folder} yourself"
    )


def _part(folder: Path, file: File) -> Path:
    return folder / f"{file.name}.part"


def _download(url: str, file: File, part: Path) -> Iterator[Arrival]:
    """Complete `part`, which begins again where the server gives nothing but whole files, and verify it."""
    have = part.stat().st_size if part.exists() else 0
    resumed = 0 < have <= file.size
    if not resumed or have < file.size:
        with _ask(url, file, have if resumed else 0) as answer:
            resumed = answer.status == http.client.PARTIAL_CONTENT
            part.parent.mkdir(parents=True, exist_ok=True)
            with open(part, "ab" if resumed else "wb") as target:
                have = have if resumed else 0
                while have < file.size and (chunk := _read(answer, min(_CHUNK, file.size - have))):
                    have += target.write(chunk)
                    yield Arrival(file, have)
    if have < file.size:
        raise _Fault(f"it broke off after {have:,} of {file.size:,} bytes", is_final=False)
    if _sha256(part) != file.sha256:
        part.unlink()
        raise _Fault("what it gives is not the published file (its SHA-256 is another)", is_final=not resumed)


@contextmanager
def _ask(url: str, file: File, start: int) -> Iterator[http.client.HTTPResponse]:
    """The answer to a request for the bytes from `start` on, which may also begin at the first one."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    with _blaming_the_mirror():
        answer = urllib.request.urlopen(request, timeout=_PATIENCE)
    with closing(answer):
        if answer.status == http.client.PARTIAL_CONTENT:
            expected = f"bytes {start}-{file.size - 1}/{file.size}"
            is_published = start and answer.headers.get("Content-Range") == expected
        else:
            is_published = answer.headers.get("Content-Length") in (None, str(file.size))
        if not is_published:
            raise _Fault("what it gives is not the published file (its size is another)")
        yield answer


def _read(answer: http.client.HTTPResponse, size: int) -> bytes:
    with _blaming_the_mirror():
        return answer.read(size)


@contextmanager
def _blaming_the_mirror() -> Iterator[None]:
    """Turn what goes wrong on the way to a mirror, and not on the disk, into a _Fault."""
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise _Fault(f"HTTP status {error.code}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)  # a URLError has one
        if isinstance(reason, TimeoutError):
            text = f"it was silent for {_PATIENCE} seconds"
        else:
            text = (getattr(reason, "strerror", None) or str(reason) or type(reason).__name__).lower()
        raise _Fault(text, is_final=isinstance(error, urllib.error.URLError)) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
