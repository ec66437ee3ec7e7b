"""Cells of a table that are numbers, as people and spreadsheets write them.

They may have a decimal comma, thousands separators, a percent or currency sign, or a unit after them. What is common is
converted fast, and the rest by regular expressions.
"""

import re
from contextlib import suppress

import numpy as np

from hw5.tables.arrow_columns import as_numpy, without
from hw5.tables.decimals import BOTH, COMMA, POINT
from hw5.tables.missing import missing_mask

_GROUPS = "'’\u00a0\u2009\u202f "  # that part thousands, apart from the comma or point
_CURRENCY = "$€£¥₹₽₩₺₴₫฿₱₪₦"
_CODE = rf"[{_CURRENCY}]|US\$|R\$|A\$|C\$|USD|EUR|GBP|CHF|JPY|CNY|INR|RUB|BRL|SEK|NOK|DKK|PLN|CZK|HUF|Rs\.?|kr\.?"
_SIGN, _UNIT = r"[-+\x{2212}]?", rf"%|[{_CURRENCY}]|zł|Kč|руб\.?|р\.|円|元|원|kr\.|°?[A-Za-zµ][A-Za-zµ²³/]{{0,7}}"
# RE2, the syntax of pyarrow
_NUMBER = (
    rf"^(?P<sign>{_SIGN})(?P<currency>(?:(?:{_CODE})\s?)?)(?P<inner>{_SIGN})(?P<digits>{{digits}})"
    rf"(?P<exponent>(?:[eE][-+]?\d+)?)\s?(?P<unit>(?:{_UNIT})?)$"
)
_DIGITS = {
    POINT: rf"(?:\d{{1,3}}(?:[,{_GROUPS}]\d{{3}})+|\d{{1,2}}(?:,\d\d)+,\d{{3}}|\d+)(?:\.\d*)?|\.\d+",  # 1,50,000 in India
    COMMA: rf"(?:\d{{1,3}}(?:[.{_GROUPS}]\d{{3}})+|\d+)(?:,\d*)?|,\d+|\d+\.\d+",
}
_DIGITS[BOTH] = _DIGITS[COMMA]
_PATTERN = {decimal: _NUMBER.replace("{digits}", digits) for decimal, digits in _DIGITS.items()}
_LOOKS = re.compile(_PATTERN["."].replace(r"\x{2212}", "\u2212"))

_BRACKETS = rf"^((?:{_CODE})?\s?)\(([^()+\-]+)\)(\s?%?)$"  # around a negative number, as accountants write it
_MINUS_AFTER = r"^([^()+\-]*\d[.,]\d+)-$"  # 1.50-, but not 2-, which may be a grade

_LONGEST = 60  # characters


def is_number(cell: str) -> bool:
    """Whether `cell` is a number, written in any usual way except with a decimal comma."""
    cell = without_brackets(cell.strip())
    try:
        return "_" not in cell and isinstance(float(cell), float)
    except ValueError:
        return len(cell) < _LONGEST and _LOOKS.match(cell) is not None


def without_brackets(cell: str) -> str:
    """-5.0 for (5.0) and 5.0-, and other text unchanged."""
    if not cell.endswith((")", "%", "-")) or len(cell) >= _LONGEST:
        return cell
    return re.sub(_MINUS_AFTER, r"-\1", re.sub(_BRACKETS, r"-\1\2\3", cell))


def has_zeros_before(array) -> bool:
    """Whether a pyarrow array of text has numbers such as 007, which codes are."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    return types.is_string(array.type) and bool(pc.any(pc.match_substring_regex(array, r"^0\d\d+$")).as_py())


def has_brackets(array) -> bool:
    """Whether a pyarrow array of text has numbers in brackets, or with a minus after them."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    return types.is_string(array.type) and bool(
        pc.any(pc.match_substring_regex(array, r"\(.*\d.*\)|[.,]\d+-\s*$")).as_py()
    )


def lacks_percent(array) -> bool:
    """Whether a pyarrow array of text or numbers has some without a percent sign, apart from 0."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    if not types.is_string(array.type):
        return bool(pc.any(pc.not_equal(array, 0)).as_py())
    return bool(pc.any(pc.match_substring_regex(array, "^[^%]*[1-9][^%]*$")).as_py())


def _unbracketed(strings):
    import pyarrow.compute as pc

    strings = pc.replace_substring_regex(pc.utf8_trim_whitespace(strings), _BRACKETS, r"-\1\2\3")
    return pc.replace_substring_regex(strings, _MINUS_AFTER, r"-\1")


def unit_of(array, decimal=POINT):
    """The unit or currency that most numbers of a pyarrow array of text have, or ""."""
    import pyarrow.compute as pc
    import pyarrow.types as types

    if not types.is_string(array.type) or is_cast(array):  # RE2 takes 0.3 ms to compile the pattern
        return ""
    units = pc.drop_null(_units(pc.extract_regex(_unbracketed(array), _PATTERN[decimal])))
    return (
        max(zip(*pc.value_counts(units).flatten()), key=lambda pair: pair[1].as_py())[0].as_py() if len(units) else ""
    )


def is_cast(strings) -> bool:
    """Whether all cells are numbers as programs write them, or null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.cast(strings, pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _units(parts):
    import pyarrow.compute as pc

    units = (pc.struct_field(parts, name) for name in ("currency", "unit"))
    return pc.utf8_trim_whitespace(pc.binary_join_element_wise(*units, ""))


def numbers_in(array, decimal=POINT, also_missing=(), unit=""):
    """(values, bad) of a pyarrow array of text or numbers: float64 with NaN where missing, and a mask or None.

    unit: what numbers may have, before or after them. bad: the cells that are no numbers; infinities are bad too.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    is_grouped = has_thousands(array, decimal)
    if not is_grouped:
        with suppress(pa.ArrowInvalid):
            values = as_numpy(pc.cast(array, pa.float64()))
            return values, _infinite(values)
    missing = missing_mask(array)
    if also_missing:
        trimmed = pc.utf8_trim_whitespace(array)
        missing = pc.or_(missing, pc.fill_null(pc.is_in(trimmed, value_set=pa.array(also_missing, array.type)), False))
    present = without(missing, array)
    if not is_grouped:
        with suppress(pa.ArrowInvalid):
            values = pc.cast(present, pa.float64()).to_numpy(zero_copy_only=False)
            return values, _infinite(values)
    text = _plain(_unbracketed(present), decimal, unit, is_grouped)
    values = pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)
    bad = np.isnan(values) & ~missing.to_numpy(zero_copy_only=False)
    infinite = _infinite(values)
    bad = bad if infinite is None else bad | infinite
    return values, bad if bad.any() else None


def has_thousands(array, decimal: str) -> bool:
    """Whether a column has points, and they are between thousands."""
    import pyarrow.compute as pc
    from pyarrow.types import is_string

    return decimal == COMMA and is_string(array.type) and bool(pc.any(pc.match_substring(array, ".")).as_py())


def _infinite(values):
    infinite = np.isinf(values)
    return infinite if infinite.any() else None


_WHOLE = r"^[-+]?\d+$"
_PLAIN = r"^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$|^[-+]?(?i:inf|infinity)$"


def _plain(strings, decimal, unit, is_grouped):
    """The numbers without separators, signs and the unit; null for what is no number. is_grouped: see has_thousands."""
    import pyarrow.compute as pc

    parts = pc.extract_regex(strings, _PATTERN[decimal])
    field = lambda name: pc.struct_field(parts, name)  # noqa: E731
    digits = pc.replace_substring_regex(field("digits"), rf"[{_GROUPS}]", "")
    if decimal != POINT:
        has_comma = pc.match_substring(digits, ",")
        grouped = pc.match_substring_regex(digits, r"^[1-9]\d{0,2}(\.\d{3})+$")
        digits = pc.if_else(pc.or_(has_comma, grouped), pc.replace_substring(digits, ".", ""), digits)
        digits = pc.replace_substring(digits, ",", ".")
    else:
        digits = pc.replace_substring(digits, ",", "")
    sign = pc.replace_substring_regex(pc.binary_join_element_wise(field("sign"), field("inner"), ""), "\u2212", "-")
    text = pc.binary_join_element_wise(pc.replace_substring(sign, "+", ""), digits, field("exponent"), "")
    units = _units(parts)  # 12 cm and 3 kg are not one quantity
    text = pc.if_else(pc.or_(pc.equal(units, ""), pc.equal(units, unit)), text, None)
    plain = pc.match_substring_regex(strings, _WHOLE if is_grouped else _PLAIN)
    return pc.if_else(plain, strings, without(pc.equal(sign, "--"), text))
