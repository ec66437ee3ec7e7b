"""The decimal sign is that of the column, in all blocks of the training table and of a table to predict."""

import json

import numpy as np
import pytest

from hw5.datasets import load, open_inputs
from hw5.tables import delimited
from hw5.tables.table import Schema

MIXED = "price;people;rate;kind\n1,5;12.500;3.25;a\n2,5;900;3.125;b\n3,75;1.200.000;-1.5;a\n4,5;1.200,5;1.125;b\n"


def numbers(data):
    return data.train.X.astype(float) + data.columns.offsets


def for_model(path, columns):
    schema = Schema(columns.width, ("a", "b"), feature_names=columns.feature_names, columns=columns)
    rows = open_inputs(path, schema)
    X = np.concatenate([block.X for block in rows.blocks()])
    return (X + columns.offsets).tolist(), " ".join(rows.notes())


@pytest.mark.parametrize(
    ("rows", "expected", "words"),
    [
        ("1.234;1.234;1.234\n", [1234, 1234, 1.234], "between thousands, as in training"),
        ("1,25;2;1.234\n", [1.25, 2, 1.234], "decimal point, as in training"),
        ("1.25;1.234;1.234\n", [1.25, 1.234, 1.234], ""),
        ("1,25;1.234;12,5\n", [1.25, 1234, 12.5], "decimal comma"),
    ],
)
def test_the_signs_of_training_are_those_of_a_table_to_predict_unless_it_shows_others(write, rows, expected, words):
    columns = load(write(MIXED)).columns
    path = write(f"price;people;rate\n{rows}", "new.csv")
    (X,), notes = for_model(path, columns)
    np.testing.assert_allclose(X, expected, rtol=1e-6)
    assert words in notes and bool(words) == bool(notes)


@pytest.mark.parametrize("row", ["1,5;oak, red", "12,5;oak, red"])
def test_a_comma_that_may_part_codes_is_a_decimal_one_where_the_model_has_numbers(write, row):
    columns = load(write("size;wood;kind\n1.5;ash;a\n2.25;oak;b\n3.5;ash;a\n4;oak;b\n")).columns
    (X,), _ = for_model(write(f"size;wood\n{row}\n", "new.csv"), columns)
    assert X[0] == float(row.partition(";")[0].replace(",", "."))


@pytest.mark.parametrize(
    ("late", "early", "expected"),
    [("12,5", "1.234", [1234, 12.5]), ("12.5", "1.234", [1.234, 12.5]), ("1.234.567", "1.234", [1234, 1234567])],
)
def test_a_sign_that_shows_late_holds_for_the_rows_before(write, monkeypatch, late, early, expected):
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 10)
    lines = [f"{early};1,5;{'ab'[i % 2]}\n" for i in range(400)] + [f"{late};2,5;b\n"]
    X = numbers(load(write(f"size;price;kind\n{''.join(lines)}")))
    np.testing.assert_allclose([X[0, 0], X[-1, 0]], expected, rtol=1e-6)


def test_a_column_of_decimal_commas_in_a_table_of_decimal_points(write):
    rows = "".join(f'{i}.5,{i / 7:.3f},"1.{i + 100},{i + 10}",{"ab"[i % 2]}\n' for i in range(20))
    data = load(write(f"x,y1,price,kind\n{rows}"))
    np.testing.assert_allclose(numbers(data)[3], [3.5, 0.429, 1103.13], rtol=1e-6)
    assert "'price': read the comma in numbers as a decimal comma" in " ".join(data.notes)


def test_ratings_with_a_decimal_comma_among_decimal_points(write):
    rows = "".join(f'{i}.5,"{i % 5},{i % 3}",{"ab"[i % 2]}\n' for i in range(20))
    assert load(write(f"x,rating,kind\n{rows}")).train.X[4].tolist() == [4.5, np.float32(4.1)]


def test_a_list_of_two_codes_is_no_decimal_comma_in_a_table_of_decimal_points(write):
    rows = "".join(f'{i}.5,"{i % 2 + 1},{i % 3 + 3}",{"ab"[i % 2]}\n' for i in range(20))
    assert load(write(f"x,answers,kind\n{rows}")).columns.each[1].kind == "categories"


@pytest.mark.parametrize("is_json", [True, False])
def test_columns_that_leave_their_sign_open_have_that_of_the_others(write, is_json):
    rows = [[f"{i},{i:02d}", f"{20 + i},{i % 10}", ["900", "1.234", "2.531"][i % 3], "ab"[i % 2]] for i in range(12)]
    lines = ["|a|b|n|k|", "|-|-|-|-|", *(f"|{'|'.join(row)}|" for row in rows)]
    lines = [json.dumps(dict(zip("abnk", row))) for row in rows] if is_json else lines
    data = load(write("\n".join(lines) + "\n"))
    expected = [[i + i / 100, 20 + i + i % 10 / 10, [900, 1234, 2531][i % 3]] for i in range(12)]
    np.testing.assert_allclose(numbers(data), expected, rtol=1e-6)


def test_points_between_thousands_are_said(write):
    data = load(write("price;people;kind\n1,5;12.500;a\n2,5;9.000;b\n3,75;1.200;a\n4,5;1.100;b\n"))
    assert numbers(data)[:, 1].tolist() == [12500, 9000, 1200, 1100]
    assert "'people': read the points in numbers as those between thousands" in data.notes


def test_points_between_thousands_in_a_table_without_a_decimal_sign(write):
    """1.230 beside 900 are no decimals, which would have all three digits or none at the end."""
    data = load(write("people;kind\n900;a\n1.230;b\n12.500;a\n999;b\n"))
    assert numbers(data)[:, 0].tolist() == [900, 1230, 12500, 999]
    assert "'people': read the points in numbers as those between thousands" in data.notes
    (X,), notes = for_model(write("people\n1.234\n", "new.csv"), data.columns)
    assert X == [1234] and "as in training" in notes
    for rows in ("900;a\n1.235;b\n", "1.230;a\n2.000;b\n", "900;a\n1.230;b\n0.500;a\n"):
        assert numbers(load(write(f"people;kind\n{rows}")))[:, 0].max() in (900, 2)


def test_a_blank_between_thousands_is_no_delimiter(write):
    data = load(write("price;kind\n1 000,50;a\n2 007,50;b\n3 014,75;a\n"))
    assert numbers(data)[:, 0].tolist() == [1000.5, 2007.5, 3014.75] and data.class_names == ("a", "b")


def test_commas_between_thousands_are_said_where_they_may_be_decimal(write):
    data = load(write("price;kind\n1,000;a\n2,007;b\n3,014;a\n"))
    assert numbers(data)[:, 0].tolist() == [1000, 2007, 3014]
    assert data.notes == ("'price': read the commas in numbers as those between thousands",)


def test_indian_thousands(write):
    data = load(write('price,kind\n"1,50,000",a\n"12,34,567.5",b\n900,a\n"99,999",b\n'))
    assert numbers(data)[:, 0].tolist() == [150000, 1234567.5, 900, 99999]


def test_targets_with_a_decimal_comma_among_decimal_points(write):
    rows = "".join(f'{i}.5,{i}.25,"{i},75"\n' for i in range(10))
    assert load(write(f"x,z,price\n{rows}"), task="regression").train.y.tolist() == [i + 0.75 for i in range(10)]


def test_targets_have_a_decimal_sign_of_their_own(write, tmp_path):
    """It is stored in the checkpoint: here in one of format 5, whose numbers had decimal commas."""
    rows = "".join(f"{i},5;{i}.250\n" for i in range(1, 31))
    data = load(write(f"x;price\n{rows}"), task="regression")
    assert data.train.y.tolist()[:3] == [1250, 2250, 3250] and data.columns.label_decimals == (",",)
    schema = Schema(1, feature_names=("x",), columns=data.columns)
    again = load(write("x;price\n3;1.250\n4;2.250\n", "new.csv"), schema=schema, task="regression")
    assert again.train.y.tolist() == [1250, 2250]
