"""Tables whose columns have a fixed width, as Fortran, R's and pandas' print, and old archives write them.

Cells may have blanks in them, or be empty. Between two columns there is a position that is blank in all lines.
"""

from collections import Counter

_LEAST = 5  # lines


def starts_of(lines: list[str]) -> tuple[int, ...]:
    """The positions at which the columns of a table begin; () if its lines have no columns of a fixed width."""
    lines = [line.rstrip() for line in lines if line.strip()]
    if len(lines) < _LEAST or any("\t" in line for line in lines):
        return ()
    starts = _starts_of(lines)
    return starts if len(starts) == len(_starts_of(lines[1:])) > 1 else ()  # else the names are not above the columns


def _starts_of(lines) -> tuple[int, ...]:
    counts = Counter(i for line in lines for i, each in enumerate(line) if each != " ")
    starts = [i for i in sorted(counts) if i - 1 not in counts]
    ends = [*starts[1:], max(counts) + 1]
    share = [sum(1 for line in lines if line[a:b].strip()) / len(lines) for a, b in zip(starts, ends)]
    # one blank before what few lines have is one between words
    return tuple(a for a, filled in zip(starts, share) if filled > 0.5 or a - 2 not in counts)


def as_tabs(line: str, starts: tuple[int, ...]) -> str:
    """A line with tabs between its cells, and its end."""
    text = line.rstrip("\r\n")
    cells = (text[a:b].replace("\t", " ").strip() for a, b in zip((0, *starts[1:]), (*starts[1:], None)))
    return "\t".join(cells) * bool(text.strip()) + line[len(text) :]
