"""How good a model is, from the labels and the classes that it found, or from the targets and its numbers."""

import numpy as np


def confusion_matrix(y, classes, m):
    """C (m, m): C[i, j] examples of class i were taken for class j; y and classes (n,) integers."""
    return np.bincount(np.asarray(y, np.int64) * m + classes, minlength=m * m).reshape(m, m)


def precision_recall_f1(C):
    """Three arrays (m,) from a confusion matrix; where a class was never found, or never there, its ratio is 0.

    precision = C_jj / sum_i C_ij, recall = C_ii / sum_j C_ij, F1 = 2 precision recall / (precision + recall).
    """
    right = np.diag(C).astype(float)
    precision = _ratio(right, C.sum(axis=0))
    recall = _ratio(right, C.sum(axis=1))
    return precision, recall, _ratio(2 * precision * recall, precision + recall)


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def r2_and_rmse(y, found):
    """R^2 = 1 - sum (y - found)^2 / sum (y - mean)^2, and the root mean square error; y and found (n,).

    R^2 is a NaN where all targets are the same.
    """
    squares, spread = np.square(np.float64(y) - found), np.square(np.float64(y) - np.mean(y, dtype=np.float64))
    r2 = 1 - squares.sum() / spread.sum() if spread.any() else np.nan
    return float(r2), float(np.sqrt(squares.mean()))
