"""The cells of label columns: targets of a regression, and one-hot labels."""

from collections.abc import Sequence

import numpy as np

from hw5.errors import InputError
from hw5.tables.arrow_columns import as_strings
from hw5.tables.bad_cells import bad_cell
from hw5.tables.decimals import decimal_at
from hw5.tables.number_text import numbers_in
from hw5.tables.table import BEYOND_FLOAT32


def targets(records, array, position: int, start: int) -> np.ndarray:
    """The targets of a regression, float64 with NaN where missing; InputError names a cell that is no number."""
    values, bad = numbers_in(array, decimal_at(records, position))
    with np.errstate(invalid="ignore"):
        bad = (np.abs(values) >= BEYOND_FLOAT32) | (False if bad is None else bad)
    if bad.any():
        row = int(bad.argmax())
        raise bad_cell(records, position, start + row, as_strings(array)[row].as_py(), "target")
    return values


def targets_in(records, columns, labels: Sequence[int], start: int) -> np.ndarray:
    """The targets in these columns, (n,) of one and (n, q) of several; as targets."""
    found = [targets(records, columns[p], p, start) for p in labels]
    return found[0] if len(found) == 1 else np.stack(found, axis=1)


def one_hot_labels(records, columns, labels: Sequence[int], start: int):
    """The name of the one label column that is not 0 in each row, as a pyarrow array."""
    import pyarrow as pa

    values = np.stack([targets(records, columns[p], p, start) for p in labels])
    wrong = (values != 0).sum(axis=0) != 1
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"{records.where}, row {records.line(start + row)}: of the {len(labels)} label columns exactly one must be 1 "
            "and the others 0; correct the row, choose one column with --label-column, or use --task multilabel"
        )
    names = [records.names[p] if records.names else f"column {p + 1}" for p in labels]
    return pa.DictionaryArray.from_arrays(pa.array(values.argmax(axis=0)), pa.array(names)).dictionary_decode()
