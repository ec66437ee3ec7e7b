"""y with several columns: the targets of a regression, or the labels of an example, each 0 or 1."""

import numpy as np
from sklearn.utils import column_or_1d

from hw5.tables.labels import is_text

LOSS_OF_LABELS = "multilabel-cross-entropy"


def without_single_column(y):
    """y as an array in memory, of which a single column becomes (n,), with scikit-learn's warning."""
    y = y.toarray() if hasattr(y, "toarray") else y
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def as_labels(y):
    """y (n, q) as int32. Raises ValueError if it has other values than 0 and 1."""
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            f"y has {y.shape[1]} columns of classes; several labels per example are 0 or 1, and for several classes use "
            "sklearn.multioutput.MultiOutputClassifier"
        )
    return y.astype(np.int32)


def names_of_columns(y, given, word):
    """The names of the columns of y if there are several, else ().

    They are those of the DataFrame given, or word_1, word_2, ...
    """
    if y.ndim == 1:
        return ()
    names, q = tuple(map(str, getattr(given, "columns", ()))), y.shape[1]
    is_usable = len(set(names)) == q and all(map(is_text, names))
    return names if is_usable else tuple(f"{word}_{j}" for j in range(1, q + 1))
