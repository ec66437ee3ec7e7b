"""Whether the first rows of a text table name its columns: the evidence is in the rows below."""

import re

from hw5.tables.dates import is_date
from hw5.tables.decimals import DECIMAL_COMMA
from hw5.tables.missing import is_missing
from hw5.tables.number_text import is_number, without_brackets

LONG_TEXT = 200  # characters, of a text
_YEAR = re.compile(r"\s*(1[5-9]|2[01])\d\d\s*")
LABEL_NAMES = ("label", "class", "target", "species", "y")


def second_header(first: list, below: list) -> list[list]:
    """The rows below a header that belong to it: units, the second level of the names, and the name of an index.

    Such a row has no numbers, and text over numbers in several columns.
    """
    if len(below) < 2 or any(map(is_numeric, below[0])) or not any(map(is_text, first)):
        return []
    rest = below[1:]
    is_name = len(rest) > 1 and bool(rest[0][0].strip()) and not "".join(rest[0][1:]).strip()
    rest = rest[is_name:]
    kinds = list(map(evidence, below[0], zip(*rest)))
    over_numbers = kinds.count("text over numbers")
    if over_numbers < 2 or any(kind == "text over numbers" and is_numeric(a) for a, kind in zip(first, kinds)):
        return []
    return below[: 1 + is_name]


def joined(first: list, second: list[list]) -> list[str]:
    """The names of columns of several rows; the first row has them if none lacks or repeats a name."""
    cells = [cell.strip() for cell in first]
    if all(cells) and len(set(cells)) == len(cells):
        return first
    names, group = [], ""
    for above, *levels in zip(cells, *second):
        group = above or group
        names.append(" ".join(dict.fromkeys(each.strip() for each in (group, *levels) if each.strip())))
    return names


def is_text(cell: str) -> bool:
    """Whether `cell` is neither a number, nor a date, nor missing."""
    return not is_missing(cell) and not is_numeric(cell)


def is_header(first: list, below: list, label: int | None) -> bool:
    """Whether the first row names the columns.

    It does if it has text over a column of numbers. If not, a cell that occurs below it in its column is no name. Names
    are then a label's usual name, numbers in order (1, 2, 3, ...) as pandas writes that the rows below do not continue,
    and text over text if its columns repeat their values but not the first.
    """
    if not below:
        return any(is_text(cell) for position, cell in enumerate(first) if position != _at(label, len(first)))
    others = [row for row in below if row != first]  # without a header that is repeated
    columns = list(zip(*(others or below)))
    kinds = [evidence(cell, column) for cell, column in zip(first, columns)]
    if "text over numbers" in kinds:
        return True
    if any(is_text(cell) and cell in column for cell, column in zip(first, columns)):
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


def evidence(cell: str, column: tuple) -> str:
    present = [each for each in column if not is_missing(each)]
    if is_missing(cell) or not present:
        return "none"
    has_unit = is_number(cell) and not _is_plain(cell) and re.search(r"[^\W\d_]", cell)
    if has_unit and sum(map(_is_plain, present)) > len(present) / 2:
        return "text over numbers"  # 12 months over 3 is a name
    if is_numeric(cell):
        return "number"
    if sum(map(is_numeric, present)) > len(present) / 2:
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


def is_numeric(cell: str) -> bool:
    return (
        is_number(cell)
        or is_date(cell)
        or len(cell) < LONG_TEXT
        and DECIMAL_COMMA.fullmatch(without_brackets(cell.strip())) is not None
    )


def _count_up(cells) -> bool:
    """Whether the cells are whole numbers, each one more than the one before."""
    if not all(re.fullmatch(r"\s*\d{1,9}\s*", cell) for cell in cells):
        return False
    numbers = [int(cell.strip()) for cell in cells]  # int() itself takes fewer characters for blanks than \s
    return all(b == a + 1 for a, b in zip(numbers, numbers[1:]))
