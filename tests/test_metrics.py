"""Metrics against hand-computed values."""

import numpy as np
import pytest

from hw5.metrics import confusion_matrix, precision_recall_f1, r2_and_rmse


def test_confusion_matrix():
    C = confusion_matrix(y=[0, 0, 0, 1, 1, 2], predicted=[0, 0, 1, 1, 0, 2], m=4)
    assert C.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_precision_recall_f1():
    C = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    precision, recall, f1 = precision_recall_f1(C)
    np.testing.assert_allclose(precision, [3 / 5, 4 / 5, 0])
    np.testing.assert_allclose(recall, [3 / 4, 4 / 6, 0])
    np.testing.assert_allclose(f1, [2 * 0.6 * 0.75 / 1.35, 2 * 0.8 * (4 / 6) / (0.8 + 4 / 6), 0])


def test_r2_and_rmse():
    """Targets 1, 2, 3, 6 have the mean 3 and spread 4 + 1 + 0 + 9 = 14; the errors 1, 0, 1, 2 have the squares 6."""
    r2, rmse = r2_and_rmse(np.float32([1, 2, 3, 6]), np.float32([2, 2, 2, 8]))
    assert r2 == pytest.approx(1 - 6 / 14) and rmse == pytest.approx((6 / 4) ** 0.5)
    assert r2_and_rmse(np.float32([1, 2, 3]), np.float32([2, 2, 2]))[0] == 0  # always predicting the mean
    assert r2_and_rmse(np.float32([1, 2, 3]), np.float32([1, 2, 3])) == (1, 0)
    assert np.isnan(r2_and_rmse(np.float32([5, 5]), np.float32([5, 6]))[0])


def test_r2_of_large_targets_that_are_close():
    """float32 can represent the targets, but not their squares."""
    y = np.float32([500_001, 500_002, 500_003])
    assert r2_and_rmse(y, y + np.float32([1, 0, 0])) == (pytest.approx(0.5), pytest.approx(3**-0.5))
