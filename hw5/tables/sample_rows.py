"""The first rows of a text table, as a delimiter parts them."""

import csv
import re

from hw5.text import lines_of

BLANKS = " "  # as a delimiter: runs of blanks and tabs
DELIMITERS = ",;\t|" + BLANKS
_ROWS, _CELLS = 200, 20_000  # of the sample
_ESCAPED_QUOTE = re.compile(r"""\\["'](?![,;|\t\r\n"'])""")  # one that ends no cell, as C:\\" does


def rows_of(sample: str, delimiter: str, quote: str = '"', limit: int = _ROWS) -> list[list[str]]:
    """The first rows that are not blank; those before an error in the quotes."""
    rows, count = [], 0
    if delimiter == BLANKS:
        lines = (re.sub(r"[ \t]+", " ", line.strip()) for line in lines_of(sample))
    else:
        lines = lines_of(sample)
    try:
        for cells in csv.reader(
            lines, delimiter=delimiter, skipinitialspace=True, quotechar=quote, escapechar=escape_of(sample)
        ):
            if "".join(cells).strip():
                rows.append(cells)
                count += len(cells)
            if len(rows) >= limit or count > _CELLS and len(rows) > 2:
                break
    except csv.Error:  # with the wrong delimiter, a long row may be too large for one cell
        pass
    return rows


def escape_of(sample: str) -> str | None:
    """What stands before quotes in cells: a backslash, as databases write it, or nothing, since they are doubled."""
    return "\\" if _ESCAPED_QUOTE.search(sample) else None
