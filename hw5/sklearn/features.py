"""X as scikit-learn has it, checked, and as features for a network."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from hw5.datasets.preprocessing import training_rows
from hw5.errors import InputError
from hw5.opening import free_memory
from hw5.sklearn.several import without_single_column
from hw5.tables.frames import features_of, fitted_features, is_table
from hw5.tables.numeric import array_columns, as_features
from hw5.text import listed

_FLOAT32 = 4  # bytes; the type of features, which are made of X
_CHECKS = {"dtype": (np.float64, np.float32, np.uint8), "order": "C", "accept_sparse": True}


def checked(estimator, X, y, is_first, **options):
    """X and y, (n,) or (n, q), after scikit-learn's checks; a DataFrame with text stays what it is.

    is_first: whether X determines the features of the estimator; else it must have them. Raises ValueError.
    """
    columns = None if is_first else estimator.checkpoint_.columns
    if not (is_table(X) if columns is None else not columns.are_plain):
        several = estimator._takes_several
        X, y = validate_data(estimator, X, y, reset=is_first, multi_output=several, **_CHECKS, **options)
        return _dense(X), without_single_column(y)
    y = check_array(y, dtype=None, ensure_2d=False, input_name="y", ensure_all_finite=True, accept_sparse=True)
    y = without_single_column(y) if estimator._takes_several else column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    if is_first:
        names = np.array(list(map(str, X.columns)), object)
        estimator.n_features_in_, estimator.feature_names_in_ = X.shape[1], names
    return X, y


def fitted(estimator, X, y, class_names, seed):
    """The features (n, d) of X, their Columns or None, and their names or None. Raises InputError."""
    if is_table(X):
        rows = training_rows(y, has_test=True, validation=estimator.validation, holdout=0, seed=seed)
        X, columns = fitted_features(X, y if class_names else None, rows)
        return X, columns, columns.feature_names
    names = getattr(estimator, "feature_names_in_", None)
    columns = array_columns(X) if estimator.standardise else None
    return as_features(X, "X", columns=columns), columns, None if names is None else tuple(names)


def features(X, checkpoint):
    """The features (n, d) of X for the model of a checkpoint. Raises InputError."""
    columns = checkpoint.columns
    if columns is None or columns.are_plain:
        return as_features(X, "X", columns=columns)
    if not hasattr(X, "iloc"):
        raise InputError(f"X must be a DataFrame with the columns {listed(names_of(columns))}")
    return features_of(X, checkpoint.schema)


def checked_features(estimator, X):
    """The features (n, d) of X for a fitted estimator. Raises ValueError and InputError."""
    columns = estimator.checkpoint_.columns
    if columns is None or columns.are_plain:
        X = _dense(validate_data(estimator, X, reset=False, **_CHECKS))
    return features(X, estimator.checkpoint_)


def names_of(columns):
    """The names of the columns of a table."""
    return [column.name for column in columns.numbered]


def _dense(X):
    """X as an array in C order; hw5 computes with dense matrices. Raises ValueError if it does not fit into memory."""
    if not hasattr(X, "toarray"):
        return X
    n, d = X.shape
    needed, free = n * d * (X.dtype.itemsize + _FLOAT32), free_memory()
    if needed > free:
        raise ValueError(
            f"X is sparse and needs {needed / 1e9:.1f} GB of memory as the dense matrix that hw5 computes with, and "
            f"{free / 1e9:.1f} GB are free; reduce its {d:,} features, with TruncatedSVD for example"
        )
    return X.toarray(order="C")
