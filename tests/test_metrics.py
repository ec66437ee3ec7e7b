"""Metrics against hand-computed values."""

import numpy as np
import pytest

from hw5.metrics import (
    SparseConfusions,
    balanced_accuracy,
    calibration_error,
    confusion_matrix,
    precision_recall_f1,
    r2_and_rmse,
    roc_auc,
    wilson_interval,
)


def test_confusion_matrix():
    C = confusion_matrix(y=[0, 0, 0, 1, 1, 2], predicted=[0, 0, 1, 1, 0, 2], m=4)
    assert C.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_sparse_confusions_are_those_of_the_matrix():
    rng = np.random.default_rng(0)
    for m, n in ((2, 50), (7, 30), (40, 20), (3, 0)):
        y, predicted = rng.integers(0, m, (2, n))
        C, cells = confusion_matrix(y, predicted, m), SparseConfusions.of(y, predicted, m)
        assert (cells.dense() == C).all() and (cells.diagonal() == C.diagonal()).all()
        assert all((cells.sum(axis) == C.sum(axis)).all() for axis in (0, 1)) and len(cells.examples) <= n


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


def test_balanced_accuracy():
    assert balanced_accuracy(np.array([[9, 1, 0], [2, 2, 0], [0, 0, 0]])) == pytest.approx((0.9 + 0.5) / 2)


def test_wilson_interval():
    """Brown, Cai and DasGupta (2001): finite at 0 and 1; 81 of 263 is the example of Newcombe (1998)."""
    assert wilson_interval(81, 263) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert wilson_interval(0, 20) == (pytest.approx(0, abs=1e-12), pytest.approx(0.1611, abs=5e-5))
    assert wilson_interval(20, 20)[1] == pytest.approx(1)


def test_roc_auc():
    assert roc_auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])) == 0.75
    assert roc_auc(np.array([0, 1, 0, 1]), np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
    assert roc_auc(np.array([0, 1]), np.array([0.1, 0.2])) == 1
    assert np.isnan(roc_auc(np.array([1, 1]), np.array([0.1, 0.2])))


def test_roc_auc_and_balanced_accuracy_are_scikit_learns():
    metrics, rng = pytest.importorskip("sklearn.metrics"), np.random.default_rng(0)
    y, scores = rng.integers(0, 2, 500), rng.integers(0, 30, 500) / 30
    assert roc_auc(y, scores) == pytest.approx(metrics.roc_auc_score(y, scores))
    C = confusion_matrix(y, scores > 0.3, 2)
    assert balanced_accuracy(C) == pytest.approx(metrics.balanced_accuracy_score(y, scores > 0.3))


def test_calibration_error():
    """Two predictions of 0.95, one right, and two of 0.65, both right: 2/4 * 0.45 + 2/4 * 0.35."""
    correct = np.array([True, False, True, True])
    assert calibration_error(np.array([0.95, 0.95, 0.65, 0.65]), correct) == pytest.approx(0.4)
    assert calibration_error(np.array([1.0]), np.array([True])) == 0
