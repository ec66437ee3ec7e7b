"""Sparse ARFF gives what the same rows give when they are dense."""

import numpy as np
import pytest

from hw5.datasets import load
from tests.datasets.helpers import input_error

HEAD = "@relation r\n@attribute a numeric\n@attribute 'b c' REAL\n@attribute kind {'x, 1',y}\n@attribute class {no,yes}\n@data\n"
DENSE = ["0,0,'x, 1',no", "3.5,0,y,yes", "0,-2,'x, 1',yes", "1,2,y,no", "?,0,y,no"] * 4
SPARSE = ["{}", "{0 3.5, 2 y, 3 yes}", "{1 -2,3 yes}", "{ 0 1, 1 2, 2 'y' }", "{0 ?, 2 y}"] * 4


def test_sparse_rows(write):
    sparse = load(write(HEAD + "% a comment\n\n" + "\n".join(SPARSE), "sparse.arff"))
    dense = load(write(HEAD + "\n".join(DENSE), "dense.arff"))
    assert sparse.feature_names == dense.feature_names and sparse.class_names == ("no", "yes")
    np.testing.assert_array_equal(sparse.train.X, dense.train.X)
    np.testing.assert_array_equal(sparse.train.y, dense.train.y)


def test_other_encodings(write):
    head = HEAD.replace("yes}", "yes,né}")
    assert (
        "né" in load(write((head + "\n".join([*SPARSE, "{3 né}", "{3 né}"])).encode("latin-1"), "a.arff")).class_names
    )


@pytest.mark.parametrize(
    "row, said",
    [
        ("1,2,y,no", "'1,2,y,no' is no row in braces"),
        ("{4 2}", "'4 2' is not the position of an attribute, from 0 to 3"),
        ("{1}", "'1' is not the position"),
        ("{0 oops}", "'oops' is not a number"),
    ],
)
def test_rows_with_faults(write, row, said):
    with input_error(", row 27", said):
        load(write(HEAD + "\n".join([*SPARSE, row]), "a.arff"))


def test_more_attributes_than_its_size_allows(write, monkeypatch):
    monkeypatch.setattr("hw5.tables.sparse_arff.inflation_limit", lambda size: 50)
    with input_error("too many attributes"):
        load(write(HEAD + "\n".join(SPARSE), "a.arff"))
