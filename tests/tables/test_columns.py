"""Columns: what is fitted on the training rows, what becomes features, and what is said about it."""

import json

import numpy as np
import pyarrow as pa
import pytest

from hw5.datasets import load, load_inputs, open_inputs
from hw5.tables import number_text
from hw5.tables.columns import CYCLES, Categories, Columns, Date, LeftOut, Number, YesNo
from hw5.tables.table import Reading, Schema
from tests.datasets.helpers import input_error
from tests.tables.helpers import schema_of, text

KINDS = ["oak", "yew"]


def table(**columns):
    """A table with these columns (n,), and a last column kind."""
    n = len(next(iter(columns.values())))
    cells = zip(*columns.values(), [KINDS[i % 2] for i in range(n)])
    return text(cells, ",".join([*columns, "kind"]))


def test_categories_are_those_of_the_training_rows(write):
    sites = ["north", "south", "east", "north", "south", "east", "west", "west"]
    path = write(table(site=sites))
    data = load(path, training_rows=lambda y: np.arange(6))
    assert data.columns.each == (Categories("site", ("east", "north", "south")),)
    assert data.feature_names == ("site=east", "site=north", "site=south")
    one_hot = [[s == v for v in ("east", "north", "south")] for s in sites]
    np.testing.assert_array_equal(data.train.X, one_hot)  # west is none of them
    inputs = open_inputs(write(table(site=["west", "far", "north", ""]), "b.csv"), schema_of(data))
    np.testing.assert_array_equal(
        np.concatenate([b.X for b in inputs.blocks()]), [[0] * 3, [0] * 3, [0, 1, 0], [0] * 3]
    )
    assert inputs.unseen == {"site": 2} and "2 values of 'site' did not occur" in inputs.notes()[0]


@pytest.mark.parametrize(
    "no, yes", [("no", "yes"), ("False", "True"), ("FALSE", "TRUE"), ("n", "y"), ("f", "m"), ("a b", "c")]
)
def test_two_values_are_0_and_1(write, no, yes):
    data = load(write(table(wet=[no, yes, yes, no])))
    assert data.columns.each == (YesNo("wet", no, yes, 0.5),)
    assert data.train.X[:, 0].tolist() == [0, 1, 1, 0]
    X = load_inputs(write(table(wet=[yes, "", "unknown"]), "b.csv"), schema_of(data))
    assert X[:, 0].tolist() == [1, 0.5, 0.5]


@pytest.mark.parametrize("gap", ["", "NA", "?", "nan", "NaN", "-", "null", "N/A", "None", ".", "#N/A", "NULL", " "])
def test_missing_numbers_become_the_training_mean_with_an_indicator(write, gap):
    heights, sites = [1.5, gap, 4.5, 3, 100], ["north", gap, "south", "east", "north"]
    data = load(write(table(height=heights, site=sites)), training_rows=lambda y: np.arange(4))
    height, site = data.columns.each
    assert height == Number("height", 3, gaps=True) and site.gaps and site.values == ("east", "north", "south")
    np.testing.assert_array_equal(data.train.X[:, :2], [[1.5, 0], [3, 1], [4.5, 0], [3, 0], [100, 0]])
    assert data.train.X[1].tolist() == [3, 1, 0, 0, 0, 1] and data.feature_names[-1] == "site missing"


def test_a_gap_where_training_had_none(write):
    data = load(write(table(height=[1, 2, 3, 6])))
    X = load_inputs(write(table(height=[5, "", 7]), "b.csv"), schema_of(data))
    assert X.tolist() == [[5], [3], [7]]


def test_a_word_for_missing_numbers(write):
    data = load(write(table(height=[1, 2, "unknown", 3, *range(36), "unknown"])))
    assert data.columns.each[0].gap_word == "unknown" and "'unknown' (2 times) as missing" in " ".join(data.notes)
    X = load_inputs(write(table(height=[5, "unknown"]), "b.csv"), schema_of(data))
    assert X[1, 1] == 1
    path = write(table(height=[5, "other"]), "c.csv")
    with input_error(path, "row 3, column 1 ('height')", "'other' is not a number"):
        load_inputs(path, schema_of(data))


MISSING = table(height=[1, "", 3, 4], site=["a", "b", "", "b"])


def test_missing_refuse_and_drop(write):
    path = write(MISSING)
    with input_error(path, "row 3, column 1", "missing", "--missing mean"):
        load(path, reading=Reading(missing="refuse"))
    data = load(path, reading=Reading(missing="drop"))
    assert len(data.train.y) == 2 and "2 rows with missing values" in " ".join(data.notes)
    with input_error(path, "row 2, column 2 ('site')", "'a' is not a number"):
        load(path, reading=Reading(text="refuse"))


def test_rows_without_a_label_are_left_out(write):
    cells = [[1, "oak"], [2, ""], [3, "yew"], [4, "NA"], [5, "oak"]]
    data = load(write(text(cells, "x,kind")))
    assert data.train.X[:, 0].tolist() == [1, 3, 5] and data.class_names == ("oak", "yew")
    assert "2 rows without a label (the first is row 3)" in " ".join(data.notes)
    data = load(write(text([[1, 2.5], [2, ""], [3, 4.5]], "x,y"), "b.csv"), task="regression")
    assert data.train.y.tolist() == [2.5, 4.5]
    path = write(text(cells, "x,kind"))
    with input_error(path, "row 3, column 2 ('kind')", "missing"):
        load(path, reading=Reading(missing="refuse"))


def test_NA_is_a_class_among_codes_and_in_quotes(write):
    codes = ["NA", "EU", "AS", "NA", "EU"]
    data = load(write(text(enumerate(codes), "x,continent")))
    assert data.class_names == ("AS", "EU", "NA") and "NA" in " ".join(data.notes)
    data = load(write(text([[1, '"NA"'], [2, "other"], [3, "other"]], "x,kind")))
    assert data.class_names == ("NA", "other")


def test_dates(write):
    days = [f"{2020 + i // 12}-{i % 12 + 1:02d}-15" for i in range(36)]
    data = load(write(table(day=days)))
    (day,) = data.columns.each
    assert isinstance(day, Date) and day.cycles == ("week", "year")
    expected = (np.array(days, "datetime64[D]") - np.datetime64("1970-01-01")).astype(float)
    np.testing.assert_array_equal(data.train.X[:, 0] + day.origin, expected)
    angle = 2 * np.pi * (expected * 86_400 / CYCLES["year"] % 1)
    np.testing.assert_allclose(data.train.X[:, 3:5], np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-6)


@pytest.mark.parametrize(
    "texts",
    [
        ("2024-03-01", "2024-03-02", "2024-03-31"),
        ("2024-03-01 00:00:00", "2024-03-02T00:00", "2024-03-31 00:00:00.000"),
        ("2024-03-01T00:00:00Z", "2024-03-02T02:00:00+02:00", "2024-03-30T19:00:00-05:00"),
        ("1.3.2024", "2.3.2024", "31.3.2024"),
        ("01/03/2024", "02/03/2024", "31/03/2024"),
        ("03/01/2024", "03/02/2024", "03/31/2024"),
        ("2024/03/01", "2024/03/02", "2024/03/31"),
        ("1-Mar-2024", "2-Mar-2024", "31-Mar-2024"),
        ("1 March 2024", "2 March 2024", "31 March 2024"),
    ],
)
def test_dates_in_other_formats(write, texts):
    data = load(write(table(day=texts)))
    (day,) = data.columns.each
    assert (data.train.X[:, 0] + day.origin).tolist() == [19783, 19784, 19813]  # days since 1970
    assert json.dumps(day.format)


def test_what_is_left_out(write):
    n = 40
    columns = dict(
        index=range(n),
        name=[f"tree {i}" for i in range(n)],
        park=["here"] * n,
        empty=[""] * n,
        id=[7 * i + 3 for i in range(n)],
        PassengerId=range(1, n + 1),
        x=[i % 5 for i in range(n)],
        number=range(100, 100 + n),
    )
    data = load(write(table(**columns).replace("index", "", 1)))
    why = {c.name: c.why for c in data.columns.each if isinstance(c, LeftOut)}
    assert set(why) == {"", "name", "park", "empty", "id", "PassengerId"} and data.feature_names == ("x", "number")
    assert "index" in why[""] and "different values" in why["name"] and "always 'here'" in why["park"]
    assert "--drop number" in " ".join(data.warnings)


def test_the_rarest_categories_share_a_feature(write):
    values = [f"v{i % 130 if i % 3 else i % 90}" for i in range(1000)]
    data = load(write(table(v=values)))
    (column,) = data.columns.each
    assert len(column.values) == 100 and "v=other" in data.feature_names
    rare = [value in column.rare for value in values]
    np.testing.assert_array_equal(data.train.X[:, data.feature_names.index("v=other")], rare)


def test_drop_only_and_categorical(write):
    path = write(table(a=[1, 2, 3, 4], b=[10, 20, 10, 20], c=[5, 5, 6, 7]))
    assert load(path, reading=Reading(drop=("a", "-2"))).feature_names == ("b",)
    assert load(path, reading=Reading(only=("c", "1"))).feature_names == ("a", "c")
    names = load(path, reading=Reading(drop=("a",), categorical=("b", "3"))).feature_names
    assert names == ("b=20", "c=5", "c=6", "c=7")
    with input_error(path, "no column named 'z'"):
        load(path, reading=Reading(drop=("z",)))
    with input_error("--drop kind", "label column"):
        load(path, reading=Reading(drop=("kind",)))
    with input_error(path, "no column is left"):
        load(path, reading=Reading(drop=("a", "b", "c")))


def test_warnings(write):
    n = 60
    columns = dict(k=[1] * n, alive=["no", "yes"] * (n // 2), x=[i % 7 for i in range(n)])
    text_of = " ".join(load(write(table(**columns))).warnings)
    assert (
        "'k' is constant" in text_of and "'alive' alone determines the class" in text_of and "--drop alive" in text_of
    )
    prices = load(write(text(((i % 5, 1000 + 13 * i) for i in range(n)), "rooms,price"), "b.csv"))
    assert "60 classes in 60 rows" in prices.warnings[-1] and "--task regression" in prices.warnings[-1]
    assert "column 2 ('price')" in prices.warnings[-1]


@pytest.mark.parametrize("word", ["Total", "grand total:", "MEAN"])
def test_a_last_row_that_sums_up_the_others(write, word):
    rows = [(f"r{i % 3}", i, KINDS[i % 2]) for i in range(12)]
    said = f"the last row has '{word}' in 'region'; remove it if it sums up the others"
    assert load(write(text([*rows, (word, 66, "oak")], "region,size,kind"))).warnings == (said,)
    (of_label,) = load(write(text([*rows, ("r1", 66, word)], "region,size,kind"))).warnings
    assert f"'{word}' in 'kind'" in of_label
    others = (
        [(word, 1, "oak"), *rows],
        [*rows, ("total rewards", 1, "oak")],
        [(word, 1, "oak"), *rows, (word, 2, "oak")],
    )
    for each in others:
        assert load(write(text(each, "region,size,kind"))).warnings == ()


def test_one_hot_labels(write):
    cells = [[i, *(int(i % 3 == j) for j in range(3))] for i in range(9)]
    path = write(text(cells, "x,is_ash,is_birch,is_cedar"))
    data = load(path, label_column="is_ash,is_birch,is_cedar")
    assert data.class_names == ("is_ash", "is_birch", "is_cedar") and data.feature_names == ("x",)
    assert data.train.y.tolist() == [i % 3 for i in range(9)] and data.columns.labels == (1, 2, 3)
    again = load(path, schema=schema_of(data))
    np.testing.assert_array_equal(again.train.y, data.train.y)
    path = write(text([[1, 0, 1], [2, 1, 1]], "x,a,b"), "b.csv")
    with input_error(path, "row 3", "exactly one must be 1"):
        load(path, label_column="a,b")


def test_a_test_set_has_the_columns_of_the_training_set(write):
    train = write(table(site=["a", "b", "c", "a"], height=[1, 2, "", 3]))
    test = write("kind,height,note,site\noak,7,x,c\nash,,y,d\n", "b.csv")
    data = load(train, test=test)
    assert data.test.X.tolist() == [[0, 0, 1, 7, 0], [0, 0, 0, 2, 1]] and data.test.y.tolist() == [0, -1]
    assert "'ash'" in data.warnings[-1] and "mistake" in data.warnings[-1]
    assert "'site'" in " ".join(data.notes)


def test_what_float32_would_lose_is_centred(write):
    times = [1_700_000_000 + i for i in range(40)]
    readings = [f"{100_000_000 + i / 8:.3f}" for i in range(40)]
    path = write(table(time=times, reading=readings, x=[i % 3 for i in range(40)]))
    data = load(path)
    time, reading, x = data.columns.each
    assert len(np.unique(data.train.X[:, 0])) == len(np.unique(data.train.X[:, 1])) == 40
    np.testing.assert_array_equal(np.float64(data.train.X[:, 0]) + time.offset, times)
    np.testing.assert_array_equal(np.float64(data.train.X[:, 1]) + reading.offset, np.float64(readings))
    assert x.offset == 0
    np.testing.assert_array_equal(load_inputs(path, schema_of(data)), data.train.X)


def test_pixels_in_a_table_are_bytes(write):
    images = np.random.default_rng(0).integers(0, 256, (30, 64))
    data = load(write(text([[*row, i % 2] for i, row in enumerate(images)], "")))
    assert data.train.X.dtype == np.uint8 and (data.train.X == images).all()
    data = load(write(text([[*row, i % 2] for i, row in enumerate(images * np.tile([1, 0.5], 32))], ""), "b.csv"))
    assert data.train.X.dtype == np.float32


@pytest.mark.parametrize(
    "labels, classes",
    [
        (["01", "1", "02"], ("01", "02", "1")),
        (["1e3", "2e5", "1e3"], ("1e3", "2e5")),
        (["True", "False", "True"], ("False", "True")),
        (["3", "4.0", "3.0"], ("3", "4")),
        (["1.0", "2.0", "2.0"], ("1", "2")),
        (["2.000000000000000000e+00", "1.000000000000000000e+00"], ("1", "2")),
        (["a", "1.0", "b"], ("1.0", "a", "b")),
        (["None", "Insomnia", "None"], ("Insomnia", "None")),
    ],
)
def test_classes_keep_their_spelling(write, labels, classes):
    data = load(write(text(enumerate(labels), "x,kind")))
    assert tuple(sorted(data.class_names)) == classes
    again = load(write(text(enumerate(labels), "x,kind")), schema=schema_of(data))
    np.testing.assert_array_equal(again.train.y, data.train.y)


@pytest.mark.parametrize("values", [["1", "-2.5e3", None], ["", None, "4"], [None, None], ["nan", "inf", "1"]], ids=str)
def test_plain_numbers_need_no_pattern_for_their_unit(monkeypatch, values):
    """RE2 would compile it anew for each of thousands of empty columns."""
    array = pa.array([v or None for v in values], pa.string())
    assert number_text.unit_of(array) == ""
    monkeypatch.setattr(number_text, "_PATTERN", {})
    assert number_text.unit_of(array) == ""


def test_thousands_of_empty_columns(write):
    k = 3000
    body = "".join("," * k + f"{i}.5,{'red green blue'.split()[i % 3]},{'xy'[i % 2]}\n" for i in range(12))
    data = load(write(",".join(f"c{j}" for j in range(k)) + ",size,colour,kind\n" + body + "," * (k + 2) + "\n"))
    assert data.feature_names == ("size", "colour=blue", "colour=green", "colour=red")
    np.testing.assert_array_equal(data.train.X[:, 0], np.arange(12) + 0.5)


def test_a_header_that_is_repeated_in_part_is_no_missing_value(write):
    cells = [[i + 0.5, i % 7, "xyz"[i % 3]] for i in range(40)]
    cells[20] = cells[30] = ["leaf", "bark", "of what"]
    with input_error("trees.csv", "row 22: the header is repeated in part"):
        load(write(text(cells, "leaf,bark,tree")))


def test_the_gaps_of_a_database(write):
    r"""\N is missing, also in the first row of a table without a header."""
    data = load(write("1\t\\N\ta\n2\t5\tb\n3\t6\ta\n4\t\\N\tb\n", "dump.tsv"))
    assert data.train.X.tolist() == [[1, 5.5, 1], [2, 5, 0], [3, 6, 0], [4, 5.5, 1]]


def test_a_minus_after_a_number(write):
    """1.50- is negative; 2- may be a grade."""
    data = load(write("balance,kind\n1.50,a\n20.25-,b\n3.00,a\n4.75-,b\n"))
    assert data.train.X[:, 0].tolist() == [1.5, -20.25, 3, -4.75] and "with a minus after them" in data.notes[0]
    assert load(write("grade,kind\n2-,a\n3,b\n2-,a\n3,b\n1,a\n1,b\n")).columns.each[0].kind == "categories"


def test_an_offset_from_a_checkpoint_may_be_a_whole_number_of_any_size(write):
    columns = Columns((Number("leaf", 0.0, offset=10**30),), (1,))
    assert columns.offsets.dtype == np.float64
    assert (
        load_inputs(write("leaf\n1\n2\n"), Schema(1, ("x", "y"), columns=columns)).tolist() == [[np.float32(-1e30)]] * 2
    )


def test_no_row_to_train_on(write):
    with input_error("trees.csv: no example is left to train on; lower --validation or --holdout"):
        load(write(table(leaf=[1, 2, 3, 4])), training_rows=lambda y: np.arange(0))


def test_a_target_of_text(write):
    path = write("leaf,ripe,kind\n1,yes,2\n2,no,3\n3,yes,4\n")
    with input_error("'yes' is not a number", "select columns of numbers", "without --task regression or multilabel"):
        load(path, label_column="ripe,kind", task="multilabel")
