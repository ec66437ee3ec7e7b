"""Fit the columns of a table on its training rows, and say what looks odd about them."""

import re

import numpy as np

from hw5.errors import InputError
from hw5.tables.bad_cells import bad_cell
from hw5.tables.columns import CYCLES, Categories, Columns, Date, LeftOut, Number, YesNo
from hw5.tables.dates import WITHOUT_SIGNS, have_one_form, is_date
from hw5.tables.decimals import POINT, decimal_at, said
from hw5.tables.gathered import MOST_VALUES, Gathered
from hw5.tables.ids import ALL_DIFFERENT, check_first_numbers, index_or_id, is_named_as_id, repeated_id
from hw5.tables.missing import is_gap_word
from hw5.tables.number_columns import has_gaps
from hw5.tables.number_text import is_number
from hw5.tables.table import as_option
from hw5.text import quoted

MOST_CATEGORIES = 100  # the rarer ones share a feature
_SENTINELS = {float(sign + "9" * n) for n in range(2, 7) for sign in ("", "-")} | {-9.0}  # for missing numbers
_DAY = 86_400
_TOGETHER = 16  # rows
_LEAST_RANGE = 2.0**-125  # of numbers; the scale of smaller ones would be no float32


class Fitting:
    """Fits the Columns of a gathered table. notes: what was guessed. warnings: what may be wrong."""

    def __init__(self, records, gathered: Gathered, labels, rows, options, classes, left_out):
        """rows: the training rows. classes: the class of every row (N,), or None. left_out: {position: why}."""
        self.records, self.gathered, self.rows, self.options = records, gathered, rows, options
        self.classes, self.left_out, self.labels = classes, left_out, labels
        self.notes, self.warnings = [], []
        self._units, self._constant = {}, []  # names of columns, by unit, and of those that are constant
        self._number_of = {p: i for i, p in enumerate(gathered.numbers)}
        self._gap_words = self._words_for_gaps()

    def fit(self) -> Columns:
        positions = [p for p in range(self.records.width) if p not in self.labels]
        means = self._means()
        columns = tuple(self._column(p, means) for p in positions)
        self.notes += [f"{_several(names)}: read the numbers without {quoted(u)}" for u, names in self._units.items()]
        if self._constant:
            are = "are" if len(self._constant) > 1 else "is"
            self.warnings.append(f"{_several(self._constant)} {are} constant in the training rows")
        if not any(column.features for column in columns if not isinstance(column, LeftOut)):
            raise InputError(
                f"{self.records.where}: no column is left as a feature: "
                f"{'; '.join(f'{self.name(p)}: {c.why}' for p, c in list(zip(positions, columns))[:5])}"
            )
        names = tuple(self.records.names[p] for p in self.labels) if self.records.names else ()
        self._say_decimals()
        return Columns(columns, tuple(self.labels), names, self._label_decimals())

    def _label_decimals(self):
        found = tuple(decimal_at(self.records, p) for p in self.labels) if self.classes is None else ()
        return found if set(found) - {POINT} else ()

    def _say_decimals(self):
        told = {}
        for position, signs in self.gathered.signs.items():
            how = said(decimal_at(self.records, position), signs, self.records.decimal)
            if how and (position in self._number_of or position in self.labels):
                told.setdefault(how, []).append(self.name(position))
        self.notes += [f"{_several(names)}: read {how}" for how, names in told.items()]

    def name(self, position: int) -> str:
        """A column, for messages."""
        names = self.records.names
        return quoted(names[position]) if names and names[position] else f"column {position + 1}"

    def _words_for_gaps(self) -> dict[int, str]:
        """The one word that stands for missing numbers, by column; InputError for other cells that are no numbers."""
        words, counts = {}, {}
        for position, row, text in self.gathered.bad:
            if self.records.names and text == self.records.names[position]:
                raise InputError(
                    f"{self.records.where}, row {self.records.line(row)}: the header is repeated in part; remove such rows"
                )
            counts[position] = counts.get(position, 0) + 1
            if words.setdefault(position, (text or "").strip()) != (text or "").strip():
                raise self._bad(position)
        for position, word in words.items():
            if counts[position] < 2 or not is_gap_word(word):
                raise self._bad(position)
            self.notes.append(f"{self.name(position)}: took {quoted(word)} ({counts[position]} times) as missing")
        return words

    def _bad(self, position):
        row, text = next((row, text) for p, row, text in self.gathered.bad if p == position)
        return bad_cell(self.records, position, row, text)

    def _means(self):
        """For all columns of numbers in the training rows: mean, whether cells are missing, minimum, maximum, count."""
        k, gathered = len(self.gathered.numbers), self.gathered
        mask = np.zeros(gathered.rows, bool)
        mask[self.rows] = True
        total, count = np.zeros(k), np.zeros(k, np.int64)
        low, high, start = np.full(k, np.inf), np.full(k, -np.inf), 0
        for block in gathered.blocks:
            chosen = mask[start : start + len(block)]
            part = block if chosen.all() else block[chosen]
            start += len(block)
            if not len(part):
                continue
            if gathered.has_gaps and has_gaps(part):
                total += np.nansum(part, axis=0, dtype=np.float64)
                count -= np.isnan(part).sum(axis=0)
            else:
                total += part.sum(axis=0, dtype=np.float64)
            count += len(part)
            low, high = np.fmin(low, _reduced(np.fmin, part)), np.fmax(high, _reduced(np.fmax, part))
        with np.errstate(all="ignore"):
            return total / count, count < len(self.rows), low, high, count

    def _column(self, position, means):
        names = self.records.names
        name = names[position] if names else None
        if position in self.left_out:
            return LeftOut(name, self.left_out[position])
        if position in self.gathered.dates:
            return self._date(name, position)
        if position in self.gathered.texts:
            return self._text(name, position)
        i = self._number_of[position]
        return self._number(name, position, i, *(each[i] for each in means))

    def _number(self, name, position, i, mean, gaps, low, high, count):
        if not count:
            return LeftOut(name, "no value in the training rows")
        whole = high > low and low == int(low) and high - low + 1 >= count == len(self.rows) > 2
        why = index_or_id(self, name, position, i) if whole and not gaps else None
        why = why or (repeated_id(self, position, i) if is_named_as_id(name) else None)
        if why:
            return LeftOut(name, why)
        if high - low < _LEAST_RANGE and not gaps:
            self._constant.append(
                self.name(position) + f" (but for differences below {_LEAST_RANGE:.2g})" * bool(low < high)
            )
        else:
            self._check_telltale(position, i)
            if name is None and position == 0:
                check_first_numbers(self, i)
            self._check_sentinels(position, i, low, high)
            if position in self.gathered.padded:
                self.warnings.append(
                    f"{self.name(position)} has numbers that begin with 0, as codes do; if it is a code, use --categorical "
                    f"{self.option(position)}"
                )
        refuses = self.options.missing == "refuse"
        if refuses and gaps:
            self._refuse_gap(position, np.isnan(self.gathered.number_cells(i)))
        offset = float(self.gathered.offsets[i])
        return Number(name, None if refuses else _short(mean), bool(gaps), offset, *self._words(position))

    def _words(self, position):
        """The word for a gap, and the unit, if there are any, and the decimal sign."""
        unit = self.gathered.units.get(position)
        if unit:
            self._units.setdefault(unit, []).append(self.name(position))
        if position in self.gathered.partly_percent:
            self.warnings.append(f"{self.name(position)} has numbers with and without %, which are read alike, 5% as 5")
        return self._gap_words.get(position), unit, decimal_at(self.records, position)

    def _check_sentinels(self, position, i, low, high):
        """Warn if a number such as -999 stands apart from the others, as one for missing values does."""
        if self.gathered.offsets[i] or not {low, high} & _SENTINELS:
            return
        values = self.gathered.number_cells(i)[self.rows]
        for number in {low, high} & _SENTINELS:
            others = values[(values != number) & ~np.isnan(values)]
            n = int((values == number).sum())
            if n > 1 and len(others) and np.abs(others - number).min() > others.max() - others.min() > 0:
                self.warnings.append(
                    f"{self.name(position)} is {number:.0f} in {n:,} rows, far from its other values; if this stands for a "
                    "missing value, leave the cell empty"
                )

    def _check_telltale(self, position, i):
        """Warn if a column of a few values determines the class."""
        if self.classes is None or self.gathered.rows > 200_000 or len(self.gathered.numbers) > 200:
            return
        values = self.gathered.number_cells(i)[self.rows]
        distinct, codes = np.unique(values, return_inverse=True)
        self._warn_of_telltale(position, codes, len(distinct))

    def _warn_of_telltale(self, position, codes, k):
        if self.classes is None or not 2 <= k <= max(2, len(self.rows) // 10):
            return
        classes = self.classes[self.rows]
        pairs = len(np.unique(codes.astype(np.int64) * (int(classes.max()) + 2) + classes))
        if pairs == len(np.unique(codes)) and len(np.unique(classes)) > 1:
            self.warnings.append(
                f"{self.name(position)} alone determines the class; if it would not be known for new examples, leave it "
                f"out with --drop {self.option(position)}"
            )

    def option(self, position):
        """A column, for an option."""
        return as_option(self.records.names[position] if self.records.names else "", position)

    def _refuse_gap(self, position, mask):
        row = self.gathered.row_number(int(mask.argmax()))
        where = f"{self.records.where}, row {self.records.line(row)}, column {position + 1}"
        name = f" ({self.name(position)})" if self.records.names else ""
        raise InputError(f"{where}{name}: the value is missing; fill it in or remove the row, or use --missing mean")

    def _date(self, name, position):
        format, seconds = self.gathered.dates[position]
        seconds = seconds[self.rows]
        present = seconds[~np.isnan(seconds)]
        if not len(present):
            return LeftOut(name, "no date in the training rows")
        gaps = bool(len(present) < len(seconds))
        if gaps and self.options.missing == "refuse":
            self._refuse_gap(position, np.isnan(self.gathered.dates[position][1]))
        origin = float(np.floor(present.mean() / _DAY))
        fill = None if self.options.missing == "refuse" else _short(float((present / _DAY - origin).mean()))
        span = present.max() - present.min()
        cycles = tuple(
            cycle
            for cycle, period in CYCLES.items()
            if span >= period and len(np.unique(present % period // (period / 8))) > 2
        )
        self._say_how_dates_are_read(position, format, present)
        return Date(name, format, origin, fill, cycles, gaps)

    def _say_how_dates_are_read(self, position, format, seconds):
        how = []
        if format == WITHOUT_SIGNS:
            self.notes.append(f"{self.name(position)}: read the numbers as dates (YYYYMMDD)")
        if re.match("%d[-/]%m|%m[-/]%d", format):
            how.append("day before month" if format.startswith("%d") else "month before day")
        if "%y" in format:
            first, last = np.array([seconds.min(), seconds.max()]).astype("M8[s]").astype("M8[Y]")
            how.append(f"years from {first} to {last}" if first < last else f"year {first}")
        if how:
            self.notes.append(f"{self.name(position)}: read the dates with the {' and the '.join(how)}")

    def _text(self, name, position):
        texts = self.gathered.texts[position]
        if self.options.text == "refuse":
            code = next((c for v, c in texts.index.items() if v is not None), 0)
            row = int((texts.codes == code).argmax())
            raise bad_cell(self.records, position, self.gathered.row_number(row), texts.values[code] or "")
        if texts.is_overflown:
            return LeftOut(name, f"text with more than {MOST_VALUES:,} different values")
        counts = texts.count(self.rows)
        missing = texts.index.get(None)
        gaps = missing is not None and bool(counts[missing])
        if missing is not None and self.options.missing == "refuse":
            self._refuse_gap(position, texts.codes == missing)
        found = {v: int(n) for v, n in zip(texts.values, counts) if n and v is not None}
        present = sum(found.values())
        if not found:
            return LeftOut(name, "no value in the training rows")
        if len(found) == 1 and not gaps:
            return LeftOut(name, f"always {quoted(next(iter(found)))}")
        if len(found) > max(20, ALL_DIFFERENT * present) or len(found) == present > 5:
            return LeftOut(name, _of_many_texts(found, present, position in self.gathered.categorical))
        self._warn_of_telltale(position, texts.codes[self.rows], len(found))
        self._warn_of_others(position, found)
        if len(found) == 2:
            no, yes = sorted(found)
            return YesNo(name, no, yes, _short(found[yes] / present), gaps)
        ordered = sorted(found, key=lambda v: (-found[v], v))
        return Categories(
            name, tuple(sorted(ordered[:MOST_CATEGORIES])), tuple(sorted(ordered[MOST_CATEGORIES:])), gaps
        )

    def _warn_of_others(self, position, found: dict):
        """Warn of categories of which most are numbers or dates, as in a column with <0.1 for what is too small."""
        what, others = _mostly(found)
        is_kind = what == "numbers" or what == "dates" and have_one_form(found.keys() - set(others))
        if position not in self.gathered.categorical and others and is_kind:
            self.warnings.append(
                f"{self.name(position)} became categories because {quoted(others[0])} is not a {what[:-1]}, though most of its "
                f"values are; correct such cells, or leave them empty, to make it {what}"
            )


def _mostly(found: dict) -> tuple[str, list]:
    """What more than half of some texts are, numbers or dates, and the others; neither is ("", [])."""
    for what, is_kind in (("numbers", is_number), ("dates", is_date)):
        others = [value for value in found if not is_kind(value)]
        if len(others) < len(found) / 2:
            return what, others
    return "", []


def _several(names: list, most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _of_many_texts(found: dict, present: int, is_of_categories: bool) -> str:
    """Why a column of text is left out; what most cells would be, if not all are."""
    if is_of_categories:
        return f"{len(found):,} different categories in {present:,} rows, such as names or IDs"
    what, others = _mostly(found)
    if what:
        return f"text: not all are {what} of one form{f', such as {quoted(others[0])}' if others else ''}"
    return f"text with {len(found):,} different values in {present:,} rows, such as names or IDs"


def _reduced(ufunc, rows):
    """ufunc.reduce over the rows (n, k), in any order; several rows as one are faster than short ones."""
    n, k = rows.shape
    rest = rows[n - n % _TOGETHER :]
    if n < _TOGETHER or not k:
        return ufunc.reduce(rows, axis=0)
    together = ufunc.reduce(rows[: n - len(rest)].reshape(-1, _TOGETHER * k), axis=0)
    return ufunc.reduce(np.concatenate([together.reshape(_TOGETHER, k), rest]), axis=0)


def _short(value) -> float:
    """A float64 for JSON that float32 holds, since features are float32."""
    return float(np.float32(value))
