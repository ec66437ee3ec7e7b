"""What a file is, by its first bytes: suffixes may be missing or wrong."""

import codecs
import json
import re
import zipfile
from pathlib import Path

from hw5.opening import Spool, input_errors, open_inflated, open_plain
from hw5.tables.named_text import GRID, RULE, is_orange
from hw5.tables.pairs import is_pairs

_START = 1 << 16  # bytes
_SQL = re.compile(
    rb"(?is)(?:--[^\n]*\n|/\*.*?\*/;?|\s)*(?:(?:create|drop|alter)\s+(?:table|schema|database|type)|insert\s+into|begin"
    rb"(?:\s+transaction)?\s*;|start\s+transaction|set\s+[\w.@]+\s*(?:=|to\s)|pragma\s+\w+|use\s+`?\w+`?\s*;)"
)
_SVMLIGHT = re.compile(rb"^[-+.\deE,]+([ \t]+qid:\d+)?([ \t]+\d+:[-+.\deE]+)+[ \t]*(#.*)?\r?$")


def kind_of(path: Path | Spool) -> str:
    """What a file is, by its first bytes: a name in READERS or REFUSED, or that of a format of arrays."""
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
    for place, magic, kind in _MAGIC_INSIDE:
        if start.startswith(magic, place):
            return kind
    return next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), None)


_ZIP = b"PK\3\4"


_MAGIC_INSIDE = ((257, b"ustar", "tar"), (8, b"DUCK", "duckdb"), (200, b"ASCII SPSS PORT FILE", "spss"))
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
    b"X\n\0\0": "r data",
    b"ORC": "orc",
    b"Obj\x01": "avro",
    b"$FL": "spss",
    b"<stata_dta>": "stata",
    **{bytes([version, order, 1, 0]): "stata" for version in range(0x68, 0x74) for order in (1, 2)},
    b"HEADER RECORD*******LIBRARY": "sas",
    b"SR\0\4": "idl",
    b"SIMPLE  =": "fits",
    **{b"CDF" + bytes([version]): "netcdf" for version in (1, 2, 5)},
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
    if any(name.startswith("xl/") or name == "workbook.xml" for name in names):
        return "excel"
    if any(name.startswith("word/") for name in names):
        return "word"
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
    if _SQL.match(text):
        return "sql"
    if text[:1] == b"{" and text[1:].lstrip()[:1] in (b'"', b"}"):
        return "json lines"
    if text[:1] == b"[" and (text[1:].lstrip()[:1] in (b"{", b"[") or _is_list(lines[0])):
        return "json"
    rows = [line for line in lines if not line.startswith(b"#")]
    if rows and all(map(_SVMLIGHT.match, rows[: max(1, min(5, len(rows) - 1))])):
        return "svmlight"
    if len(lines) > 2 and (b"|" in lines[0] and RULE.fullmatch(lines[1].strip()) or GRID.fullmatch(lines[0].strip())):
        return "markdown"
    if len(lines) > 3 and is_orange(start.splitlines()):
        return "orange"
    if is_pairs(lines[: max(1, min(5, len(lines) - 1))]):
        return "pairs"
    return "text"


def _is_list(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), list)
    except ValueError:
        return False


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
    "sql": "SQL, not the table itself; load it into a database, and export the table as CSV",
    "xml": "XML; save the table as CSV or .xlsx",
    "image": "an image; give hw5 predict the image, and hw5 train arrays of images in an .npz",
    **{
        kind: f"a file of {program}; save the table as CSV or Parquet"
        for kind, program in {
            "sqlite": "SQLite",
            "duckdb": "DuckDB",
            "idl": "IDL",
            "matlab": "MATLAB",
            "orc": "ORC",
            "avro": "Avro",
            "spss": "SPSS",
            "stata": "Stata",
            "sas": "SAS",
        }.items()
    },
    "word": "a Word document; save the table as CSV or .xlsx",
    "fits": "a FITS file; save the table as CSV or Parquet",
    "netcdf": "a NetCDF file; save it as CSV, Parquet or .npz",
    "hdf5": "an HDF5 file; save it as CSV, Parquet or .npz",
    "html": "a web page, not the table itself; download the raw file, or save the table as CSV or .xlsx",
}
