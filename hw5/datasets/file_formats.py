"""The format of a file: one of tables, which hw5/tables/formats.py lists, or of arrays, whose readers are here."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hw5.datasets import arrays, idx, sparse
from hw5.errors import InputError
from hw5.opening import Spool
from hw5.tables.formats import READERS
from hw5.tables.kinds import REFUSED, kind_of
from hw5.tables.table import Table


class ArrayReader(NamedTuple):
    """How a kind of file is read that is no table."""

    read: Callable[..., tuple[Table, Table | None]]  # takes the path, the label column if it has one, and the schema
    open_values: Callable | None = None  # the features without labels, as a context that gives a StoredArray
    has_label_column: bool = False


ARRAY_READERS = {
    "folder": ArrayReader(idx.read_folder),
    "idx": ArrayReader(idx.read_file, idx.open_values),
    "npz": ArrayReader(arrays.read_npz, arrays.open_npz_values),
    "npy": ArrayReader(arrays.read_npy, arrays.open_npy_values, has_label_column=True),
    "svmlight": ArrayReader(sparse.read, sparse.open_values),
}


def format_of(path: Path | Spool) -> str:
    """A name in READERS or ARRAY_READERS; InputError for other files, and if standard input is no table."""
    if isinstance(path, Spool):
        format = _readable(path)
        if format not in READERS:
            raise InputError(f"{path}: this is not a table, as standard input must be")
        return format
    if path.is_dir():
        return "folder"
    if not path.is_file():
        raise InputError(
            f"{path}: not a regular file; give a table such as .csv, an .npz or .npy, an IDX file named like "
            f"{idx.FILES[0]}, or a folder of IDX files"
        )
    if idx.FILE_NAME.search(path.name):
        return "idx"
    suffix = path.suffix.lower()
    return suffix[1:] if suffix in (".npz", ".npy") else _readable(path)


def _readable(path: Path | Spool) -> str:
    """The format of a file by its first bytes. Raises InputError if hw5 does not read it."""
    kind = kind_of(path)
    if kind in REFUSED:
        raise InputError(f"{path}: this is {REFUSED[kind]}")
    return kind
