"""Indexes and IDs among the columns of numbers of a table, which are no features: by their names and their values.

`fitting` is the Fitting of the table, to whose warnings is added what may be an ID.
"""

import re

import numpy as np

ALL_DIFFERENT = 0.5  # values per row from which text is an ID or a name
_NEARLY_ALL = 0.9  # values per row from which whole numbers may be IDs
_ID_NAMES = {"id", "index", "row", "rowid", "row_id", "rownames", "row_names", "uuid", "guid", "key"}
_UNNAMED = re.compile(r"unnamed: 0(\.\d+)*")  # as pandas names an index
_WITH_ID = re.compile(  # PassengerId, Customer ID and id_cliente, but not humid or GRID
    r"(?i:[_ .-]id)$|[a-z](Id|ID)$|^(?i:id[_ .-])|^[Ii]d[A-Z]"
)


def index_or_id(fitting, name, position, i):
    """Why a column is left out as an index or ID, or None; a warning if it may be one."""
    values = fitting.gathered.number_cells(i)
    if (values != np.floor(values)).any() or len(np.unique(values)) < len(values):
        return None
    counts_up = (np.diff(values) == 1).all()
    if position == 0 and name == "":
        return f"an index without a name, which {'counts the rows' if counts_up else 'is different in each row'}"
    lower = (name or "").strip().lower()
    if lower in _ID_NAMES or _UNNAMED.fullmatch(lower) or is_named_as_id(name):
        return "an ID: all values are different"
    if counts_up and len(values) > 9 or lower.endswith(("_no", "number")) or not name and len(values) > 50:
        fitting.warnings.append(
            f"{fitting.name(position)} has a different whole number in each row; if it is an ID, leave it out with "
            f"--drop {fitting.option(position)}"
        )
    return None


def repeated_id(fitting, position, i):
    """Why an ID of which some values occur more than once is left out, or None and a warning."""
    values = fitting.gathered.number_cells(i)[fitting.rows]
    values = values[~np.isnan(values)]
    found = len(np.unique(values))
    if (values != np.floor(values)).any() or found < 3:
        return None
    if found > ALL_DIFFERENT * len(values):
        return f"an ID: {found:,} different values in {len(values):,} rows"
    option = fitting.option(position)
    fitting.warnings.append(
        f"{fitting.name(position)} is named like an ID, and its numbers are a feature; leave it out with --drop {option}, or "
        f"make categories of it with --categorical {option}"
    )
    return None


def check_first_numbers(fitting, i):
    """Warn if the first column, which has no name, has whole numbers of which few occur twice, as IDs do."""
    values = fitting.gathered.number_cells(i)[fitting.rows]
    values = values[~np.isnan(values)]
    found = len(np.unique(values))
    if (values == np.floor(values)).all() and 50 < _NEARLY_ALL * len(values) < found < len(values):
        fitting.warnings.append(
            f"column 1 has {found:,} different whole numbers in {len(values):,} rows; if it is an ID, leave it out with "
            "--drop 1"
        )


def is_named_as_id(name):
    """Whether a name is id, or begins or ends in it as a word."""
    stripped = (name or "").strip()
    return stripped.lower() == "id" or _WITH_ID.search(stripped) is not None
