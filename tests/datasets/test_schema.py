"""Data read for a trained model: its classes, and its columns in its order."""

import numpy as np
import pytest

from hw5.datasets import Schema, load, load_inputs

from .helpers import input_error, write_idx

FLOWERS = Schema(2, ("iris", "rose", "tulip"), ("length", "width"))


@pytest.fixture
def table(tmp_path):
    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_text(content)
        return str(path)

    return write


@pytest.mark.parametrize(
    "content, usual, X, y",
    [
        ("length,width,species\n1,2,tulip\n3,4,rose\n", None, [[1, 2], [3, 4]], [2, 1]),
        ("length,width,species\n1,2,rose\n", None, [[1, 2]], [1]),  # one class is enough
        ("species,width,length\nrose,2,1\n", None, [[1, 2]], [1]),
        ("width,kind,length\n2,rose,1\n", None, [[1, 2]], [1]),  # the column that is not a feature is the label
        ("width,kind,length\n2,rose,1\n", "-1", [[1, 2]], [1]),  # names take precedence over the position
        ("id,kind,width,length,note\n7,rose,2,1,x\n", "kind", [[1, 2]], [1]),
        ("id,Label,width,length,note\n7,rose,2,1,x\n", "kind", [[1, 2]], [1]),
        ("1,2,rose\n", None, [[1, 2]], [1]),  # no header: by position
        ("1,2,rose\n", "kind", [[1, 2]], [1]),
        ("rose,1,2\n", "1", [[1, 2]], [1]),
        ("1,2,rose\n", "9", [[1, 2]], [1]),
    ],
)
def test_csv(table, content, usual, X, y):
    schema = Schema(2, FLOWERS.class_names, FLOWERS.feature_names, label_column=usual)
    path = table(content)
    data = load(path, schema=schema)
    assert data.train.X.tolist() == X and data.train.y.tolist() == y
    assert data.class_names == FLOWERS.class_names
    assert load_inputs(path, schema).tolist() == X


def test_a_header_of_numbers(table):
    schema = Schema(2, ("a", "b"), ("0", "1"))
    assert load(table("1,0,kind\n2,1,b\n"), schema=schema).train.X.tolist() == [[1, 2]]
    # A first row with the names is the header, even if it could be an example.
    assert load(table("0,1,a\n2,3,b\n"), schema=schema).train.X.tolist() == [[2, 3]]


def test_an_explicit_label_column_takes_precedence(table):
    schema = Schema(2, ("0", "1"), ("length", "width"), label_column="kind")
    path = table("kind,length,width,colour\n0,1,2,1\n")
    assert load(path, schema=schema).train.y.tolist() == [0]
    assert load(path, label_column="colour", schema=schema).train.y.tolist() == [1]
    assert load(path, label_column="-1", schema=schema).train.y.tolist() == [1]
    with input_error(path, "no column named 'smell'"):
        load(path, label_column="smell", schema=schema)


@pytest.mark.parametrize(
    "content, words",
    [
        ("length,width,species\n1,2,daisy\n", ["row 2, column 3", "class 'daisy'", "'iris', 'rose', 'tulip'"]),
        ("length,height,species\n1,2,rose\n", ["columns named 'width'"]),
        ("height,species\n1,rose\n", ["columns named 'length', 'width'"]),
        ("length,width\n1,2\n", ["no label column"]),
        ("id,length,width,sort\n7,1,2,rose\n", ["'id', 'sort'", "--label-column"]),
        ("1,2,3,rose\n", ["4 columns", "2 features"]),
        ("1,rose\n", ["2 columns", "2 features"]),
    ],
)
def test_invalid_csv(table, content, words):
    path = table(content)
    with input_error(path, *words):
        load(path, schema=FLOWERS)


def test_training_and_test_set_are_read_for_the_model(table):
    train, test = table("width,length,species\n2,1,rose\n"), table("species,length,width\ntulip,3,4\n", "b.csv")
    data = load(train, test=test, schema=FLOWERS)
    assert data.train.X.tolist() == [[1, 2]] and data.test.X.tolist() == [[3, 4]] and data.test.y.tolist() == [2]


def test_a_regression(table):
    schema = Schema(2, feature_names=("length", "width"))
    data = load(table("width,price,length\n2,0.5,1\n"), schema=schema)
    assert data.train.X.tolist() == [[1, 2]] and data.train.y.tolist() == [0.5] and data.class_names == ()
    with input_error("row 2, column 2 ('price')", "'dear' is not a number"):
        load(table("width,price,length\n2,dear,1\n"), schema=schema)


def test_arrays_and_images(tmp_path):
    schema = Schema(6, ("1", "2", "3"), image_shape=(2, 3))
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.uint8([3, 3]))
    path = str(tmp_path / "t10k-images-idx3-ubyte")
    assert load(path, schema=schema).train.y.tolist() == [2, 2]
    with input_error(tmp_path, "2 x 3", "3 x 2"):
        load(path, schema=Schema(6, ("1", "2", "3"), image_shape=(3, 2)))
    with input_error(tmp_path, "6 features", "takes 5"):
        load(path, schema=Schema(5, ("1", "2", "3")))
    with input_error(tmp_path, "row 1", "class '3'", "'1', '2'"):
        load(path, schema=Schema(6, ("1", "2")))
    np.save(tmp_path / "a.npy", np.array([[2, 10, 20], [2, 30, 40]]))
    for usual, X in ((None, [[2, 10], [2, 30]]), ("1", [[10, 20], [30, 40]]), ("kind", [[2, 10], [2, 30]])):
        schema = Schema(2, ("2", "20", "40"), label_column=usual)
        assert load(str(tmp_path / "a.npy"), schema=schema).train.X.tolist() == X
        assert load_inputs(str(tmp_path / "a.npy"), schema).tolist() == X
