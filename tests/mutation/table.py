"""The share of planted faults that were found, as a row of a table.

    python -m tests.mutation.table runs/mutation/*.jsonl

prints the table of benchmarks/results/mutation.md.
"""

import json
import sys
from collections import Counter
from pathlib import Path

HEADER = """\
| part | planted | do not compile | the same code | equivalent | judged | found | not found | share |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def read(path):
    """The records in a file, dictionaries that main() writes: the last one of each fault."""
    lines = Path(path).read_text("utf-8").splitlines() if Path(path).exists() else []
    return list({(r["file"], r["line"], r["text"], r["fault"]): r for r in map(json.loads, lines)}.values())


def row(part, records):
    """The row of a part."""
    n = Counter(record["outcome"] for record in records)
    judged = n["found"] + n["survived"]
    left_out = [n[outcome] for outcome in ("does not compile", "the same code", "equivalent")]
    cells = [f"{cell:,}" for cell in (len(records), *left_out, judged, n["found"], n["survived"])]
    return f"| {part} | {' | '.join(cells)} | {n['found'] / max(judged, 1):.1%} |"


if __name__ == "__main__":
    print(HEADER)
    for path in map(Path, sys.argv[1:]):
        print(row(path.stem, read(path)))
