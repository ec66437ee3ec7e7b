"""NumPy's files: .npz with features and labels as arrays of their own, .npy with one table.

An .npz holds X and y, or another pair of the names below, such as the x_train, y_train, x_test and
y_test that Keras writes; each example of X is flattened. An .npy holds a 2-D array whose last
column has the labels, unless another position is given. Python objects are never loaded.
"""

import io
import struct
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hw5.datasets.opening import Length, inflated, open_plain, read_array
from hw5.datasets.rows import (
    Rows,
    Schema,
    as_features,
    column_index,
    image_shape_of,
    labelled,
    listed,
    quoted,
    usual_position,
)
from hw5.errors import InputError

_FEATURES = ("x_train", "X_train", "X", "x", "data", "images")
_LABELS = ("y_train", "y", "labels", "target")
_TEST_FEATURES = ("x_test", "X_test")
_TEST_LABELS = ("y_test",)

_LAST_CHARACTER = 0x10FFFF  # of Unicode

# The bytes that give the length of a header, and its reader, by the version of the format
_HEADERS = {
    (1, 0): (2, np.lib.format.read_array_header_1_0),
    (2, 0): (4, np.lib.format.read_array_header_2_0),
}
_LONGEST_HEADER = 10_000  # NumPy parses no longer one, but would read it


def read_npz(path: Path) -> tuple[Rows, Rows | None]:
    """The train part, and the test part where the archive has one."""
    with _open_archive(path) as archive:
        train = _part(path, archive, _FEATURES, _LABELS)
        has_test = not _held(archive).isdisjoint(_TEST_FEATURES + _TEST_LABELS)
        return train, _part(path, archive, _TEST_FEATURES, _TEST_LABELS) if has_test else None


def read_npz_values(path: Path) -> np.ndarray:
    """The features of an archive with or without labels, in their own shape and type."""
    with _open_archive(path) as archive:
        return _chosen(path, archive, _FEATURES)[1]


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an archive, by name, those without dimensions included."""
    with _open_archive(path) as archive:
        return {name: _member(path, archive, name, scalar=True) for name in sorted(_held(archive))}


def read_npy(path: Path, label_column: str | None, schema: Schema | None = None) -> tuple[Rows, None]:
    """The examples of a 2-D table."""
    table = read_npy_values(path)
    if table.ndim != 2 or table.shape[1] < 2:
        raise InputError(
            f"{path}: its array has the shape {table.shape}, but a table of features "
            "and labels has two dimensions and at least two columns; write X and y "
            "to an .npz instead"
        )
    position = label_column or usual_position(schema, table.shape[1]) or "-1"
    label = column_index(position, table.shape[1], str(path))
    X = as_features(table, str(path), without=label)
    return labelled(str(path), X, table[:, label], label_place=f", column {label + 1}"), None


def read_npy_values(path: Path) -> np.ndarray:
    """The array of an .npy, in its own shape and type."""
    with open_plain(path) as (stream, size):
        return _read_npy(stream, Length(size, size), str(path))


@contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """An .npz, if its members have names of their own and are not larger than a file of its size should hold."""
    with open_plain(path) as (stream, size):
        with _sound():
            archive = zipfile.ZipFile(stream)
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise InputError(f"{path}: two arrays in it have the same name; save it with numpy.savez")
        held = sum(member.file_size for member in archive.infolist())
        if held > inflated(size):
            raise InputError(
                f"{path}: its arrays have {held} bytes, more than it should hold for its size; it is damaged, or "
                "else save it uncompressed, with numpy.savez"
            )
        yield archive


@contextmanager
def _sound() -> Iterator[None]:
    """zipfile meets some damage with errors that are not its own."""
    try:
        yield
    except (ValueError, OverflowError, struct.error) as error:
        raise zipfile.BadZipFile("damaged") from error


def _part(path: Path, archive: zipfile.ZipFile, features: tuple[str, ...], labels: tuple[str, ...]) -> Rows:
    x_name, X = _chosen(path, archive, features)
    y_name, y = _chosen(path, archive, labels)
    if y.size != len(y):  # (N, 1), as Keras has it, is as good as (N,)
        raise InputError(f"{path}: {y_name} has the shape {y.shape}; it must be one label for each example")
    if len(X) != len(y):
        raise InputError(
            f"{path}: {x_name} holds {len(X)} examples, but {y_name} holds {len(y)} "
            "labels; save the two that belong together"
        )
    X_rows = as_features(X, f"{path}, {x_name}")
    return labelled(f"{path}, {y_name}", X_rows, y.ravel(), image_shape_of(X))


def _held(archive: zipfile.ZipFile) -> set[str]:
    """The names of the arrays in an archive."""
    return {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}


def _chosen(path: Path, archive: zipfile.ZipFile, names: tuple[str, ...]) -> tuple[str, np.ndarray]:
    """The first of `names` that the archive holds, and its array."""
    held = _held(archive)
    name = next((name for name in names if name in held), None)
    if name is None:
        raise InputError(
            f"{path}: it holds {listed(sorted(held)) or 'no arrays'}, but none "
            f"named {' or '.join(names)}; save it with numpy.savez(file, X=X, y=y)"
        )
    return name, _member(path, archive, name)


def _member(path: Path, archive: zipfile.ZipFile, name: str, scalar: bool = False) -> np.ndarray:
    """The array of a name."""
    where, info = f"{path}, {name if name.isidentifier() else quoted(name)}", archive.getinfo(f"{name}.npy")
    encrypted = info.flag_bits & 1
    if encrypted or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{where}: it is encrypted, or compressed as NumPy never does; save it with numpy.savez")
    with _sound(), archive.open(info) as stream:
        return _read_npy(stream, Length(info.file_size, info.file_size), where, scalar)


def _read_npy(stream: BinaryIO, length: Length, where: str, scalar: bool = False) -> np.ndarray:
    """The array of an .npy; numpy.lib.format describes the header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of outdated types, and of what stands in a damaged header
            shape, fortran_order, dtype = _read_header(stream)
    except Exception as error:  # NumPy meets a damaged header with exceptions of any kind
        raise InputError(
            f"{where}: its header is not that of a NumPy array; it is damaged or "
            "something else: write it with numpy.save or numpy.savez"
        ) from error
    if dtype.kind not in "biufcSUmM":
        raise InputError(
            f"{where}: it holds Python objects or records, which are never loaded; save plain arrays of numbers or text"
        )
    order = "F" if fortran_order else "C"
    array = read_array(stream, shape, dtype, length=length, where=where, order=order, scalar=scalar)
    if dtype.kind == "U" and (array.reshape(-1).view(f"{dtype.byteorder}u4") > _LAST_CHARACTER).any():
        raise InputError(f"{where}: its text holds characters that do not exist; it is damaged: save it again")
    return array


def _read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    width, parse = _HEADERS[np.lib.format.read_magic(stream)]
    prefix = stream.read(width)
    length = int.from_bytes(prefix, "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    shape, fortran_order, dtype = parse(io.BytesIO(prefix + stream.read(length)))
    return tuple(map(int, shape)), fortran_order, dtype  # NumPy lets True pass for a size
