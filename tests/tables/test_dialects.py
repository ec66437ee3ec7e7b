"""Text tables in the dialects that programs and people write: the same numbers, whatever the dialect."""

import bz2
import gzip
import io
import lzma
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from hw5.datasets import load, load_inputs
from hw5.tables import delimited
from hw5.tables.dialect import Dialect
from hw5.tables.sample_rows import BLANKS
from hw5.tables.table_bytes import TableBytes
from tests.datasets.helpers import input_error
from tests.tables.helpers import TREES, rows, schema_of, text

X, NAMES = rows()
CELLS = [[*map(str, x), name] for x, name in zip(X.tolist(), NAMES)]
COMMAS = [[c.replace(".", ",") for c in row] for row in CELLS]
PLAIN = text(CELLS)


def quoted(cells, quote='"'):
    return [[f"{quote}{cell}{quote}" for cell in row] for row in cells]


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def zstd(content):
    file = pa.BufferOutputStream()
    with pa.CompressedOutputStream(file, "zstd") as stream:
        stream.write(content)
    return file.getvalue().to_pybytes()


DIALECTS = {  # name: (content, file name, words of the notes)
    "semicolons and decimal commas": (text(COMMAS, delimiter=";"), "a.csv", "decimal comma"),
    "the same without a header": (text(COMMAS, "", ";"), "a.csv", "decimal comma"),
    "tabs and decimal commas": (text(COMMAS, delimiter="\t"), "a.tsv", "decimal comma"),
    "quoted decimal commas": (text(quoted(COMMAS)), "a.csv", "decimal comma"),
    "bars": (text(CELLS, delimiter="|"), "a.txt", ""),
    "blanks": (text(CELLS, "", " "), "a.txt", ""),
    "aligned by blanks": (text([["", *(c.rjust(9) for c in row)] for row in CELLS], "", " "), "a.data", ""),
    "single quotes": (text(quoted(CELLS, "'"), ""), "a.csv", ""),
    "double quotes": (text(quoted(CELLS), "", ";"), "a.csv", ""),
    "blanks before quotes": (text(quoted(CELLS), delimiter=", "), "a.csv", ""),
    "comments above": ("# written by the logger\n# units: cm\n" + PLAIN, "a.csv", "2 lines above"),
    "a header in a comment": ("#" + text(CELLS, delimiter="\t"), "a.txt", ""),
    "titles as wide as the table": (
        "Park,,,\n2020-01-01,,,\n,,,\n" + PLAIN,
        "a.csv",
        "skipped the 3 lines above the table",
    ),
    "a title above": ("Trees of the park\n\n" + PLAIN, "a.csv", "above the table"),
    "sep=": ("sep=;\n" + text(CELLS, delimiter=";"), "a.csv", "the line above"),
    "empty rows at the end": (PLAIN + ",,,\n,,,\n\n  \n", "a.csv", ""),
    "an empty column": (text([[*row[:3], "", row[3]] for row in CELLS], "leaf,bark,height,,tree"), "a.csv", ""),
    "a delimiter at the end": (text([[*row, ""] for row in CELLS], "leaf,bark,height,tree,"), "a.csv", ""),
    "a delimiter at the end of the rows alone": (text([[*row, ""] for row in CELLS]), "a.csv", ""),
    "row names of R": (text([[f'"{i}"', *row] for i, row in enumerate(CELLS, 1)]), "a.csv", "row names"),
    "an index of pandas": (text([[i, *row] for i, row in enumerate(CELLS)], ",leaf,bark,height,tree"), "a.csv", ""),
    "numbers as names": (text(CELLS, "0,1,2,3"), "a.csv", ""),
    "UTF-8 with a mark": ("\ufeff" + PLAIN, "a.csv", ""),
    "UTF-16": (PLAIN.encode("utf-16"), "a.csv", ""),
    "UTF-16, big-endian": (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "a.csv", ""),
    "carriage returns": (text(CELLS, end="\r"), "a.csv", ""),
    "carriage returns and blanks": ("# trees\r" + text(CELLS, delimiter="  ", end="\r"), "a.csv", ""),
    "an unknown suffix": (PLAIN, "a.train", ""),
    "no suffix": (PLAIN, "a", ""),
    "a suffix of something else": (PLAIN, "a.tab", ""),
    "thousands": (text([[f'"{float(row[0]) * 1e6:,.0f}"', *row[1:]] for row in CELLS]), "a.csv", ""),
    "thousands parted by no-break spaces": (
        text([[f"{float(row[0]) * 1e6:,.0f}".replace(",", "\u00a0"), *row[1:]] for row in CELLS]),
        *("a.csv", ""),
    ),
    "percent": (text([[row[0] + "%", *row[1:]] for row in CELLS]), "a.csv", "without '%'"),
    "a currency": (text([["$" + row[0], *row[1:]] for row in CELLS]), "a.csv", "without '$'"),
    "a unit": (text([[row[0] + " cm", *row[1:]] for row in CELLS]), "a.csv", "without 'cm'"),
    "gzip": (gzip.compress(PLAIN.encode()), "a.csv.gz", ""),
    "gzip without .gz": (gzip.compress(PLAIN.encode()), "a.csv", ""),
    "bzip2": (bz2.compress(PLAIN.encode()), "a.csv.bz2", ""),
    "xz": (lzma.compress(PLAIN.encode()), "a.csv.xz", ""),
    "zstd": (zstd(PLAIN.encode()), "a.csv.zst", ""),
    "zip": (zipped({"a.csv": PLAIN, "__MACOSX/._a.csv": "x"}), "a.zip", ""),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects(write, name):
    content, file, words = DIALECTS[name]
    data = load(write(content, file))
    expected = X * [1e6, 1, 1] if "thousands" in name else X
    np.testing.assert_array_equal(data.train.X, expected.astype(np.float32))
    if name != "numbers as names":
        assert data.class_names == TREES
    np.testing.assert_array_equal(np.array(data.class_names)[data.train.y], NAMES)
    assert words in " ".join(data.notes)
    names = data.feature_names
    headless = text(CELLS, "") in str(content) or names is None or names[0] == "column 1"
    assert headless or names == (("0", "1", "2") if "as names" in name else ("leaf", "bark", "height"))


HEADERS = {  # first rows that are no header, over columns of text; and the class of the first row
    "repeated text": ("a,x,1\nb,y,2\na,y,1\nb,x,2\n", 4),
    "the same text twice": ("1,west,west,ash\n2,west,east,yew\n3,east,west,ash\n4,east,east,yew\n", 4),
    "a dash": ("1,-,ash\n2,3,yew\n3,4,ash\n2,5,yew\n", 4),
    "codes": ("A11,6,1\nA12,48,2\nA14,12,1\nA11,42,2\n", 4),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_first_row_that_is_an_example(write, name):
    content, n = HEADERS[name]
    data = load(write(content))
    assert len(data.train.y) == n
    assert data.feature_names is None or "column" in data.feature_names[0]


@pytest.mark.parametrize("header", ["site,kind", "2019,2020,2021,group", "1,2,3,4"])
def test_a_first_row_that_is_a_header(write, header):
    body = [["north", "oak"], ["south", "yew"], ["north", "oak"], ["south", "yew"]]
    if "," in header[5:]:
        body = [[0.5, 2.5, 7.1, 0], [1.5, 2.2, 7.3, 1], [0.1, 2.1, 7.7, 0], [1.4, 2.9, 7.2, 1]]
    data = load(write(text(body, header)))
    assert len(data.train.y) == 4 and len(data.class_names) == 2
    assert data.columns.label_names == (header.split(",")[-1],)


def test_points_between_thousands_beside_decimal_commas(write):
    """A column with a number such as 3.25 has decimal points. The comma is stored in the checkpoint."""
    rows = "1,5;12.500;3.25;a\n2,5;900;3.125;b\n3,75;1.200.000;-1.5;a\n4,5;1.200,5;0.125;b\n"
    data = load(write(f"price;people;rate;kind\n{rows}"))
    X = data.train.X.astype(float) + [c.offset for c in data.columns.each]
    np.testing.assert_array_equal(X[:, 1:], [[12500, 3.25], [900, 3.125], [1.2e6, -1.5], [1200.5, 0.125]])
    assert [c.decimal for c in data.columns.each] == [",", ",", "."]


def test_a_one_column_file_of_decimal_commas(write):
    """The tab of a .tsv parts columns, although each line has one comma as well."""
    data = load(write("".join(f"{i},5\t{i % 2}\n" for i in range(20)), "a.tsv"))
    np.testing.assert_array_equal(data.train.X[:, 0], np.arange(20) + 0.5)
    assert data.class_names == ("0", "1")


def nameless():
    """An archive whose directory lost the name of a file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        lost = zipfile.ZipInfo("a.csv")
        archive.writestr(lost, "1,2\n")
        archive.writestr("b.csv", "1,2\n")
        lost.filename = ""
    return buffer.getvalue()


REFUSED = {
    "several files": (zipped({"a.csv": "1,2\n", "b.csv": "1,2\n"}), "a.zip", ["2 files", "'a.csv', 'b.csv'"]),
    "a nameless member of two": (nameless(), "a.zip", ["2 files", "'', 'b.csv'"]),
    "an empty archive": (zipped({}), "a.zip", ["empty zip archive"]),
    "a bomb": (bz2.compress(b"1,2\n" * 20_000_000, 1), "a.csv.bz2", ["inflates to too many bytes"]),
    "a cut gzip": (gzip.compress(PLAIN.encode())[:-40], "a.csv.gz", ["truncated"]),
    "a cut xz": (lzma.compress(PLAIN.encode())[:-40], "a.csv.xz", ["truncated"]),
    "a damaged bzip2": (bz2.compress(PLAIN.encode())[:60] + b"xyz" * 9, "a.csv.bz2", []),
    "another alphabet": ("высота,дерево\n1,клён\n2,дуб\n".encode("cp1251"), "a.csv", ["byte 0", "UTF-8"]),
    "one total": (PLAIN + "Total,1,2,\n", "a.csv", ["row 92, column 1 ('leaf')", "'Total' is not a number"]),
    "an infinite number": (PLAIN + "inf,1,2,ash\n", "a.csv", ["row 92, column 1", "'inf' is not a finite"]),
    "a web page": ("<!DOCTYPE html>\n<html><body>" + PLAIN, "a.csv", ["a web page, not the table itself"]),
    "a wider row than the header, with an empty end": ('3,\n,, "/",', "a.csv", ["row 2", "4 columns", "2;"]),
    "a ragged row": (PLAIN + "1,2\n", "a.csv", ["row 92", "2 columns", "4"]),
}


def test_columns_of_the_same_name(write):
    """They are called apart, in the table to predict too, and that is said. What is ambiguous is refused."""
    path = write(text(CELLS, "leaf,leaf,leaf (2),tree"), "a.csv")
    data = load(path)
    assert data.feature_names == ("leaf", "leaf (3)", "leaf (2)")
    assert any("several columns are named 'leaf'" in note for note in data.notes)
    np.testing.assert_array_equal(load_inputs(path, schema_of(data)), data.train.X)
    once = load(write(text(CELLS, "leaf,width,height,tree"), "b.csv"))
    path = write(text(CELLS, "leaf,width,height,leaf"), "c.csv")
    with input_error(path, "2 columns are named 'leaf'"):
        load_inputs(path, schema_of(once))


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_refused(write, name):
    content, file, words = REFUSED[name]
    path = write(content, file)
    with input_error(path, *words):
        load(path)


def test_a_bad_cell_far_down_is_named(write):
    """In the second megabyte, in a column of numbers."""
    lines = [f"{i},{i / 7:.12f},{'ab'[i % 2]}" for i in range(60_000)]
    lines[50_000] = "50000,oops,a"
    path = write("\n".join(["n,x,kind", *lines]))
    with input_error(path, "row 50002, column 2 ('x')", "'oops'"):
        load(path)


def test_text_below_a_megabyte_of_numbers(write):
    """The column is read again as text."""
    lines = [f"{i / 7:.12f},{i % 9 if i < 50_000 else 'x' if i % 2 else 'y'},{'ab'[i % 2]}" for i in range(100_000)]
    data = load(write("\n".join(["x,code,kind", *lines])))
    assert data.feature_names == ("x", *(f"code={v}" for v in "012345678xy"))
    np.testing.assert_array_equal(data.train.X[:, 1:].sum(axis=1), 1)
    assert data.train.X[99_999, -2] == 1


def test_an_empty_cell_before_a_quoted_one(tmp_path):
    """Two tabs are an empty cell, also where a quote follows."""
    path = tmp_path / "a.tsv"
    path.write_text("a\tb\tclass\n" + '1\t\t"x"\n2\t5\t"y"\n3\t6\t"x"\n' * 4)
    data = load(path)
    assert data.class_names == ("x", "y") and len(data.train.y) == 12
    assert [column.name for column in data.columns.each] == ["a", "b"]


@pytest.mark.parametrize("character", ["\x1d", "\x0b", "\x85", "\u2028"], ids=repr)
def test_characters_that_unicode_takes_for_blanks_and_ends_of_lines(tmp_path, character):
    """They end no row, and int() and pyarrow take some of them for no blanks, so that these columns are text."""
    path = tmp_path / "a.csv"
    path.write_text(f"1,2,3,x\n4,5,6{character},y\n7,8,9,x\n10,a{character}b,12,y\n" * 4, "utf-8")
    data = load(path)
    assert data.class_names == ("x", "y") and len(data.train.y) == 16


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_the_first_quote_comes_late(tmp_path, end):
    """A file is read without quotes until there is one, which may hold delimiters and ends of lines."""
    numbers, names = rows(80_000)
    cells = [[*x, name] for x, name in zip(numbers.tolist(), names)]
    cells[75_000] = ['"1"', '"2"', "3", f'"ash, {end}or so"']
    path = tmp_path / "a.csv"
    path.write_text(text(cells, end=end), newline="")
    assert delimited._BLOCK < path.read_text().index('"')
    data = load(path)
    numbers[75_000] = 1, 2, 3
    np.testing.assert_array_equal(data.train.X, numbers.astype(np.float32))
    late = "ash, \nor so" if end == "\r" else f"ash, {end}or so"
    assert data.class_names == ("ash", late, "birch", "cedar") and data.train.y[75_000] == 1
    cells[76_000] = ["1", "2", "3", '"ash']
    path.write_text(text(cells, end=end), newline="")
    with input_error(path, "unclosed quote"):
        load(path)


def test_a_megabyte_of_blanks():
    """It takes milliseconds, and hours if the search for blanks begins anew at each of them."""
    source = TableBytes(io.BytesIO(b"1 2" + b" " * (1 << 20) + b"x\n"), "utf-8", Dialect(delimiter=BLANKS))
    assert source.read() == b"1\t2\tx\n"


def test_quotes_after_backslashes(write):
    """As databases export them."""
    notes = ['"he said \\"tall, 3\\""', '"short"', '"\\"\\"\nand so on"']
    data = load(write(text([[i, notes[i % 3], "xy"[i % 2]] for i in range(12)], "leaf,note,tree")))
    assert data.columns.each[1].values == ('""\nand so on', 'he said "tall, 3"', "short")
    assert data.class_names == ("x", "y") and len(data.train.y) == 12


@pytest.mark.parametrize("bar", ["|", "\t", ";"])
def test_a_delimiter_within_quotes_in_a_short_table(write, bar):
    data = load(write(f'"leaf","tree"\n1.5,"ash{bar}0"\n2.5,"elm{bar}0"\n'))
    assert data.class_names == (f"ash{bar}0", f"elm{bar}0") and data.feature_names == ("leaf",)


def test_a_backslash_at_the_end_of_a_cell(write):
    data = load(
        write(text([[i, ['"C:\\"', '"D:\\a"', '"E:"'][i % 3], "xy"[i % 2]] for i in range(12)], "leaf,path,tree"))
    )
    assert data.columns.each[1].values == ("C:\\", "D:\\a", "E:")


def test_quotes_that_are_text(write):
    """They would swallow rows."""
    notes = ['"tall', 'he said "no"', "short", '"so" they say']
    cells = [[i, notes[i % 4], "xy"[i // 4 % 2]] for i in range(24)]
    data = load(write(text(cells, "leaf,note,tree", "\t")))
    assert data.columns.each[1].values == tuple(sorted(notes)) and len(data.train.y) == 24
    assert any("took the quotes for text" in note for note in data.notes)


@pytest.mark.parametrize("delimiter", ["^", "~", "\x01", "\x1f"])
def test_rare_delimiters(write, delimiter):
    data = load(write(text([[i, i * i, "xy"[i % 2]] for i in range(12)], "leaf,bark,tree", delimiter)))
    assert data.feature_names == ("leaf", "bark") and data.notes == (f"took {delimiter!r} as the delimiter",)


@pytest.mark.parametrize("wood", ["oak old", "oak, old"])
def test_a_rare_delimiter_around_texts_with_blanks_or_commas(write, wood):
    cells = [[i, [wood, "ash", f"{wood}, dry"][i % 3], "xy"[i % 2]] for i in range(12)]
    data = load(write(text(cells, "leaf^wood^tree").replace(",", "^").replace("^ ", ", ")))
    assert data.feature_names[0] == "leaf" and len(data.columns.each) == 2


def test_a_formula_in_a_table_of_blanks(write):
    data = load(write(text([["y", "~", f"x{i}", i, "ab"[i % 2]] for i in range(12)], "left sign right n kind", " ")))
    assert len(data.columns.each) == 4


@pytest.mark.parametrize(
    "form", ["{} zł", "USD {}", "US${}", "R$ {}", "{} руб.", "{} ₽", "Rs. {}", "₩{}", "kr. {}", "{}円"]
)
def test_currencies(write, form):
    data = load(write(text([[form.format(i * 3), "xy"[i % 2]] for i in range(12)], "price,tree")))
    assert data.train.X[:, 0].tolist() == [3 * i for i in range(12)]
    assert "'price': read the numbers without" in data.notes[-1]


def test_units_in_names(write):
    data = load(write(text([[f"t{i}", i, i * i, i % 2] for i in range(12)], "name,12 m,24 m,2 y")))
    assert [c.name for c in data.columns.each] == ["name", "12 m", "24 m"] and len(data.train.y) == 12


def test_many_notes_of_a_kind_are_one(write):
    cells = [[f"{i % 5 + j}%" for j in range(12)] + [7, 8, "xy"[i % 2]] for i in range(12)]
    data = load(write(text(cells, ",".join([*(f"p{j}" for j in range(12)), "k", "m", "tree"]))))
    assert data.notes == ("'p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7' and 4 more: read the numbers without '%'",)
    assert data.warnings == ("'k', 'm' are constant in the training rows",)


def test_two_colons_as_the_delimiter(write):
    data = load(write("".join(f"{i}::{i * i}::{'xy'[i % 2]}\n" for i in range(12)), "a.dat"))
    assert data.train.X.tolist() == [[i, i * i] for i in range(12)] and data.notes[0] == "took ':' as the delimiter"
