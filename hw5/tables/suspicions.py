"""What looks odd about the labels and texts of a table: totals, one-hot labels, too many classes."""

import re
import unicodedata

import numpy as np

from hw5.tables.bad_cells import is_summary
from hw5.tables.fitting import MOST_CATEGORIES, Fitting
from hw5.tables.gathered import Gathered, Texts
from hw5.tables.missing import is_missing
from hw5.tables.number_text import is_number
from hw5.text import listed, quoted

_MOST_ALIKE = 1000  # classes that are compared


def summary_warnings(fitting: Fitting) -> list[str]:
    """A warning if the last row seems to sum up the others: it alone has a word for that in a column of text.

    Or if some rows have a text for the total of others.
    """
    gathered = fitting.gathered
    labels = {fitting.labels[0]: gathered.labels} if isinstance(gathered.labels, Texts) else {}
    for position, texts in (gathered.texts | labels).items():
        last = texts.codes[-1]
        word = texts.values[last] or ""
        if is_summary(word) and np.count_nonzero(texts.codes == last) == 1:
            return [f"the last row has {quoted(word)} in {fitting.name(position)}; remove it if it sums up the others"]
        several = [value for value in texts.values if value and _sums_up(value, texts.index)]
        if several:
            return [f"rows have {listed(several)} in {fitting.name(position)}; remove them if they sum up others"]
    return []


def _sums_up(value: str, others) -> bool:
    """Whether a text is that of the total of another one, as "north total" is."""
    name = re.sub(r"(?i)\b(sub)?totals?$|^(sub)?total (of )?", "", value)
    return name != value and name.strip(" :-") in others


def _alike(names) -> list[str]:
    """The first names that look the same but for their case."""
    by_look = {}
    for name in (name for name in names if len(name) > 1):
        look = "".join(each for each in name.casefold() if unicodedata.category(each) != "Cf").strip()
        by_look.setdefault(look, []).append(name)
    return next((each for each in by_look.values() if len(each) > 1), [])


_TRUTH = {"0": 0, "1": 1, "False": 0, "True": 1, "FALSE": 0, "TRUE": 1, "false": 0, "true": 1}


def one_hot_warnings(fitting: Fitting) -> list[str]:
    """A warning if the label is one of several columns of which each row has one 1."""
    gathered, (label, *more) = fitting.gathered, fitting.labels
    labels = _truth_of(gathered.labels) if not more and isinstance(gathered.labels, Texts) else None
    for step in (-1, 1) if labels is not None and len(labels) > 2 else ():
        total = labels.copy()
        for position in range(label + step, label + step * MOST_CATEGORIES, step):
            column = _zeros_and_ones(gathered, position)
            total = total + (2 if column is None else column)
            if total.max() > 1:
                break
            if total.min() == 1:
                positions = sorted(range(label, position + step, step))
                return [
                    f"{', '.join(map(fitting.name, positions))} have one 1 in each row, as one-hot labels do; if they are, give "
                    f"--label-column {','.join(map(fitting.option, positions))}"
                ]
    return []


def _zeros_and_ones(gathered: Gathered, position: int) -> np.ndarray | None:
    """A column (N,) of 0 and 1, or of true and false; None if it has other values."""
    if position in gathered.numbers:
        values = gathered.number_cells(gathered.numbers.index(position))
        return values.astype(int) if np.isin(values, (0, 1)).all() else None
    texts = gathered.texts.get(position)
    return _truth_of(texts) if texts else None


def _truth_of(texts: Texts) -> np.ndarray | None:
    if not _TRUTH.keys() >= set(texts.values):
        return None
    return np.array([_TRUTH[value] for value in texts.values])[texts.codes]


def label_warnings(where_label: str, class_names, y, n: int) -> list[str]:
    """What may be wrong about the classes of n labels y."""
    warnings = []
    odd = [name for name in class_names if is_missing(name) and not any(map(str.isalnum, name))]
    if odd and not {"+", "-"} <= set(class_names):
        warnings.append(
            f"the label {quoted(odd[0])} in {where_label} may mean that it is missing; if so, remove its rows"
        )
    alike = _alike(class_names[:_MOST_ALIKE])
    if alike:
        warnings.append(
            f"the labels {listed(alike)} in {where_label} differ only in case, or in signs that are not seen; write them alike "
            "if they are one"
        )
    m, numeric = len(class_names), all(map(is_number, class_names))
    if m > max(20, n / 10) or m > max(2, n / 2) or numeric and m > 20:
        kind = " that look like counts or prices" if numeric else ""
        hint = "did you mean --task regression, or another --label-column?" if numeric else "choose with --label-column"
        warnings.append(f"the labels in {where_label} have {m:,} classes in {n:,} rows{kind}; {hint}")
    return warnings
