"""The examples of a file for a model to predict, whole or in blocks."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from hw5.datasets.file_formats import ARRAY_READERS, format_of
from hw5.datasets.paths import existing
from hw5.datasets.table_records import open_records
from hw5.errors import InputError
from hw5.opening import Spool
from hw5.tables.for_model import ForModel
from hw5.tables.formats import READERS
from hw5.tables.numeric import as_features
from hw5.tables.table import Schema, as_images, column_index, training_label_column

_BLOCK = 1 << 26  # bytes


class ArrayInputs:
    """Examples of d features, to be read whole or in blocks.

    open_values: a context that gives the StoredArray of the path: examples, or a single one, of shape (d,) or the
    model's image_shape. has_label_column: whether it may be a table with the labels, which are ignored. Raises
    InputError.
    """

    def __init__(self, path: Path, schema: Schema, open_values: Callable, has_label_column: bool):
        self._path, self._schema, self._open_values = path, schema, open_values
        self._has_label_column = has_label_column
        with open_values(path) as stored:
            self._layout(stored)

    def read(self) -> np.ndarray:
        """The features (N, d), uint8 or float32; mapped if they are large and can be used as they are."""
        with self._open_values(self._path) as stored:
            is_single, label = self._layout(stored)
            values = stored.read()
        return self._features(values[np.newaxis] if is_single else values, label)

    def blocks(self, rows: int) -> Iterator[np.ndarray]:
        """Yield the features in blocks of at most `rows` rows and 64 MB, but of at least one row."""
        with self._open_values(self._path) as stored:
            is_single, label = self._layout(stored)
            if is_single:
                yield self._features(stored.read()[np.newaxis], label)
                return
            start, most = 0, _BLOCK // (4 * math.prod(stored.shape[1:]))
            for values in stored.blocks(max(1, min(rows, most))):
                yield self._features(values, label, start)
                start += len(values)

    def _features(self, values, label, start=0):
        return as_features(as_images(values), str(self._path), label, self._schema.columns, start=start, copy=False)

    def _layout(self, stored) -> tuple[bool, int | None]:
        """Whether the array is a single example, and the column of the labels in a table."""
        stored.require_valid()
        shape, d, image_shape = stored.shape, self._schema.features, self._schema.image_shape
        if self._has_label_column and shape[1:] == (d + 1,):
            position = training_label_column(self._schema, d + 1) or "-1"
            return False, column_index(position, d + 1, str(self._path))
        if shape in ((d,), image_shape):
            return True, None
        of_one = as_images(np.empty((0, *shape[1:]), np.uint8)).shape[1:]
        is_reshaped = image_shape is not None and len(of_one) > 1 and of_one != image_shape
        if is_reshaped or math.prod(of_one) != d:
            expected = " x ".join(map(str, image_shape or (d,)))
            raise InputError(
                f"{self._path}: the array has shape {shape}, but the model takes {expected} features per example; "
                "give one such example a row"
            )
        return False, None


def load_inputs(path: str, schema: Schema) -> np.ndarray:
    """Load the features (N, d) of a file, uint8 or float32, for a model to predict.

    Labels in a table are ignored. The columns of a table are chosen by name if it has all those of the model. Other
    files may hold a single example, of shape (d,) or the model's image_shape. Raises InputError.
    """
    inputs = open_inputs(path, schema)
    if isinstance(inputs, ForModel):
        return np.concatenate([block.X for block in inputs.blocks()])
    return inputs.read()


def open_inputs(path: str | Path | Spool, schema: Schema) -> ForModel | ArrayInputs:
    """The rows of a table, or the examples of a file of arrays, for a model to predict, to be read block by block.

    Raises InputError.
    """
    file = path if isinstance(path, Spool) else existing(str(path))
    format = format_of(file)
    if format in READERS:
        return ForModel(open_records(file, format, schema, None), schema, needs_label=False)
    reader = ARRAY_READERS[format]
    if reader.open_values is None:
        raise InputError(f"{file}: this is a folder; choose the file of the inputs in it")
    return ArrayInputs(file, schema, reader.open_values, reader.has_label_column)
