"""IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist/): magic number, sizes, values.

The magic number is two zero bytes, a byte for the type of the values and a byte for the number of dimensions. The size
of each dimension follows as a big-endian 32-bit integer, then the values, big-endian, with the last dimension varying
fastest.
"""

import re
import struct
from pathlib import Path

import numpy as np

from hw5.opening import input_errors, open_gzip, read_array
from hw5.tables.table import Table, as_features, image_shape_of, make_table
from hw5.errors import InputError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FILE_NAME = re.compile(r"[-.]idx\d+-\w+(\.gz)?$")  # some mirrors write train-images.idx3-ubyte

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_values(path: Path) -> np.ndarray:
    """The array of an IDX file, with its own shape and type."""
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
        return read_array(stream, shape, np.dtype(_TYPES[magic[2]]), length=length, where=str(path))


def read_pair(images: Path, labels: Path) -> Table:
    """The examples of an image file (or of other features) and its label file."""
    values, y = read_values(images), read_values(labels)
    if y.ndim != 1:
        raise InputError(f"{labels}: labels must have one dimension, not {y.ndim}; choose the file of the labels")
    if len(values) != len(y):
        raise InputError(
            f"{images} has {len(values)} images, but {labels} has {len(y)} labels; choose files of the same examples"
        )
    return make_table(str(labels), as_features(values, str(images)), y, image_shape_of(values))


def read_file(path: Path) -> tuple[Table, None]:
    """The examples of an image file whose label file is in the same folder."""
    prefix, images, _ = path.name.rpartition("images")
    if not images:
        raise InputError(f"{path}: choose an image file, such as {FILES[0]}, with its label file in the same folder")
    return read_pair(path, _require(path.parent, prefix + "labels")), None


def read_folder(folder: Path) -> tuple[Table, Table | None]:
    """The training set, and the test set (t10k-*) if the folder has one."""

    def read(prefix: str) -> Table:
        return read_pair(*(_require(folder, f"{prefix}-{kind}") for kind in kinds))

    kinds = ("images", "labels")
    has_test = any(_find(folder, f"t10k-{kind}") for kind in kinds)
    return read("train"), read("t10k") if has_test else None


def is_complete(folder: Path) -> bool:
    """Whether a folder has the images and labels of a training set and a test set."""
    return all(_find(folder, name.rpartition("-idx")[0]) for name in FILES)


def _find(folder: Path, stem: str) -> Path | None:
    """The file `stem`-idx?-*, uncompressed if the folder has both."""
    with input_errors(folder):
        names = sorted(path.name for path in folder.iterdir())
    return next(
        (folder / name for name in names if name.startswith(stem) and FILE_NAME.fullmatch(name, len(stem))), None
    )


def _require(folder: Path, stem: str) -> Path:
    path = _find(folder, stem)
    if path is None:
        raise InputError(
            f"{folder}: there is no {stem} file; an IDX folder has {' and '.join(FILES[:2])}, and for a test set "
            f"{' and '.join(FILES[2:])}, each plain or .gz"
        )
    return path
