"""The error of a result, and its text."""

import numpy as np
import pytest

from hw5.verify.contract import EPS, error, error_of_integers


def test_the_error_is_in_eps_of_the_scale_and_names_the_worst_element():
    want = np.array([[1.0, 2], [3, 4]])
    largest = error(want + EPS * np.array([[1, 0], [0, 12]]), want, want)
    assert largest == pytest.approx(3)
    assert str(largest) == "[1, 1] is 4.000001431, expected 4 (error 3 eps times the scale)"


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ([1, np.nan, np.inf], "[1] is nan, expected 2"),
        ([1, 2, -np.inf], "[2] is -inf, expected inf"),
        ([np.inf, 2, np.inf], "[0] is inf, expected 1"),
    ],
)
def test_another_infinity_is_an_infinite_error(got, words):
    want = np.array([1, 2, np.inf])
    assert error(want, want, abs(want)) == 0
    assert (error(got, want, abs(want)), str(error(got, want, abs(want)))) == (np.inf, words)


def test_a_nan_is_equal_only_to_a_nan():
    nan = np.array([np.nan])
    assert error(nan, nan, 1) == 0
    assert error(np.zeros(1), nan, 1) == np.inf


def test_whole_numbers_are_equal_or_not():
    assert error_of_integers(np.array([3, 4]), [3, 4]) == 0
    assert str(error_of_integers(np.array([3, 4]), [3, 5])) == "[1] is 4, expected 5"
