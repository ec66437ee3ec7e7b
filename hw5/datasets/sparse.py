"""The svmlight format, which LIBSVM and others use: a label and the numbers that are not 0, as position:value."""

from pathlib import Path

import numpy as np

from hw5.opening import inflation_limit, open_inflated
from hw5.tables.table import Table, as_features, make_table
from hw5.errors import InputError


def read(path: Path) -> tuple[Table, None]:
    """The examples, with as many features as the highest position."""
    X, y = _load(path)
    whole = (y == np.floor(y)).all()
    return make_table(str(path), as_features(X, str(path)), y.astype(np.int64) if whole else y), None


def read_values(path: Path) -> np.ndarray:
    """The features without the labels."""
    return _load(path)[0]


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
    if not X.shape[0] or not X.shape[1]:
        raise InputError(f"{path}: there are no features; save it again")
    return X.toarray(), y
