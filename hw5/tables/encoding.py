"""The encoding of a text table: UTF-8, UTF-16 with a mark, or Windows-1252 where that is very likely right.

Windows-1252, which has the letters of Latin-1, is what spreadsheets of western Europe still write. Nearly any bytes can
be read so, also those of Russian or of a damaged file. Hence a file counts as Windows-1252 only if it is not UTF-8, and
if nothing speaks for something else (_SIGNS_OF_OTHERS). What was assumed is said.
"""

import codecs
import re
import shlex
from pathlib import Path

import numpy as np

from hw5.errors import InputError
from hw5.opening import Spool, input_errors, open_inflated
from hw5.tables.alphabets import likely_encoding

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_CHUNK = 1 << 20
_LONGEST = 4  # bytes of what the patterns below match
_LETTERS = [*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1)]
_HIGH_LETTERS = [byte for byte in range(0xC0, 0x100) if byte not in (0xD7, 0xF7)]  # without the signs × and ÷

_CONTROLS = [byte for byte in (*range(0x20), 0x7F) if byte not in b"\t\n\r"]
_LACKING = [0x81, 0x8D, 0x8F, 0x90, 0x9D]
_HIGH = re.compile(rb"(?:[A-Za-z]?[\x80-\xff]+)+[A-Za-z]?")
_ALPHABET = "it looks like another alphabet"
_NO_TEXT = "there are bytes that no text has"
_DAMAGED = "other characters look like UTF-8, so the file may be damaged"
_SIGNS_OF_OTHERS = {  # what speaks for another encoding around high bytes, and what it says about the text
    re.compile(rb"[\xc0-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf7][\x80-\xbf]{3}"): _DAMAGED,
    # three in a row, apart from dashes, spaces, and signs that are repeated
    re.compile(rb"(?s)(?!(.)\1\1)[\x80-\x95\x98-\x9f\xa1-\xff]{3}"): _ALPHABET,
    # signs inside of words, apart from apostrophes, dashes and the like; and capitals there
    re.compile(
        rb"[A-Za-z][\x80-\x84\x86-\x89\x8b\x93-\x95\x98\x99\x9b\xa1-\xa9\xab\xac\xae-\xb3\xb6\xb8\xb9\xbb-\xbf][A-Za-z]"
        rb"|[a-z][\x8a\x8c\x8e\x9f][a-z]"
    ): "it looks like the encoding of another system or language",
}


class Encoding:
    """The encoding of a file: UTF-8 as long as all bytes that were read are, and otherwise by its other bytes.

    name: for Python's codecs.
    """

    def __init__(self, path: Path | Spool, notes: list, start: bytes = b""):
        """notes: a list to which is added what is assumed. start: the first bytes of the file."""
        self._path, self._notes = path, notes
        self.name = next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")

    def give_up_utf8(self) -> None:
        """Take the file for Windows-1252. Raises InputError if something speaks against it."""
        if self.name not in ("utf-8", "utf-8-sig"):
            raise InputError(f"{self._path}: not valid {self.name.upper()}; save the file as UTF-8")
        what = f"byte {_first_undecodable(self._path)} (counted from 0) is not UTF-8"
        why = "the file begins with the mark of UTF-8"
        why = _why_not_windows_1252(self._path) if self.name == "utf-8" else why
        if why:
            likely = _likely(self._path) if why in (_ALPHABET, _DAMAGED) else None
            why = f"{_ALPHABET}, probably in {likely}" if likely else why
            command = f", such as by {_conversion(self._path, likely)}" if likely else ""
            save = "save the table as CSV" if why == _NO_TEXT else "save the file as UTF-8"
            raise InputError(f"{self._path}: {what}, and {why}; {save}{command}")
        self.name = "cp1252"
        self._notes.append(f"{what}: read the text as Windows-1252; if letters are wrong, save the file as UTF-8")

    def decoded(self, data: bytes) -> str:
        """The text of the beginning of the file. Raises InputError as give_up_utf8."""
        try:
            return self._decode(data)
        except UnicodeDecodeError:
            self.give_up_utf8()
            return self._decode(data)

    def _decode(self, data):
        return codecs.getincrementaldecoder(self.name)("strict").decode(data)


def _likely(path) -> str | None:
    """The likely encoding of a file in another alphabet; None if it is unknown, or most characters are UTF-8."""
    start = next(_chunks(path))
    others = [each for each in start.decode("utf-8", "replace") if each > "\x7f"]
    return likely_encoding(start) if 2 * others.count("\ufffd") > len(others) else None


def _conversion(path, encoding) -> str:
    """The command that converts a file to UTF-8."""
    command = f"iconv -f {encoding} -t UTF-8"
    if isinstance(path, Spool) or Path(path).suffix in (".gz", ".bz2", ".xz", ".zst", ".zip"):
        return command
    return f"{command} {shlex.quote(str(path))} > {shlex.quote(f'{Path(path).stem}-utf-8{Path(path).suffix}')}"


def _chunks(path):
    with input_errors(path), open_inflated(path) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _first_undecodable(path) -> int:
    """The position, from 0, of the first byte that is not UTF-8."""
    decoder, position, held = codecs.getincrementaldecoder("utf-8")("strict"), 0, 0
    for chunk in _with_end(path):
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return position - held + error.start
        position, held = position + len(chunk), len(decoder.getstate()[0])
    return position


def _with_end(path):
    yield from _chunks(path)
    yield b""


def _why_not_windows_1252(path) -> str | None:
    """What speaks against Windows-1252 in a file that is not UTF-8."""
    counts, end = np.zeros(256, np.int64), b""
    for chunk in _chunks(path):
        counts += np.bincount(np.frombuffer(chunk, np.uint8), minlength=256)
        if counts[_CONTROLS].sum() > counts.sum() / 100:
            return _NO_TEXT
        end += chunk
        high = b" ".join(_HIGH.findall(end))
        reason = next((reason for pattern, reason in _SIGNS_OF_OTHERS.items() if pattern.search(high)), None)
        if reason:
            return reason
        end = end[1 - _LONGEST :]
    if counts[_CONTROLS].any() or counts[_LACKING].any():
        return _NO_TEXT
    if counts[0x80:].sum() == 1 and end[-1] >= 0xC2:
        return "it is the last, so the file may have been cut off"
    if 3 * counts[_HIGH_LETTERS].sum() > counts[_LETTERS].sum():
        return _ALPHABET
    return None
