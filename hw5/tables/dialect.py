"""The dialect of a text table, found from its first rows: delimiter, quotes, decimal commas, lines above, and header.

Each decision is a guess that people can check: `Dialect.notes` says those that are not the usual ones.
"""

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace

from hw5.tables.cells import is_date, is_missing, is_number, without_brackets
from hw5.tables.decimals import signs_among
from hw5.text import lines_of, quoted

NO_QUOTE = "\x01"  # as a quote: no character encloses cells
BLANKS = " "  # as a delimiter: runs of blanks and tabs
_DELIMITERS = ",;\t|" + BLANKS
_RARE = "^~\x01\x1f"  # which are delimiters only if the others are none
_EMPTY = ",;|\t \r\n"  # the characters of a row without cells
_LONG = 200  # characters, of a text
_ROWS, _CELLS = 200, 20_000  # of the sample
_ESCAPED_QUOTE = re.compile(r"""\\["'](?![,;|\t\r\n"'])""")  # one that ends no cell, as C:\\" does
_PROSE = re.compile(r"://|:$")  # in a comment such as "Source: https://example.org", which names no columns
_YEAR = re.compile(r"\s*(1[5-9]|2[01])\d\d\s*")
_SEP = re.compile(r'^"?sep=(.)"?\r?$')
_JOINED = re.compile(r"\d[,;|\t ]+[-+]?\.?\d")  # two numbers in a cell: another delimiter parts them
_DECIMAL_COMMA = re.compile(
    r"[-+]?(\d*,(?!\d{3}$)\d+|0,\d+|\d{4,},\d+|\d{1,3}([.'’\u00a0\u202f ]\d{3})+,\d+)([eE][-+]?\d+)?\s*([%$€£¥₽₺₴]|EUR|CHF|PLN|zł|Kč|kr\.?|руб\.?)?"
)
_POINT = re.compile(r"\s*[-+]?\d*\.\d+([eE][-+]?\d+)?\s*")
LABEL_NAMES = ("label", "class", "target", "species", "y")


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
    sample, above = _without_lines_above(sample, wanted)
    lines = lines_of(sample)
    forced = _SEP.match(lines[0]) if lines else None
    if forced:
        sample, above = sample[sample.index("\n") + 1 :] if "\n" in sample else "", above + 1
    candidates = forced[1] if forced else "\t" if suffix == ".tsv" and "\t" in sample else _DELIMITERS
    found = max((_reading(sample, each) for each in candidates), key=lambda reading: reading.score)
    if not found.score[0] and not forced:
        found = max([found, *(_reading(sample, each) for each in _RARE)], key=lambda reading: reading.score)
    sample, titles = _without_titles(sample, found)
    dialect = Dialect(found.delimiter, skipped=above + titles)
    return _with_header(_with_quotes(dialect, sample, rows_of(sample, found.delimiter)), sample, wanted, label)


def rows_of(sample: str, delimiter: str, quote: str = '"', limit: int = _ROWS) -> list[list[str]]:
    """The first rows that are not blank; those before an error in the quotes."""
    rows, count = [], 0
    if delimiter == BLANKS:
        lines = (re.sub(r"[ \t]+", " ", line.strip()) for line in lines_of(sample))
    else:
        lines = lines_of(sample)
    try:
        for cells in csv.reader(
            lines, delimiter=delimiter, skipinitialspace=True, quotechar=quote, escapechar=_escape_of(sample)
        ):
            if "".join(cells).strip():
                rows.append(cells)
                count += len(cells)
            if len(rows) >= limit or count > _CELLS and len(rows) > 2:
                break
    except csv.Error:  # with the wrong delimiter, a long row may be too large for one cell
        pass
    return rows


def _escape_of(sample: str) -> str | None:
    """What stands before quotes in cells: a backslash, as databases write it, or nothing, since they are doubled."""
    return "\\" if _ESCAPED_QUOTE.search(sample) else None


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
    if len(cell) > _LONG:
        return 0.5
    if is_number(cell) or _DECIMAL_COMMA.fullmatch(cell):
        return 1
    if _JOINED.search(cell) and re.fullmatch(r"[-+\d.,;|\s]+[^\d]*", cell):
        return 0
    return 0.5 if any(each in cell for each in ";\t|") else 1


def _without_lines_above(sample: str, wanted: frozenset) -> tuple[str, int]:
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
        best = max(_DELIMITERS, key=lambda each: (len(rows_of(below, each)[0]), each != BLANKS))
        cells = rows_of(head.lstrip("#% \t"), best)
        if cells and len(cells[0]) == len(rows_of(below, best)[0]) > 1 and not any(map(_PROSE.search, cells[0])):
            top = comments[-1]
            lines[top] = head.lstrip("#% \t")
    return "".join(lines[top:]), top


def _is_comment(line: str, wanted: frozenset) -> bool:
    if not line.lstrip().startswith(("#", "%", "//")):
        return False
    rows = (row for each in _DELIMITERS for row in rows_of(line, each)[:1])
    return not wanted or not any(wanted <= set(map(str.strip, row)) for row in rows)


def _with_quotes(dialect: Dialect, sample: str, rows: list) -> Dialect:
    if _has_quotes_in_text(sample, dialect.delimiter):
        return replace(dialect, quote=NO_QUOTE, notes=("took the quotes for text, since they do not enclose cells",))
    single = [cell for row in rows for cell in row if len(cell) > 1 and cell[0] == cell[-1] == "'"]
    if len(single) > max(1, len(rows) // 2) and '"' not in sample:
        dialect = replace(dialect, quote="'")
    spaces = re.search(f"[{re.escape(dialect.delimiter)}][ \t]+{dialect.quote}(?!{dialect.quote})", sample) is not None
    return replace(dialect, spaces=spaces and dialect.delimiter != BLANKS, escape=_escape_of(sample))


def _has_quotes_in_text(sample: str, delimiter: str) -> bool:
    """Whether the lines of a table with tabs, which need no quotes, are its rows only if quotes are part of the text."""
    if delimiter != "\t" or '"' not in sample:
        return False
    lines = [line for line in lines_of(sample) if line.strip()]
    width = lines[0].count("\t") + 1
    if any(line.count("\t") + 1 != width for line in lines):
        return False
    try:
        rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True, escapechar=_escape_of(sample))
        return any(len(row) != width for row in rows)
    except csv.Error:
        return True


def _without_titles(sample: str, reading: _Reading) -> tuple[str, int]:
    """The sample without titles above a table of several columns, and the number of lines removed."""
    rows = reading.rows
    titles = _short_titles(rows) or _padded_titles(rows) or _ragged_titles(rows)
    if not titles:
        return sample, 0
    lines = lines_of(sample)
    filled = [i for i, line in enumerate(lines) if line.strip(reading.delimiter + " \t\r\n")]
    return "".join(lines[filled[titles] :]), filled[titles]


def _short_titles(rows: list) -> int:
    """The number of titles that are rows of one cell."""
    titles = next((i for i, row in enumerate(rows[:6]) if len(row) > 1), 0)
    return titles if len(rows) > titles + 1 and all(len(row) > 1 for row in rows[titles:]) else 0


def _padded_titles(rows: list) -> int:
    """The number of titles that a spreadsheet made as wide as the table: one cell is filled, above a header of text."""
    titles = next((i for i, row in enumerate(rows[:6]) if sum(map(bool, map(str.strip, row))) > 1), 0)
    is_table = len(rows) > titles + 1 and len(rows[titles]) > 2 and all(map(_is_text, rows[titles]))
    return titles if is_table else 0


def _ragged_titles(rows: list) -> int:
    """The number of titles with delimiters in them: rows of another width than a header of text and the rows below."""
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    titles = next((i for i, row in enumerate(rows[:6]) if len(row) == width), 0)
    head, below = rows[titles] if rows else [], rows[titles + 1 :]
    is_table = len(below) > 1 and all(len(row) == width for row in below) and all(map(_is_text, head))
    return titles if is_table and "text over numbers" in map(_evidence, head, zip(*below)) else 0


def _with_header(dialect: Dialect, sample: str, wanted: frozenset, label: int | None) -> Dialect:
    rows = rows_of(sample, dialect.delimiter, dialect.quote)
    if not rows:
        return dialect
    first, below, above = rows[0], rows[1:], dialect.skipped
    widths = Counter(map(len, below))
    width = max(widths, key=lambda each: (widths[each], each), default=len(first))
    is_short = width == len(first) + 1 and widths[width] > len(below) / 2
    is_open = is_short and not any(row[-1].strip() for row in below if len(row) == width)
    row_names = is_short and not is_open
    if not is_short and len(first) != width and widths[width] <= len(below) / 2:
        width = len(first)
    below = [row for row in below if len(row) == width]
    of_header = len(first)
    is_long = of_header > width and not "".join(first[width:]).strip() and _is_header(first[:width], below, label)
    first = first[:width] if is_long else first
    second = [] if is_short else _second_header(first, below)
    if second:
        skipped = _line_after(sample, dialect, len(second))
        notes = (*dialect.notes, _said_of(first, second))
        dialect = replace(dialect, skipped=dialect.skipped + skipped, notes=notes)
        first, below = _joined(first, second), below[len(second) :]
    names = {cell.strip() for cell in first}
    header = bool(second) or is_short or is_long or bool(wanted) and wanted <= names or _is_header(first, below, label)
    decimal = "," if _has_decimal_commas(below or rows, dialect.delimiter) else "."
    of_all = width if is_short else len(first)  # rows of another width are refused when they are read
    return replace(
        dialect,
        header=header,
        row_names=row_names,
        is_open=is_open,
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


def _second_header(first: list, below: list) -> list[list]:
    """The rows below a header that belong to it: units, the second level of the names, and the name of an index.

    Such a row has no numbers, and text over numbers in several columns.
    """
    if len(below) < 2 or any(map(_is_numeric, below[0])) or not any(map(_is_text, first)):
        return []
    rest = below[1:]
    is_name = len(rest) > 1 and bool(rest[0][0].strip()) and not "".join(rest[0][1:]).strip()
    rest = rest[is_name:]
    kinds = list(map(_evidence, below[0], zip(*rest)))
    over_numbers = kinds.count("text over numbers")
    if over_numbers < 2 or any(kind == "text over numbers" and _is_numeric(a) for a, kind in zip(first, kinds)):
        return []
    return below[: 1 + is_name]


def _joined(first: list, second: list[list]) -> list[str]:
    """The names of columns of several rows; the first row has them if none lacks or repeats a name."""
    cells = [cell.strip() for cell in first]
    if all(cells) and len(set(cells)) == len(cells):
        return first
    names, group = [], ""
    for above, *levels in zip(cells, *second):
        group = above or group
        names.append(" ".join(dict.fromkeys(each.strip() for each in (group, *levels) if each.strip())))
    return names


def _said_of(first: list, second: list[list]) -> str:
    names = _joined(first, second)
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
    if dialect.delimiter in _RARE:
        yield f"took {dialect.delimiter!r} as the delimiter"
    if above:
        lines = "line" if above == 1 else f"{above} lines"
        yield f"skipped the {lines} above the table"
    if decimal == ",":
        yield "read the comma in numbers as a decimal comma"
    if row_names:
        yield "the header has no name for the first column, which are row names: left out"
    elif header and (not any(map(_is_text, first)) or any(cell.strip().isdigit() for cell in first)):
        yield f"took the first row ({', '.join(first[:4])}{', ...' if len(first) > 4 else ''}) as the header"
    elif not header and below and any(map(_is_text, first)):
        yield "took the first row as an example, since it looks like those below it: the columns have no names"


def _has_decimal_commas(rows: list, delimiter: str) -> bool:
    cells = [cell.strip() for row in rows for cell in row if "," in cell]
    commas = sum(1 for cell in cells if _DECIMAL_COMMA.fullmatch(without_brackets(cell)))
    points = sum(1 for row in rows for cell in row if _POINT.fullmatch(cell))
    least = points if delimiter == "," else points / 4  # "1,5" in a column of its own may be two codes
    return commas > len(cells) / 2 and commas > least


def _is_text(cell: str) -> bool:
    """Whether `cell` is neither a number, nor a date, nor missing."""
    return not is_missing(cell) and not _is_numeric(cell)


def _is_header(first: list, below: list, label: int | None) -> bool:
    """Whether the first row names the columns.

    It does if it has text over a column of numbers. If not, a cell that occurs below it in its column is no name. Names
    are then a label's usual name, numbers in order (1, 2, 3, ...) as pandas writes that the rows below do not continue,
    and text over text if its columns repeat their values but not the first.
    """
    if not below:
        return any(_is_text(cell) for position, cell in enumerate(first) if position != _at(label, len(first)))
    others = [row for row in below if row != first]  # without a header that is repeated
    columns = list(zip(*(others or below)))
    kinds = [_evidence(cell, column) for cell, column in zip(first, columns)]
    if "text over numbers" in kinds:
        return True
    if any(_is_text(cell) and cell in column for cell, column in zip(first, columns)):
        return False
    if _are_years([(cell, column) for cell, kind, column in zip(first, kinds, columns) if kind == "number"]):
        return True
    numbers = [cell for cell, kind in zip(first, kinds) if kind == "number"]
    in_order = len(numbers) > 2 and _count_up(numbers) and not any(_count_up(row) for row in below)
    if numbers and not in_order:
        return any(kind == "name of a label" for kind in kinds) and all(
            re.fullmatch(r"\d+", n.strip()) for n in numbers
        )
    over_text = [kind for kind in kinds if kind in ("new text over repeated", "name of a label")]
    if any(kind == "new text over unique" for kind in kinds) and not over_text:
        return in_order
    return bool(over_text) or in_order


def _are_years(heads: list) -> bool:
    """Whether numbers, as (cell, column below), are years as names: in order, or one that is not among its column."""
    years = [int(cell) for cell, column in heads if _YEAR.fullmatch(cell) and not _has_years(column)]
    if not years or len(years) < len(heads):
        return False
    if len(years) > 1:
        return all(a < b for a, b in zip(years, years[1:])) or all(a > b for a, b in zip(years, years[1:]))
    plain = [float(each) for each in heads[0][1] if re.fullmatch(r"\s*\d{1,15}\s*", each)]
    return len(plain) < len(heads[0][1]) / 2 or not min(plain) <= years[0] <= max(plain)


def _has_years(column: tuple) -> bool:
    return sum(1 for cell in column if _YEAR.fullmatch(cell)) >= len(column) / 2


def _at(label, width):
    return width - 1 if label is None else label % width


def _evidence(cell: str, column: tuple) -> str:
    present = [each for each in column if not is_missing(each)]
    if is_missing(cell) or not present:
        return "none"
    has_unit = is_number(cell) and not _is_plain(cell) and re.search(r"[^\W\d_]", cell)
    if has_unit and sum(map(_is_plain, present)) > len(present) / 2:
        return "text over numbers"  # 12 months over 3 is a name
    if _is_numeric(cell):
        return "number"
    if sum(map(_is_numeric, present)) > len(present) / 2:
        return "text over numbers"
    if cell.strip().lower() in LABEL_NAMES[:-1]:
        return "name of a label"
    return "new text over repeated" if len(set(present)) <= len(present) / 2 else "new text over unique"


def _is_plain(cell: str) -> bool:
    """Whether `cell` is a number as programs write it."""
    try:
        return isinstance(float(cell), float)
    except ValueError:
        return False


def _is_numeric(cell: str) -> bool:
    return (
        is_number(cell)
        or is_date(cell)
        or len(cell) < _LONG
        and _DECIMAL_COMMA.fullmatch(without_brackets(cell.strip())) is not None
    )


def _count_up(cells) -> bool:
    """Whether the cells are whole numbers, each one more than the one before."""
    if not all(re.fullmatch(r"\s*\d{1,9}\s*", cell) for cell in cells):
        return False
    numbers = [int(cell.strip()) for cell in cells]  # int() itself takes fewer characters for blanks than \s
    return all(b == a + 1 for a, b in zip(numbers, numbers[1:]))
