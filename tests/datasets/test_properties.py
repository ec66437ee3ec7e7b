"""Data that Hypothesis generates are read from every format as they were written."""

import csv
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hw5.datasets import Schema, load, load_inputs

from .helpers import write_idx

settings.register_profile("hw5", deadline=None, derandomize=True, database=None)
settings.load_profile("hw5")

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\r\n\t"), max_size=8).map(
    "k{}".format
)
VALUES = st.sampled_from(("u1", "i1", "<i2", ">i4", "<f4", ">f8", "b1")).flatmap(
    lambda dtype: arrays(
        dtype, array_shapes(min_dims=1, max_dims=4, max_side=5), elements=FLOATS if "f" in dtype else None
    )
)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@st.composite
def tables(draw):
    """Names of the columns or None, rows of (features, label), and the dialect."""
    d = draw(st.integers(1, 4))
    header = draw(st.none() | st.lists(NAMES, min_size=d + 1, max_size=d + 1, unique_by=str.strip))
    rows = draw(st.lists(st.tuples(st.lists(FLOATS, min_size=d, max_size=d), NAMES), min_size=2, max_size=6))
    dialect = dict(delimiter=draw(st.sampled_from(",;\t")), lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])))
    texts = [*(header or ()), *(label for _, label in rows)]
    assume(dialect["lineterminator"] != "\r" or not any("\r" in text for text in texts))  # it would become \n in cells
    return header, rows, dialect


def write_table(path, header, rows, dialect):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, **dialect)
        writer.writerows(([header] if header else []) + [[*X, label] for X, label in rows])


@given(tables())
def test_csv(folder, table):
    header, rows, dialect = table
    labels = [label.strip() for _, label in rows]
    assume(len(set(labels)) > 1)
    write_table(folder / "a.csv", header, rows, dialect)
    data = load(str(folder / "a.csv"), label_column="-1")
    np.testing.assert_array_equal(data.train.X, np.float32([X for X, _ in rows]))
    assert [data.class_names[y] for y in data.train.y] == labels
    assert data.feature_names == (header and tuple(name.strip() for name in header[:-1]))
    schema = Schema(len(rows[0][0]), data.class_names, data.feature_names)
    np.testing.assert_array_equal(load_inputs(str(folder / "a.csv"), schema), data.train.X)


@given(tables(), st.data())
def test_csv_for_a_model_in_any_order(folder, table, data):
    header, rows, dialect = table
    assume(header)
    order = data.draw(st.permutations(range(len(header))))
    write_table(folder / "a.csv", header, rows, dialect)
    cells = [[*X, label] for X, label in rows]
    with open(folder / "b.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, **dialect)
        writer.writerows([row[column] for column in order] for row in [header, *cells])
    classes = tuple(sorted({label.strip() for _, label in rows}))
    schema = Schema(len(header) - 1, classes, tuple(name.strip() for name in header[:-1]))
    a, b = (load(str(folder / name), schema=schema).train for name in ("a.csv", "b.csv"))
    np.testing.assert_array_equal(a.X, b.X)
    np.testing.assert_array_equal(a.y, b.y)


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=8))
def test_csv_of_a_regression(folder, rows):
    path = folder / "a.csv"
    path.write_text("".join(f"{x!r},{y!r}\n" for x, y in rows))
    data = load(str(path), task="regression").train
    np.testing.assert_array_equal(np.column_stack([data.X[:, 0], data.y]), np.float32(rows))


@given(VALUES)
def test_arrays(folder, X):
    y = np.arange(len(X)) % 2
    np.savez_compressed(folder / "a.npz", X=X, y=y)
    write_idx(folder / "train-labels-idx1-ubyte", y.astype("u1"))
    paths = [folder / "a.npz"]
    if X.dtype.kind != "b":
        paths += [folder / f"train-images-idx3-ubyte{gz}" for gz in ("", ".gz")]
        for path in paths[1:]:
            write_idx(path, X)
    is_pytorch = X.ndim == 4 and X.shape[1] in (3, 4) and min(X.shape[2:]) > 4  # images (N, channels, height, width)
    X = np.moveaxis(X, 1, 3) if is_pytorch else X
    for path in paths:
        read = load(str(path), task="regression").train
        assert read.X.dtype in ([np.uint8] if X.dtype == np.uint8 else [np.uint8, np.float32])  # some may be pixels
        np.testing.assert_array_equal(read.X, X.reshape(len(X), -1).astype(np.float32))
        np.testing.assert_array_equal(read.y, y)


@given(
    st.sampled_from("<>").flatmap(
        lambda order: arrays(f"{order}U4", st.integers(2, 6), elements=NAMES.map(lambda s: s[:4]))
    )
)
def test_labels_of_text(folder, labels):
    names = labels.tolist()
    assume(len(set(names)) > 1)
    np.savez(folder / "a.npz", X=np.zeros((len(labels), 1)), y=labels)
    data = load(str(folder / "a.npz"))
    assert [data.class_names[y] for y in data.train.y] == names
