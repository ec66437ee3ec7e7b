"""Tables in other formats than delimited text: Parquet, Arrow, Feather, JSON, Excel, Markdown, ARFF and Orange's .tab.

What a file is, its first bytes say: suffixes may be missing or wrong. Markdown, ARFF, .tab and Excel become delimited text with
names of their own; the others give pyarrow arrays. Nothing in a file is executed.
"""

import codecs
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from hw5.errors import InputError
from hw5.opening import Spool, inflation_limit, input_errors, open_inflated, open_plain
from hw5.tables.delimited import TextRecords
from hw5.tables.dialect import Dialect
from hw5.tables.encoding import Encoding
from hw5.text import lines_of, printable

_ROWS = 1 << 14
_START = 1 << 16
_RULE = re.compile(rb"\|?[ \t]*:?-{3,}:?[ \t]*(?:[|+][ \t]*:?-{3,}:?[ \t]*)+\|?")  # below the names
_SVMLIGHT = re.compile(rb"^[-+.\deE,]+([ \t]+qid:\d+)?([ \t]+\d+:[-+.\deE]+)+[ \t]*(#.*)?\r?$")


def kind_of(path: Path | Spool) -> str:
    """A name in READERS or REFUSED, or "text", "npz", "npy", "idx", "svmlight" or "unknown", by the first bytes of a file."""
    with open_plain(path) as (stream, _):
        start = stream.read(_START)
        kind = _kind_of_archive(stream) if start.startswith(_ZIP) else _kind_of_bytes(start)
    if kind:
        return kind
    with input_errors(path), open_inflated(path) as stream:
        inflated = stream.read(_START)
    kind = "zip" if inflated.startswith(_ZIP) else _kind_of_bytes(inflated)
    if kind in REFUSED or kind == "idx":
        return kind
    return "packed" if kind else _kind_of_text(inflated)


def _kind_of_bytes(start: bytes) -> str | None:
    """The kind of a binary file."""
    if start[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


_ZIP = b"PK\3\4"
_MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "arrow",
    b"FEA1": "old feather",
    b"\x93NUMPY": "npy",
    b"\xd0\xcf\x11\xe0": "old excel",
    b"\x80": "pickle",
    b"\x89HDF": "hdf5",
    b"PK\5\6": "empty zip",
    b"\xff\xff\xff\xff": "arrow stream",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"%PDF": "pdf",
    b"SQLite format 3": "sqlite",
    b"MATLAB 5.0": "matlab",
    b"RDX": "r data",
    b"RDA": "r data",
    b"ORC": "orc",
    b"Obj\x01": "avro",
    b"$FL": "spss",
    b"<stata_dta>": "stata",
    b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60": "sas",
    b"\x89PNG": "image",
    b"\xff\xd8\xff": "image",
    b"version https://git-lfs.github.com": "git lfs",
    **{b"\0\0" + bytes([kind, d]): "idx" for kind in (8, 9, 11, 12, 13, 14) for d in range(1, 5)},
}


def _kind_of_archive(stream) -> str | None:
    stream.seek(0)
    try:
        names = zipfile.ZipFile(stream).namelist()
    except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError):
        return "text"  # whose reader names the damage
    if any(name.startswith("xl/") for name in names):
        return "excel"
    if "mimetype" in names and "content.xml" in names:
        return "opendocument"
    return "npz" if names and all(name.endswith(".npy") for name in names) else None


def _kind_of_text(start: bytes) -> str:
    start = start.removeprefix(codecs.BOM_UTF8)
    lines = [line for line in start.splitlines() if line.strip()]
    text = start.lstrip()
    if re.match(rb"(?i)(%[^\n]*\n|\s)*@relation\s", text):
        return "arff"
    if re.match(rb"(?i)<(!doctype html|html|head|body|table)\b", text):
        return "html"
    if text.startswith(b"<?xml"):
        return "xml"
    if text[:1] == b"{" and text[1:].lstrip()[:1] in (b'"', b"}"):
        return "json lines"
    if text[:1] == b"[" and text[1:].lstrip()[:1] in (b"{", b"["):
        return "json"
    rows = [line for line in lines if not line.startswith(b"#")]
    if rows and all(map(_SVMLIGHT.match, rows[: max(1, min(5, len(rows) - 1))])):
        return "svmlight"
    if len(lines) > 2 and b"|" in lines[0] and _RULE.fullmatch(lines[1].strip()):
        return "markdown"
    if len(lines) > 3 and _is_orange(start.splitlines()):
        return "orange"
    return "text"


# -- formats that are delimited text


class _NamedText(TextRecords):
    """Delimited text whose format names the columns, and may say which are categories, which are labels, or unused."""

    def __init__(self, head, names, dialect, label=None, categorical=(), left_out=()):
        self.path, self.where, self.notes, self._encoding = head.path, str(head.path), head.notes, head.encoding
        self.dialect, self.width, self.decimal, self.decimals = dialect, len(names), ".", {}
        self.names, self.label = names, label
        self.categorical, self.left_out = set(categorical), dict(left_out)
        self._longest = 1 << 12

    @property
    def first(self):
        return self.names


class _Head:
    """The text that a file begins with, and its encoding."""

    def __init__(self, path):
        with input_errors(path), open_inflated(path) as stream:
            start = stream.read(_START * 64)
        self.path, self.notes = path, []
        self.encoding = Encoding(path, self.notes)
        self.text = self.encoding.decoded(start)


_ATTRIBUTE = re.compile(r"""(?i)\s*@attribute\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s{]+)\s*(.*)""")


def _arff(path, wanted=frozenset(), label=None):
    head = _Head(path)
    text = head.text
    names, kinds, line = [], [], 0
    for line, each in enumerate(lines_of(text)):
        match = _ATTRIBUTE.match(each)
        if match:
            names.append(match[1].strip("'\"").replace("\\", ""))
            kinds.append(match[2].strip().lower())
        if each.strip().lower().startswith("@data"):
            break
    else:
        raise InputError(f"{path}: the ARFF file has no @data; save it again")
    body = "".join(lines_of(text)[line + 1 : line + 200])
    if re.search(r"^\s*\{", body, re.MULTILINE):
        raise InputError(f"{path}: sparse ARFF is not supported; save it as dense ARFF or CSV")
    quote = "'" if "'" in body and '"' not in body else '"'
    delimiter = "," if "," in body else "\t"
    escape = "\\" if f"\\{quote}" in body else None
    spaces = bool(re.search(rf",[ \t]+{quote}", body))
    dialect = Dialect(delimiter, quote, line + 1, "%", spaces, width=len(names), escape=escape)
    nominal = [i for i, kind in enumerate(kinds) if kind.startswith("{")]
    lower = [name.lower() for name in names]
    return _NamedText(head, tuple(names), dialect, lower.index("class") if "class" in lower else None, nominal)


_ORANGE_KINDS = {
    "c",
    "d",
    "s",
    "t",
    "n",
    "continuous",
    "discrete",
    "string",
    "time",
    "numeric",
    "categorical",
    "datetime",
}


def _is_orange(lines: list) -> bool:
    """Whether the second row has types, and the third roles."""
    kinds, roles = (line.decode("utf-8", "replace").split("\t") for line in lines[1:3])
    known = [kind.strip().lower() in _ORANGE_KINDS for kind in kinds]
    others = [kind for kind, is_known in zip(kinds, known) if not is_known]
    return (
        len(kinds) > 1
        and any(known)
        and all(not kind.strip() or " " in kind.strip() for kind in others)
        and all("=" in flag or flag in _ORANGE_ROLES for role in roles for flag in role.lower().split())
    )


_ORANGE_ROLES = {"class", "meta", "ignore", "i", "m", "weight"}


def _orange(path, wanted=frozenset(), label=None):
    head = _Head(path)
    names, kinds, roles = ([cell.strip() for cell in line.split("\t")] for line in lines_of(head.text)[:3])
    roles = [next((flag for flag in role.split() if flag.lower() in _ORANGE_ROLES), "") for role in roles]
    labels = [i for i, role in enumerate(roles) if role.lower() == "class"]
    unused = {i: f"{role} in the file" for i, role in enumerate(roles) if role and i not in labels}
    nominal = [i for i, kind in enumerate(kinds) if " " in kind or kind.lower() in ("d", "discrete", "categorical")]
    dialect = Dialect("\t", skipped=3, width=len(names))
    return _NamedText(head, tuple(names), dialect, labels[0] if labels else None, nominal, unused)


def _markdown(path, wanted=frozenset(), label=None):
    """A table in Markdown, or as databases print it: names, a rule below them, and rows."""
    head = _Head(path)
    lines = lines_of(head.text)
    rule = next((i for i, line in enumerate(lines) if _RULE.fullmatch(line.strip().encode())), None)
    if rule is None:  # bytes that look like one are other characters in this encoding
        return TextRecords(path, wanted, label)
    first = next(line.strip() for line in lines if line.strip())
    edges = first.startswith("|")
    names = tuple(cell.strip() for cell in first.removeprefix("|").removesuffix("|" if edges else "").split("|"))
    return _NamedText(head, names, Dialect("|", skipped=rule + 1, edges=edges, width=len(names)))


def _excel(path, wanted=frozenset(), label=None):
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(f"{path}: Excel files need openpyxl: pip install 'hw5[excel]'") from error
    with open_plain(path) as (stream, size):
        members = zipfile.ZipFile(stream).infolist()
        total = sum(member.file_size for member in members)
        if any(member.compress_size > size for member in members):  # zipfile would ask for as much memory
            raise _not_excel(path)
        if total > inflation_limit(size):
            raise InputError(f"{path}: inflates to {total} bytes, too many for its size; save it as CSV")
        text = io.StringIO()
        writer = csv.writer(text)
        try:
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            sheet = next(filter(_is_table, visible or book.worksheets), None)
            if sheet is None:
                raise InputError(f"{path}: no sheet has several rows and columns; save it again")
            for row in sheet.iter_rows(values_only=True):
                writer.writerow(["" if cell is None else str(cell).replace(" 00:00:00", "") for cell in row])
        except InputError:
            raise
        except Exception as error:  # openpyxl raises many types for damaged files
            raise _not_excel(path) from error
    records = TextRecords(
        Spool(io.BytesIO(text.getvalue().encode("utf-8", "backslashreplace")), str(path)), wanted, label
    )
    if len(book.worksheets) > 1:
        records.notes.append(f"read the sheet {sheet.title!r} of {len(book.worksheets)}")
    return records


def _is_table(sheet) -> bool:
    """Whether a sheet has several rows and columns, or does not say."""
    return (sheet.max_row is None or sheet.max_row > 1) and (sheet.max_column is None or sheet.max_column > 1)


def _not_excel(path) -> InputError:
    return InputError(f"{path}: not a valid Excel file; save it again, or save it as CSV")


# -- formats with types


class ArrowRecords:
    """The rows of a file that pyarrow reads with types. read: a function that yields record batches.

    categorical: the positions of columns whose type is that of categories. unreadable: what is in the cells of columns that
    are no features, by position.
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


def _unreadable(type) -> str | None:
    import pyarrow.types as types

    if types.is_nested(type):
        return "several values"
    return "bytes" if types.is_binary(type) or types.is_large_binary(type) or types.is_binary_view(type) else None


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
    return array.cast(pa.string())


def _opened(path, read):
    import pyarrow as pa

    try:
        return read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _invalid(path, error) from error


def _parquet(path, wanted=frozenset(), label=None):
    from pyarrow import parquet

    def batches():
        with open_plain(path) as (stream, _):
            yield from parquet.ParquetFile(stream).iter_batches(_ROWS)

    with open_plain(path) as (stream, size):
        file = _opened(path, lambda: parquet.ParquetFile(stream))
        cells = file.metadata.num_rows * file.metadata.num_columns
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        if max(4 * cells, sum(group.total_byte_size for group in groups)) > inflation_limit(size):
            raise InputError(
                f"{path}: has {cells:,} cells, too many for its size; if it is not damaged, save it as CSV"
            )
        return _opened(path, lambda: ArrowRecords(path, file.schema_arrow, batches))


def _arrow(path, wanted=frozenset(), label=None):
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
        return _opened(path, lambda: ArrowRecords(path, ipc.open_file(stream).schema, batches))


def _json_lines(path, wanted=frozenset(), label=None):
    import pyarrow as pa
    import pyarrow.types as types
    from pyarrow import json as arrow_json

    try:
        with input_errors(path), open_inflated(path) as stream:
            options = arrow_json.ReadOptions(use_threads=False, block_size=1 << 20)
            table = arrow_json.read_json(stream, read_options=options)
            kinds = dict(zip(table.column_names, table.schema.types))  # which raises for a name that is not UTF-8
    except (pa.ArrowException, UnicodeDecodeError):
        return _json(path)
    if any(map(types.is_nested, kinds.values())):
        return _json(path)
    if any(len(column) and not column[0].is_valid for column in table.columns):  # Arrow puts new names at the end
        with input_errors(path), open_inflated(path) as stream, suppress(ValueError, AttributeError):
            table = table.select(_names_in(map(json.loads, stream)))
    return _opened(path, lambda: ArrowRecords(path, table.schema, table.to_batches))


def _json(path, wanted=frozenset(), label=None):
    """JSON in any of the orientations of pandas, with nested objects, or in lines of which Arrow cannot make columns."""
    import pyarrow as pa

    with input_errors(path), open_inflated(path) as stream:
        text = stream.read()
    try:
        rows = [dict(_flattened(row)) for row in _objects_in(_document(text))]
        table = pa.table({name: _array_of([row.get(name) for row in rows]) for name in _names_in(rows)})
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError, pa.ArrowException) as error:
        raise InputError(
            f"{path}: no table in this JSON; save it as a list of objects, one a row, or as CSV"
        ) from error
    return ArrowRecords(path, table.schema, table.to_batches)


def _document(text: bytes):
    """The value of a JSON document, or a list of those of its lines."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _objects_in(document) -> list:
    """One object a row. A list of objects may be within an object; pandas also writes columns, indexes and splits."""
    if isinstance(document, list):
        return document
    values = list(document.values())
    lists = [v for v in values if isinstance(v, list) and v and all(isinstance(row, dict) for row in v)]
    if len(lists) == 1:
        return lists[0]
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        return [dict(zip(document["columns"], row, strict=True)) for row in document["data"]]
    if all(isinstance(v, list) for v in values):
        return [dict(zip(document, row)) for row in zip(*values, strict=True)]
    if all(key.isdigit() for v in values for key in v):
        return [{name: column[key] for name, column in document.items()} for key in values[0]]
    return values


def _flattened(row: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The cells of an object by name; those of an object in it have names such as size.height."""
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _names_in(rows: Iterable[dict]) -> list[str]:
    """The names in all rows; one that earlier rows lack comes after the one that it follows in its row."""
    names, known = [], set()
    for row in rows:
        if not known.issuperset(row):
            for before, name in zip([None, *row], row):
                if name not in known:
                    names.insert(0 if before is None else names.index(before) + 1, name)
                    known.add(name)
    return names


def _array_of(values: list):
    """A column, as text if it has values of several types."""
    import pyarrow as pa

    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([v if v is None or isinstance(v, str) else json.dumps(v) for v in values])


READERS = {
    "text": TextRecords,
    "arff": _arff,
    "orange": _orange,
    "markdown": _markdown,
    "excel": _excel,
    "parquet": _parquet,
    "arrow": _arrow,
    "json lines": _json_lines,
    "json": _json,
}
REFUSED = {
    "old excel": "an old Excel file (.xls); save it as .xlsx or CSV",
    "old feather": "an old Feather file (version 1); save it as Parquet or Feather 2",
    "pickle": "a pickle, which hw5 never loads, as it may run code; save it as CSV, Parquet or .npz",
    "empty zip": "an empty zip archive; save it again",
    **{kind: f"a {kind} archive; unpack it and choose a file" for kind in ("tar", "zip", "7z", "rar")},
    "lz4": "an lz4 file; unpack it",
    "packed": "a compressed file of a format that hw5 reads as it is; unpack it",
    "git lfs": "not the table itself but a pointer of Git LFS to it; fetch the file with git lfs pull",
    "opendocument": "an OpenDocument file; save it as .xlsx or CSV",
    "arrow stream": "an Arrow stream; save it as a Feather or Parquet file",
    "r data": "a file of R objects; save it with write.csv",
    "pdf": "a PDF, not the table itself; save the table as CSV or .xlsx",
    "xml": "XML; save the table as CSV or .xlsx",
    "image": "an image; give hw5 predict the image, and hw5 train arrays of images in an .npz",
    **{
        kind: f"a file of {program}; save the table as CSV or Parquet"
        for kind, program in {
            "sqlite": "SQLite",
            "matlab": "MATLAB",
            "orc": "ORC",
            "avro": "Avro",
            "spss": "SPSS",
            "stata": "Stata",
            "sas": "SAS",
        }.items()
    },
    "hdf5": "an HDF5 file; save it as CSV, Parquet or .npz",
    "html": "a web page, not the table itself; download the raw file, or save the table as CSV or .xlsx",
}


def open_records(path: Path | Spool, kind: str, wanted=frozenset(), label: int | None = None):
    """The records of a file of a kind in READERS; wanted and label as in TextRecords."""
    if kind == "text":
        return TextRecords(path, wanted, label)
    return READERS[kind](path, wanted, label)
