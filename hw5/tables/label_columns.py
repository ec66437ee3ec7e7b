"""The columns of the labels: which they are, and the rows where they have gaps.

They are chosen by name or position: 1 is the first column, -1 the last; several are one-hot labels. The default is the
column named label, class, target, species or y, in any case, otherwise what the format says, otherwise the last one.
"""

import re

import numpy as np

from hw5.errors import InputError
from hw5.tables.bad_cells import bad_cell
from hw5.tables.gathered import Gathered, Texts
from hw5.tables.header import LABEL_NAMES
from hw5.tables.table import Table, as_option, column_index, columns_of
from hw5.text import counted, listed, quoted

_OF_LABELS_ALONE = ("label", "class", "target")  # a species or y may be a feature


def label_positions(records, wanted: str | None) -> list[int]:
    """The positions of the label columns."""
    if wanted is None:
        lower = [name.lower() for name in records.names or ()]
        position = next(
            (lower.index(name) for name in LABEL_NAMES if name in lower and not _is_coordinate(lower, name)), None
        )
        position = records.label if position is None else position
        return [records.width - 1 if position is None else position]
    return positions_of(records, wanted)


def other_label_names(records, chosen: list[int], left_out) -> list[str]:
    """A warning for each column that is a feature, though its name is one of labels as well."""
    features = (p for p in range(records.width) if p not in left_out and p not in chosen)
    others = [p for p in features if records.names and records.names[p].lower() in _OF_LABELS_ALONE]
    return [
        f"{quoted(records.names[p])} is named like labels, too, and is a feature; if it says the class, leave it out with "
        f"--drop {as_option(records.names[p], p)}, or choose it with --label-column"
        for p in others
    ]


def _is_coordinate(names: list[str], name: str) -> bool:
    """Whether this is the y of x, y and more columns."""
    at = names.index(name)
    return name == "y" and names[at - 1 : at] == ["x"] and at < len(names) - 1


def positions_of(records, wanted: str) -> list[int]:
    """The positions of columns given as NAME or POSITION, or several of these with commas."""
    if records.names and wanted in records.names or "," not in wanted:
        return [position_of(records, wanted)]
    found = [position_of(records, part) for part in columns_of(wanted) or [wanted]]
    if len(set(found)) < len(found):
        raise InputError(f"{records.where}: {wanted} names a column twice; name each once")
    return found


def position_of(records, wanted: str) -> int:
    """The position of a column given by name, or counted from 1, or from -1 backwards."""
    if records.names and wanted in records.names and not re.fullmatch(r"[-+]?\d+", wanted):
        return records.names.index(wanted)
    if re.fullmatch(r"[-+]?\d+", wanted):
        return column_index(wanted, records.width, records.where)
    raise InputError(
        f"{records.where}: there is no column named {quoted(wanted)}; the first row has "
        f"{listed([cell.strip() for cell in records.first])}: choose one of these, or a position"
    )


def drop_unlabelled(records, gathered: Gathered, chosen, refuse: bool = False) -> tuple[np.ndarray, list[str]]:
    """Drop the rows without a label; return which these are, (N,), and notes.

    Raises InputError for all rows, or any with refuse.
    """
    notes, is_class = [], isinstance(gathered.labels, Texts)
    missing = _missing_labels(gathered.labels, notes) if is_class else _missing_targets(gathered.labels)
    if missing.any():
        if missing.all() and len(chosen) == 1:
            raise _no_labels_error(records, gathered, chosen)
        if missing.all() or refuse:
            raise _missing_label_error(records, gathered, chosen, missing)
        line = records.line(gathered.row_number(int(missing.argmax())))
        notes.append(f"left out {counted(int(missing.sum()), 'row')} without a label (the first is row {line})")
        gathered.keep(~missing)
    return missing, notes


def _missing_targets(values: np.ndarray) -> np.ndarray:
    """Which rows of targets (N,) or (N, q) lack one, (N,)."""
    return np.isnan(values).reshape(len(values), -1).any(axis=1)


def _missing_label_error(records, gathered: Gathered, chosen, missing) -> InputError:
    """The error for the first row that is missing a label."""
    row = int(missing.argmax())
    if isinstance(gathered.labels, Texts):
        return bad_cell(records, chosen[0], gathered.row_number(row), "", "label")
    column = int(np.isnan(np.atleast_1d(gathered.labels[row])).argmax())
    return bad_cell(records, chosen[column], gathered.row_number(row), "", "target")


def _no_labels_error(records, gathered: Gathered, chosen) -> InputError:
    what = "labels" if isinstance(gathered.labels, Texts) else "targets"
    hint = "choose another column with --label-column"
    return InputError(f"{records.where}: there are no {what} in {_label_name(records, chosen)}; {hint}")


_CODE = re.compile(r"[A-Z]{2}")


def _missing_labels(texts: Texts, notes: list) -> np.ndarray:
    """Which rows have no class. NA among classes of two capital letters is a class."""
    values = texts.values
    rest = [v for v in values if v is not None]
    if None in values and len(rest) > 1 and all(_CODE.fullmatch(v) for v in rest) and "NA" not in rest:
        index = texts.index.pop(None)
        texts.index = {
            ("NA" if i == index else v): i for v, i in sorted([*texts.index.items(), (None, index)], key=lambda p: p[1])
        }
        notes.append("took NA in the labels as a class, since the others are codes of two letters as well")
        values = texts.values
    return np.isin(texts.codes, [code for code, v in enumerate(values) if v is None])


def labelled(records, gathered: Gathered, chosen) -> Table:
    """The Table with its labels, and no features yet."""
    location = lambda row: records.line(gathered.row_number(row))  # noqa: E731
    suffix, label = ", ".join(place_of(records, p) for p in chosen), _label_name(records, chosen)
    common = {"where": records.where, "X": None, "line_of": location, "label_suffix": f", {suffix}", "label": label}
    if isinstance(gathered.labels, Texts):
        used, codes = _renumbered(gathered.labels.codes)
        values = gathered.labels.values
        return Table(codes=codes, labels=[values[code] for code in used], **common)
    names = tuple(records.names[p] if records.names else f"column {p + 1}" for p in chosen)
    several = names if len(chosen) > 1 else ()
    return Table(codes=None, labels=[], targets=gathered.labels, target_names=several, **common)


def _renumbered(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes that occur, ascending, and for each of `codes` its index in these; as np.unique without sorting."""
    occurs = np.bincount(codes) > 0
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def place_of(records, position: int) -> str:
    name = f" ({quoted(records.names[position])})" if records.names else ""
    return f"column {position + 1}{name}"


def _label_name(records, chosen) -> str:
    if len(chosen) > 1:
        return "the columns " + ", ".join(quoted(records.names[p]) if records.names else str(p + 1) for p in chosen)
    return place_of(records, chosen[0])
