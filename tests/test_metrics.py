"""The figures of an evaluation, against counts made by hand."""

import numpy as np

from hw5.metrics import confusion_matrix, precision_recall_f1


def test_confusion_matrix_counts_true_by_found():
    C = confusion_matrix(y=[0, 0, 0, 1, 1, 2], classes=[0, 0, 1, 1, 0, 2], m=4)
    assert C.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_precision_recall_f1():
    C = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    precision, recall, f1 = precision_recall_f1(C)
    np.testing.assert_allclose(precision, [3 / 5, 4 / 5, 0])
    np.testing.assert_allclose(recall, [3 / 4, 4 / 6, 0])
    np.testing.assert_allclose(f1, [2 * 0.6 * 0.75 / 1.35, 2 * 0.8 * (4 / 6) / (0.8 + 4 / 6), 0])
