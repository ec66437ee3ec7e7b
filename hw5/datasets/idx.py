"""IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist/): magic number, sizes, values.

The magic number is two zero bytes, a byte for the type of the values and a byte for the number of dimensions. The size
of each dimension follows as a big-endian 32-bit integer, then the values, big-endian, with the last dimension varying
fastest.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from hw5.datasets.stored import StoredArray
from hw5.errors import InputError
from hw5.opening import input_errors, open_gzip
from hw5.tables.numeric import as_features
from hw5.tables.table import Schema, Table, as_images, channels_note, image_shape_of, make_table

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FILE_NAME = re.compile(r"[-.]idx\d+-\w+(\.gz)?$")  # some mirrors write train-images.idx3-ubyte

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@contextmanager
def open_values(path: Path) -> Iterator[StoredArray]:
    """The array of an IDX file, with its own shape and type, to be read."""
    with open_gzip(path) as (stream, length):
        magic = stream.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
            raise InputError(
                f"{path}: not an IDX file, since its magic number is {magic.hex(' ')} (that of MNIST's images is "
                "00 00 08 03); save or download it again"
            )
        header = stream.read(4 * magic[3])
        if len(header) < 4 * magic[3]:
            raise InputError(f"{path}: the file is truncated in its header; save or download it again")
        shape = struct.unpack(f">{magic[3]}I", header)
        yield StoredArray(stream, shape, np.dtype(_TYPES[magic[2]]), length, str(path))


def read_values(path: Path) -> np.ndarray:
    """The same, read."""
    with open_values(path) as stored:
        return stored.read()


def read_pair(images: Path, labels: Path) -> Table:
    """The examples of an image file (or of other features) and its label file.

    EMNIST's own files, emnist-*, have transposed images, which are turned upright. QMNIST's labels (N, 8) have the
    class first.
    """
    values, y = read_values(images), read_values(labels)
    notes = []
    if images.name.startswith("emnist-") and values.ndim == 3:
        values = values.transpose(0, 2, 1)
        notes.append("turned EMNIST's images upright")
    if labels.name.endswith("idx2-int") and y.ndim == 2:
        y = y[:, 0]
        notes.append("took the first of QMNIST's labels")
    if y.ndim != 1:
        raise InputError(f"{labels}: labels must have one dimension, not {y.ndim}; choose the file of the labels")
    if len(values) != len(y):
        raise InputError(
            f"{images} has {len(values)} images, but {labels} has {len(y)} labels; choose files of the same examples"
        )
    notes += channels_note(values.shape)
    values = as_images(values)
    table = make_table(str(labels), as_features(values, str(images), copy=False), y, image_shape_of(values))
    return replace(table, notes=tuple(notes))


def read_file(path: Path, schema: Schema | None = None) -> tuple[Table, None]:
    """The examples of an image file whose label file is in the same folder."""
    prefix, images, _ = path.name.rpartition("images")
    if not images:
        raise InputError(f"{path}: choose an image file, such as {FILES[0]}, with its label file in the same folder")
    return read_pair(path, _require(path.parent, prefix + "labels")), None


_TEST = ("t10k", "test")  # MNIST's name for the test files, and that of others


def read_folder(folder: Path, schema: Schema | None = None) -> tuple[Table, Table | None]:
    """The training set, and the test set (t10k-* or test-*) if the folder has one.

    The names may begin with that of a data set, as in emnist-letters-train-images-idx3-ubyte.
    """

    def read(part: str) -> Table:
        return read_pair(*(_require(folder, f"{part}-{kind}") for kind in kinds))

    kinds, before = ("images", "labels"), _prefix(folder)
    test = next((before + part for part in _TEST for kind in kinds if _find(folder, f"{before}{part}-{kind}")), None)
    return read(f"{before}train"), read(test) if test else None


def _prefix(folder: Path) -> str:
    """What the names of a folder have before train-images, if all have the same."""
    with input_errors(folder):
        found = {path.name.partition("train-images")[0] for path in folder.iterdir() if "train-images" in path.name}
    if len(found) > 1 and "" not in found:
        names = ", ".join(f"{name}train-images" for name in sorted(found))
        raise InputError(f"{folder}: there are several data sets ({names}); give the file of the images of one")
    return "" if "" in found or not found else found.pop()


def is_complete(folder: Path) -> bool:
    """Whether a folder has the images and labels of a training set and a test set."""
    return all(_find(folder, name.rpartition("-idx")[0]) for name in FILES)


def _find(folder: Path, stem: str) -> Path | None:
    """The file `stem`-idx?-*, or the file in a folder of that name, as unpacked.

    If the folder has both, it is the uncompressed one.
    """
    with input_errors(folder):
        names = sorted(path.name for path in folder.iterdir())
    found = [folder / name for name in names if name.startswith(stem) and FILE_NAME.fullmatch(name, len(stem))]
    files = [path for path in found if not path.is_dir()]
    inside = [path / path.name for path in found if path.is_dir() and (path / path.name).is_file()]
    return next(iter([*files, *inside, *found]), None)


def _require(folder: Path, stem: str) -> Path:
    path = _find(folder, stem)
    if path is None:
        raise InputError(
            f"{folder}: there is no {stem} file; an IDX folder has {' and '.join(FILES[:2])}, and for a test set "
            f"{' and '.join(FILES[2:])}, each plain or .gz"
        )
    return path
