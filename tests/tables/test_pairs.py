"""Rows of name=value pairs give what the same table as CSV gives."""

import numpy as np

from hw5.datasets import load, load_inputs
from hw5.tables.pairs import is_pairs
from tests.datasets.helpers import input_error
from tests.tables.helpers import rows, schema_of, text

X, NAMES = rows(60)
LINES = [f'leaf={a} site="far {i % 2}" bark={b} height={c} tree={t}' for i, ((a, b, c), t) in enumerate(zip(X, NAMES))]


def test_pairs(write):
    path = write("\n".join(LINES), "trees.log")
    csv = load(
        write(
            text(
                [[a, f"far {i % 2}", b, c, t] for i, ((a, b, c), t) in enumerate(zip(X, NAMES))],
                "leaf,site,bark,height,tree",
            )
        )
    )
    data = load(path)
    assert data.feature_names == csv.feature_names and data.notes == ("read the rows as name=value pairs",)
    np.testing.assert_array_equal(data.train.X, csv.train.X)
    np.testing.assert_array_equal(load_inputs(path, schema_of(csv)), csv.train.X)


def test_other_separators_orders_and_gaps(write):
    data = load(write("a=1, b=2; c=x\nb=3;a=4;c=y\n\na=5,c=x,b=\n" * 5))
    assert data.feature_names == ("a", "b", "b missing") and data.train.X[:2, :2].tolist() == [[1, 2], [4, 3]]
    assert data.class_names == ("x", "y")


def test_a_row_that_has_no_pairs(write):
    with input_error("trees.csv, row 61: 'restarted' is no row of name=value pairs"):
        load(write("\n".join([*LINES, "restarted", LINES[0]])))
    with input_error("trees.csv, row 2: 'it was far 1' is no row of name=value pairs"):
        load(write("\n".join([LINES[0], "it was far 1", *LINES[1:]])))
    assert not is_pairs([b"site=far,oak"]) and not is_pairs([b"a=1"]) and not is_pairs([])
