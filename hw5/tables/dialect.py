"""The dialect of a text table, found from its first rows: delimiter, quotes, decimal commas, lines above, and header.

Each decision is a guess that people can check: `Dialect.notes` says those that are not the usual ones.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace

from hw5.tables.decimals import DECIMAL_COMMA, signs_among
from hw5.tables.fixed_width import as_tabs, starts_of
from hw5.tables.header import LONG_TEXT, is_header, is_text, joined, second_header
from hw5.tables.lines_above import without_lines_above, without_titles
from hw5.tables.number_text import is_number, without_brackets
from hw5.tables.sample_rows import BLANKS, DELIMITERS, escape_of, rows_of
from hw5.text import lines_of, quoted

NO_QUOTE = "\x01"  # as a quote: no character encloses cells
_RARE = "^~\x01\x1f"  # which are delimiters only if the others are none
_SEP = re.compile(r'^"?sep=(.)"?\r?$')
_JOINED = re.compile(r"\d[,;|\t ]+[-+]?\.?\d")  # two numbers in a cell: another delimiter parts them
_POINT = re.compile(r"\s*[-+]?\d*\.\d+([eE][-+]?\d+)?\s*")
_OF_FIXED_WIDTH = "took the columns by their positions in the lines, since they have a fixed width"


@dataclass(frozen=True)
class Dialect:
    """How a text table is written."""

    delimiter: str = ","
    quote: str = '"'
    skipped: int = 0  # lines above the table
    comment: str = "#"  # rows that begin with it, and have another number of cells, are skipped
    spaces: bool = False  # blanks between a delimiter and a quote
    decimal: str = "."
    signs: tuple[frozenset, ...] = ()  # by column, what its numbers show of their decimal sign (decimals.py)
    header: bool = False
    row_names: bool = False  # the header has no cell for the first column
    is_open: bool = False  # the rows end in a delimiter, and the header does not
    escape: str | None = None  # before a quote in a cell
    starts: tuple[int, ...] = ()  # where the columns begin in a line, if they have a fixed width
    edges: bool = False  # the rows begin and end in the delimiter
    width: int = 0
    header_width: int = 0  # cells of the header, which may lack one or have empty ones at its end
    last: int | None = None  # the last column with cells, if those after it are empty
    first: tuple[str, ...] = ()  # the first row of the table
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the columns, if there is a header."""
        if not self.header:
            return None
        return ("",) * self.row_names + tuple(name.strip() for name in self.first) + ("",) * self.is_open


def detect(sample: str, suffix: str = "", wanted: frozenset = frozenset(), label: int | None = None) -> Dialect:
    """The dialect of a table that begins with `sample`, which has whole lines.

    wanted: names of columns; a first row with all of them is the header. label: the position of the label column, from
    0, or negative from the end, if it is known.
    """
    sample, above = without_lines_above(sample, wanted)
    lines = lines_of(sample)
    forced = _SEP.match(lines[0]) if lines else None
    if forced:
        sample, above = sample[sample.index("\n") + 1 :] if "\n" in sample else "", above + 1
    delimiters = DELIMITERS.replace(",", "") if _has_aligned_thousands(sample) else DELIMITERS
    candidates = forced[1] if forced else "\t" if suffix == ".tsv" and "\t" in sample else delimiters
    found = max((_reading(sample, each) for each in candidates), key=lambda reading: reading.score)
    if not forced:
        found = max([found, *_rare_readings(sample, found)], key=lambda reading: reading.score)
    sample, titles = without_titles(sample, found.delimiter, found.rows)
    is_loose = not found.score[0] or found.delimiter == BLANKS and _varies(rows_of(sample, BLANKS))
    starts = starts_of(lines_of(sample)) if is_loose and not forced else ()
    if starts:
        tabs = "".join(as_tabs(line, starts) for line in lines_of(sample))
        dialect = Dialect("\t", NO_QUOTE, above + titles, starts=starts, notes=(_OF_FIXED_WIDTH,))
        return _with_header(dialect, tabs, wanted, label)
    dialect = Dialect(found.delimiter, skipped=above + titles)
    return _with_header(_with_quotes(dialect, sample, rows_of(sample, found.delimiter)), sample, wanted, label)


def _rare_readings(sample: str, found: "_Reading") -> list["_Reading"]:
    """The sample with rare delimiters, if the usual ones fit it badly: `found` is the best of these."""
    is_bad, is_loose = not found.score[0], found.delimiter == BLANKS or found.score[1] < 1
    rare = _RARE + ":" * ("::" in sample.partition("\n")[0])
    readings = [_reading(sample, each) for each in rare] if is_bad or is_loose else []
    return [each for each in readings if is_bad or each.score[1] == 1 and len(each.rows[0]) > 2]


def _has_aligned_thousands(sample: str) -> bool:
    """Whether all commas are between thousands, in lines that have runs of blanks."""
    lines = [line for line in lines_of(sample) if line.strip()]
    return all("  " in line.strip() for line in lines) and not re.search(r"(?<!\d),|,(?!\d{3}(?!\d))", sample)


def _varies(rows: list) -> bool:
    """Whether the rows below the first have several widths."""
    return len(set(map(len, rows[1:]))) > 1


@dataclass(frozen=True)
class _Reading:
    """The sample with a delimiter, and how well it fits."""

    delimiter: str
    rows: list
    score: tuple


def _reading(sample: str, delimiter: str) -> _Reading:
    rows = rows_of(sample, delimiter)
    widths = Counter(map(len, rows[1:] or rows))
    width, count = max(widths.items(), key=lambda pair: (pair[1], pair[0]), default=(1, 0))
    share = count / sum(widths.values()) if count else 0
    cells = [cell for row in rows[:50] for cell in row[:1000]]
    fits = sum(map(_fitness, cells)) / len(cells) if cells else 0
    fits -= 0.3 * (delimiter == BLANKS)  # which are in many texts
    fits_header = bool(rows) and len(rows[0]) == width
    score = (width > 1 and share > 0.5, round(share, 1), round(fits, 2), fits_header, width)
    return _Reading(delimiter, rows, score)


def _fitness(cell: str) -> float:
    """1 for a cell that looks whole, less for one that another delimiter would part."""
    cell = cell.strip()
    if len(cell) > LONG_TEXT:
        return 0.5
    if is_number(cell) or DECIMAL_COMMA.fullmatch(cell):
        return 1
    if _JOINED.search(cell) and re.fullmatch(r"[-+\d.,;|\s]+[^\d]*", cell):
        return 0
    if cell.count('"') % 2 and any(each in cell for each in ",;\t|"):  # it has part of a cell in quotes
        return 0
    return 0.5 if any(each in cell for each in ";\t|") else 1


def _with_quotes(dialect: Dialect, sample: str, rows: list) -> Dialect:
    if _has_quotes_in_text(sample, dialect.delimiter):
        return replace(dialect, quote=NO_QUOTE, notes=("took the quotes for text, since they do not enclose cells",))
    single = [cell for row in rows for cell in row if len(cell) > 1 and cell[0] == cell[-1] == "'"]
    if len(single) > max(1, len(rows) // 2) and '"' not in sample:
        dialect = replace(dialect, quote="'")
    return replace(dialect, spaces=_has_spaces(dialect, sample), escape=escape_of(sample))


def _has_spaces(dialect: Dialect, sample: str) -> bool:
    """Whether blanks are between a delimiter and a quote. One more tab is an empty cell, if tabs delimit."""
    blanks, quote = " " if dialect.delimiter == "\t" else "[ \t]", dialect.quote
    gap = f"{re.escape(dialect.delimiter)}{blanks}+{quote}(?!{quote})"
    return dialect.delimiter != BLANKS and re.search(gap, sample) is not None


def _has_quotes_in_text(sample: str, delimiter: str) -> bool:
    """Whether quotes are part of the text: only then the lines of a table with tabs are its rows.

    Such a table needs no quotes.
    """
    if delimiter != "\t" or '"' not in sample:
        return False
    lines = [line for line in lines_of(sample) if line.strip()]
    width = lines[0].count("\t") + 1
    if any(line.count("\t") + 1 != width for line in lines):
        return False
    try:
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True, escapechar=escape_of(sample))
        return any(len(row) != width for row in rows)
    except csv.Error:
        return True


@dataclass(frozen=True)
class _Head:
    """The first row, and those below it that have the usual width.

    is_short: whether the first row has a cell less than most others; is_open: since these end in a delimiter. is_long:
    whether it is a header with empty cells beyond the others, which are cut off.
    """

    first: list
    below: list
    width: int
    is_short: bool
    is_open: bool
    is_long: bool


def _head_of(rows: list, label: int | None) -> _Head:
    first, below = rows[0], rows[1:]
    widths = Counter(map(len, below))
    width = max(widths, key=lambda each: (widths[each], each), default=len(first))
    is_short = width == len(first) + 1 and widths[width] > len(below) / 2
    is_open = is_short and not any(row[-1].strip() for row in below if len(row) == width)
    if not is_short and len(first) != width and widths[width] <= len(below) / 2:
        width = len(first)
    below = [row for row in below if len(row) == width]
    is_long = len(first) > width and not "".join(first[width:]).strip() and is_header(first[:width], below, label)
    return _Head(first[:width] if is_long else first, below, width, is_short, is_open, is_long)


def _with_header(dialect: Dialect, sample: str, wanted: frozenset, label: int | None) -> Dialect:
    rows = rows_of(sample, dialect.delimiter, dialect.quote)
    if not rows:
        return dialect
    head, of_header, above = _head_of(rows, label), len(rows[0]), dialect.skipped
    first, below = head.first, head.below
    second = [] if head.is_short else second_header(first, below)
    if second:
        skipped = _line_after(sample, dialect, len(second))
        notes = (*dialect.notes, _said_of(first, second))
        dialect = replace(dialect, skipped=dialect.skipped + skipped, notes=notes)
        first, below = joined(first, second), below[len(second) :]
    names = {cell.strip() for cell in first}
    header = bool(second) or head.is_short or head.is_long or bool(wanted) and wanted <= names
    header = header or is_header(first, below, label)
    row_names = head.is_short and not head.is_open
    decimal = "," if _has_decimal_commas(below or rows, dialect.delimiter) else "."
    of_all = head.width if head.is_short else len(first)  # rows of another width are refused when they are read
    return replace(
        dialect,
        header=header,
        row_names=row_names,
        is_open=head.is_open,
        width=of_all,
        header_width=of_header if header and not second else of_all,
        last=_last_filled([row for row in below if len(row) == of_all], of_all, first if header else []),
        first=tuple(first),
        decimal=decimal,
        signs=tuple(map(signs_among, zip(*(below or rows)))),
        notes=tuple(_notes(dialect, above, header, row_names, decimal, first, below)),
    )


def _last_filled(rows: list, width: int, names: list) -> int | None:
    """The last column with cells or a name, if it is not the last of all."""
    rows = [*rows, [*names, *[""] * width]]
    last = next((p for p in reversed(range(width)) if any(row[p].strip() for row in rows)), width - 1)
    return last if last < width - 1 else None


def _said_of(first: list, second: list[list]) -> str:
    names = joined(first, second)
    if names is first:
        return f"left out the row below the names, which has no numbers ({', '.join(second[0][:4])})"
    example = next((name for name in names if name not in (*first, *second[0])), names[0])
    return f"the names of the columns are in {1 + len(second)} rows: joined them, as in {quoted(example)}"


def _line_after(sample: str, dialect: Dialect, n: int) -> int:
    """The number of lines that the first n rows take."""
    options = {"delimiter": dialect.delimiter, "quotechar": dialect.quote, "escapechar": dialect.escape}
    reader = csv.reader(lines_of(sample), skipinitialspace=True, **options)
    rows = (row for row in reader if "".join(row).strip())
    for _ in range(n):
        next(rows)
    return reader.line_num


def _notes(dialect, above, header, row_names, decimal, first, below):
    yield from dialect.notes
    if dialect.delimiter in _RARE + ":":
        yield f"took {dialect.delimiter!r} as the delimiter"
    if above:
        lines = "line" if above == 1 else f"{above} lines"
        yield f"skipped the {lines} above the table"
    if decimal == ",":
        yield "read the comma in numbers as a decimal comma"
    if row_names:
        yield "the header has no name for the first column, which are row names: left out"
    elif header and (not any(map(is_text, first)) or any(cell.strip().isdigit() for cell in first)):
        yield f"took the first row ({', '.join(first[:4])}{', ...' if len(first) > 4 else ''}) as the header"
    elif not header and below and any(map(is_text, first)):
        yield "took the first row as an example, since it looks like those below it: the columns have no names"


def _has_decimal_commas(rows: list, delimiter: str) -> bool:
    cells = [cell.strip() for row in rows for cell in row if "," in cell]
    commas = sum(1 for cell in cells if DECIMAL_COMMA.fullmatch(without_brackets(cell)))
    points = sum(1 for row in rows for cell in row if _POINT.fullmatch(cell))
    least = points if delimiter == "," else points / 4  # "1,5" in a column of its own may be two codes
    return commas > len(cells) / 2 and commas > least
