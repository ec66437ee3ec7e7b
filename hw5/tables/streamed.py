"""Labelled examples of a table for a model that are read in parts, each time anew, and never all in memory.

What some labels mean depends on the others: NA may be a class or a missing label, and targets may need float64. Hence
the first pass assumes what is usual. If the last row has shown something else, is_settled is false, and the pass is to
be repeated, now with what is known.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hw5.tables import labels
from hw5.tables.for_model import ForModel, Labels
from hw5.tables.reading import explained
from hw5.tables.table import Table

_MISSING = -2  # a row without a label, which is left out


class StreamedExamples:
    """The examples that load() would give for the schema of `rows`, of which only the labels are kept.

    After a pass: table: their Table, whose X is None. digests: of all bytes of the features, and then y, as float32 and
    as uint8 if they are such, by which the training data are recognised.
    """

    def __init__(self, rows: ForModel):
        self._rows, self._class_names, self._task = rows, rows.schema.class_names, rows.schema.task
        self.table: Table | None = None
        self._of_file, self.digests = None, ()
        self.is_settled = False

    @property
    def y(self) -> np.ndarray:
        """The labels (N,), or (N, q), after a pass."""
        return self.table.y

    def parts(self, size: int, chosen: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Features (n, d) and labels (n,) in parts of `size` examples, of which the last may have fewer.

        chosen: which examples, ascending, once y is known; the default is all. Raises InputError.
        """
        with explained(self._rows.records):
            blocks = self._pass() if chosen is None else self._chosen(chosen)
            yield from _regrouped(blocks, size)

    def _pass(self):
        """All examples; sets what a pass finds out."""
        self._rows.unseen.clear()
        found, hashes, given = Labels(self._rows, self._task), _Hashes(self._rows.columns.are_plain), []
        for block in self._rows.blocks(has_nulls=True):
            of_labels = found.add(block)
            y = self._known(block) if self._of_file is not None else self._assumed(of_labels, found.texts.values)
            given.append(y)
            kept = ~_is_missing(y)
            X = block.X if kept.all() else block.X[kept]
            hashes.add(X)
            yield X, y[kept]
        self._finish(found, np.concatenate(given))
        self.digests = hashes.digests(self.y)

    def _known(self, block):
        return self._of_file[block.start : block.start + len(block.X)]

    def _assumed(self, of_labels, values):
        """The labels of a block, with NA as a class if the model has one, and targets as float32."""
        if self._task == "regression":
            return of_labels.astype(np.float32)
        if self._task == "multilabel":
            return np.where(np.isnan(of_labels), _MISSING, of_labels).astype(np.int32)
        find = labels.class_finder(self._class_names)
        is_class = "NA" in self._class_names
        return np.array([_class_of("NA" if v is None and is_class else v, find) for v in values], np.int32)[of_labels]

    def _finish(self, found, given):
        table, kept = found.finish()
        self.table = replace(table, y=labels.decoded(table, self._task, self._class_names))
        is_float = self.y.dtype.kind == "f"
        self._of_file = np.full((len(kept), *self.y.shape[1:]), np.nan if is_float else _MISSING, self.y.dtype)
        self._of_file[kept] = self.y
        given[_is_missing(given)] = np.nan if is_float else _MISSING  # in all columns
        self.is_settled = given.dtype == self._of_file.dtype and np.array_equal(
            given, self._of_file, equal_nan=is_float
        )

    def _chosen(self, chosen):
        """The examples at these positions."""
        number = np.cumsum(~_is_missing(self._of_file)) - 1  # of the example in each row
        is_chosen = np.zeros(len(self.y), bool)
        is_chosen[chosen] = True
        rows = ~_is_missing(self._of_file) & is_chosen[number]
        self._rows.unseen.clear()
        for block in self._rows.blocks(has_nulls=True):
            kept = rows[block.start : block.start + len(block.X)]
            if kept.any():
                yield block.X[kept], self._known(block)[kept]


def _is_missing(y):
    """Which rows of y (n,) or (n, q) have no label, (n,)."""
    missing = np.isnan(y) if y.dtype.kind == "f" else y == _MISSING
    return missing.reshape(len(y), -1).any(axis=1)


def _class_of(label, find):
    try:
        return _MISSING if label is None else find(label)
    except ValueError:  # which is reported when all are known
        return labels.UNKNOWN


class _Hashes:
    """Hashes of features that come in parts, as float32, and as uint8 if all are whole numbers of a byte."""

    def __init__(self, may_be_bytes):
        self._float32, self._uint8 = (hashlib.blake2b(digest_size=16) for _ in range(2))
        self._are_bytes = may_be_bytes

    def add(self, X):
        self._float32.update(np.ascontiguousarray(X))
        with np.errstate(invalid="ignore"):
            as_bytes = X.astype(np.uint8) if self._are_bytes else X
        self._are_bytes = self._are_bytes and np.array_equal(as_bytes, X)
        if self._are_bytes:
            self._uint8.update(as_bytes)

    def digests(self, y):
        hashes = [self._float32, self._uint8] if self._are_bytes else [self._float32]
        for each in hashes:
            each.update(np.ascontiguousarray(y))
        return tuple(each.hexdigest() for each in hashes)


def _regrouped(blocks, size):
    """Pairs of arrays in groups of `size` rows, whatever the sizes of the blocks; the last may be smaller."""
    held, n = [], 0
    for block in blocks:
        held.append(block)
        n += len(block[0])
        while n >= size:
            X, y = map(np.concatenate, zip(*held))
            yield X[:size], y[:size]
            held, n = [(X[size:], y[size:])], n - size
    if n:
        yield tuple(map(np.concatenate, zip(*held)))
