"""Several targets or labels per example, from tables and arrays."""

import numpy as np
import pytest

from hw5.datasets import load
from hw5.errors import InputError

from .helpers import input_error

ROWS = "a,b,x,y\n1,2,0,1\n3,4,1,1\n5,6,1,0\n7,9,0,0\n"
X = np.float32([[1, 2], [3, 4], [5, 6], [7, 9]])
Y = [[0, 1], [1, 1], [1, 0], [0, 0]]


@pytest.fixture
def table(tmp_path):
    def write(content, name="a.csv"):
        path = tmp_path / name
        path.write_text(content)
        return str(path)

    return write


@pytest.mark.parametrize("task, dtype", [("regression", np.float32), ("multilabel", np.int32)])
@pytest.mark.parametrize("columns", ["x,y", "3,4", "-2,-1"])
def test_a_table(table, task, dtype, columns):
    data = load(table(ROWS), task=task, label_column=columns)
    assert data.train.y.dtype == dtype and data.train.y.tolist() == Y
    assert data.target_names == ("x", "y") and data.class_names == () and data.feature_names == ("a", "b")
    np.testing.assert_array_equal(data.train.X, X)


def test_the_order_is_that_of_the_option(table):
    data = load(table(ROWS), task="regression", label_column="y,x")
    assert data.target_names == ("y", "x") and data.train.y.tolist() == [row[::-1] for row in Y]


def test_a_table_without_a_header(table):
    data = load(table(ROWS.partition("\n")[2]), task="regression", label_column="3,4")
    assert data.target_names == ("column 3", "column 4") and data.train.y.tolist() == Y


def test_rows_without_one_of_the_targets_are_left_out(table):
    data = load(table(ROWS + "9,9,,1\n8,8,1,\n"), task="regression", label_column="x,y")
    assert data.train.y.tolist() == Y
    assert any("left out 2 rows without a label (the first is row 6)" in note for note in data.notes)


def test_targets_that_float32_cannot_tell_apart(table):
    lines = "a,x,y\n" + "".join(f"{i},{10**9 + i},{i}\n" for i in range(20))
    data = load(table(lines), task="regression", label_column="x,y")
    assert data.train.y.dtype == np.float64 and data.train.y[3].tolist() == [10**9 + 3, 3]


@pytest.mark.parametrize("task", ["regression", "multilabel"])
@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "?"])
def test_npz_and_arrays(tmp_path, task, dtype):
    y = np.array(Y).astype(dtype)
    np.savez(tmp_path / "a.npz", x_train=X, y_train=y, x_test=X[:2], y_test=y[:2])
    data = load(str(tmp_path / "a.npz"), task=task)
    assert data.train.y.tolist() == Y and data.test.y.tolist() == Y[:2]
    word = "label" if task == "multilabel" else "target"
    assert data.target_names == (f"{word}_1", f"{word}_2")
    assert load((X, y), task=task).train.y.tolist() == Y


def test_npy(tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", np.array(Y) * 1.5)
    assert load(str(tmp_path / "X.npy"), task="regression").train.y.tolist() == (np.array(Y) * 1.5).tolist()


def test_one_hot_labels_are_still_classes():
    data = load((X, np.eye(4)[[2, 0, 1, 3]]))
    assert data.train.y.tolist() == [2, 0, 1, 3] and data.class_names == ("0", "1", "2", "3")


def test_a_frame(table):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.hstack([X, Y]), columns=["a", "b", "x", "y"])
    assert load(frame, task="multilabel", label_column="x,y").train.y.tolist() == Y


def test_the_test_set_has_the_columns_of_the_training_set(table):
    train, test = table(ROWS), table("y,b,a,x\n1,2,3,0\n0,1,2,1\n", "b.csv")
    data = load(train, test=test, task="multilabel", label_column="x,y")
    assert data.test.y.tolist() == [[0, 1], [1, 0]] and data.test.X.tolist() == [[3, 2], [2, 1]]


@pytest.mark.parametrize(
    "rows, task, columns, words",
    [
        (ROWS, "multilabel", "y", ["--task multilabel needs several columns"]),
        (ROWS, "multilabel", None, ["--task multilabel needs several columns"]),
        (ROWS.replace("3,4,1,1", "3,4,1,2"), "multilabel", "x,y", ["row 3", "label 'y' is 2", "must be 0 or 1"]),
        (
            ROWS.replace("y\n", "9" * 500 + "\n").replace("3,4,1,1", "3,4,1,2"),
            "multilabel",
            "3,4",
            ["label '99", "...' is 2,"],
        ),
        (ROWS.replace("3,4,1,1", "3,4,1,big"), "regression", "x,y", ["row 3, column 4 ('y')", "'big'"]),
        (ROWS, "classification", "x,y", ["exactly one must be 1", "--task multilabel"]),
    ],
)
def test_tables_that_are_refused(table, rows, task, columns, words):
    path = table(rows)
    with input_error(path, *words):
        load(path, task=task, label_column=columns)


def test_a_missing_target_names_its_column(table):
    path = table("a,b,x,y\n1,2,,\n3,4,,\n")
    with input_error(path, "row 2, column 3 ('x')"):
        load(path, task="regression", label_column="x,y")


@pytest.mark.parametrize(
    "y, task, message",
    [
        (np.array(Y) * 2, "multilabel", "row 1: label 2 is 2, and must be 0 or 1"),
        (np.array(Y) * np.nan, "regression", "row 1, column 1: the target is nan"),
        (np.array(Y) * 1e39, "regression", "row 1, column 2: the target is 1e\\+39"),
        (np.array(Y), "classification", "not a single 1 and otherwise 0"),
        (np.array([[0], [1], [1], [0]]), "multilabel", "needs several columns"),
    ],
)
def test_arrays_that_are_refused(y, task, message):
    with pytest.raises(InputError, match=message):
        load((X, y), task=task)
