"""DataFrames of pandas and polars, read like the tables of files."""

import numpy as np

from hw5.errors import InputError
from hw5.tables.columnar import ArrowRecords
from hw5.tables.columns import Columns
from hw5.tables.features import encoded
from hw5.tables.fitting import Fitting
from hw5.tables.for_model import ForModel
from hw5.tables.gathering import gather
from hw5.tables.table import Reading, Schema


def is_table(X) -> bool:
    """Whether X is a DataFrame that is not numbers alone."""
    return hasattr(X, "iloc") and hasattr(X, "dtypes") and any(dtype.kind not in "iufb" for dtype in X.dtypes)


def fitted_features(X, classes: np.ndarray | None, rows: np.ndarray) -> tuple[np.ndarray, Columns]:
    """The features (n, d) of a DataFrame, and its Columns, fitted on some rows. Raises InputError."""
    records = records_of(X, "X")
    gathered = gather(records, [], set(), set(), "classification")
    columns = Fitting(records, gathered, [], rows, Reading(), classes, {}).fit()
    return encoded(gathered, columns, "the data"), columns


def features_of(X, schema: Schema) -> np.ndarray:
    """The features (n, d) of a DataFrame for a model. Raises InputError."""
    return np.concatenate([block.X for block in ForModel(records_of(X, "X"), schema, needs_label=False).blocks()])


def records_of(frame, where: str) -> ArrowRecords:
    """The records of a DataFrame of pandas or polars. Raises InputError for columns that no table can have."""
    import pyarrow as pa

    try:
        table = frame.to_arrow() if hasattr(frame, "to_arrow") else pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{where}: the DataFrame is no table of numbers, text and dates with a name for each column: {reason}; "
            "rename or convert its columns"
        ) from error
    return ArrowRecords(where, table.schema, table.to_batches)
