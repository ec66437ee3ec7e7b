"""Cells of a table: which are missing, which are numbers, and which are dates.

Numbers may have a decimal comma, thousands separators, a percent or currency sign, or a unit after them, as
spreadsheets write; what is common is converted fast, and the rest by regular expressions.
"""

import re
from contextlib import suppress

import numpy as np

from hw5.tables.decimals import BOTH, COMMA, POINT

MISSING = {"", "?", "na", "n/a", "n.a.", "#n/a", "<na>", "null", "nan", "-nan", "none", "nil", "-", "--", "---", ".", "..", "*", r"\n",
           "missing", "nat", "#value!", "#div/0!", "#ref!", "#null!", "#num!", "#name?", "0000-00-00", "0000-00-00 00:00:00"}  # fmt: skip
LABEL_MISSING = {
    "",
    "?",
    "na",
    "n/a",
    "#n/a",
    "<na>",
    "null",
    "nan",
    r"\n",
}  # in a column of classes: none may be a class

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

_LONGEST = 60  # number or date

ISO = "ISO 8601"
DATE_FORMATS = (  # the first that fits all cells; day before month as most of the world writes it
    ISO,
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d-%b-%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y-%m",
    "%H:%M",
    "%H:%M:%S",
    "%b %Y",
    "%b-%Y",
    "%b-%y",
    "%d %b %y",
    "%m/%Y",
    "%Y/%m",
    "%Y.%m.%d",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%d/%m/%y %H:%M",
    "%m/%d/%y %H:%M",
    "%d.%m.%y %H:%M",
    "%d-%m-%Y %H:%M",
    "%m-%d-%Y %H:%M",
    "%d-%m-%Y %H:%M:%S",
    "%m-%d-%Y %H:%M:%S",
    "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S",
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y",
    "%a, %d %b %Y %H:%M:%S",
    "%a, %b %d, %Y",
    "%I:%M %p",
    "%I:%M:%S %p",
    "%Y年%m月%d日",
    "%d%b%Y",
    "%d%b%Y:%H:%M:%S",
    "%Y/%m/%d %I:%M:%S %p",
    "%Y%m%d",
)
WITHOUT_SIGNS = "%Y%m%d"  # such dates are numbers, too
_WITHOUT_SIGNS = r"^(1[89]|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"
_FIELDS = {  # of strptime, which takes "Jan 1974" for the 19th of January in the year 74
    WITHOUT_SIGNS: r"\d{6}(?P<day>\d{2})",
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%d": r"(?P<day>\d{1,2})",
    **dict.fromkeys(("%m", "%H", "%I"), r"\d{1,2}"),
    **dict.fromkeys(("%M", "%S"), r"\d{2}"),
    **dict.fromkeys(("%b", "%B", "%a"), r"[A-Za-z]{3,9}"),
    "%p": "[AaPp][Mm]",
}
_DATE = re.compile(
    r"\d{1,4}[-/.]\d{1,2}([-/.]\d{1,4})?([ T]\d{1,2}:\d\d.*)?|\d{1,2}:\d\d(:\d\d(\.\d+)?)?"
    r"|\d{1,2}[- ][A-Z][a-z]{2,8}[- ]\d{2,4}|\d{1,2}[A-Z]{3}\d{4}(:\d\d:\d\d:\d\d)?|[A-Z][a-z]{2,8} \d{1,2},? \d{4}"
)
_FROM_2050, _CENTURY = 2_524_608_000, 36_525 * 86_400  # seconds; two digits of a year mean 1950 to 2049
_SUMMARY = re.compile(r"((grand |sub)?totals?|sum|averages?|mean|overall) *:?", re.IGNORECASE)
_NAMED_ZONE = r" (GMT|UTC)([+-]\d{1,2}(:?\d\d)?)?$"  # the time is a local one, as the others of its column
_ZONE = r"(Z|[+-]\d\d:?\d\d)$"


def is_missing(cell: str) -> bool:
    return cell.strip().lower() in MISSING


def is_summary(text: str) -> bool:
    """Whether a text names a row that sums up others."""
    return _SUMMARY.fullmatch(text.strip()) is not None


def is_missing_label(text: str) -> bool:
    """Whether a text is no class; NA and nan, which are null where they mean this, are classes, and so is sodium."""
    return text.strip().lower() in LABEL_MISSING and text.strip() not in ("NA", "nan", "Na")


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


def is_date(cell: str) -> bool:
    """Whether `cell` looks like a date or time."""
    return len(cell) < _LONGEST and _DATE.fullmatch(cell.strip()) is not None


def missing_mask(strings):
    """Which cells are missing, as a pyarrow array of booleans without nulls."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lower = pc.utf8_lower(pc.utf8_trim_whitespace(strings))
    return pc.or_(pc.is_null(strings), pc.is_in(lower, value_set=pa.array(sorted(MISSING), lower.type)))


def _without(mask, strings):
    """Text with nulls where a mask is true. if_else of pyarrow before 24 loses the end of text that is a slice."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.replace_with_mask(strings, mask, pa.scalar(None, strings.type))


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


def numbers(array, decimal=POINT, also_missing=(), unit=""):
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
    present = _without(missing, array)
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


def as_numpy(array) -> np.ndarray:
    """The numbers of a pyarrow array, NaN where null."""
    if array.null_count:
        return array.to_numpy(zero_copy_only=False)
    return np.from_dlpack(array)  # to_numpy imports pandas where it is installed, which takes 0.2 s


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
    return pc.if_else(plain, strings, _without(pc.equal(sign, "--"), text))


def date_format(array, refused=()):
    """The first of DATE_FORMATS in which all cells that are not missing are written, or None.

    If day and month may also change places, the likelier order. refused: formats not to take.
    """
    import pyarrow.compute as pc

    present = pc.filter(array, pc.invert(missing_mask(array)))
    if len(present) and WITHOUT_SIGNS not in refused and are_dates_without_signs(present):
        return WITHOUT_SIGNS
    if not len(present) or not is_datelike(present[0].as_py()) or not is_datelike(present[-1].as_py()):
        return None
    formats = [format for format in DATE_FORMATS if format not in refused]
    found = next((format for format in formats if _fits(present, format)), None)
    other = found and found.translate({ord("d"): "m", ord("m"): "d"})
    if other in formats and other != found and _fits(present, other):
        return max(found, other, key=lambda format: _order_of(dates(present, format)[0]))
    return found


def have_one_form(texts) -> bool:
    """Whether texts are dates of one form."""
    import pyarrow as pa

    return date_format(pa.array(sorted(texts))) is not None


def are_dates_without_signs(array) -> bool:
    """Whether a pyarrow array of text or numbers has several days such as 20240131, and nothing else."""
    import pyarrow as pa
    import pyarrow.compute as pc

    largest = str(pc.max(array).as_py() or "")
    if not largest or not is_missing(largest) and not re.match(_WITHOUT_SIGNS, largest):
        return False  # as of most columns, by one look
    strings = array.cast(pa.string()).unique()
    days = pc.utf8_trim_whitespace(strings.filter(pc.invert(missing_mask(strings))))
    is_day = pc.all(pc.match_substring_regex(days, _WITHOUT_SIGNS)).as_py()
    return len(days) > 2 and is_day and _fits(days, WITHOUT_SIGNS)


def _fits(present, format) -> bool:
    """Whether cells are dates of a form. Jun-01 and Jun-15 may be days, but not if they have the order of years."""
    import pyarrow.compute as pc

    seconds, bad = dates(present, format)
    if bad is None and format == "%b-%y":
        return _order_of(seconds)[1] or bool(pc.any(pc.match_substring_regex(present, r"-(3[2-9]|[4-9]\d)")).as_py())
    return bad is None


def _order_of(seconds) -> tuple[bool, bool]:
    """What speaks for dates being read right: all are the same day of a month, and they are in order."""
    days = seconds.astype("M8[s]").astype("M8[D]")
    steps = np.diff(seconds)
    is_same_day = len(np.unique(days - days.astype("M8[M]"))) == 1
    return is_same_day, bool((steps >= 0).all() or (steps <= 0).all())


def is_datelike(cell):
    return re.search(r"\d", cell) is not None and re.search(r"\d[-/.: 年]|[-/.: ,]\d|\d[A-Za-z]{3}\d", cell) is not None


def dates(array, format):
    """(seconds since 1970, bad) of a pyarrow array of text: float64 with NaN where missing, and a mask or None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = missing_mask(array)
    present = _without(missing, pc.utf8_trim_whitespace(array))
    present = pc.replace_substring_regex(present, _NAMED_ZONE, "")
    times = _iso(present) if format == ISO else _strptime(present, format)
    seconds = pc.cast(times, pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64) / 1e6
    if "%y" in format:
        seconds = np.where(seconds >= _FROM_2050, seconds - _CENTURY, seconds)
    bad = np.isnan(seconds) & ~missing.to_numpy(zero_copy_only=False)
    return seconds, bad if bad.any() else None


def _iso(strings):
    import pyarrow as pa
    import pyarrow.compute as pc

    local = pc.replace_substring_regex(strings, _ZONE, "")
    valid = pc.match_substring_regex(local, r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?$")
    try:
        times = pc.cast(pc.if_else(valid, local, None), pa.timestamp("us"))
    except pa.ArrowInvalid:  # the 31st of June
        return pa.nulls(len(strings), pa.timestamp("us"))
    zone = pc.extract_regex(strings, r"(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)$")
    if zone.null_count == len(zone) or not pc.any(pc.match_substring_regex(strings, r":\d\d.*" + _ZONE)).as_py():
        return times
    minutes = pc.add(
        pc.multiply(pc.cast(pc.struct_field(zone, "hours"), pa.int64()), 60),
        pc.cast(pc.struct_field(zone, "minutes"), pa.int64()),
    )
    minutes = pc.if_else(pc.equal(pc.struct_field(zone, "sign"), "-"), pc.negate(minutes), minutes)
    shift = pc.cast(pc.multiply(pc.fill_null(minutes, 0), 60_000_000), pa.duration("us"))
    return pc.subtract(times, shift)


def _strptime(strings, format):
    import pyarrow.compute as pc

    pattern = re.sub(f"{WITHOUT_SIGNS}$|%[A-Za-z]", lambda field: _FIELDS[field[0]], re.escape(format)).replace(
        r"\ ", r"\s+"
    )
    pattern = pattern.replace(r"\s+" + _FIELDS["%p"], r"\s*" + _FIELDS["%p"])
    strings = pc.if_else(pc.match_substring_regex(strings, f"^{pattern}$"), strings, None)
    times = pc.strptime(strings, format=format, unit="us", error_is_null=True)
    if "%d" not in format:
        return times
    day = pc.cast(pc.struct_field(pc.extract_regex(strings, f"^{pattern}$"), "day"), "int64")
    # strptime takes the 30th of February for a day of March
    return pc.if_else(pc.equal(day, pc.day(times)), times, None)


def is_gap_word(word: str) -> bool:
    """Whether a word may stand for missing numbers, as unknown and --- do; 3+ does not."""
    return not any(map(str.isdigit, word))
