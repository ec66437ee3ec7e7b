"""The decimal sign of a column of numbers: a point or a comma, of which the other one is between thousands, or both.

Numbers such as 12.5 and 1.234.567 show it. Those such as 1.234 do not, and are read like the others of their column.
"""

import re
from collections.abc import Sequence

import numpy as np

POINT, COMMA, BOTH = ".", ",", ",."
DECIMALS = (POINT, COMMA, BOTH)

# A number that only a decimal comma explains, and its currency
DECIMAL_COMMA = re.compile(
    r"[-+]?(\d*,(?!\d{3}$)\d+|0,\d+|\d{4,},\d+|\d{1,3}([.'’\u00a0\u202f ]\d{3})+,\d+)([eE][-+]?\d+)?\s*([%$€£¥₽₺₴]|EUR|CHF|PLN|zł|Kč|kr\.?|руб\.?)?"
)
_FIRST = 200  # numbers, of which one usually shows its decimal point
_EDGE, _END = r"(?:^|[^\d.,])", r"(?:[^\d.,]|$)"
_GROUPED = r"\d{1,3}(?:{other}\d{3})+{sign}\d+|\d{1,3}(?:{other}\d{3}){2,}"
_CLEAR = _GROUPED + r"|\d*{sign}\d+[eE][-+]?\d+|0?{sign}\d{2,}|\d+{sign}(?:\d{2}|\d{4,})|\d{4,}{sign}\d+"
_SHORT = r"\d*{sign}\d"  # such as 2,5, which may be a list of two codes
_NO_LIST = "|".join(f"{a},[0-{a}]" for a in range(1, 10))  # codes are listed in order


def _pattern(digits: str, sign: str, other: str) -> str:
    """A pattern for both re and RE2."""
    return f"{_EDGE}(?:{digits.replace('{sign}', re.escape(sign)).replace('{other}', re.escape(other))}){_END}"


# What numbers of a column can show, or leave open
_SIGNS = {
    "point": _pattern(f"{_CLEAR}|{_SHORT}", POINT, COMMA),
    "comma": _pattern(f"{_CLEAR}|{_SHORT}", COMMA, POINT),
    "clear comma": _pattern(f"{_CLEAR}|{_NO_LIST}", COMMA, POINT),
    "grouping point": _pattern(_GROUPED, COMMA, POINT),
    "1.234": _pattern(r"[1-9]\d{0,2}\.\d{3}", POINT, COMMA),
    "900": _pattern(r"\d{1,3}", POINT, COMMA),
    "1.230": _pattern(r"[1-9]\d{0,2}\.\d\d0", POINT, COMMA),
    "1,234": _pattern(r"[1-9]\d{0,2},\d{3}", COMMA, POINT),
}
_NEEDED = dict.fromkeys(
    ("point", "grouping point", "1.234", "900", "1.230"), "."
)  # in the cells; of the others, the comma
AS_IN_TABLE = {"clear comma", "grouping point"}  # for a column that shows less, and is known to have decimal commas
_SETTLED_BY = {"1,234": "comma", "1.234": "grouping point"}
_NONE = frozenset()
_KNOWN = {}  # sets of signs, each once: there may be one for each of many columns
_COMPILED = {sign: re.compile(pattern) for sign, pattern in _SIGNS.items()}


def signs_in(array, known=frozenset()) -> set[str]:
    """The keys of _SIGNS that a pyarrow array of text shows, apart from those that are known."""
    import pyarrow.compute as pc
    from pyarrow.types import is_string

    if not is_string(array.type):
        return set()
    present = {each for each in ".," if pc.any(pc.match_substring(array, each)).as_py()}
    left = [s for s in _SIGNS if _NEEDED.get(s, ",") in present and s not in known and _SETTLED_BY.get(s) not in known]
    return {sign for sign in left if pc.any(pc.match_substring_regex(array, _SIGNS[sign])).as_py()}


def signs_among(cells: Sequence[str]) -> frozenset[str]:
    """As signs_in, of some cells."""
    text = "\n".join(cell.strip() for cell in cells if "." in cell or "," in cell)
    signs = frozenset(sign for sign, pattern in _COMPILED.items() if pattern.search(text)) if text else _NONE
    return _KNOWN.setdefault(signs, signs)


def decimal_of(signs: set[str], default: str) -> str:
    """The decimal sign of a column that shows `signs`, in a table whose sign is `default`."""
    if default == COMMA:
        return COMMA if "point" not in signs else BOTH if "comma" in signs else POINT
    if "point" in signs:
        return POINT
    if "1.234" not in signs or "grouping point" in signs:
        return COMMA if "clear comma" in signs else POINT
    return COMMA if {"900", "1.230"} <= signs else POINT  # who writes 1.230 for 1.23 does not write 900 for 900.000


def may_be_thousands(values: np.ndarray) -> np.ndarray:
    """Which columns (k, n), read with decimal points, may have points between thousands.

    They have numbers such as 1.230 and 900.
    """
    with np.errstate(invalid="ignore"):
        parts = np.nan_to_num(values[:, :_FIRST] % 1)
    return (parts > 0).any(axis=1) & (np.abs(parts * 1000 - np.round(parts * 1000)) < 1e-6).all(axis=1)


def decimal_at(records, position: int) -> str:
    """The decimal sign of a column of records."""
    return records.decimals.get(position, records.decimal)


def as_in_training(decimals: dict[int, str], signs: Sequence, default: str) -> dict[int, str]:
    """The decimal signs of the columns of a table for a model, by position.

    decimals: those in training. signs, default: what the table shows, by column, and its own sign. A column that shows
    another sign has that. If some do and none shows that of training, those that show nothing have the other one too.
    """
    shown = {p: _shown(signs[p], default) for p in decimals if p < len(signs)}
    agrees = any(sign == decimals[p] for p, sign in shown.items() if sign)
    others = {sign for p, sign in shown.items() if sign in (POINT, COMMA) and sign != decimals[p] != BOTH}
    new = others.pop() if len(others) == 1 and not agrees else None
    return {p: BOTH if sign == BOTH else shown.get(p) or new or sign for p, sign in decimals.items()}


def _shown(signs, default):
    """What a column of numbers shows; 1,5 is a decimal comma, since a list of codes is no number."""
    has_shown = "point" in signs or "comma" in signs
    return decimal_of({*signs, *AS_IN_TABLE} if "comma" in signs else signs, default) if has_shown else None


# -- what to say


_HOW = {
    (POINT, "."): "the point in numbers as a decimal point",
    (COMMA, "."): "the points in numbers as those between thousands",
    (POINT, ","): "the commas in numbers as those between thousands",
    (COMMA, ","): "the comma in numbers as a decimal comma",
    (BOTH, "."): "both points and commas in numbers as decimal signs",
}


def said(decimal: str, signs: set[str], default: str) -> str | None:
    """How the numbers of a column are read, if this is a guess that the sign of the table does not say."""
    if decimal != default and signs & {"point", "comma"}:
        return _HOW[decimal, "," if decimal == COMMA else "."]
    if decimal == POINT and "1,234" in signs and not signs & {"point", "comma"}:
        return _HOW[POINT, ","]
    return said_of_open(decimal, signs, default)


def said_of_open(decimal: str, signs: set[str], default: str) -> str | None:
    """How numbers such as 1.234 are read in a column that shows no sign, if this is not the usual way in the table."""
    sign = "." if "1.234" in signs else ","
    is_open = not signs & {"point", "comma"} and signs & {"1.234", "1,234"}
    is_usual = decimal == default and (decimal, sign) != (COMMA, ".")
    return _HOW.get((decimal, sign)) if is_open and not is_usual else None
