"""NumPy's files: .npz with features and labels as arrays of their own, .npy with one table.

An .npz holds X and y, or another pair of the names below, such as the x_train, y_train, x_test and
y_test that Keras writes; each example of X is flattened. An .npy holds a 2-D array whose last
column has the labels, unless another position is given. Python objects are never loaded.
"""

import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hw5.datasets.files import open_binary, read_array
from hw5.datasets.rows import Rows, Schema, as_features, column_index, image_shape_of, labelled, usual_position
from hw5.errors import InputError

_FEATURES = ("x_train", "X_train", "X", "x", "data", "images")
_LABELS = ("y_train", "y", "labels", "target")
_TEST_FEATURES = ("x_test", "X_test")
_TEST_LABELS = ("y_test",)

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npz(path: Path) -> tuple[Rows, Rows | None]:
    """The train part, and the test part where the archive has one."""
    with open_binary(path) as (stream, _), zipfile.ZipFile(stream) as archive:
        train = _part(path, archive, _FEATURES, _LABELS)
        has_test = not _held(archive).isdisjoint(_TEST_FEATURES + _TEST_LABELS)
        return train, _part(path, archive, _TEST_FEATURES, _TEST_LABELS) if has_test else None


def read_npz_values(path: Path) -> np.ndarray:
    """The features of an archive with or without labels, in their own shape and type."""
    with open_binary(path) as (stream, _), zipfile.ZipFile(stream) as archive:
        return _member(path, archive, _FEATURES)[1]


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
    with open_binary(path) as (stream, size):
        return _read_npy(stream, size, str(path))


def _part(path: Path, archive: zipfile.ZipFile, features: tuple[str, ...], labels: tuple[str, ...]) -> Rows:
    x_name, X = _member(path, archive, features)
    y_name, y = _member(path, archive, labels)
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


def _member(path: Path, archive: zipfile.ZipFile, names: tuple[str, ...]) -> tuple[str, np.ndarray]:
    """The first of `names` that the archive holds, and its array."""
    held = _held(archive)
    name = next((name for name in names if name in held), None)
    if name is None:
        raise InputError(
            f"{path}: it holds {', '.join(sorted(held)) or 'no arrays'}, but none "
            f"named {' or '.join(names)}; save it with numpy.savez(file, X=X, y=y)"
        )
    info = archive.getinfo(f"{name}.npy")
    encrypted = info.flag_bits & 1
    if encrypted or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(
            f"{path}, {name}: it is encrypted, or compressed as NumPy never does; save it with numpy.savez"
        )
    with archive.open(info) as stream:
        return name, _read_npy(stream, info.file_size, f"{path}, {name}")


def _read_npy(stream: BinaryIO, size: int, where: str) -> np.ndarray:
    """The array of an .npy of `size` bytes; numpy.lib.format describes the header."""
    try:
        shape, fortran_order, dtype = _HEADERS[np.lib.format.read_magic(stream)](stream)
    except Exception as error:  # NumPy meets a damaged header with exceptions of any kind
        raise InputError(
            f"{where}: its header is not that of a NumPy array; it is damaged or "
            "something else: write it with numpy.save or numpy.savez"
        ) from error
    if dtype.hasobject or dtype.names:
        raise InputError(
            f"{where}: it holds Python objects or records, which are never loaded; save plain arrays of numbers or text"
        )
    return read_array(stream, shape, dtype, left=size - stream.tell(), where=where, order="F" if fortran_order else "C")
