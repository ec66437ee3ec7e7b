"""Rows of name=value pairs, as programs write logs."""

import re

from hw5.errors import InputError
from hw5.opening import input_errors, open_inflated
from hw5.tables.columnar import ArrowRecords
from hw5.tables.encoding import Encoding
from hw5.tables.json_tables import names_in
from hw5.text import lines_of, quoted

_PAIR = re.compile(r"""\s*([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|[^\s,;="]*)\s*(?:[,;]\s*|(?<=\s)|$)""")


def is_pairs(lines: list[bytes]) -> bool:
    """Whether most lines have two or more pairs each, and nothing else; the others are refused when they are read."""
    found = [_pairs_of(line.decode("utf-8", "replace")) for line in lines]
    return sum(bool(pairs) and len(pairs) > 1 for pairs in found) > len(lines) / 2


def read_pairs(path, wanted=frozenset(), label=None):
    import pyarrow as pa

    with input_errors(path), open_inflated(path) as stream:
        data = stream.read()
    notes = []
    lines = [
        (i, line)
        for i, line in enumerate(lines_of(Encoding(path, notes, data[:4]).decoded(data)), start=1)
        if line.strip()
    ]
    rows = [_pairs_of(line) for _, line in lines]
    if None in rows:
        number, line = lines[rows.index(None)]
        raise InputError(
            f"{path}, row {number}: {quoted(line.strip())} is no row of name=value pairs, as most others; correct it or "
            "remove the row"
        )
    table = pa.table({name: [row.get(name) for row in rows] for name in names_in(rows)})
    records = ArrowRecords(path, table.schema, table.to_batches)
    records.notes += [*notes, "read the rows as name=value pairs"]
    return records


def _pairs_of(line: str) -> dict[str, str] | None:
    """The values of a line by name; None if it has anything else."""
    pairs, end, line = {}, 0, line.rstrip()
    while end < len(line):
        pair = _PAIR.match(line, end)
        if pair is None or pair[1] in pairs:
            return None
        pairs[pair[1]], end = re.sub(r"\\(.)", r"\1", pair[2][1:-1]) if pair[2][:1] == '"' else pair[2], pair.end()
    return pairs
