"""CSV tables: dialects, header and label rules, and errors by row and column."""

import csv
import tracemalloc

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs

from .helpers import input_error


@pytest.fixture
def table(tmp_path):
    """Write a table, and return its path."""

    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


IRIS = "length,width,species\n5.1,3.5,setosa\n7,3.2,versicolor\n6.3,3.3,virginica\n"


@pytest.mark.parametrize(
    "content",
    [
        IRIS,
        IRIS.replace(",", ";"),
        IRIS.replace(",", "\t"),
        IRIS.replace("\n", "\r\n"),
        IRIS.replace("\n", "\r"),
        IRIS.replace(",", ", ").replace("5.1", " 5.1 "),
        IRIS.replace("\n", "\n\n"),
        IRIS.rstrip("\n"),
        "\ufeff" + IRIS,
        "\n  \n" + IRIS,
        IRIS.replace("setosa", '"setosa"').replace("length", '"length"').replace("5.1", '"5.1"'),
        IRIS.replace("3.5", "35e-1").replace("7,", "+7.0,"),
    ],
    ids=repr,
)
def test_dialects(table, content):
    data = load(table(content))
    np.testing.assert_array_equal(data.train.X, np.float32([[5.1, 3.5], [7, 3.2], [6.3, 3.3]]))
    assert data.train.X.dtype == np.float32 and data.train.y.dtype == np.int32
    assert data.train.y.tolist() == [0, 1, 2]
    assert data.class_names == ("setosa", "versicolor", "virginica")
    assert data.feature_names == ("length", "width")
    assert data.name == "a.csv" and data.test is None and data.image_shape is None


def test_quoted_cells_with_delimiters_quotes_and_line_breaks(table):
    path = table('"a,b","c\nd",label\n1,2,"x, ""y"""\n3,4,"two\nlines"\n5,oops,z\n')
    with input_error(path, "row 6, column 2", "'c\\nd'", "'oops'"):
        load(path)
    data = load(table('"a,b","c\nd",label\n1,2,"x, ""y"""\n3,4,"two\nlines"\n'))
    assert data.feature_names == ("a,b", "c\nd")
    assert data.class_names == ("two\nlines", 'x, "y"')


@pytest.mark.parametrize(
    "content, column, names, classes, first",
    [
        # A header, by text outside the label column; the label by name, in any case, or the last column.
        ("a,b,c\n1,2,3\n4,5,6\n", None, ("a", "b"), ("3", "6"), [1, 2]),
        ("a,Class,c\n1,2,3\n4,5,6\n", None, ("a", "c"), ("2", "5"), [1, 3]),
        ("label,a,y\n1,2,3\n4,5,6\n", None, ("a", "y"), ("1", "4"), [2, 3]),
        ("label,1x1,1x2\n0,2,3\n1,5,6\n", None, ("1x1", "1x2"), ("0", "1"), [2, 3]),
        # A header of numbers, whose label cell is text over a number, or one of the names.
        ("0,1,digit\n1,2,3\n4,5,6\n", None, ("0", "1"), ("3", "6"), [1, 2]),
        ("0,1,species\n1,2,a\n4,5,b\n", None, ("0", "1"), ("a", "b"), [1, 2]),
        ("0,1,kind\n1,2,a\n4,5,b\n", "kind", ("0", "1"), ("a", "b"), [1, 2]),
        # No header: the first row could be an example.
        ("1,2,3\n4,5,6\n", None, None, ("3", "6"), [1, 2]),
        ("1,2,a\n4,5,b\n", None, None, ("a", "b"), [1, 2]),
        ("1,2,y\n4,5,n\n", None, None, ("n", "y"), [1, 2]),
        ("a,1,2\nb,4,5\n", "1", None, ("a", "b"), [1, 2]),
        ("5,0,1\n4,0,2\n", "1", None, ("4", "5"), [0, 1]),
        # By position, from either end; a whole number is a position, not a name.
        ("a,b,c\n1,2,3\n4,5,6\n", "2", ("a", "c"), ("2", "5"), [1, 3]),
        ("a,b,c\n1,2,3\n4,5,6\n", "-3", ("b", "c"), ("1", "4"), [2, 3]),
        ("a,3,b\n1,2,3\n4,5,6\n", "3", ("a", "3"), ("3", "6"), [1, 2]),
        # Different spellings of a whole number are one class; classes are sorted as numbers.
        ("1,10\n2,9.0\n3,9\n4,1e1\n", None, None, ("9", "10"), [1]),
        ("1,10\n2,b\n3,9\n", None, None, ("10", "9", "b"), [1]),
        ("1,c_1\n2,1_0\n", None, None, ("1_0", "c_1"), [1]),
    ],
)
def test_header_and_label_column(table, content, column, names, classes, first):
    data = load(table(content), label_column=column)
    assert data.feature_names == names
    assert data.class_names == classes
    assert data.train.X[0].tolist() == first


@pytest.mark.parametrize(
    "content, column, words",
    [
        ("", None, ["empty"]),
        ("\n\n", None, ["no rows"]),
        ("a,b,label\n", None, ["no rows below the header"]),
        ("a\n1\n", None, ["one column"]),
        (IRIS + "1,2\n", None, ["row 5", "2 columns", "3"]),
        (IRIS + "1,2,3,4\n", None, ["row 5", "4 columns", "3"]),
        (IRIS + "\n1,abc,x\n", None, ["row 6, column 2 ('width')", "'abc'", "not a number"]),
        (IRIS + "1,1_000,x\n", None, ["row 5, column 2", "'1_000'", "not a number"]),
        (IRIS + "-inf,2,x\n", None, ["row 5, column 1", "'-inf'", "finite"]),
        (IRIS + "1e39,2,x\n", None, ["row 5, column 1", "'1e39'", "float32"]),
        (IRIS + "1,2,0.5\n", None, ["row 5, column 3", "'0.5'", "neither a whole number nor text"]),
        (IRIS + '1,2,"x\n', None, ["row 5", "quote"]),
        pytest.param(IRIS + '1,2,"' + "x" * 200_000 + '"\n', None, ["row 5", "not valid CSV"], id="huge"),
        (IRIS + "1,2 00,x\n", None, ["row 5, column 2", "'2 00'", "not a number"]),
        (IRIS, "colour", ["no column named 'colour'", "'length', 'width', 'species'"]),
        (IRIS, "4", ["no column 4", "1 to 3"]),
        (IRIS, "0", ["no column 0"]),
        (IRIS, "Species", ["no column named 'Species'"]),
        ("a,label\n1,x\n2,x\n", None, ["at least two classes", "'x'"]),
        ("a,label\n1,x\n", None, ["at least two classes", "'x'"]),
        (IRIS.replace("setosa", "сетоза").encode("cp1251"), None, ["byte 29", "UTF-8", "another alphabet"]),
        (IRIS.encode() + b"1,2,caf\xc3", None, ["byte 78", "UTF-8"]),
    ],
)
def test_invalid_tables(table, content, column, words):
    path = table(content)
    with input_error(path, *words):
        load(path, label_column=column)


def test_an_error_far_down_a_large_table(table):
    rows = [f"{i},{i * 0.37:.3f},{i % 7},k{i % 3}" for i in range(20_000)]
    data = load(table("a,b,c,label\n" + "\n".join(rows)))
    np.testing.assert_array_equal(data.train.X[:, 0], np.arange(20_000))
    np.testing.assert_array_equal(data.train.X, np.array([row.split(",")[:3] for row in rows]).astype(np.float32))
    np.testing.assert_array_equal(data.train.y, np.arange(20_000) % 3)
    rows[17_321] = "1,2,3x,k0"
    path = table("a,b,c,label\n" + "\n".join(rows))
    with input_error(path, "row 17323, column 3 ('c')", "'3x'"):
        load(path)


def test_memory_is_little_more_than_the_array(table):
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 784))
    path = table("\n".join(f"{i % 10}," + ",".join(map(str, row)) for i, row in enumerate(pixels.tolist())))
    tracemalloc.start()
    data = load(path, label_column="1")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(data.train.X, pixels)
    # Twice the array as float32, before pixels become bytes; and a block's text, float64 and the cells of the sample.
    assert peak < 2 * 4 * data.train.X.size + 6e6


def test_round_trip_with_the_csv_module(tmp_path):
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(50, 3)).astype(np.float32), rng.integers(0, 12, 50)
    for name, delimiter in (("a.csv", ","), ("a.tsv", "\t"), ("a.txt", ";"), ("a.data", ",")):
        with open(tmp_path / name, "w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([*row, label] for row, label in zip(X.tolist(), y.tolist()))
        data = load(str(tmp_path / name))
        np.testing.assert_array_equal(data.train.X, X)
        assert [int(data.class_names[i]) for i in data.train.y] == y.tolist()
        assert list(data.class_names) == sorted(data.class_names, key=int)


def test_a_separate_test_set(table):
    train = table(IRIS)
    data = load(train, test=table("length,width,species\n1,2,virginica\n", "b.csv"))
    assert data.test.X.tolist() == [[1, 2]] and data.test.y.tolist() == [2]
    path = table("1,2,setosa\n3,4,virginica\n", "c.csv")  # no header
    assert load(train, test=path).test.y.tolist() == [0, 2]
    path = table("length,width,species\n1,2,setosa\n\n3,4,tulip\n", "d.csv")
    data = load(train, test=path)
    assert data.test.y.tolist() == [0, -1] and "row 4" in data.warnings[-1] and "'tulip'" in data.warnings[-1]
    path = table("width,length,species\n1,2,setosa\n", "e.csv")
    assert load(train, test=path).test.X.tolist() == [[2, 1]]  # by name
    path = table("length,species\n1,setosa\n", "f.csv")
    with input_error(path, "columns named 'width'"):
        load(train, test=path)


@pytest.mark.parametrize(
    "content, column",
    [
        ("length,width\n1,2\n3,4\n", None),
        ("1,2\n3,4\n", None),
        ("width,id,length\n2,x,1\n4,y,3\n", None),  # by name, among other columns
        ("length,width,species\n1,2,a\n3,4,b\n", None),
        ("length,width,kind\n1,2,\n3,4,\n", "kind"),  # the label is ignored
        ("1,2,a\n3,4,b\n", None),
        ("a,1,2\nb,3,4\n", "1"),
    ],
)
def test_inputs(table, content, column):
    X = load_inputs(table(content), Schema(2, feature_names=("length", "width"), label_column=column))
    assert X.dtype == np.float32 and X.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "content, words",
    [
        ("1\n2\n", ["1 column,", "2 features"]),
        ("1,2,3,4\n", ["4 columns", "2 features"]),
        ("length,height\n1,2\n", ["columns named 'width'"]),
        ("length,width\n1,x\n", ["row 2, column 2 ('width')", "'x'"]),
        ("length,width\n1,\n", ["row 2, column 2", "missing"]),  # without columns, as in format 1
        ("length,width\n", ["no rows"]),
        ("", ["empty"]),
    ],
)
def test_invalid_inputs(table, content, words):
    path = table(content)
    with input_error(path, *words):
        load_inputs(path, Schema(2, feature_names=("length", "width")))


def test_inputs_without_names(table):
    assert load_inputs(table("7\n8\n"), Schema(1)).tolist() == [[7], [8]]
    assert load_inputs(table("a,b\n7,8\n"), Schema(2)).tolist() == [[7, 8]]
    assert load_inputs(table("a,b,c\n7,8,q\n"), Schema(2)).tolist() == [[7, 8]]


def test_the_second_row_decides_between_delimiters(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("size,;class\n1.5;big\n2.5;small\n")
    assert load(str(path)).feature_names == ("size,",)
