"""IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist/): magic number, sizes, values.

The magic number is two zero bytes, a byte for the type of the values and one for the number of
dimensions; then comes the size of each dimension as a big-endian 32-bit integer; then the values,
big-endian, the last dimension running fastest.
"""

import re
import struct
from pathlib import Path

import numpy as np

from hw5.datasets.opening import open_gzip, read_array, reading
from hw5.datasets.rows import Rows, as_features, image_shape_of, labelled
from hw5.errors import InputError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
FILE_NAME = re.compile(r"[-.]idx\d+-\w+(\.gz)?$")  # some mirrors write train-images.idx3-ubyte

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_values(path: Path) -> np.ndarray:
    """The array that one IDX file holds, in its own shape and type."""
    with open_gzip(path) as (stream, length):
        magic = stream.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
            raise InputError(
                f"{path}: this is not an IDX file, its magic number is wrong "
                f"({magic.hex(' ')}); one of unsigned bytes begins with 00 00 08"
            )
        header = stream.read(4 * magic[3])
        if len(header) < 4 * magic[3]:
            raise InputError(f"{path}: it ends within its header; it is truncated: write or download it again")
        shape = struct.unpack(f">{magic[3]}I", header)
        return read_array(stream, shape, np.dtype(_TYPES[magic[2]]), length=length, where=str(path))


def read_pair(images: Path, labels: Path) -> Rows:
    """The examples of a file of images (or other features) and the file of their labels."""
    values, y = read_values(images), read_values(labels)
    if y.ndim != 1:
        raise InputError(
            f"{labels}: labels must be in one dimension, but these are in {y.ndim}; give the file of the labels"
        )
    if len(values) != len(y):
        raise InputError(
            f"{images} holds {len(values)} images, but {labels} holds {len(y)} "
            "labels; take two files that belong together"
        )
    return labelled(str(labels), as_features(values, str(images)), y, image_shape_of(values))


def read_file(path: Path) -> tuple[Rows, None]:
    """The images in `path` with the labels beside them, as one part."""
    part, images, _ = path.name.rpartition("images")
    if not images:
        raise InputError(f"{path}: give the file of the images, such as {FILES[0]}, with the labels beside it")
    return read_pair(path, _find_or_refuse(path.parent, part + "labels")), None


def read_folder(folder: Path) -> tuple[Rows, Rows | None]:
    """The train part, and the test part (t10k-*) where the folder has one."""

    def part(name: str) -> Rows:
        return read_pair(*(_find_or_refuse(folder, f"{name}-{what}") for what in both))

    both = ("images", "labels")
    has_test = any(_find(folder, f"t10k-{what}") for what in both)
    return part("train"), part("t10k") if has_test else None


def is_complete(folder: Path) -> bool:
    """Whether a folder has both parts, train and test."""
    return all(_find(folder, name.rpartition("-idx")[0]) for name in FILES)


def _find(folder: Path, stem: str) -> Path | None:
    """The file `stem`-idx?-*, the one that is not compressed if there are both."""
    with reading(folder):
        names = sorted(path.name for path in folder.iterdir())
    return next(
        (folder / name for name in names if name.startswith(stem) and FILE_NAME.fullmatch(name, len(stem))), None
    )


def _find_or_refuse(folder: Path, stem: str) -> Path:
    path = _find(folder, stem)
    if path is None:
        raise InputError(
            f"{folder}: there is no file of {stem} in it; an IDX folder holds "
            f"{' and '.join(FILES[:2])}, for a test part also "
            f"{' and '.join(FILES[2:])}, each plain or .gz"
        )
    return path
