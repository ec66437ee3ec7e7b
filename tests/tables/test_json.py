"""JSON as pandas and others write it, and columns whose type is that of categories."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hw5.datasets import load
from hw5.tables.columns import Categories, Date
from hw5.tables.table import Reading
from tests.tables.helpers import schema_of

ROWS = [
    {"leaf": i * 1.5, "side": "north south".split()[i // 2 % 2], "kind": "oak yew".split()[i % 2]} for i in range(20)
]
FRAME = pd.DataFrame(ROWS)


def read(write, document, name="trees.json"):
    return load(write(document if isinstance(document, str) else json.dumps(document), name))


@pytest.mark.parametrize(
    "document",
    [
        *(FRAME.to_json(orient=orient) for orient in ("records", "columns", "index", "split", "table")),
        {name: [row[name] for row in ROWS] for name in ROWS[0]},
        {f"tree {i}": row for i, row in enumerate(ROWS)},
        {"data": ROWS},
        {"rows": ROWS, "count": 20, "columns": ["leaf"]},
        "\ufeff" + json.dumps(ROWS),
        json.dumps({"data": ROWS}, indent=2),
        "\n".join(map(json.dumps, ROWS)),
    ],
    ids="records columns index split table lists named data wrapped mark indented lines".split(),
)
def test_any_orientation(write, document):
    data = read(write, document)
    X = [[row["leaf"], row["side"] == "south"] for row in ROWS]
    np.testing.assert_array_equal(data.train.X, X)
    assert data.class_names == ("oak", "yew")


@pytest.mark.parametrize("lines", [False, True])
def test_a_key_that_the_first_object_lacks(write, lines):
    rows = [{k: v for k, v in row.items() if i or k != "leaf"} for i, row in enumerate(ROWS)]
    data = read(write, "\n".join(map(json.dumps, rows)) if lines else rows)
    assert {c.name for c in data.columns.each} == {"leaf", "side"} and data.class_names == ("oak", "yew")
    assert next(c for c in data.columns.each if c.name == "leaf").gaps


@pytest.mark.parametrize("lines", [False, True])
def test_values_of_several_types_are_text(write, lines):
    rows = [{"size": i % 3 or "0 or less", **row} for i, row in enumerate(ROWS)]
    data = read(write, "\n".join(map(json.dumps, rows)) if lines else rows)
    assert data.columns.each[0] == Categories("size", ("0 or less", "1", "2"))


def test_objects_in_objects(write):
    data = read(write, [{"at": {"x": i, "z": {"top": -i * i}}, **row} for i, row in enumerate(ROWS)])
    assert [c.name for c in data.columns.each] == ["at.x", "at.z.top", "leaf", "side"]


def test_a_column_of_lists_can_be_left_out(write):
    path = write(json.dumps([{"tags": [1, 2], **row} for row in ROWS]))
    assert load(path, reading=Reading(drop=("tags",))).feature_names == ("leaf", "side=south")


@pytest.mark.parametrize("kind", ["arff", "arrow", "frame"])
def test_numbers_that_the_file_calls_categories(write, tmp_path, kind):
    codes, kinds = [i % 3 + 1 for i in range(20)], [row["kind"] for row in ROWS]
    frame = pd.DataFrame({"site": pd.Categorical(codes), "wet": pd.Categorical([c % 2 for c in codes]), "kind": kinds})
    if kind == "arff":
        body = "".join(f"{c},{c % 2},{k}\n" for c, k in zip(codes, kinds))
        head = "@relation trees\n@attribute site {1,2,3}\n@attribute wet {0,1}\n@attribute kind {oak,yew}\n@data\n"
        source = write(head + body, "trees.arff")
    elif kind == "arrow":
        source = str(tmp_path / "trees.feather")
        frame.to_feather(source)
    else:
        source = frame
    data = load(source)
    site, wet = data.columns.each
    assert site == Categories("site", ("1", "2", "3")) and (wet.no, wet.yes) == ("0", "1")
    again = load(write("site,wet,kind\n2,1,oak\n3,0,yew\n", "new.csv"), schema=schema_of(data))
    assert again.train.X.tolist() == [[0, 1, 0, 1], [0, 0, 1, 0]]


def test_times_of_day(write, tmp_path):
    times = pa.array([i * 1_800_000_000 for i in range(20)], pa.time64("us"))
    pq.write_table(pa.table({"at": times, "kind": [row["kind"] for row in ROWS]}), tmp_path / "trees.parquet")
    (at,) = load(str(tmp_path / "trees.parquet")).columns.each
    assert isinstance(at, Date)


def test_dates_that_the_file_calls_categories(write):
    days = [f"2020-01-{i % 5 + 1:02d}" for i in range(20)]
    head = f"@relation trees\n@attribute day {{{','.join(sorted(set(days)))}}}\n@attribute kind {{x,y}}\n@data\n"
    data = load(write(head + "".join(f"{day},{'xy'[i % 2]}\n" for i, day in enumerate(days)), "trees.arff"))
    assert isinstance(data.columns.each[0], Date)


@pytest.mark.parametrize("has_names", [True, False])
@pytest.mark.parametrize("in_lines", [True, False])
def test_rows_as_lists(write, has_names, in_lines):
    cells = [["leaf", "site", "kind"]] * has_names + [
        [i / 2, "north, south".split(", ")[i % 2], "xy"[i % 2]] for i in range(12)
    ]
    content = "\n".join(map(json.dumps, cells)) if in_lines else json.dumps(cells)
    data = load(write(content, "a.json"))
    assert data.class_names == ("x", "y") and data.train.X[:, 0].tolist() == [i / 2 for i in range(12)]
    assert (data.columns.each[0].name == "leaf") == has_names
