"""The readers of tables, by the kind of a file (kinds.py).

Each takes a path, and wanted and label as read_text does.
"""

from hw5.tables.columnar import read_arrow, read_parquet
from hw5.tables.delimited import read_text
from hw5.tables.json_tables import read_json, read_json_lines
from hw5.tables.named_text import read_arff, read_excel, read_markdown, read_orange
from hw5.tables.pairs import read_pairs

READERS = {
    "text": read_text,
    "arff": read_arff,
    "orange": read_orange,
    "markdown": read_markdown,
    "excel": read_excel,
    "parquet": read_parquet,
    "arrow": read_arrow,
    "json lines": read_json_lines,
    "json": read_json,
    "pairs": read_pairs,
}
