"""How good a classifier is, from the labels and the classes that it found."""

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
