"""The labelled examples of a table for a model, in parts that are never all in memory."""

from dataclasses import replace

import numpy as np

from hw5.datasets.agreement import require_targets
from hw5.datasets.built_in import BUILT_IN
from hw5.datasets.dataset import Dataset, Examples
from hw5.datasets.file_formats import format_of
from hw5.datasets.sources import Source, file_of, name_and_source
from hw5.datasets.table_records import open_records
from hw5.tables import labels
from hw5.tables.for_model import ForModel
from hw5.tables.formats import READERS
from hw5.tables.streamed import StreamedExamples
from hw5.tables.table import Schema


def open_labelled(
    source: Source, schema: Schema, label_column: str | None = None
) -> tuple[StreamedExamples, Dataset] | None:
    """The labelled examples of a table for a model, to be read in parts, and their Dataset, without examples as yet.

    None if the source is no table. Raises InputError.
    """
    if not isinstance(source, str) or source in BUILT_IN or schema.columns is None:
        return None
    path = file_of(source)
    format = format_of(path)
    if format not in READERS:
        return None
    rows = ForModel(open_records(path, format, schema, label_column), schema, True, label_column)
    name, source = name_and_source(source)
    nothing = Examples(np.empty((0, schema.features), np.float32), np.empty(0, np.int32))
    dataset = Dataset(name, source, nothing, None, schema.class_names, None, schema.image_shape)
    return StreamedExamples(rows), replace(dataset, target_names=schema.target_names)


def examined(dataset: Dataset, stream: StreamedExamples) -> Dataset:
    """The Dataset of open_labelled after a pass: with its labels, notes and warnings, but no features."""
    table = stream.table
    require_targets(table, dataset.target_names)
    warnings = (*table.warnings, *labels.unknown_classes(table))
    examples = Examples(np.empty((len(table.y), 0), np.float32), table.y)
    return replace(dataset, train=examples, notes=table.notes, warnings=warnings)
