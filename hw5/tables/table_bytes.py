"""The bytes of a text table as pyarrow can read them: in UTF-8, from the first row on, without odd blanks."""

import codecs
import io
import re

from hw5.tables.dialect import Dialect
from hw5.tables.fixed_width import as_tabs
from hw5.tables.sample_rows import BLANKS
from hw5.text import lines_of

EDGES = re.compile(r"(?m)^[ \t]*\||\|[ \t]*(?=\r?$)")  # of a row of a table in Markdown
_BYTE_EDGES = re.compile(EDGES.pattern.encode())


class NulError(Exception):
    """A NUL character, which no text has."""


class UnexpectedQuote(Exception):
    """A quote, in a file that had none so far."""


class TableBytes(io.RawIOBase):
    """The bytes of a table from its first row on, in UTF-8, with one tab for a run of blanks.

    is_suspicious: whether a quote may not be closed, which pyarrow accepts.
    """

    def __init__(self, stream, encoding: str, dialect: Dialect, has_quotes: bool = True):
        self._stream, self._dialect, self._has_quotes = stream, dialect, has_quotes
        self._decoder = None if encoding.startswith("utf-8") else codecs.getincrementaldecoder(encoding)("strict")
        self._check = codecs.getincrementaldecoder("utf-8")("strict")
        self._rest, self._skip, self._is_first, self._ends_are_cr = b"", dialect.skipped, True, False
        self._by_line = dialect.delimiter == BLANKS or dialect.spaces or dialect.edges or dialect.starts
        self._quote, self._quotes = dialect.quote.encode(), 0
        quote, delimiter = (re.escape(each.encode()) for each in (dialect.quote, dialect.delimiter))
        blanks = rb" +" if dialect.delimiter == "\t" else rb"[ \t]+"  # a tab more is an empty cell there
        of_blanks, of_spaces = rb'"[^"\n]*"|[ \t]+', delimiter + blanks + rb"(?=" + quote + rb"(?!" + quote + rb"))"
        self._gap = re.compile(of_blanks if dialect.delimiter == BLANKS else of_spaces)

    @property
    def is_suspicious(self) -> bool:
        return self._quotes % 2 == 1

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = b""
        while not data:
            chunk = self._stream.read(size)
            data = self._converted(chunk)
            if not chunk:
                break
        if b"\0" in data:
            raise NulError
        if not data.isascii() or not data or self._check.getstate()[0]:
            self._check.decode(data, final=not data)  # raises UnicodeDecodeError
        if self._quote in data:  # five times faster than counting none
            if not self._has_quotes:
                raise UnexpectedQuote
            self._quotes += data.count(self._quote)
        return data

    def _converted(self, chunk: bytes) -> bytes:
        if self._decoder:
            chunk = self._decoder.decode(chunk, final=not chunk).encode()
        if self._is_first:
            chunk, self._is_first = chunk.removeprefix(codecs.BOM_UTF8), False
            self._ends_are_cr = b"\r" in chunk and b"\n" not in chunk  # as on old Macintoshes
        if self._ends_are_cr:
            chunk = chunk.replace(b"\r", b"\n")
        while self._skip and chunk:
            head, end, rest = chunk.partition(b"\n")
            if not end:
                return b""
            chunk, self._skip = rest, self._skip - 1
        if not self._by_line:
            return chunk
        data = self._rest + chunk
        whole = data.rfind(b"\n") + 1 if chunk else len(data)
        data, self._rest = data[:whole], data[whole:]
        if self._dialect.starts:
            return "".join(as_tabs(line, self._dialect.starts) for line in lines_of(data.decode())).encode()
        if self._dialect.edges:
            return _BYTE_EDGES.sub(b"", data)
        if self._dialect.delimiter == BLANKS:
            data = self._gap.sub(lambda gap: gap[0] if gap[0][:1] == b'"' else b"\t", data)
            return re.sub(rb"(?m)^\t|\t(?=\r?$)", b"", data)
        return self._gap.sub(lambda gap: gap[0][:1], data)
