"""Metrics of a model: of predicted classes, or of the predictions of a regression."""

from dataclasses import dataclass

import numpy as np


def confusion_matrix(y, predicted, m):
    """The confusion matrix C (m, m): C[i, j] examples of class i are predicted as class j; inputs (n,) integers."""
    return np.bincount(np.asarray(y, np.int64) * m + predicted, minlength=m * m).reshape(m, m)


@dataclass(frozen=True)
class SparseConfusions:
    """The cells (c,) of a confusion matrix of m classes that are not 0, in its order: at most one an example."""

    true: np.ndarray
    predicted: np.ndarray
    examples: np.ndarray
    m: int

    @classmethod
    def of(cls, y, predicted, m):
        """Those of true and predicted classes, (n,) integers each."""
        cells, counts = np.unique(np.asarray(y, np.int64) * m + predicted, return_counts=True)
        return cls(*np.divmod(cells, m), counts, m)

    def sum(self, axis):
        """As that of the matrix: the examples of each true class (1) or predicted class (0), (m,)."""
        classes = self.true if axis == 1 else self.predicted
        return np.bincount(classes, self.examples, self.m).astype(int)

    def diagonal(self):
        """The correct predictions of each class, (m,)."""
        is_correct = self.true == self.predicted
        return np.bincount(self.true[is_correct], self.examples[is_correct], self.m).astype(int)

    def dense(self):
        """The matrix (m, m)."""
        C = np.zeros((self.m, self.m), int)
        C[self.true, self.predicted] = self.examples
        return C


def precision_recall_f1(C):
    """Precision, recall and F1 of each class, (m,) each, from a confusion matrix; a ratio with denominator 0 is 0.

    precision = C_jj / sum_i C_ij, recall = C_ii / sum_j C_ij, F1 = 2 precision recall / (precision + recall).
    """
    correct = C.diagonal().astype(float)
    precision = _ratio(correct, C.sum(axis=0))
    recall = _ratio(correct, C.sum(axis=1))
    return precision, recall, _ratio(2 * precision * recall, precision + recall)


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def r2_and_rmse(y, predicted):
    """R^2 = 1 - sum (y - predicted)^2 / sum (y - mean(y))^2, and the root mean square error; both inputs (n,).

    R^2 is NaN if all targets are equal. For inputs (n, q) these are the means over the targets.
    """
    if y.ndim == 2:
        return tuple(np.mean([r2_and_rmse(*pair) for pair in zip(y.T, predicted.T)], axis=0).tolist())
    squares, spread = np.square(np.float64(y) - predicted), np.square(np.float64(y) - np.mean(y, dtype=np.float64))
    r2 = 1 - squares.sum() / spread.sum() if spread.any() else np.nan
    return float(r2), float(np.sqrt(squares.mean()))


def balanced_accuracy(C):
    """The mean recall of the classes that have examples, from a confusion matrix."""
    examples = C.sum(axis=1)
    return float((C.diagonal()[examples > 0] / examples[examples > 0]).mean())


def wilson_interval(correct, n):
    """The interval that holds a share of which `correct` of n were observed, with 95 % confidence (Wilson 1927)."""
    z = 1.959964  # the 97.5 % quantile of the normal distribution
    p, squared = correct / n, z * z / n
    middle, half = p + squared / 2, z * np.sqrt(p * (1 - p) / n + squared / (4 * n))
    return float((middle - half) / (1 + squared)), float((middle + half) / (1 + squared))


def roc_auc(y, scores):
    """The area under the ROC curve: how often an example of class 1 has a higher score than one of class 0.

    Ties count half. y (n,) 0 or 1, scores (n,). NaN if a class has no examples.
    """
    _, rank, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[rank]  # from 1; ties have their mean
    ones = int(np.sum(y == 1))
    zeros = len(y) - ones
    return float((ranks[y == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros)) if ones and zeros else np.nan


def calibration_error(confidence, correct, bins=10):
    """The expected calibration error: the mean gap of confidence and accuracy by bin (Guo et al. 2017).

    confidence: the largest probability of each example (n,); correct: whether its class is the true one (n,). The bins
    of confidence are equally wide. NaN if a probability is.
    """
    if not np.isfinite(confidence).all():
        return np.nan
    of_bin = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(of_bin, confidence - correct, minlength=bins)
    return float(abs(gaps).sum() / len(confidence))
