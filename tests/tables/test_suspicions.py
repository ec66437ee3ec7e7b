"""What is left out or warned of, as it looks like something else: indexes, IDs, gaps, coordinates, one-hot labels."""

import numpy as np
import pytest

from hw5.datasets import load, open_inputs
from hw5.tables.columns import LeftOut, Number
from hw5.tables.table import Reading
from tests.datasets.helpers import input_error
from tests.tables.helpers import schema_of, text
from tests.tables.test_columns import KINDS, table

SQUARES = [i * i % 23 / 2 for i in range(60)]


@pytest.mark.parametrize(
    "index",
    [range(60), range(0, 600, 10), np.random.default_rng(0).permutation(60), [*range(50), *range(70, 80)]],
    ids=str,
)
def test_an_index_without_a_name_is_left_out(write, index):
    """Also of a frame that was filtered or shuffled."""
    cells = [[i, x, KINDS[n % 2]] for n, (i, x) in enumerate(zip(index, SQUARES))]
    first, second = load(write(text(cells, ",leaf,kind"))).columns.each
    assert isinstance(first, LeftOut) and "index without a name" in first.why and isinstance(second, Number)


def test_an_id_of_which_a_few_repeat_is_left_out(write):
    ids = [*range(1000, 1055), 1001, 1002, 1003, 1004, 1005]
    column = load(write(table(customer_id=ids, leaf=SQUARES))).columns.each[0]
    assert column == LeftOut("customer_id", "an ID: 55 different values in 60 rows")


@pytest.mark.parametrize("name", ["Customer ID", "CUSTOMER_ID", "Tree-Id", "id_cliente", "ID Baum", "idArbre"])
def test_ids_by_their_names(write, name):
    ids = [(i * 7919 % 997) + 1000 for i in range(60)]
    assert load(write(table(**{name: ids}, leaf=SQUARES))).columns.each[0] == LeftOut(
        name, "an ID: all values are different"
    )
    (said,) = load(write(table(**{name: [i // 200 for i in ids]}, leaf=SQUARES))).warnings[:1]
    assert "is named like an ID" in said


@pytest.mark.parametrize("name", ["humid", "GRID", "Covid", "idle", "IDLE"])
def test_names_that_end_or_begin_like_ids(write, name):
    assert isinstance(
        load(write(table(**{name: [i * 7919 % 997 for i in range(60)]}, leaf=SQUARES))).columns.each[0], Number
    )


def test_ids_without_a_name_of_which_a_few_repeat_are_warned_of(write):
    def warnings(numbers):
        cells = zip(numbers, SQUARES, (KINDS[n % 2] for n in range(60)))
        return [w for w in load(write(text(cells, header=""))).warnings if "column 1 has" in w]

    ids = [*range(1_000_025, 1_000_600, 10), 1_000_025, 1_000_035]
    (said,) = warnings(ids)
    assert "column 1 has 58 different whole numbers in 60 rows" in said and "--drop 1" in said
    assert warnings([x + 0.5 for x in ids]) == warnings([x % 50 for x in range(60)]) == []


def test_an_id_of_groups_is_warned_of(write):
    data = load(
        write(table(shop_id=[i // 10 + 7 for i in range(60)], humid=[i // 10 for i in range(60)], leaf=SQUARES))
    )
    assert isinstance(data.columns.each[0], Number)
    (said,) = [warning for warning in data.warnings if "like an ID" in warning]
    assert "'shop_id'" in said and "--drop shop_id" in said and "--categorical shop_id" in said


@pytest.mark.parametrize("number", [-999, -9999, -99, 999, 99999, -9])
def test_numbers_for_missing_values(write, number):
    gaps = [number if i % 9 == 0 else x / 3 for i, x in enumerate(SQUARES)]
    (said,) = load(write(table(leaf=gaps))).warnings
    assert f"'leaf' is {number} in 7 rows, far from its other values" in said


@pytest.mark.parametrize(
    "numbers", [[-999 + 40 * i for i in range(60)], [99 - i // 2 for i in range(60)], [99, *SQUARES[:-1]]]
)
def test_numbers_among_their_like(write, numbers):
    data = load(write(table(leaf=numbers, bark=SQUARES)))
    assert not any("far from" in warning for warning in data.warnings)


@pytest.mark.parametrize("yes, no", [("1", "0"), ("True", "False"), ("TRUE", "FALSE")])
@pytest.mark.parametrize("at_end", [True, False])
def test_one_of_several_one_hot_labels(write, yes, no, at_end):
    """It is determined by the others."""
    hot = [[yes if i % 3 == j else no for j in range(3)] for i in range(30)]
    cells = [[x, i % 2, *row] if at_end else [*row, x, i % 2] for i, (x, row) in enumerate(zip(SQUARES, hot))]
    header = "leaf,wet,is_ash,is_birch,is_oak" if at_end else "is_ash,is_birch,is_oak,leaf,wet"
    data = load(write(text(cells, header)), label_column=None if at_end else "is_ash")
    (said,) = [warning for warning in data.warnings if "one-hot" in warning]
    assert said.endswith("--label-column is_ash,is_birch,is_oak")


def test_labels_of_0_and_1_beside_features_of_0_and_1(write):
    cells = [[x, i % 2, i // 2 % 2, i // 4 % 2] for i, x in enumerate(SQUARES)]
    assert not any("one-hot" in warning for warning in load(write(text(cells, "leaf,a,b,c"))).warnings)


@pytest.mark.parametrize("header, label", [("x,y,kind", 3), ("X,Y,z", 3), ("x,leaf,y", 3), ("y,x,z", 1), ("a,x,y", 3)])
def test_the_y_of_coordinates_is_no_label(write, header, label):
    cells = [[i % 2, i % 3, i % 4] for i in range(24)]
    assert f"column {label} " in load(write(text(cells, header))).label


@pytest.mark.parametrize("gap", ["", "NA", "na", "Null", "N/A", "n/a", "?", "NaN", "#N/A", " "])
def test_any_spelling_of_a_missing_label(write, gap):
    cells = [[x, gap if i % 9 == 0 else KINDS[i % 2]] for i, x in enumerate(SQUARES)]
    data = load(write(text(cells, "leaf,kind")))
    assert data.class_names == KINDS_OF_TREES and "left out 7 rows without a label" in " ".join(data.notes)


KINDS_OF_TREES = tuple(KINDS)


def test_sodium_is_a_label(write):
    cells = [[x, ["Na", "K", "Fe"][i % 3]] for i, x in enumerate(SQUARES)]
    assert load(write(text(cells, "leaf,element"))).class_names == ("Fe", "K", "Na")


def test_a_column_without_any_label(write):
    with input_error("trees.csv", "no labels in column 2 ('kind')", "--label-column"):
        load(write("leaf,kind\n1,\n2,\n3,\n"))


@pytest.mark.parametrize(
    "names, warned", [([".", "oak"], 1), (["--", "oak", "yew"], 1), (["-", "+"], 0), (["a", "b"], 0)]
)
def test_a_label_that_may_be_missing(write, names, warned):
    cells = [[x, names[i % len(names)]] for i, x in enumerate(SQUARES)]
    data = load(write(text(cells, "leaf,kind")))
    assert sum("may mean that it is missing" in warning for warning in data.warnings) == warned


def test_prices_with_thousands_separators_as_classes(write):
    cells = [[x, f'"{1000 + 13 * i:,}"'] for i, x in enumerate(SQUARES)]
    assert "--task regression" in load(write(text(cells, "leaf,price"))).warnings[-1]


def test_a_sum_below_numbers(write):
    cells = [[x, KINDS[i % 2]] for i, x in enumerate(SQUARES)]
    with input_error("trees.csv", "row 62", "'Total' is not a number; remove the row if it sums up the others"):
        load(write(text([*cells, ["Total", ""]], "leaf,kind")))


@pytest.mark.parametrize(
    "cells, why",
    [
        ([f"{i}*" if i % 7 == 0 else i for i in range(60)], "text: not all are numbers of one form, such as '0*'"),
        ([f"{i} cm" if i % 2 else f"{i} mm" for i in range(60)], "text: not all are numbers of one form"),
        (
            ["2020-02-30", *(f"2020-{i % 12 + 1:02d}-{i % 28 + 1:02d}" for i in range(59))],
            "text: not all are dates of one form",
        ),
        ([f"tree {i}" for i in range(60)], "text with 60 different values in 60 rows, such as names or IDs"),
    ],
)
def test_why_a_column_of_text_is_left_out(write, cells, why):
    assert load(write(table(bark=cells, leaf=SQUARES))).columns.each[0] == LeftOut("bark", why)


@pytest.mark.parametrize("names", [["oak", "Oak", "yew"], ["oak", "oak\u200b", "yew"], ["OAK ", "oak", "x"]])
def test_labels_that_look_the_same(write, names):
    cells = [[x, names[i % 3]] for i, x in enumerate(SQUARES)]
    (said,) = load(write(text(cells, "leaf,kind"))).warnings
    assert "differ only in case" in said


@pytest.mark.parametrize("name", ["Unnamed: 0", "Unnamed: 0.1", "unnamed: 0"])
def test_an_index_that_pandas_named(write, name):
    index = load(write(table(**{name: range(60), "leaf": SQUARES}))).columns.each[0]
    assert isinstance(index, LeftOut)


@pytest.mark.parametrize(
    "codes, warned", [(["01234", "90210", "10001"], 1), (["01", "11", "12"], 0), (["0", "0.5", "7"], 0)]
)
def test_numbers_that_begin_with_0(write, codes, warned):
    data = load(write(table(place=[codes[i % 3] for i in range(60)], leaf=SQUARES)))
    assert sum("--categorical place" in warning for warning in data.warnings) == warned


def test_subtotals_among_the_rows(write):
    rows = "".join(f"{region},{i},{'ab'[i % 2]}\n" for region in ("north", "south") for i in range(9))
    data = load(write(f"region,sales,kind\n{rows}north Total,36,a\nsouth Total,36,b\nnorth,3,b\n"))
    assert "rows have 'north Total', 'south Total' in 'region'; remove them if they sum up others" in data.warnings


def test_percent_and_fractions_in_one_column(write):
    warned = "'rate' has numbers with and without %, which are read alike, 5% as 5"
    assert warned in load(write("rate,kind\n5%,a\n0.07,b\n6%,a\n8%,b\n")).warnings
    assert warned not in load(write("rate,kind\n5%,a\n0,b\n6%,a\n8%,b\n")).warnings


def test_fractions_for_a_model_of_percent(write):
    model = schema_of(load(write("rate,kind\n5%,a\n7%,b\n6%,a\n8%,b\n")))
    for content, said in (("rate\n0.05\n0.07\n", True), ("rate\n5%\n0.07\n", True), ("rate\n5%\n0\n", False)):
        rows = open_inputs(write(content), model)
        list(rows.blocks())
        assert any("column 1 ('rate'): training had numbers with %" in note for note in rows.notes()) == said


def test_categories_that_are_nearly_all_numbers(write):
    warned = "'lead' became categories because '<0.1' is not a number"
    lead = ["<0.1" if i % 2 else f"{i / 10}" for i in range(24)]
    assert any(warned in warning for warning in load(write(table(lead=lead, leaf=SQUARES[:24]))).warnings)
    sizes = [("S", "M", "L", "42")[i % 4] for i in range(24)]
    assert not any(
        "became categories" in warning for warning in load(write(table(size=sizes, leaf=SQUARES[:24]))).warnings
    )


def test_two_columns_that_are_named_like_labels(write):
    path = write(text([[i, KINDS[i % 2], "xy"[i * i % 3 % 2]] for i in range(30)], "leaf,class,Target"))
    warned = "'Target' is named like labels, too, and is a feature"
    assert any(warned in warning for warning in load(path).warnings)
    assert not any(warned in warning for warning in load(path, label_column="class").warnings)
    assert not any(warned in warning for warning in load(path, reading=Reading(drop=("Target",))).warnings)
