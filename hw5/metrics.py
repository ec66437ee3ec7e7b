"""Metrics of a model: of predicted classes, or of the predictions of a regression."""

import numpy as np


def confusion_matrix(y, predicted, m):
    """The confusion matrix C (m, m): C[i, j] examples of class i are predicted as class j; inputs (n,) integers."""
    return np.bincount(np.asarray(y, np.int64) * m + predicted, minlength=m * m).reshape(m, m)


def precision_recall_f1(C):
    """Precision, recall and F1 of each class, (m,) each, from a confusion matrix; a ratio with denominator 0 is 0.

    precision = C_jj / sum_i C_ij, recall = C_ii / sum_j C_ij, F1 = 2 precision recall / (precision + recall).
    """
    correct = np.diag(C).astype(float)
    precision = _ratio(correct, C.sum(axis=0))
    recall = _ratio(correct, C.sum(axis=1))
    return precision, recall, _ratio(2 * precision * recall, precision + recall)


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def r2_and_rmse(y, predicted):
    """R^2 = 1 - sum (y - predicted)^2 / sum (y - mean(y))^2, and the root mean square error; both inputs (n,).

    R^2 is NaN if all targets are equal.
    """
    squares, spread = np.square(np.float64(y) - predicted), np.square(np.float64(y) - np.mean(y, dtype=np.float64))
    r2 = 1 - squares.sum() / spread.sum() if spread.any() else np.nan
    return float(r2), float(np.sqrt(squares.mean()))
