"""The targets of a regression, from every format."""

import math

import numpy as np
import pytest

from hw5.datasets import load

from .helpers import input_error, write_idx

X = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
T = np.random.default_rng(1).normal(size=9)


def regression(path, **arguments):
    return load(str(path), task="regression", **arguments)


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "a.csv"
        path.write_text(content)
        return path

    return write


@pytest.mark.parametrize(
    "values", [T, T[:, np.newaxis], T.astype("f2"), np.arange(9) - 4, np.arange(9, dtype="u8"), T.astype(str)]
)
def test_npz(tmp_path, values):
    np.savez(tmp_path / "a.npz", X=X, y=values)
    data = regression(tmp_path / "a.npz")
    assert data.train.y.dtype == np.float32 and data.class_names == ()
    np.testing.assert_array_equal(data.train.y, values.ravel().astype(np.float32))
    np.testing.assert_array_equal(data.train.X, X)


def test_npz_with_a_test_set(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=T, x_test=X[:4], y_test=T[:4] + 1)
    np.testing.assert_array_equal(regression(tmp_path / "a.npz").test.y, (T[:4] + 1).astype(np.float32))


def test_npy(tmp_path):
    np.save(tmp_path / "a.npy", np.column_stack([X[:, 0], T, X[:, 1]]))
    data = regression(tmp_path / "a.npy", label_column="2")
    np.testing.assert_array_equal(data.train.y, T.astype(np.float32))
    np.testing.assert_array_equal(data.train.X, X[:, :2])


@pytest.mark.parametrize("values", [np.arange(9, dtype="u1") % 4, T.astype("f4")])
def test_idx(tmp_path, values):
    write_idx(tmp_path / "train-images-idx2-float", X)
    write_idx(tmp_path / "train-labels-idx1-float.gz", values)
    np.testing.assert_array_equal(regression(tmp_path).train.y, values)


@pytest.mark.parametrize("name", ["digits", "xor"])
def test_numeric_classes_as_targets(name):
    classes, numbers = load(name), regression(name)
    np.testing.assert_array_equal(numbers.train.y, classes.train.y.astype(np.float32))
    np.testing.assert_array_equal(numbers.train.X, classes.train.X)


@pytest.mark.parametrize(
    "content, column, names, features, targets",
    [
        ("1,2,0.5\n3,4,-1e3\n", None, None, [[1, 2], [3, 4]], [0.5, -1000]),  # all numbers: no header
        ("0,1,price\n1,2,0.5\n", None, ("0", "1"), [[1, 2]], [0.5]),  # text over a number
        ("a,b,price\n1,2,0.5\n", None, ("a", "b"), [[1, 2]], [0.5]),
        ("Target,a,b\n0.5,1,2\n", None, ("a", "b"), [[1, 2]], [0.5]),
        ("a,y,b\n1,0.5,2\n", None, ("a", "b"), [[1, 2]], [0.5]),
        ("a,price,b\n1,0.5,2\n", "price", ("a", "b"), [[1, 2]], [0.5]),
        ("0.5,1,2\n0.5,1,2\n", "1", None, [[1, 2], [1, 2]], [0.5, 0.5]),  # a constant
        ("x,y\n1, 2 \n3,+2.0\n5,2e0\n", None, ("x",), [[1], [3], [5]], [2, 2, 2]),
    ],
)
def test_csv(table, content, column, names, features, targets):
    data = regression(table(content), label_column=column)
    assert data.feature_names == names
    assert data.train.X.tolist() == features and data.train.y.tolist() == targets


@pytest.mark.parametrize(
    "content, words",
    [
        ("a,b,kind\n1,2,rose\n", ["row 2, column 3 ('kind')", "'rose'", "--task regression", "--label-column"]),
        ("a,b,kind\n1,2,3\n1,2,x\n1,2,\n", ["row 3, column 3", "'x' is not a number"]),
        ("a,b,c\n1,2,\n\n1,2,\n", ["no targets in column 3 ('c')", "--label-column"]),
        ("a,b,c\n1,2,1_0\n", ["row 2, column 3", "'1_0' is not a number"]),
        ("a,b,c\n1,2,nan\n", ["no targets in column 3"]),
        ("a,b,c\n1,2,-inf\n", ["row 2, column 3", "'-inf' is not a finite float32"]),
        ("a,b,c\n1,2,1e39\n", ["row 2, column 3", "'1e39' is not a finite float32"]),
        ("a,b,c\n1,2,1\n1,x,1\n1,3,2\n", ["row 3, column 2", "'x' is not a number"]),
    ],
)
def test_invalid_csv(table, content, words):
    path = table(content)
    with input_error(path, *words):
        regression(path)


def test_the_largest_float32_is_the_limit(table):
    largest = float(np.finfo(np.float32).max)
    beyond = (2 - 2**-24) * 2.0**127  # halfway to the next power of two: rounds up, to infinity
    below = math.nextafter(beyond, 0)
    assert regression(table(f"1,{below!r}\n2,{-below!r}\n")).train.y.tolist() == [largest, -largest]
    with input_error("row 1, column 2", "not a finite float32"):
        regression(table(f"1,{beyond!r}\n"))


@pytest.mark.parametrize(
    "values, words",
    [
        (np.array(["1", "2", "x"] * 3), ["y, row 3", "'x' is not a number"]),
        (np.where(np.arange(9) == 5, np.nan, T), ["y, row 6", "nan"]),
        (np.where(np.arange(9) == 5, 1e39, T), ["y, row 6", "1e+39"]),
        (T > 0, ["y, row 1", "is not a number"]),
        (T + 1j, ["y: labels must be numbers", "complex128"]),
        (np.column_stack([T, T])[:, :, np.newaxis], ["y has shape (9, 2, 1)"]),
    ],
)
def test_invalid_npz(tmp_path, values, words):
    np.savez(tmp_path / "a.npz", X=X, y=values)
    with input_error(tmp_path / "a.npz", *words):
        regression(tmp_path / "a.npz")
