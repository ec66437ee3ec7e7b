"""NPZ and NPY files written by NumPy, valid and damaged."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs
from hw5.errors import InputError

from .helpers import input_error

X = np.random.default_rng(0).normal(size=(9, 4))
Y = np.arange(9) % 3


def npy_bytes(header: bytes, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "names", [("X", "y"), ("x", "labels"), ("data", "target"), ("images", "labels"), ("x_train", "y_train")]
)
def test_npz_with_any_usual_names(tmp_path, save, names):
    save(tmp_path / "a.npz", **dict(zip(names, (X, Y))))
    data = load(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(data.train.X, X.astype(np.float32))
    np.testing.assert_array_equal(data.train.y, Y)
    assert data.train.X.dtype == np.float32 and data.train.X.flags.c_contiguous
    assert data.train.y.dtype == np.int32
    assert data.test is None and data.image_shape is None and data.name == "a.npz"


def test_npz_as_keras_writes_it(tmp_path):
    images = np.random.default_rng(1).integers(0, 256, (9, 5, 6)).astype(np.uint8)
    np.savez(
        tmp_path / "a.npz", x_train=images, y_train=Y[:, np.newaxis].astype(np.uint8), x_test=images[:3], y_test=Y[:3]
    )
    data = load(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(data.train.X, images.reshape(9, 30))
    np.testing.assert_array_equal(data.test.y, Y[:3])
    assert data.train.X.dtype == np.uint8 and data.image_shape == (5, 6)


@pytest.mark.parametrize(
    "values",
    [X.astype(np.float16), X.astype(">f4"), (X * 99).astype(int), X > 0, np.asfortranarray(X), X.reshape(9, 1, 2, 2)],
)
def test_features_of_any_type_become_float32(tmp_path, values):
    np.savez(tmp_path / "a.npz", X=values, y=Y)
    data = load(str(tmp_path / "a.npz"))
    assert data.train.X.dtype == np.float32 and data.train.X.flags.c_contiguous
    np.testing.assert_array_equal(data.train.X, values.reshape(9, 4).astype(np.float32))


@pytest.mark.parametrize(
    "labels, names",
    [
        (np.array([10, 9, -1])[Y], ("-1", "9", "10")),
        (np.array([2.0, 1.0, 0.0])[Y], ("0", "1", "2")),
        (np.array(["10", "9", "1"])[Y], ("1", "9", "10")),
        (np.array(["b10", "b9", "a"])[Y], ("a", "b10", "b9")),
        (Y > 0, ("False", "True")),
    ],
)
def test_class_names_are_sorted(tmp_path, labels, names):
    np.savez(tmp_path / "a.npz", X=X, y=labels)
    data = load(str(tmp_path / "a.npz"))
    assert data.class_names == names
    expected = [str(int(v)) if labels.dtype.kind == "f" else str(v) for v in labels]
    assert [data.class_names[i] for i in data.train.y] == expected


@pytest.mark.parametrize(
    "arrays, words",
    [
        ({"a": X, "y": Y}, ["'a', 'y'", "X or x", "savez"]),
        ({"X": X}, ["has 'X'", "y_train or y"]),
        ({"X": X, "y": Y[:-1]}, ["9 examples", "8 labels"]),
        ({"X": X, "y": np.eye(3)[Y] / 2}, ["y has shape (9, 3)", "a single 1", "one label"]),
        ({"X": X, "y": np.ones((9, 3))}, ["y has shape (9, 3)", "a single 1", "one label"]),
        ({"X": X, "y": Y * 0}, ["at least two classes"]),
        ({"X": X[:1], "y": Y[:1]}, ["at least two classes"]),
        ({"X": X[:0], "y": Y[:0]}, ["X: the header declares", "(0, 4)"]),
        ({"X": X, "y": Y + 0.5}, ["y, row 1", "0.5", "neither a whole number nor text"]),
        ({"X": X, "y": np.where(Y, Y, np.nan)}, ["y, row 1", "nan"]),
        ({"X": X, "y": np.array(["a", "", "b"])[Y]}, ["y, row 2", "missing"]),
        ({"X": X, "y": Y + 1j}, ["labels must be", "complex128"]),
        ({"X": X.astype(str), "y": Y}, ["X: features must be numbers"]),
        ({"X": X + 1j, "y": Y}, ["features must be numbers", "complex128"]),
        ({"X": np.where(X == X[4, 2], np.nan, X), "y": Y}, ["X, row 5, column 3", "nan"]),
        ({"X": np.where(X == X[4, 2], 1e39, X), "y": Y}, ["X, row 5, column 3", "1e+39"]),
        ({"X": X.astype(object), "y": Y}, ["X: Python objects"]),
        ({"X": X, "y": Y.astype(object)}, ["y: Python objects"]),
        ({"X": np.zeros(9, [("a", "f4")]), "y": Y}, ["records"]),
        ({"X": np.float32(1), "y": Y}, ["shape ()"]),
        ({"x_train": X, "y_train": Y, "x_test": X}, ["no array is named y_test"]),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 9}, ["y_test, row 1", "class '9'"]),
        ({"x_train": X, "y_train": Y, "x_test": X[:, 1:], "y_test": Y}, ["3 features"]),
    ],
)
def test_invalid_npz(tmp_path, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    with input_error(tmp_path / "a.npz", *words):
        load(str(tmp_path / "a.npz"))


def test_npz_that_is_truncated_empty_or_another_kind_of_file(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, X=X, y=Y)
    content = path.read_bytes()
    for damaged, word in (
        (b"", "empty"),
        (content[:-30], "zip archive"),
        (b"1,2\n", "zip archive"),
        (content.replace(b"\x93NUMPY", b"\x92NUMPY"), ""),
    ):
        path.write_bytes(damaged)
        if damaged != content:
            with input_error(path, word):
                load(str(path))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("X.npy", b"x")
    with input_error(path, "X", "compression"):
        load(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X", b"x")
    with input_error(path, "no arrays"):
        load(str(path))


def test_a_false_size_in_a_header_allocates_nothing(tmp_path):
    content = npy_bytes(b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 125000), }\n")
    (tmp_path / "a.npy").write_bytes(content + bytes(1000))
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", content + bytes(1000))
    for name in ("a.npy", "a.npz"):
        tracemalloc.start()
        with input_error(tmp_path / name, "1000000000000 bytes", "only 1000"):
            load(str(tmp_path / name))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()


def test_the_label_column_of_an_npy(tmp_path):
    path = tmp_path / "a.npy"
    table = np.column_stack([Y + 5, X])
    np.save(path, table)
    for column in ("1", "-5"):
        data = load(str(path), label_column=column)
        np.testing.assert_array_equal(data.train.X, X.astype(np.float32))
        assert data.class_names == ("5", "6", "7")
    np.save(path, table[:, ::-1])
    np.testing.assert_array_equal(load(str(path)).train.y, Y)
    np.save(path, np.column_stack([Y, Y, Y]).astype(np.uint8))
    assert load(str(path)).train.X.dtype == np.uint8


@pytest.mark.parametrize(
    "array, column, words",
    [
        (X[0], None, ["2-D", "(4,)"]),
        (X[:, :1], None, ["at least two columns"]),
        (X, None, ["row 1", "neither a whole number nor text"]),
        (X, "7", ["no column 7", "1 to 4"]),
        (X, "0", ["no column 0"]),
        (X, "name", ["no names", "'name'", "1 to 4"]),
        (np.where(X == X[2, 3], np.inf, X), "1", ["row 3, column 4", "inf"]),
        (np.where(X == X[2, 1], np.inf, X), "4", ["row 3, column 2", "inf"]),
        (X.astype(object), None, ["Python objects"]),
        (X.astype(str), None, ["features must be numbers"]),
    ],
)
def test_invalid_npy(tmp_path, array, column, words):
    np.save(tmp_path / "a.npy", array)
    with input_error(tmp_path / "a.npy", *words):
        load(str(tmp_path / "a.npy"), label_column=column)


@pytest.mark.parametrize(
    "content, word",
    [
        (b"", "empty"),
        (b"1,2,3\n", "not a valid NumPy header"),
        (npy_bytes(b"{'descr': '<f8'"), "not a valid NumPy header"),
        (npy_bytes(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -2)}\n", bytes(16)), "empty or invalid"),
    ],
)
def test_damaged_npy(tmp_path, content, word):
    (tmp_path / "a.npy").write_bytes(content)
    with input_error(tmp_path / "a.npy", word):
        load(str(tmp_path / "a.npy"))


def test_npy_with_missing_or_trailing_bytes(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, X)
    for content, word in ((buffer.getvalue()[:-8], "only 280"), (buffer.getvalue() + b"x", "more")):
        (tmp_path / "a.npy").write_bytes(content)
        with input_error(tmp_path / "a.npy", "288 bytes", word):
            load(str(tmp_path / "a.npy"))


def test_inputs(tmp_path):
    path = str(tmp_path / "a.npy")
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    for array in (images, images.reshape(2, 12)):
        np.save(path, array)
        np.testing.assert_array_equal(load_inputs(path, Schema(12, image_shape=(3, 4))), images.reshape(2, 12))
    for array in (images[1], images[1].ravel()):  # one example
        np.save(path, array)
        np.testing.assert_array_equal(load_inputs(path, Schema(12, image_shape=(3, 4))), images[1].reshape(1, 12))
    np.save(path, np.column_stack([X, Y]))  # with labels, as for load()
    np.testing.assert_array_equal(load_inputs(path, Schema(4)), X.astype(np.float32))
    np.save(path, np.column_stack([Y, X]))
    np.testing.assert_array_equal(load_inputs(path, Schema(4, label_column="1")), X.astype(np.float32))
    for arrays in ({"X": X}, {"X": X, "y": Y}, {"x_train": X}):
        np.savez(tmp_path / "a.npz", **arrays)
        np.testing.assert_array_equal(load_inputs(str(tmp_path / "a.npz"), Schema(4)), X.astype(np.float32))
    with input_error(path, "(9, 5)", "7 features"):
        load_inputs(path, Schema(7))
    np.save(path, np.where(X == X[2, 3], np.nan, X))
    with input_error(path, "row 3, column 4"):
        load_inputs(path, Schema(4))


@pytest.mark.parametrize(
    ("shape", "is_pytorch", "expected"),
    [
        ((6, 8, 7), False, (8, 7)),
        ((6, 8, 7, 1), False, (8, 7)),
        ((6, 1, 8, 7), False, (8, 7)),
        ((6, 8, 7, 3), False, (8, 7, 3)),
        ((6, 3, 8, 7), True, (8, 7, 3)),
        ((6, 3, 8, 3), False, (3, 8, 3)),
        ((6, 5, 8, 7), False, (5, 8, 7)),
    ],
)
def test_images_keep_their_shape(tmp_path, shape, is_pytorch, expected):
    X, y = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8), np.arange(6) % 2
    np.savez(tmp_path / "a.npz", X=X, y=y)
    np.save(tmp_path / "X.npy", X), np.save(tmp_path / "y.npy", y)
    rows = (np.moveaxis(X, 1, 3) if is_pytorch else X).reshape(6, -1)
    for name in ("a.npz", "X.npy"):
        data = load(str(tmp_path / name))
        assert data.image_shape == expected and (data.train.X == rows).all()
        assert any("(N, channels, height, width)" in note for note in data.notes) == is_pytorch


def test_inputs_for_a_model_of_colours(tmp_path):
    X = np.random.default_rng(0).integers(0, 256, (4, 8, 7, 3), dtype=np.uint8)
    schema = Schema(8 * 7 * 3, image_shape=(8, 7, 3))
    for name, values in (("a", X), ("channels first", np.moveaxis(X, 3, 1)), ("one", X[0]), ("rows", X.reshape(4, -1))):
        np.save(tmp_path / f"{name}.npy", values)
        read = load_inputs(str(tmp_path / f"{name}.npy"), schema)
        assert (read == X.reshape(4, -1)[: len(read)]).all() and len(read) == (1 if name == "one" else 4)
    np.save(tmp_path / "other.npy", X[:, :7])
    with pytest.raises(InputError, match="the model takes 8 x 7 x 3 features"):
        load_inputs(str(tmp_path / "other.npy"), schema)
