"""Text tables: one example a row, in any usual dialect (dialect.py), read by pyarrow a megabyte at a time.

Cells stay text, so that what they mean is decided column by column (columns.py). Where pyarrow finds a fault, the file
is read again with Python's csv module, which tells the row: rows count from 1 and are lines of the file.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from hw5.errors import InputError
from hw5.opening import Spool, input_errors, open_inflated
from hw5.tables.dialect import Dialect, detect
from hw5.tables.encoding import Encoding
from hw5.tables.fixed_width import as_tabs
from hw5.tables.sample_rows import BLANKS
from hw5.tables.table_bytes import EDGES, NulError, TableBytes, UnexpectedQuote
from hw5.text import lines_of, printable

_SAMPLE = 1 << 18  # bytes
_BLOCK = 1 << 20
LONGEST_CELL = 1 << 17  # characters, as in Python's csv module
_NULLS = ("", "NA", "N/A", "?", "NULL", "NaN", "nan", "null", "<NA>", "#N/A")
_COUNT = re.compile(r"\s*\(?\d+ rows?( in set.*)?\)?\s*")  # below a table that a database has printed
_MOST_COLUMNS = 250_000  # each takes about 4 kB while it is read


class NotNumbers(Exception):
    """A column that was to be read as numbers has other cells."""


class _OtherEncoding(Exception):
    """Bytes that are no text in the encoding that the file had so far."""


def read_text(path: Path | Spool, wanted=frozenset(), label=None) -> "TextRecords":
    """The records of a text table, whose encoding and dialect are found from its first rows. Raises InputError.

    wanted: names of columns; a first row with all of them is the header. label: the position of the labels, if known.
    """
    with open_inflated(path) as stream:
        start, is_all = _start_of(stream)
    notes = []
    encoding = Encoding(path, notes, start)
    sample = _whole_lines(encoding.decoded(start), is_all)
    suffix = Path(str(path).lower().removesuffix(".gz")).suffix
    dialect = detect(sample, suffix, frozenset(wanted), label)
    notes += dialect.notes
    if dialect.width > _MOST_COLUMNS:
        raise InputError(
            f"{path}: the table has {dialect.width:,} columns, and hw5 reads tables of up to {_MOST_COLUMNS:,}; "
            "save the numbers as .npz"
        )
    longest = max(map(len, lines_of(sample)), default=0)
    records = TextRecords(path, encoding, dialect, notes, longest, has_quotes=dialect.quote in sample)
    if not dialect.first:
        records.require_no_fault()
        raise InputError(f"{path}: the file has no rows; save or download it again")
    return records


class TextRecords:
    """The rows of a text table.

    decimal, decimals: the decimal sign of numbers, and of columns that have another one, by position. repeated_headers:
    the number of rows that were left out, since they are the header once more.
    """

    def __init__(
        self, path: Path | Spool, encoding: Encoding, dialect: Dialect, notes: list, longest: int, has_quotes=True
    ):
        """longest: the characters of the longest line so far. has_quotes: whether there were quotes so far."""
        self.path, self.where, self.dialect, self.notes = path, str(path), dialect, notes
        self.names, self.width = dialect.names, dialect.width
        self.decimal, self.decimals, self.label = dialect.decimal, {}, dialect.last
        self.repeated_headers, self._blanks = 0, {""}  # the cells of rows that are left out
        self._encoding, self._longest, self._has_quotes = encoding, longest, has_quotes

    @property
    def first(self) -> tuple[str, ...]:
        """The first row, which is the header or an example."""
        return self.dialect.first

    def batches(self, has_nulls: bool, numbers=()) -> Iterator[list]:
        """The rows as lists of columns, pyarrow arrays of text. With has_nulls, unquoted missing cells are null.

        numbers: positions of columns to read as float64, which is faster; raises NotNumbers if a cell is no number.
        """
        done, self.repeated_headers, self._blanks = 0, 0, {*_NULLS} if has_nulls else {""}
        while True:
            try:
                for columns in _without_first(done, self._as_it_seems(has_nulls, numbers)):
                    done += len(columns[0])
                    yield self._without_headers(columns)
                return
            except _OtherEncoding:
                self._encoding.give_up_utf8()
            except UnexpectedQuote:
                self._has_quotes = True

    def _without_headers(self, columns: list) -> list:
        """The columns without the rows that repeat the header, as where files were joined."""
        import pyarrow.compute as pc
        from pyarrow.types import is_string

        named = [(column, name) for column, name in zip(columns, self._header) if name]
        if not named or not all(is_string(column.type) for column in columns):
            return columns
        is_header = None
        for column, name in named:
            same = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(column), name), False)
            is_header = same if is_header is None else pc.and_(is_header, same)
            if not pc.any(is_header).as_py():
                return columns
        self.repeated_headers += is_header.true_count
        return [column.filter(pc.invert(is_header)) for column in columns]

    @property
    def _header(self) -> tuple[str, ...]:
        """The names of the columns as they are in the file; () if these are all numbers."""
        names = self.dialect.names or ()
        return names if not all(name.isdigit() for name in names if name) else ()

    def _as_it_seems(self, has_nulls, numbers):
        """The rows in the encoding and with the quotes that the file has so far.

        Raises _OtherEncoding or UnexpectedQuote where it has others.
        """
        import pyarrow as pa

        with open_inflated(self.path) as stream:
            source = TableBytes(stream, self._encoding.name, self.dialect, self._has_quotes)
            with input_errors(self.path):
                try:
                    yield from self._batches(source, has_nulls, numbers)
                except NulError as error:
                    raise InputError(
                        f"{self.where}, row {self._row_of_nul()}: there is a NUL character, so this is no text in UTF-8; "
                        "remove it, or save the file as UTF-8"
                    ) from error
                except UnicodeError as error:
                    raise _OtherEncoding from error
                except pa.ArrowException as error:
                    if numbers:
                        raise NotNumbers from error
                    self.require_no_fault()
                    text = printable(str(error).splitlines()[0][:200])
                    raise InputError(f"{self.where}: not a valid table ({text}); save it again as CSV") from error
        if source.is_suspicious:
            self.require_no_fault()

    def _batches(self, source, has_nulls, numbers):
        from pyarrow import csv as arrow_csv
        from pyarrow import float64, string

        # An odd header is an invalid row, which is skipped
        drop = 1 if self.dialect.header and not self._has_odd_header else 0
        dialect, names = self.dialect, [str(position) for position in range(self.width)]
        reader = arrow_csv.open_csv(
            source,
            read_options=arrow_csv.ReadOptions(
                use_threads=False,
                block_size=max(_BLOCK, 16 * self._longest),
                column_names=names,
                skip_rows_after_names=drop if numbers else 0,
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter="\t" if dialect.delimiter == BLANKS else dialect.delimiter,
                quote_char=dialect.quote if self._has_quotes else False,
                escape_char=dialect.escape or False,
                newlines_in_values=self._has_quotes,
                invalid_row_handler=self._on_invalid_row,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, string()) | {names[p]: float64() for p in numbers},
                null_values=_NULLS if has_nulls else [],
                strings_can_be_null=has_nulls,
                quoted_strings_can_be_null=False,
            ),
        )
        drop = 0 if numbers else drop  # text cells tell a header from blank rows above it
        for batch in reader:
            if batch.num_rows > drop:
                yield (batch.slice(drop) if drop else batch).columns
            drop = 0 if batch.num_rows else drop

    def _on_invalid_row(self, row) -> str:
        text = row.text.strip()
        is_header = self._has_odd_header and row.actual_columns == self.dialect.header_width and row.number in (1, None)
        return "skip" if not text or self._is_comment(text) or is_header else "error"

    @property
    def _has_odd_header(self) -> bool:
        return self.dialect.header and self.dialect.header_width not in (0, self.width)

    def _is_comment(self, text: str) -> bool:
        return (
            bool(self.dialect.comment) and text.startswith(self.dialect.comment) or _COUNT.fullmatch(text) is not None
        )

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row of the table that is not blank, with its line, by Python's csv module; raises csv.Error."""
        with open_inflated(self.path) as stream:
            raw = io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream
            with io.TextIOWrapper(raw, self._encoding.name, newline="") as text:
                yield from self._rows_of(text)

    def _rows_of(self, lines) -> Iterator[tuple[int, list[str]]]:
        dialect, width = self.dialect, self.width
        for _ in range(dialect.skipped):
            next(lines, None)
        line, delimiter = dialect.skipped + 1, dialect.delimiter
        if dialect.starts:
            lines = (as_tabs(each, dialect.starts) for each in lines)
        if dialect.edges:
            lines = (EDGES.sub("", each) for each in lines)
        if delimiter == BLANKS:
            lines = (re.sub(r"[ \t]+", " ", each.strip()) for each in lines)
        options = {"delimiter": delimiter, "quotechar": dialect.quote, "escapechar": dialect.escape}
        reader = csv.reader(lines, skipinitialspace=True, strict=True, **options)
        for cells in reader:
            is_blank = cells in ([], [""]) or len(cells) == 1 < width and not cells[0].strip()
            if not is_blank and not (len(cells) != width and self._is_comment(cells[0])):
                yield line, cells
            line = dialect.skipped + reader.line_num + 1

    def require_no_fault(self) -> None:
        """Raise InputError for the first row that is no row of the table, if there is one."""
        line = self.dialect.skipped + 1
        rows = self._rows()
        try:
            for position, (line, cells) in enumerate(rows):
                is_odd = position == 0 and self._has_odd_header
                if len(cells) != (self.dialect.header_width if is_odd else self.width):
                    raise InputError(
                        f"{self.where}, row {line}: the row has {len(cells)} columns, but the first row has "
                        f"{self.width}; look for a missing or extra delimiter"
                    )
                line += 1
        except csv.Error as error:
            reason = str(error).replace("\t", "tab")
            raise InputError(
                f"{self.where}, row {line}: not valid CSV ({reason}); look for an unclosed quote"
            ) from error
        except UnicodeError:
            self._encoding.give_up_utf8()
            self.require_no_fault()

    def _row_of_nul(self) -> int:
        with open_inflated(self.path) as file:
            return next((row for row, line in enumerate(iter(file.readline, b""), start=1) if b"\0" in line), 1)

    def line(self, row: int) -> int:
        """The line on which an example begins; examples count from 0."""
        try:
            return self._line(row)
        except (csv.Error, UnicodeError):
            self.require_no_fault()
            return self._line(row)

    def _line(self, row: int) -> int:
        rows = ((line, [cell.strip() for cell in cells]) for line, cells in self._rows())
        filled = ((line, cells) for line, cells in rows if not self._blanks.issuperset(cells))
        header = list(self._header)
        kept = (line for i, (line, cells) in enumerate(filled) if not (i and header and cells == header))
        for position, line in enumerate(kept, start=-self.dialect.header):
            if position == row:
                return line
        return row + 1

    def require_closed_quotes(self) -> None:
        """Raise InputError if the quotes have a fault."""
        try:
            for _ in self._rows():
                pass
        except csv.Error:
            self.require_no_fault()
        except UnicodeError:
            pass


def _start_of(stream) -> tuple[bytes, bool]:
    """The first bytes, with at least three whole lines, and whether these are all."""
    data, size = b"", _SAMPLE + 1
    while chunk := stream.read(size):
        data, size = data + chunk, len(data) + len(chunk)
        if len(data) > _SAMPLE and (data.count(b"\n") > 3 or data.count(b"\r") > 3):
            return data, False
    return data, True


def _whole_lines(text: str, is_all: bool) -> str:
    whole = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text if is_all or not whole else text[:whole]


def _without_first(n: int, batches: Iterator[list]) -> Iterator[list]:
    """Batches of columns without their first n rows."""
    for columns in batches:
        skipped = min(n, len(columns[0]))
        n -= skipped
        if len(columns[0]) > skipped:
            yield [column.slice(skipped) for column in columns] if skipped else columns
