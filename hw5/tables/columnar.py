"""Formats whose columns have types: Parquet, Arrow and Feather give pyarrow arrays. Nothing in a file is executed."""

from collections.abc import Iterator

from hw5.errors import InputError
from hw5.opening import inflation_limit, open_plain
from hw5.text import printable

_ROWS = 1 << 14


class ArrowRecords:
    """The rows of a file that pyarrow reads with types. read: a function that yields record batches.

    categorical: the positions of columns whose type is that of categories. unreadable: what is in the cells of columns
    that are no features, by position.
    """

    decimal, label = ".", None

    def __init__(self, path, schema, read):
        self.where, self.names, self.notes, self._read = str(path), tuple(map(str, schema.names)), [], read
        self.width, self.decimals = len(schema), {}
        self.categorical = {i for i, field in enumerate(schema) if _has_codes(field.type)}
        self.unreadable = {i: what for i, field in enumerate(schema) if (what := _unreadable(field.type))}

    @property
    def first(self):
        return self.names

    def batches(self, has_nulls: bool, numbers=()) -> Iterator[list]:
        """As TextRecords.batches; what is typed stays so."""
        import pyarrow as pa

        try:
            for batch in self._read():
                for start in range(0, batch.num_rows, _ROWS):
                    yield [_flat(column) for column in batch.slice(start, _ROWS).columns]
        except (pa.ArrowException, OSError, NotImplementedError) as error:
            raise _invalid(self.where, error) from error

    def line(self, row: int) -> int:
        return row + 1

    def require_closed_quotes(self) -> None:
        """Do nothing: there are none."""


def _invalid(path, error) -> InputError:
    return InputError(f"{path}: the file cannot be read ({printable(str(error).splitlines()[0][:200])}); save it again")


def _has_codes(type) -> bool:
    """Whether numbers of a type name categories, as in a Categorical of pandas."""
    import pyarrow.types as types

    return types.is_dictionary(type) and (types.is_integer(type.value_type) or types.is_floating(type.value_type))


_BYTES = ("binary", "large_binary", "binary_view")  # by their names: pyarrow 15 has no function for the last


def _unreadable(type) -> str | None:
    import pyarrow.types as types

    if types.is_nested(type):
        return "several values"
    return "bytes" if str(type) in _BYTES else None


def _flat(array):
    """A column as text or numbers."""
    import pyarrow as pa
    import pyarrow.types as types

    array.validate(full=True)  # so that all text is UTF-8
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_boolean(array.type):
        import pyarrow.compute as pc

        return pc.if_else(array, "True", "False")
    if types.is_decimal(array.type):
        return array.cast(pa.float64())
    if types.is_null(array.type):
        return array.cast(pa.string())
    if types.is_integer(array.type) or types.is_floating(array.type):
        return array
    if _unreadable(array.type):
        return pa.nulls(len(array), pa.string())
    if types.is_time(array.type):
        array = array.cast(pa.time32("s"), safe=False)
    if types.is_timestamp(array.type) and array.type.unit == "ns":  # as pandas before 3 has; as text they are no dates
        array = array.cast(pa.timestamp("us", array.type.tz), safe=False)
    return array.cast(pa.string())


def opened(path, read):
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _invalid(path, error) from error


def read_parquet(path, wanted=frozenset(), label=None):
    from pyarrow import parquet

    def batches():
        with open_plain(path) as (stream, _):
            yield from parquet.ParquetFile(stream).iter_batches(_ROWS)

    with open_plain(path) as (stream, size):
        file = opened(path, lambda: parquet.ParquetFile(stream))
        cells = file.metadata.num_rows * file.metadata.num_columns
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        if max(4 * cells, sum(group.total_byte_size for group in groups)) > inflation_limit(size):
            raise InputError(
                f"{path}: has {cells:,} cells, too many for its size; if it is not damaged, save it as CSV"
            )
        return opened(path, lambda: ArrowRecords(path, file.schema_arrow, batches))


def read_arrow(path, wanted=frozenset(), label=None):
    from pyarrow import ipc

    def batches():
        with open_plain(path) as (stream, size):
            reader, total = ipc.open_file(stream), 0
            for i in range(reader.num_record_batches):
                batch = reader.get_batch(i)
                total += batch.nbytes
                if total > inflation_limit(size):
                    raise InputError(f"{path}: inflates to too many bytes for its size; save it without compression")
                yield batch

    with open_plain(path) as (stream, _):
        return opened(path, lambda: ArrowRecords(path, ipc.open_file(stream).schema, batches))
