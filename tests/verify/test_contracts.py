"""How far a result is from its reference, and what is said of it."""

import numpy as np
import pytest

from hw5.verify.contracts import EPS, error, error_of_integers


def test_the_error_is_counted_in_eps_of_the_scale_and_names_the_worst_element():
    want = np.array([[1.0, 2], [3, 4]])
    found = error(want + EPS * np.array([[1, 0], [0, 12]]), want, want)
    assert found == pytest.approx(3)
    assert str(found) == "[1, 1] is 4.000001431 and should be 4, off by 3 eps of the numbers' scale"


@pytest.mark.parametrize(
    ("got", "words"),
    [
        ([1, np.nan, np.inf], "[1] is nan and should be 2"),
        ([1, 2, -np.inf], "[2] is -inf and should be inf"),
        ([np.inf, 2, np.inf], "[0] is inf and should be 1"),
    ],
)
def test_another_infinity_is_an_infinite_error(got, words):
    want = np.array([1, 2, np.inf])
    assert error(want, want, abs(want)) == 0
    assert (error(got, want, abs(want)), str(error(got, want, abs(want)))) == (np.inf, words)


def test_a_nan_is_equal_to_a_nan_alone():
    nan = np.array([np.nan])
    assert error(nan, nan, 1) == 0
    assert error(np.zeros(1), nan, 1) == np.inf


def test_whole_numbers_are_equal_or_not():
    assert error_of_integers(np.array([3, 4]), [3, 4]) == 0
    assert str(error_of_integers(np.array([3, 4]), [3, 5])) == "[1] is 4 and should be 5"
