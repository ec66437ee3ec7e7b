"""Headers: years as names, headers that are repeated, have several rows, or stand below titles."""

import csv
import io

import numpy as np
import pytest

from hw5.datasets import load, load_inputs, open_inputs
from tests.datasets.helpers import input_error
from tests.tables.helpers import schema_of, text

COLOURS, KINDS = ("red", "blue", "green"), ("oak", "yew")
NUMBERS = [[i * 1.5, i * i % 17 / 4, KINDS[i % 2]] for i in range(30)]


def names_of(data):
    return [column.name for column in data.columns.each]


@pytest.mark.parametrize(
    "header, cells",
    [
        ("1990,2000,2010,kind", [[i + 0.5, i * 2.5, -i, KINDS[i % 2]] for i in range(30)]),
        ("country,1990,2000,2010", [[f"c{i}", i + 0.5, i * 2.5, i % 3] for i in range(30)]),
        ("country,2000,1995,1990", [[f"c{i}", i + 0.5, i * 2.5, i % 3] for i in range(30)]),
        ("country,region,2022", [[f"c{i}", f"r{i % 4}", i % 3] for i in range(30)]),
    ],
)
def test_years_as_names(write, header, cells):
    data = load(write(text(cells, header)))
    assert len(data.train.y) == 30 and names_of(data) == header.split(",")[:-1]
    assert any("took the first row" in note for note in data.notes)


@pytest.mark.parametrize(
    "cells",
    [
        [["north", 1990 + i, i % 3] for i in range(30)],
        [[f"c{i}", 1990 + 37 * i, i % 3] for i in range(30)],
        [[f"c{i}", 1990 - 20 * i, 2010 + i] for i in range(30)],
    ],
)
def test_years_among_years_are_no_names(write, cells):
    data = load(write(text(cells, "")))
    assert len(data.train.y) == 30 and names_of(data) == [None, None]


@pytest.mark.parametrize("again", [(20,), (0, 10, 19)])
def test_a_repeated_header_is_left_out(write, again):
    """Where files were joined; in a table of text, it would be an example of a class 'kind'."""
    rows = [[COLOURS[i % 3], i * 1.5, KINDS[i % 2]] for i in range(30)]
    for columns in ([0, 1, 2], [0, 2]):
        cells, header = [[row[c] for c in columns] for row in rows], [["colour", "size", "kind"][c] for c in columns]
        for position in again:
            cells.insert(position, header)
        data = load(write(text(cells, ",".join(header))))
        assert data.class_names == KINDS and len(data.train.y) == 30
        assert any(f"left out {len(again)} row" in note and "the header" in note for note in data.notes)


def test_rows_below_a_repeated_header_keep_their_numbers(write):
    cells = [row[:] for row in NUMBERS]
    cells.insert(10, ["leaf", "bark", "kind"])
    cells[20][1] = "wide"
    with input_error("trees.csv", "row 22", "'wide' is not a number"):
        load(write(text(cells, "leaf,bark,kind")))


def test_a_repeated_header_among_rows_to_predict(write):
    data = load(write(text(NUMBERS, "leaf,bark,kind")))
    inputs = open_inputs(write("leaf,bark\n1,2\nleaf,bark\n3,4\n", "new.csv"), schema_of(data))
    assert np.concatenate([block.X for block in inputs.blocks()]).tolist() == [[1, 2], [3, 4]]
    assert "left out 1 row that repeats the header" in inputs.notes()[-1]


@pytest.mark.parametrize("units", ["m,cm,", "[m],[cm],[-]", "metres,,"])
def test_a_row_of_units(write, units):
    more = [[i, *row] for i, row in enumerate(NUMBERS)]
    data = load(write(f"n,leaf,bark,kind\npieces,{units}\n" + text(more, "")))
    assert names_of(data) == ["n", "leaf", "bark"] and data.class_names == KINDS and len(data.train.y) == 30
    assert any("left out the row below the names" in note for note in data.notes)
    X = load_inputs(write("leaf,n,bark\n1,2,3\n", "new.csv"), schema_of(data))
    assert X.tolist() == [[2, 1, 3]]


def csv_of(rows):
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


@pytest.mark.parametrize(
    "heads",
    [
        [["size", "", "what"], ["leaf", "bark", "kind"]],
        [["size", "size", "what"], ["leaf", "bark", "kind"]],
        [["size", "size", "what\never"], ["leaf", "bark", "kind"]],
    ],
    ids=["merged", "repeated", "line break"],
)
def test_names_in_two_rows(write, heads):
    path = write(csv_of([*heads, *NUMBERS]))
    data = load(path)
    assert names_of(data) == ["size leaf", "size bark"] and data.class_names == KINDS and len(data.train.y) == 30
    assert any("in 2 rows: joined them, as in 'size leaf'" in note for note in data.notes)
    np.testing.assert_array_equal(load_inputs(path, schema_of(data)), data.train.X)


def test_the_index_of_a_frame_with_two_levels_of_names(write):
    heads = [["", "size", "size", "what"], ["", "leaf", "bark", "kind"], ["tree", "", "", ""]]
    data = load(write(csv_of([*heads, *([i, *row] for i, row in enumerate(NUMBERS))])))
    assert names_of(data) == ["tree", "size leaf", "size bark"] and len(data.train.y) == 30


@pytest.mark.parametrize(
    "above", ["Trees, by hand, 2020, again\n", "Name:,Forest\nDate:,2020-01-01\n\n", ",,\n,,\n", "Trees;counted\n"]
)
def test_titles_with_delimiters(write, above):
    data = load(write(above + text(NUMBERS, "leaf,bark,kind")))
    assert names_of(data) == ["leaf", "bark"] and len(data.train.y) == 30
    assert any("above the table" in note for note in data.notes)


def test_a_title_above_a_name_that_also_means_missing(write):
    data = load(write("Trees of the park,,\n" + text(NUMBERS, "leaf,Missing,kind")))
    assert names_of(data) == ["leaf", "Missing"] and len(data.train.y) == 30


def test_one_word_among_numbers_is_no_second_header(write):
    cells = [row[:] for row in NUMBERS]
    cells[0][0] = "tall"
    with input_error("trees.csv", "row 2", "'tall' is not a number"):
        load(write(text(cells, "leaf,bark,kind")))


@pytest.mark.parametrize("comment", ["Web: https://example.org", "Source: trees", "by hand:"])
def test_a_comment_is_no_header(write, comment):
    cells = "".join(f"{i} {KINDS[i % 2]}\n" for i in range(20))
    assert load(write(f"# {comment}\n" + cells)).columns.each[0].name is None
    assert load(write("# leaf kind\n" + cells)).columns.each[0].name == "leaf"


@pytest.mark.parametrize("tail", [",", ",,", ", ,"])
def test_a_header_that_ends_in_delimiters(write, tail):
    data = load(write(f"leaf,bark,kind{tail}\n" + text(NUMBERS, "")))
    assert names_of(data) == ["leaf", "bark"] and data.class_names == KINDS and len(data.train.y) == 30
    with input_error("trees.csv", "row 12: the row has 2 columns, but the first row has 3"):
        load(write(f"leaf,bark,kind{tail}\n" + text([*NUMBERS[:10], [1, 2], *NUMBERS], "")))


def test_a_name_that_begins_like_a_comment(write):
    data = load(write(text([[i, i * i, KINDS[i % 2]] for i in range(20)], "leaf,% sold,kind")))
    assert load_inputs(write("% sold,leaf\n3,4\n", "new.csv"), schema_of(data)).tolist() == [[4, 3]]


def test_a_fault_below_rows_of_missing_values_has_its_row(write):
    cells = [["NA"] * 3, ["", "", ""], *([i, i * i, "xy"[i % 2]] for i in range(30)), [3, "oops", "x"]]
    with input_error(", row 34, column 2"):
        load(write(text(cells, "leaf,bark,tree")))


def test_a_title_above_names_in_two_rows(write):
    rows = [[f"p{i}", i * 7 % 5, i / 2, i % 3, i * i, KINDS[i % 2]] for i in range(30)]
    head = "Crop report,,,,,\n,,,,,\nplot,soil,,leaf,,kind\n,acid,wet,length,width,\n"
    data = load(write(head + text(rows, "")))
    assert data.feature_names == ("soil acid", "soil wet", "leaf length", "leaf width") and len(data.train.y) == 30


def test_notes_that_are_scattered_over_cells_above_the_names(write):
    notes = "Trees,,\nare,,counted\nby,hand,\nin,,spring\n"
    data = load(write(notes + text(NUMBERS, "leaf,bark,kind")))
    assert names_of(data) == ["leaf", "bark"] and len(data.train.y) == 30
    assert data.notes == ("skipped the 4 lines above the table",)
