"""The lines above a text table: comments, empty lines and titles."""

import re
from collections import Counter

from hw5.tables.header import evidence, is_numeric, is_text, second_header
from hw5.tables.sample_rows import BLANKS, DELIMITERS, rows_of
from hw5.text import lines_of

_EMPTY = ",;|\t \r\n"  # the characters of a row without cells
_PROSE = re.compile(r"://|:$")  # in a comment such as "Source: https://example.org", which names no columns


def without_lines_above(sample: str, wanted: frozenset) -> tuple[str, int]:
    """The sample from the table on, and the number of lines above it: comments, and titles of one cell.

    A comment with as many cells as the row below it is a header. A line with all wanted names is no comment.
    """
    lines = lines_of(sample)
    top = 0
    while top < len(lines) and (not lines[top].strip(_EMPTY) or _is_comment(lines[top], wanted)):
        top += 1
    comments = [i for i in range(top) if lines[i].strip(_EMPTY)]
    if comments and top < len(lines):
        head, below = lines[comments[-1]], lines[top]
        best = max(DELIMITERS, key=lambda each: (len(rows_of(below, each)[0]), each != BLANKS))
        cells = rows_of(head.lstrip("#% \t"), best)
        if cells and len(cells[0]) == len(rows_of(below, best)[0]) > 1 and not any(map(_PROSE.search, cells[0])):
            top = comments[-1]
            lines[top] = head.lstrip("#% \t")
    return "".join(lines[top:]), top


def _is_comment(line: str, wanted: frozenset) -> bool:
    if not line.lstrip().startswith(("#", "%", "//")):
        return False
    rows = (row for each in DELIMITERS for row in rows_of(line, each)[:1])
    return not wanted or not any(wanted <= set(map(str.strip, row)) for row in rows)


def without_titles(sample: str, delimiter: str, rows: list) -> tuple[str, int]:
    """The sample without titles above a table of several columns, and the number of lines removed."""
    titles = _short_titles(rows) or _scattered_titles(rows) or _padded_titles(rows) or _ragged_titles(rows)
    if not titles:
        return sample, 0
    lines = lines_of(sample)
    filled = [i for i, line in enumerate(lines) if line.strip(delimiter + " \t\r\n")]
    return "".join(lines[filled[titles] :]), filled[titles]


def _short_titles(rows: list) -> int:
    """The number of titles that are rows of one cell."""
    titles = next((i for i, row in enumerate(rows[:6]) if len(row) > 1), 0)
    return titles if len(rows) > titles + 1 and all(len(row) > 1 for row in rows[titles:]) else 0


def _scattered_titles(rows: list) -> int:
    """The number of titles that are three or more rows with gaps, above a header of text without any."""
    titles = next((i for i, row in enumerate(rows[:9]) if len(row) > 2 and all(map(is_text, row))), 0)
    head, below = rows[titles] if rows else [], [row for row in rows[titles + 1 :] if len(row) == len(rows[titles])]
    has_gaps = all(not all(map(str.strip, row)) and not any(map(is_numeric, row)) for row in rows[:titles])
    is_header = len(set(head)) == len(head) and "text over numbers" in map(evidence, head, zip(*below))
    return titles if titles > 2 and has_gaps and is_header else 0


def _padded_titles(rows: list) -> int:
    """The number of titles that a spreadsheet made as wide as the table: one cell is filled, above a header of text."""
    titles = next((i for i, row in enumerate(rows[:6]) if sum(map(bool, map(str.strip, row))) > 1), 0)
    if len(rows) < titles + 2 or len(rows[titles]) < 3:
        return 0
    head, below = rows[titles], [row for row in rows[titles + 1 :] if len(row) == len(rows[titles])]
    return titles if all(map(_is_name, head)) or second_header(head, below) else 0


def _is_name(cell: str) -> bool:
    """Whether a cell may name a column; `Missing` may, though it may stand for a missing value, too."""
    return any(map(str.isalpha, cell)) and not is_numeric(cell)


def _ragged_titles(rows: list) -> int:
    """The number of titles with delimiters in them: rows of another width than a header of text and the rows below."""
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    titles = next((i for i, row in enumerate(rows[:6]) if len(row) == width), 0)
    head, below = rows[titles] if rows else [], rows[titles + 1 :]
    is_table = len(below) > 1 and all(len(row) == width for row in below) and all(map(is_text, head))
    return titles if is_table and "text over numbers" in map(evidence, head, zip(*below)) else 0
