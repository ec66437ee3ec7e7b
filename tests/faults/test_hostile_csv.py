"""Malicious CSV files."""

import sys

import numpy as np
import pandas  # noqa: F401  pyarrow imports it; not to count imports as memory of reading
import pyarrow.compute
import pyarrow.csv  # noqa: F401
import pytest

from hw5.datasets import Schema, load, load_inputs
from tests.datasets.helpers import input_error

from .helpers import at_most

_PER_COLUMN = 1000  # memory for what is known about a column: its name, its cells in the sample, what becomes of it
_PER_BYTE = 80  # memory for a cell and its comma: a str of 50 bytes or more, two list entries, and a value


@pytest.fixture
def table(tmp_path):
    def write(content):
        path = tmp_path / "a.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


INVALID = {
    "nothing but NUL": (b"\0" * 1000, []),
    "NUL in a number": (
        b"a,b,label\n1,2\0,x\n3,4,y\n",
        ["row 2"],
    ),  # Python 3.10 reads no NUL: no column
    "UTF-16 without a byte-order mark": ("a,b,label\n1,2,x\n3,4,y\n".encode("utf-16-le"), []),
    "Cyrillic far down": (
        "a,label\n" + "1,x\n2,y\n" * 5000 + "3,\u043e\u043b\u044c\u0445\u0430\n",
        ["byte 40010", "UTF-8", "another alphabet"],
        "cp1251",
    ),
    "a byte that Windows-1252 lacks": (b"a,label\n1,caf\x81\n2,y\n", ["byte 13", "UTF-8", "no text"]),
    "damaged UTF-8": (b"a,label\n1,h\xc3\xa4\xc3usser\n2,house\n", ["byte 13", "UTF-8", "damaged"]),
    "a surrogate": (b"a,label\n1,\xed\xa0\x80\n2,y\n", ["byte 10", "UTF-8"]),
    "overlong UTF-8": (b"a,label\n1,\xc0\xaf\n2,y\n", ["byte 10", "UTF-8"]),
    "an unclosed quote": ("a,label\n" + '1,"x\n' + "2,y\n" * 10_000, ["row 2", "quote"]),
    "an unclosed quote and a long text": ("a,label\n" + '1,"x\n' + "2,y\n" * 100_000, ["row 2", "quote"]),
    "text after a quote": ('a,label\n1,"x"y\n', ["row 2", "quote"]),
    "nothing but quotes": ('"' * 99_999, ["quote"]),
    "nothing but commas": ("," * 100_000, ["no rows"]),
    "nothing but line breaks": ("\r\n" * 100_000, ["no rows"]),
    "a cell of 200,000 characters": ("1," + "9" * 200_000 + "\n", ["row 1"]),
    "a number of 100,000 digits": ("a,b\n1,2\n" + "9" * 100_000 + ",3\n", ["row 3, column 1", "finite float32"]),
    "a class of 100,000 digits": ("1,2\n3," + "9" * 100_000 + "\n", ["row 2, column 2"]),
    "a pickle": (b"\x80\x04\x95" + bytes(range(256)), ["pickle"]),
    "one column": ("x" * 100_000, ["one column"]),
    "a class that clears the screen": ("a,label\n1,1\n2,\x1b[2J\n", ["row 3, column 2 ('label')", "'\\x1b[2J'"]),
    "a class of NUL": (b"a,label\n1,1\n2,y\0\n", ["row 3" if sys.version_info >= (3, 11) else "NUL"]),
    "no class but missing ones": ("a,label\n1,\n2,?\n", ["there are no ", "column 2 ('label')"]),
}


@pytest.mark.parametrize("name", INVALID)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_invalid_files(table, name, task):
    content, words, *encoding = INVALID[name]
    content = content.encode(*encoding) if isinstance(content, str) else content
    path = table(content)
    with at_most((1 << 22) + _PER_BYTE * len(content)), input_error(path, *words) as caught:
        load(path, task=task)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffa,b,label\r\n1,2,x\r\n3,4,y\r\n",
        "a,b,label\r1,2,x\r3,4,y",
        '"a","b","label"\n"1","2","x"\n"3","4","y"\n',
        "a;b;label\n\n\n1;2;x\n\n3;4;y\n\n",
        "a\tb\tlabel\n1\t2\tx\n3\t4\ty\n",
        "a,b,label\n1,2,x\n3,4,y\n".encode("utf-16"),
        "a, b, label\n1,\t2,x\n\u20033,4\xa0,y\n",  # float() skips the spaces of Unicode
    ],
)
def test_unusual_but_valid_files(table, content):
    data = load(table(content))
    assert data.train.X.tolist() == [[1, 2], [3, 4]] and data.class_names == ("x", "y")
    assert data.feature_names == ("a", "b")


def test_class_names_in_any_language(table):
    names = (
        "na\u00efve",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f469\u200d\U0001f680",
        "\u8a00 \u8a9e",
    )
    assert load(table("".join(f"{i},{name}\n" for i, name in enumerate(names)))).class_names == tuple(sorted(names))


def test_classes_of_hundreds_of_digits(table):
    """More than float64 can hold."""
    names = ("9" * 300, "9" * 400, "1" + "0" * 4000)
    assert load(table("".join(f"{i},{name}\n" for i, name in enumerate(names)))).class_names == names


def test_quoted_line_breaks_count_as_lines(table):
    data = load(table('"a\r\nb",label\n1,"x\ny"\n2,"\n\n"\n'.replace('"\n\n"', '"z\n\n"')))
    assert data.feature_names == ("a\r\nb",) and data.class_names == ("x\ny", "z")
    with input_error("row 5, column 1"):
        load(table('"a\r\nb",label\n1,"x\ny"\noops,z\n2,z\n3,z\n'))


@pytest.mark.slow
@pytest.mark.parametrize("columns, cell", [(100_000, "1"), (50_000, "0.25")])
def test_many_columns(table, columns, cell):
    row = ",".join([cell] * (columns - 1))
    content = f"{row},x\n{row},y\n"
    path = table(content)
    with at_most((1 << 22) + _PER_BYTE * len(content) + _PER_COLUMN * columns):
        data = load(path)
    assert data.train.X.shape == (2, columns - 1) and (data.train.X == float(cell)).all()


def test_too_many_columns(table):
    """They would take kilobytes each before anything is known about them."""
    with input_error("250,001 columns", "up to 250,000"):
        load(table("1," * 250_000 + "x\n" + "1," * 250_000 + "y\n"))


def test_a_hundred_thousand_names(table):
    """Finding names, or missing ones, takes time proportional to their number."""
    names = [f"n{i}" for i in range(100_000)]
    schema = Schema(len(names), ("x", "y"), tuple(names))
    row = ",".join(map(str, range(len(names))))
    path = table(",".join(names[::-1]) + ",label\n" + row + ",x\n")
    for X in (load(path, schema=schema).train.X, load_inputs(path, schema)):
        np.testing.assert_array_equal(X[0], np.arange(len(names))[::-1])
    path = table(",".join("m" + name for name in names) + ",label\n" + row + ",x\n")
    with input_error(path, "columns named 'n0', 'n1'") as caught:
        load(path, schema=schema)
    assert len(str(caught.value)) < 600
    path = table(",".join(names[:-1] + names[:1]) + ",label\n" + row + ",x\n" + row + ",y\n")
    assert load(path).feature_names[-1] == "n0 (2)"


@pytest.mark.slow
def test_as_many_classes_as_rows(table):
    content = "".join(f"{i},c{i}\n" for i in range(20_000))
    with at_most((1 << 22) + _PER_BYTE * len(content)):
        data = load(table(content))
    assert len(data.class_names) == 20_000
    assert [data.class_names[y] for y in data.train.y[:3]] == ["c0", "c1", "c2"]


def test_a_table_that_ends_anywhere(table):
    content = '\ufeff"a","b;b",label\r\n1,2,"x\n\xe9"\r\n3,4,y\r\n5,6,y\r\n'.encode()
    rows = []
    for end in range(len(content)):
        path = table(content[:end])
        try:
            rows.append(len(load(path).train.y))
        except Exception as error:
            assert type(error).__name__ == "InputError", content[:end]
    assert rows and rows == sorted(rows)
