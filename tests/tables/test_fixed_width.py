"""Tables whose columns have a fixed width, with blanks in their cells, and empty ones."""

import numpy as np
import pandas as pd
import pytest

from hw5.datasets import load, load_inputs
from tests.datasets.helpers import input_error
from tests.tables.helpers import rows, schema_of, text

X, NAMES = rows(60)
SITES = np.array(["far north", "south", "by the sea"])[np.arange(60) % 3]
COUNTS = np.arange(60) * 97
TABLE = pd.DataFrame({"leaf": X[:, 0], "count": COUNTS, "site of it": SITES, "tree": NAMES})


def as_r_prints():
    """Names of rows, and right-aligned columns."""
    lines = TABLE.assign(leaf=TABLE.leaf.map("{:.2f}".format)).to_string().splitlines()
    return "".join(f"{line}\n" for line in lines)


def archive(number="{:6d}"):
    row = "{:8.2f}" + number + "  {:<12}{:<8}\n"
    return "".join(row.format(*cells) for cells in zip(X[:, 0], COUNTS, SITES, NAMES))


@pytest.mark.parametrize("content", [TABLE.to_string(index=False) + "\n", as_r_prints(), archive(), archive("{:8,d}")])
def test_columns_of_a_fixed_width(write, content):
    path = write(content, "trees.txt")
    expected, data = load(write(TABLE.to_csv(index=False))), load(path)
    assert any("since they have a fixed width" in note for note in data.notes)
    np.testing.assert_array_equal(data.train.X, expected.train.X)
    np.testing.assert_array_equal(load_inputs(path, schema_of(data)), data.train.X)


def test_empty_cells(write):
    lines = archive().splitlines()
    lines[3] = lines[3][:8] + " " * 6 + lines[3][14:]
    data = load(write("\n".join(lines), "trees.txt"))
    assert data.feature_names[1:3] == ("column 2", "column 2 missing") and data.train.X[3, 2] == 1


def test_a_fault_has_its_row(write):
    lines = archive().splitlines()
    lines[40] = lines[40].replace(f"{X[40, 0]:8.2f}", "    oops")
    with input_error("row 41, column 1", "'oops' is not a number"):
        load(write("\n".join(lines), "trees.txt"))


def test_a_word_that_goes_on_into_the_next_column_is_not_cut(write):
    """Beyond the lines from which the columns were found."""
    lines = 200 * archive().splitlines()
    lines[11_000] = "{:8.2f}{:6d}  {:<20}".format(1.5, 7, "behindthefarhills")
    with input_error("row 11001: the row has 5 columns, but the first row has 4"):
        load(write("\n".join(lines), "trees.txt"))


def test_names_that_are_not_above_their_columns(write):
    with input_error("separate columns by commas"):
        load(write("leaf count site tree\n" + archive(), "trees.txt"))


def test_one_blank_between_columns_is_enough_for_a_table_without_blanks_in_cells(write):
    data = load(write(text([[f"{x:.2f}", n] for x, n in zip(X[:, 0], NAMES)], "", " "), "trees.txt"))
    assert not data.notes[0].endswith("fixed width") and data.train.X.shape == (60, 1)


@pytest.mark.parametrize("prose", ["Rows:\n" + "  read 12 trees\n" * 9, "- name: oak\n  site: far north\n" * 9])
def test_indented_text_is_no_table(write, prose):
    with input_error("trees.txt"):
        load(write(prose, "trees.txt"))
