"""Delimited text with names of its own: ARFF, Orange's .tab, Markdown, and Excel, of which it is made."""

import csv
import io
import re
import zipfile

from hw5.errors import InputError
from hw5.opening import Spool, inflation_limit, input_errors, open_inflated, open_plain
from hw5.tables import sparse_arff
from hw5.tables.delimited import TextRecords, read_text
from hw5.tables.dialect import Dialect
from hw5.tables.encoding import Encoding
from hw5.text import lines_of

RULE = re.compile(rb"\|?[ \t]*:?-+:?[ \t]*(?:[|+][ \t]*:?-+:?[ \t]*)+\|?")  # below the names
GRID = re.compile(rb"\+(?:[-=]+\+)+")  # above the names, and below them and the rows
_HEAD = 1 << 22  # bytes of a file in which its head is looked for
_LONGEST = 1 << 12  # characters of a line, as long as none was seen


class _NamedText(TextRecords):
    """Delimited text whose format names the columns, and may say which are categories, which are labels, or unused."""

    def __init__(self, head, names, dialect, label=None, categorical=(), left_out=()):
        super().__init__(head.path, head.encoding, dialect, head.notes, _LONGEST)
        self.names, self.label = names, label
        self.categorical, self.left_out = set(categorical), dict(left_out)

    @property
    def first(self):
        return self.names


class _Head:
    """The text that a file begins with, and its encoding."""

    def __init__(self, path):
        with input_errors(path), open_inflated(path) as stream:
            start = stream.read(_HEAD)
        self.path, self.notes = path, []
        self.encoding = Encoding(path, self.notes)
        self.text = self.encoding.decoded(start)


_ATTRIBUTE = re.compile(rf"(?i)\s*@attribute\s+({sparse_arff.QUOTED}|[^\s{{]+)\s*(.*)")


def read_arff(path, wanted=frozenset(), label=None):
    head = _Head(path)
    text = head.text
    names, kinds, line = [], [], 0
    for line, each in enumerate(lines_of(text)):
        match = _ATTRIBUTE.match(each)
        if match:
            names.append(match[1].strip("'\"").replace("\\", ""))
            kinds.append(match[2].strip())
        if each.strip().lower().startswith("@data"):
            break
    else:
        raise InputError(f"{path}: the ARFF file has no @data; save it again")
    nominal = [i for i, kind in enumerate(kinds) if kind.startswith("{")]
    lower = [name.lower() for name in names]
    label = lower.index("class") if "class" in lower else None
    body = "".join(lines_of(text)[line + 1 : line + 200])
    if re.search(r"(?m)^[ \t]*\{", body):
        head.path = _dense(head, kinds, line + 1)
        return _NamedText(head, tuple(names), Dialect(skipped=line + 1, width=len(names)), label, nominal)
    quotes = re.findall(r"(?m)(?:^|[,\t]) *(['\"])", body)  # before cells; others are in them
    quote = max("\"'", key=quotes.count)
    delimiter = "," if "," in body else "\t"
    escape = "\\" if f"\\{quote}" in body else None
    spaces = bool(re.search(rf",[ \t]+{quote}", body))
    dialect = Dialect(delimiter, quote, line + 1, "%", spaces, width=len(names), escape=escape)
    return _NamedText(head, tuple(names), dialect, label, nominal)


def _dense(head, kinds, skipped):
    """The path of sparse rows as dense ones, in UTF-8."""
    try:
        path = sparse_arff.dense(head.path, kinds, skipped, head.encoding.name)
    except UnicodeError:
        head.encoding.give_up_utf8()
        path = sparse_arff.dense(head.path, kinds, skipped, head.encoding.name)
    head.encoding = Encoding(path, head.notes)
    return path


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


def is_orange(lines: list) -> bool:
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


def read_orange(path, wanted=frozenset(), label=None):
    head = _Head(path)
    names, kinds, roles = ([cell.strip() for cell in line.split("\t")] for line in lines_of(head.text)[:3])
    roles = [next((flag for flag in role.split() if flag.lower() in _ORANGE_ROLES), "") for role in roles]
    labels = [i for i, role in enumerate(roles) if role.lower() == "class"]
    unused = {i: f"{role} in the file" for i, role in enumerate(roles) if role and i not in labels}
    nominal = [i for i, kind in enumerate(kinds) if " " in kind or kind.lower() in ("d", "discrete", "categorical")]
    dialect = Dialect("\t", skipped=3, width=len(names))
    return _NamedText(head, tuple(names), dialect, labels[0] if labels else None, nominal, unused)


def read_markdown(path, wanted=frozenset(), label=None):
    """A table in Markdown, or as databases print it: names, a rule below them, and rows."""
    head = _Head(path)
    lines = lines_of(head.text)
    if GRID.fullmatch(lines[0].strip().encode()):
        names = tuple(cell.strip() for cell in lines[1].strip().strip("|").split("|"))
        return _NamedText(head, names, Dialect("|", skipped=2, comment="+", edges=True, width=len(names)))
    rule = next((i for i, line in enumerate(lines) if RULE.fullmatch(line.strip().encode())), None)
    if rule is None:  # bytes that look like one are other characters in this encoding
        return read_text(path, wanted, label)
    first = next(line.strip() for line in lines if line.strip())
    edges = first.startswith("|")
    names = tuple(cell.strip() for cell in first.removeprefix("|").removesuffix("|" if edges else "").split("|"))
    return _NamedText(head, names, Dialect("|", skipped=rule + 1, edges=edges, width=len(names)))


def read_excel(path, wanted=frozenset(), label=None):
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
    records = read_text(
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
