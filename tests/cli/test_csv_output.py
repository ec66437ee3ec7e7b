"""The CSV that hw5 predict prints: cells as they are, formulas warned of or made text, no control of a terminal."""

import csv
import io

import pytest

from hw5.cli.csv_output import CsvOutput, is_formula

FORMULAS = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1+cmd|x",
    "-1+cmd|x",
    "-x",
    "+x",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1",
    "－x",
    "-1_0",
    '="a"",b"',
)
PLAIN = ("-1.5", "+2", "-1e-5", "-.5", "+5.", "-1E+20", "-inf", "-", "+", "=", "", "a=b", "1-2", " =1", "x", "菊", '"')


def written(*rows, spreadsheet=False, file=None):
    file = file or io.StringIO()
    output = CsvOutput(file, spreadsheet)
    output.write(rows)
    output.warn_of_formulas()
    return file.getvalue()


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_is_kept_with_a_warning_or_becomes_text(cell, capsys):
    row = ["x", cell, "-1.5"]
    assert list(csv.reader(io.StringIO(written(row, ["1", "2", "3"]), newline=""))) == [row, ["1", "2", "3"]]
    warning = capsys.readouterr().err
    assert warning.startswith("hw5: 1 cell begins like a formula") and warning.count("\n") == 1
    assert "--spreadsheet" in warning
    as_text = list(csv.reader(io.StringIO(written(row, [cell], spreadsheet=True), newline="")))
    assert as_text == [["x", f"'{cell}", "-1.5"], [f"'{cell}"]]
    assert capsys.readouterr().err == ""


def test_numbers_and_other_text_stay_as_they_are(capsys):
    assert not any(map(is_formula, PLAIN))
    for spreadsheet in (False, True):
        content = written(list(PLAIN), ["1", *PLAIN], spreadsheet=spreadsheet)
        assert list(csv.reader(io.StringIO(content, newline=""))) == [list(PLAIN), ["1", *PLAIN]]
    assert capsys.readouterr().err == ""


def test_formulas_are_counted(capsys):
    written(["=1", "=2"], ["a", "=3"])
    assert "3 cells begin like a formula, which a spreadsheet would run (the first is '=1')" in capsys.readouterr().err


@pytest.mark.parametrize("cell", ["a\rb", "a\nb", "a\r\nb", '",\r"'])
def test_a_line_break_in_a_cell_is_not_the_end_of_a_row(cell):
    rows = [["x", cell], ["1", "2"]]
    assert list(csv.reader(io.StringIO(written(*rows), newline=""))) == rows


def test_an_ordinary_row_has_no_quotes():
    assert written(["a", "b c", "-1.5"], ["d,e", 'f"g', "тюльпан"]) == 'a,b c,-1.5\n"d,e","f""g",тюльпан\n'


def test_a_terminal_shows_escapes():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert written(["\x1b[2Ja\r\n", "b"], file=Terminal()) == "\\x1b[2Ja\\r\\n,b\n"
    assert written(["\x1b[2Ja", "b"]) == "\x1b[2Ja,b\n"
