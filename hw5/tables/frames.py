"""DataFrames of pandas and polars, read like the tables of files."""

import numpy as np

from hw5.tables.columns import Columns
from hw5.tables.fitting import Fitting
from hw5.tables.formats import ArrowRecords
from hw5.tables.gathering import gather
from hw5.tables.reading import ForModel, encoded
from hw5.tables.table import Reading, Schema


def is_table(X) -> bool:
    """Whether X is a DataFrame that is not numbers alone."""
    return hasattr(X, "iloc") and hasattr(X, "dtypes") and any(dtype.kind not in "iufb" for dtype in X.dtypes)


def fitted_features(X, classes: np.ndarray | None, rows: np.ndarray) -> tuple[np.ndarray, Columns]:
    """The features (n, d) of a DataFrame, and its Columns, fitted on some rows. Raises InputError."""
    records = _records(X)
    gathered = gather(records, [], set(), set(), "classification")
    columns = Fitting(records, gathered, [], rows, Reading(), classes, {}).fit()
    return encoded(gathered, columns, "the data"), columns


def features_of(X, schema: Schema) -> np.ndarray:
    """The features (n, d) of a DataFrame for a model. Raises InputError."""
    return np.concatenate([block.X for block in ForModel(_records(X), schema, needs_label=False).blocks()])


def _records(X) -> ArrowRecords:
    import pyarrow as pa

    table = pa.Table.from_pandas(X, preserve_index=False)
    return ArrowRecords("X", table.schema, table.to_batches)
