"""CSV on standard output, whose cells come from data."""

import csv
import re

from hw5.cli.display import is_terminal, warn
from hw5.text import printable

# What a formula begins with in one spreadsheet or another, which skip white space and read wide characters
_SIGNS = "=+-@\t\r\n＝＋－＠"
_SEPARATOR = "\x1f"
_NUMBER = "[+-][0-9.]+(?:[eE][+-]?[0-9]+)?"
_MAY_BE_FORMULA = re.compile(f"{_SEPARATOR}(?=[{re.escape(_SIGNS)}])(?!{_NUMBER}{_SEPARATOR})")
_PERHAPS_FORMULA = r"\r|^[=@\t＝＋－＠]|^[+-]"  # RE2, the syntax of pyarrow; more than is_formula finds


def _cells(array):
    """The cells of a pyarrow array as text."""
    return ["" if cell is None else str(cell) for cell in array.to_pylist()]


class CsvOutput:
    """Rows of cells as CSV.

    Cells are written as they are, except that escapes replace control characters on a terminal.

    spreadsheet: write formulas as text, with an apostrophe before them; otherwise warn of them in the end.
    """

    def __init__(self, file, spreadsheet=False):
        self._file = file
        self._writer = csv.writer(file, lineterminator="\n")
        self._quoting_writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        self._spreadsheet, self._is_terminal = spreadsheet, is_terminal(file)
        self._formulas, self._first = 0, ""

    def write(self, rows):
        for row in rows:
            if self._is_terminal:
                row = list(map(printable, row))
            text = _SEPARATOR.join(["", *row, ""])  # one search is faster than one for each cell
            if _MAY_BE_FORMULA.search(text):
                row = list(map(self._checked, row))
            # Not all versions of Python quote a carriage return, which would end the row
            (self._quoting_writer if "\r" in text else self._writer).writerow(row)

    def write_columns(self, columns, plain=()):
        """Write rows given as columns, lists or pyarrow arrays. Ordinary cells are joined by the column, which is fast.

        plain: positions of columns that have plain numbers only.
        """
        text = self._ordinary_rows(columns, plain) if not self._is_terminal and len(columns) > 1 else None
        if text is None:
            lists = [column if isinstance(column, list) else _cells(column) for column in columns]
            self.write(map(list, zip(*lists)))
        else:
            self._file.write(text)

    @staticmethod
    def _ordinary_rows(columns, plain):
        """The rows as text, if no cell may be a formula or has a carriage return, else None."""
        import pyarrow as pa
        import pyarrow.compute as pc

        joined = []
        for position, column in enumerate(columns):
            column = pa.array(column, pa.string()) if isinstance(column, list) else column.cast(pa.string())
            if position not in plain:
                column = pc.fill_null(column, "")
                if pc.any(pc.match_substring_regex(column, _PERHAPS_FORMULA)).as_py():
                    return None
                special = pc.match_substring_regex(column, '[",\n]')
                if pc.any(special).as_py():
                    inner = pc.replace_substring(column, '"', '""')
                    column = pc.if_else(special, pc.binary_join_element_wise('"', inner, '"', ""), column)
            joined.append(column)
        return "\n".join([*pc.binary_join_element_wise(*joined, ",").to_pylist(), ""])

    def warn_of_formulas(self):
        if self._formulas and not self._spreadsheet:
            cells = "1 cell begins" if self._formulas == 1 else f"{self._formulas:,} cells begin"
            warn(
                f"{cells} like a formula, which a spreadsheet would run (the first is {self._first[:40]!r}); "
                "--spreadsheet writes such cells as text"
            )

    def _checked(self, cell):
        if not is_formula(cell):
            return cell
        self._formulas, self._first = self._formulas + 1, self._first or cell
        return f"'{cell}" if self._spreadsheet else cell


def is_formula(cell):
    """Whether a spreadsheet would run a cell: it begins with a sign, and is neither the sign alone nor a number."""
    return len(cell) > 1 and cell[0] in _SIGNS and not _is_number(cell)


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # float() accepts "1_000"
