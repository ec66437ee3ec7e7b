"""NumPy files: .npz with features and labels in separate arrays, and .npy with a single table.

An .npz has X and y, or other names from the lists below, such as Keras's x_train, y_train, x_test and y_test; each
example is flattened. An .npy has a 2-D array whose last column is the label, unless another is chosen, or its labels
are in a file beside it: y_train.npy for X_train.npy. Python objects are never loaded.
"""

import io
import re
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hw5.datasets.stored import StoredArray
from hw5.errors import InputError
from hw5.opening import Length, inflation_limit, open_plain
from hw5.tables.numeric import array_columns, as_features
from hw5.tables.table import (
    BEYOND_FLOAT32,
    Schema,
    Table,
    as_images,
    channels_note,
    column_index,
    image_shape_of,
    make_table,
    training_label_column,
)
from hw5.text import listed, quoted

_FEATURES = (
    *("x_train", "X_train", "X", "x", "data", "images"),  # which messages name
    *("train_x", "train_X", "train_images", "train_data", "train_features", "features", "inputs", "arr_0"),
)
_LABELS = (
    *("y_train", "y", "labels", "target"),
    *("Y_train", "train_y", "train_Y", "train_labels", "train_targets", "Y", "label", "targets", "arr_1"),
)
_TEST_FEATURES = ("x_test", "X_test", "test_x", "test_X", "test_images", "test_data", "test_features")
_TEST_LABELS = ("y_test", "Y_test", "test_y", "test_Y", "test_labels", "test_targets")
_LABELS_OF = (  # the name of the labels' file by that of the features'
    (re.compile(r"(?<![a-zA-Z])[xX](?![a-zA-Z])"), "y"),
    (re.compile("images|features|data"), "labels"),
)

_MAX_CODE_POINT = 0x10FFFF  # of Unicode

# By format version: the width in bytes of the header's length, and the parser of the header
_HEADERS = {
    (1, 0): (2, np.lib.format.read_array_header_1_0),
    (2, 0): (4, np.lib.format.read_array_header_2_0),
}
_MAX_HEADER = 10_000  # NumPy parses no longer header, but reads it into memory first


def read_npz(path: Path, schema: Schema | None = None) -> tuple[Table, Table | None]:
    """The training set, and the test set if the archive has one."""
    with _open_archive(path) as archive:
        train = _read_table(path, archive, _FEATURES, _LABELS, schema)
        names = _array_names(archive)
        known = {*_FEATURES, *_LABELS, *_TEST_FEATURES, *_TEST_LABELS}
        others = sorted(name for name in names if name not in known)
        train = replace(train, notes=train.notes + (f"did not use the arrays {listed(others)}",) * bool(others))
        if names.isdisjoint(_TEST_FEATURES + _TEST_LABELS):
            return train, None
        return train, _read_table(path, archive, _TEST_FEATURES, _TEST_LABELS, schema or _schema(train))


def _schema(train: Table) -> Schema:
    return Schema(train.X.shape[1], columns=train.columns)


@contextmanager
def open_npz_values(path: Path) -> Iterator[StoredArray]:
    """The features of an archive, with their own shape and type, to be read; labels are optional."""
    with _open_archive(path) as archive, _open_member(path, archive, _first(path, archive, _FEATURES)) as stored:
        yield stored


def read_archive(path: Path, most_bytes: Callable[[int], int] = inflation_limit) -> dict[str, np.ndarray]:
    """All arrays of an archive by name, including those without dimensions.

    most_bytes(n) is how much a file of n bytes may hold.
    """
    with _open_archive(path, most_bytes) as archive:
        return {name: _read_member(path, archive, name, scalar=True) for name in sorted(_array_names(archive))}


def read_npy(path: Path, label_column: str | None, schema: Schema | None = None) -> tuple[Table, None]:
    """The examples of a 2-D array, or of a file of features and one of labels in the same folder."""
    of_labels = None if label_column else _file_of_labels(path)
    if of_labels:
        train = _pair(str(path), read_npy_values(path), str(of_labels), read_npy_values(of_labels), schema)
        return replace(train, label=f"the file {of_labels.name}"), _test_pair(path, schema or _schema(train))
    values = read_npy_values(path)
    if values.ndim != 2 or values.shape[1] < 2:
        raise InputError(
            f"{path}: the array has shape {values.shape}, but a table of features and labels is 2-D with at least "
            "two columns; save X and y to an .npz instead"
        )
    width = values.shape[1]
    label = column_index(label_column or training_label_column(schema, width) or "-1", width, str(path))
    columns = schema.columns if schema else array_columns(values, label)
    X = as_features(values, str(path), label, columns, copy=False)
    table = make_table(str(path), X, values[:, label], label_suffix=f", column {label + 1}")
    return replace(table, label=f"column {label + 1}", columns=columns), None


def labels_beside(path: Path) -> Path | None:
    """y.npy for X.npy, y_train.npy for X_train.npy, and so on; None for a name that is not that of features."""
    names = (path.with_name(pattern.sub(word, path.stem) + path.suffix) for pattern, word in _LABELS_OF)
    return next((each for each in names if each.name != path.name), None)


def _file_of_labels(path: Path) -> Path | None:
    """labels_beside, if there is such a file."""
    of_labels = labels_beside(path)
    return of_labels if of_labels and of_labels.is_file() else None


def _test_pair(path: Path, schema: Schema) -> Table | None:
    """The test set beside X_train.npy, X_test.npy with y_test.npy, if there is one."""
    features = path.with_name(path.name.replace("train", "test"))
    of_labels = _file_of_labels(features)
    if features == path or not features.is_file() or not of_labels:
        return None
    return _pair(str(features), read_npy_values(features), str(of_labels), read_npy_values(of_labels), schema)


@contextmanager
def open_npy_values(path: Path) -> Iterator[StoredArray]:
    """The array of an .npy, with its own shape and type, to be read."""
    with open_plain(path) as (stream, size):
        yield _stored(stream, Length(size, size), str(path))._replace(is_plain=True)


def read_npy_values(path: Path) -> np.ndarray:
    """The array of an .npy, with its own shape and type.

    It is mapped rather than read if it is large and can be used as it is.
    """
    with open_npy_values(path) as stored:
        return _read(stored)


@contextmanager
def _open_archive(path: Path, most_bytes: Callable[[int], int] = inflation_limit) -> Iterator[zipfile.ZipFile]:
    """Open an .npz; InputError if it has duplicate names, or arrays too large for the size of the file."""
    with open_plain(path) as (stream, size):
        with _zip_errors():
            archive = zipfile.ZipFile(stream)
        names = archive.namelist()
        if len(set(names)) < len(names):
            raise InputError(f"{path}: two arrays have the same name; save it with numpy.savez")
        total = sum(member.file_size for member in archive.infolist())
        if total > most_bytes(size):
            raise InputError(
                f"{path}: the arrays have {total} bytes, too many for the size of the file; "
                "if it is not damaged, save it uncompressed with numpy.savez"
            )
        yield archive


@contextmanager
def _zip_errors() -> Iterator[None]:
    """Turn the other exceptions that zipfile raises for damaged archives into BadZipFile."""
    try:
        yield
    except (ValueError, OverflowError, struct.error) as error:
        raise zipfile.BadZipFile("damaged") from error


def _read_table(path: Path, archive, features: tuple, labels: tuple, schema: Schema | None) -> Table:
    x_name, X = _read_first(path, archive, features)
    y_name, y = _read_first(path, archive, labels)
    return _pair(f"{path}, {x_name}", X, f"{path}, {y_name}", y, schema)


def read_arrays(X, y, schema: Schema | None = None) -> Table:
    """The Table of arrays in memory, X (N, ...) and y (N,), or (N, m) one-hot, or (N, q)."""
    return _pair("X", as_array(X, "X"), "y", as_array(y, "y"), schema, copy=True)


def as_array(values, where: str) -> np.ndarray:
    """The array of what NumPy takes for one. Raises InputError, also for masked values, whose mask would be lost."""
    if np.ma.is_masked(values):
        raise InputError(f"{where} has masked values; fill them in, or remove their examples")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{where} is not an array, since its rows are of different lengths; correct them") from error
    if not array.ndim:
        how = ", such as X.toarray() for a sparse matrix" if hasattr(values, "toarray") else ""
        raise InputError(f"{where} is a {type(values).__name__}; give an array{how}")
    if not array.size:
        raise InputError(f"{where} has the shape {array.shape}, which is empty; give examples")
    return array


def _pair(where_x: str, X: np.ndarray, where_y: str, y: np.ndarray, schema: Schema | None, copy=False) -> Table:
    """The Table of features X (N, ...) and labels y: (N,), (N, 1) as Keras has them, one-hot (N, m), or (N, q).

    copy: as in as_features.
    """
    targets = None
    if y.ndim == 2 and y.shape[1] > 1 and len(X) == len(y) and y.dtype.kind in "buif":
        targets, y = _finite(y, where_y), y.argmax(axis=1)  # the class, if it is one-hot
    if y.size != len(y):
        raise InputError(f"{where_y} has shape {y.shape}; save it with one label per example")
    if len(X) != len(y):
        raise InputError(
            f"{where_x} has {len(X)} examples, but {where_y} has {len(y)} labels; save one label per example"
        )
    notes = tuple(channels_note(X.shape))
    X = as_images(X)
    columns = schema.columns if schema else array_columns(X)
    table = make_table(where_y, as_features(X, where_x, columns=columns, copy=copy), y.ravel(), image_shape_of(X))
    if targets is not None:
        is_one_hot = (np.count_nonzero(targets, axis=1) == 1).all() and (targets.sum(axis=1) == 1).all()
        table = replace(table, targets=targets, codes=table.codes if is_one_hot else None)
    return replace(table, columns=columns, notes=notes)


def _finite(y: np.ndarray, where: str) -> np.ndarray:
    """y (N, q) as float64. Raises InputError for a number that is none of float32."""
    y = y.astype(np.float64)
    with np.errstate(invalid="ignore"):
        wrong = np.argwhere(~(abs(y) < BEYOND_FLOAT32))
    if len(wrong):
        row, column = wrong[0].tolist()
        raise InputError(
            f"{where}, row {row + 1}, column {column + 1}: the target is {y[row, column]:g}; correct it or remove the "
            "row"
        )
    return y


def _array_names(archive: zipfile.ZipFile) -> set[str]:
    return {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}


def _read_first(path: Path, archive: zipfile.ZipFile, names: tuple[str, ...]) -> tuple[str, np.ndarray]:
    """The first of `names` that is in the archive, and its array."""
    name = _first(path, archive, names)
    return name, _read_member(path, archive, name)


def _first(path: Path, archive: zipfile.ZipFile, names: tuple[str, ...]) -> str:
    """The first of `names` that is in the archive. Raises InputError if there is none."""
    present = _array_names(archive)
    name = next((name for name in names if name in present), None)
    if name is None:
        raise InputError(
            f"{path}: no array is named {' or '.join(names[:6])}; the file has {listed(sorted(present)) or 'no arrays'}: "
            "save it with numpy.savez(file, X=X, y=y)"
        )
    return name


def _read_member(path: Path, archive: zipfile.ZipFile, name: str, scalar: bool = False) -> np.ndarray:
    with _open_member(path, archive, name, scalar) as stored:
        return _read(stored)


@contextmanager
def _open_member(path: Path, archive: zipfile.ZipFile, name: str, scalar: bool = False) -> Iterator[StoredArray]:
    where, info = f"{path}, {name if name.isidentifier() else quoted(name)}", archive.getinfo(f"{name}.npy")
    is_encrypted = info.flag_bits & 1
    if is_encrypted or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{where}: the array is encrypted or in an unknown compression; save it with numpy.savez")
    with _zip_errors(), archive.open(info) as stream:
        yield _stored(stream, Length(info.file_size, info.file_size), where, scalar)


def _stored(stream: BinaryIO, length: Length, where: str, scalar: bool = False) -> StoredArray:
    """The array of an .npy, whose header numpy.lib.format describes."""
    shape, fortran_order, dtype = _checked_header(stream, where)
    return StoredArray(stream, shape, dtype, length, where, "F" if fortran_order else "C", scalar)


def _read(stored: StoredArray) -> np.ndarray:
    array, dtype = stored.read(), stored.dtype
    if dtype.kind == "U" and (array.reshape(-1).view(f"{dtype.byteorder}u4") > _MAX_CODE_POINT).any():
        raise InputError(f"{stored.where}: the text has characters that are not Unicode; save it again")
    return array


def _checked_header(stream: BinaryIO, where: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # outdated types, and syntax warnings from damaged headers
            shape, fortran_order, dtype = _read_header(stream)
    except Exception as error:  # NumPy raises many types for a damaged header
        raise InputError(f"{where}: not a valid NumPy header; save it with numpy.save or numpy.savez") from error
    if dtype.kind not in "biufcSUmM":
        raise InputError(f"{where}: Python objects and records are never loaded; save arrays of numbers or text")
    return shape, fortran_order, dtype


def _read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    width, parse = _HEADERS[np.lib.format.read_magic(stream)]
    prefix = stream.read(width)
    length = int.from_bytes(prefix, "little")
    if length > _MAX_HEADER:
        raise ValueError(f"a header of {length} bytes")
    shape, fortran_order, dtype = parse(io.BytesIO(prefix + stream.read(length)))
    return tuple(map(int, shape)), fortran_order, dtype  # NumPy accepts True as a size
