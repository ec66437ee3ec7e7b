"""The svmlight format, which LIBSVM and others use: a label and the numbers that are not 0, as position:value."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from hw5.datasets.stored import LoadedArray
from hw5.errors import InputError
from hw5.opening import inflation_limit, open_inflated
from hw5.tables.numeric import array_columns, as_features
from hw5.tables.table import Schema, Table, make_table


def read(path: Path, schema: Schema | None = None) -> tuple[Table, None]:
    """The examples, with as many features as the highest position."""
    X, y = _load(path)
    if schema and X.shape[1] < schema.features:  # the last features may be 0 in all rows
        X = np.pad(X, ((0, 0), (0, schema.features - X.shape[1])))
    columns = schema.columns if schema else array_columns(X)
    table = make_table(
        str(path), as_features(X, str(path), columns=columns), y.astype(np.int64) if _are_whole(y) else y
    )
    return replace(table, columns=columns), None


def _are_whole(y: np.ndarray) -> bool:
    return bool((y == np.floor(y)).all() and abs(y).max() < 2.0**63)


@contextmanager
def open_values(path: Path) -> Iterator[LoadedArray]:
    """The features without the labels."""
    yield LoadedArray(_load(path)[0])


def _load(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        from sklearn.datasets import load_svmlight_file
    except ImportError as error:
        raise InputError(f"{path}: files in svmlight format need scikit-learn: pip install 'hw5[sklearn]'") from error
    with open_inflated(path) as stream:
        try:
            X, y = load_svmlight_file(stream)
        except (ValueError, OverflowError, IndexError, MemoryError) as error:
            raise InputError(f"{path}: not a valid svmlight file ({str(error)[:80]}); correct it") from error
    if 8 * X.shape[0] * X.shape[1] > inflation_limit(path.stat().st_size):
        raise InputError(f"{path}: {X.shape[0]:,} rows of {X.shape[1]:,} features are too many; hw5 needs dense data")
    if not np.isfinite(y).all():
        row = int(np.isfinite(y).argmin())
        raise InputError(f"{path}, row {row + 1}: the label {y[row]} is not finite; correct it or remove the row")
    if not X.shape[0] or not X.shape[1]:
        raise InputError(f"{path}: there are no features; save it again")
    return X.toarray(), y
