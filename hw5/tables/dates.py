"""Cells of a table that are dates or times: their format, and the seconds since 1970."""

import re

import numpy as np

from hw5.tables.arrow_columns import without
from hw5.tables.missing import is_missing, missing_mask

_LONGEST = 60  # characters

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
_NAMED_ZONE = r" (GMT|UTC)([+-]\d{1,2}(:?\d\d)?)?$"  # the time is a local one, as the others of its column
_ZONE = r"(Z|[+-]\d\d:?\d\d)$"


def is_date(cell: str) -> bool:
    """Whether `cell` looks like a date or time."""
    return len(cell) < _LONGEST and _DATE.fullmatch(cell.strip()) is not None


def is_datelike(cell):
    return re.search(r"\d", cell) is not None and re.search(r"\d[-/.: 年]|[-/.: ,]\d|\d[A-Za-z]{3}\d", cell) is not None


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
        return max(found, other, key=lambda format: _order_of(seconds_of(present, format)[0]))
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

    seconds, bad = seconds_of(present, format)
    if bad is None and format == "%b-%y":
        return _order_of(seconds)[1] or bool(pc.any(pc.match_substring_regex(present, r"-(3[2-9]|[4-9]\d)")).as_py())
    return bad is None


def _order_of(seconds) -> tuple[bool, bool]:
    """What speaks for dates being read right: all are the same day of a month, and they are in order."""
    days = seconds.astype("M8[s]").astype("M8[D]")
    steps = np.diff(seconds)
    is_same_day = len(np.unique(days - days.astype("M8[M]"))) == 1
    return is_same_day, bool((steps >= 0).all() or (steps <= 0).all())


def seconds_of(array, format):
    """(seconds since 1970, bad) of a pyarrow array of text: float64 with NaN where missing, and a mask or None."""
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = missing_mask(array)
    present = without(missing, pc.utf8_trim_whitespace(array))
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
