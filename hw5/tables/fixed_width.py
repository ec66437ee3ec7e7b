"""Tables whose columns have a fixed width, as Fortran, R's and pandas' print, and old archives write them.

Cells may have blanks in them, or be empty. Between two columns there is a position that is blank in all lines.
"""

from collections import Counter

from hw5.tables.number_text import is_number

_LEAST = 5  # lines


def starts_of(lines: list[str]) -> tuple[int, ...]:
    """The positions at which the columns of a table begin; () if its lines have no columns of a fixed width."""
    lines = [line.rstrip() for line in lines if line.strip()]
    if len(lines) < _LEAST or any("\t" in line for line in lines):
        return ()
    starts = _starts_of(lines)
    is_below = len(starts) == len(_starts_of(lines[1:])) > 1  # the names, if there are any
    return starts if is_below and _is_table([as_tabs(line, starts).split("\t") for line in lines[1:]]) else ()


def _is_table(rows: list[list[str]]) -> bool:
    """Whether all columns are filled in most rows, and some have numbers, unlike those of indented text."""
    filled = [[cell for cell in column if cell] for column in zip(*rows)]
    numbers = [sum(map(is_number, column)) for column in filled]
    return all(len(column) > len(rows) / 2 for column in filled) and any(
        n > len(column) / 2 for n, column in zip(numbers, filled)
    )


def _starts_of(lines) -> tuple[int, ...]:
    counts = Counter(i for line in lines for i, each in enumerate(line) if each != " ")
    starts = [i for i in sorted(counts) if i - 1 not in counts]
    ends = [*starts[1:], max(counts) + 1]
    share = [sum(1 for line in lines if line[a:b].strip()) / len(lines) for a, b in zip(starts, ends)]
    # one blank before what few lines have is one between words
    return tuple(a for a, filled in zip(starts, share) if filled > 0.5 or a - 2 not in counts)


def as_tabs(line: str, starts: tuple[int, ...]) -> str:
    """Put tabs between the cells of a line; add one more if a word crosses into the next column."""
    text = line.rstrip("\r\n")
    cells = (text[a:b].replace("\t", " ").strip() for a, b in zip((0, *starts[1:]), (*starts[1:], None)))
    goes_on = any(text[a - 1 : a].strip() and text[a : a + 1].strip() for a in starts[1:])
    return "\t".join(cells) * bool(text.strip()) + "\t" * goes_on + line[len(text) :]
