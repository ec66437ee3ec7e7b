"""Names, the bundled and the synthetic sets, and sources that do not exist."""

import hashlib
from importlib import resources

import numpy as np
import pytest

from hw5.datasets import BUILT_IN, Examples, Schema, data_directory, load, load_inputs

from .helpers import input_error


def test_digits():
    data = load("digits")
    assert (data.name, data.source, data.test) == ("digits", "digits", None)
    assert data.train.X.shape == (1797, 64) and data.train.X.dtype == np.uint8
    assert data.image_shape == (8, 8) and data.class_names == tuple("0123456789")
    assert data.train.X.max() == 16 and data.train.X.sum(dtype=int) == 561718
    # The counts and the first row in scikit-learn's documentation.
    assert np.bincount(data.train.y).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert data.train.X[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]


def test_digits_equal_those_of_scikit_learn():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    theirs, ours = sklearn_datasets.load_digits(), load("digits")
    np.testing.assert_array_equal(ours.train.X, theirs.data)
    np.testing.assert_array_equal(ours.train.y, theirs.target)


def test_digits_have_a_source_and_a_licence():
    data = resources.files("hw5.data")
    for name in ("README.md", "LICENSE.digits"):
        text = (data / name).read_text(encoding="utf-8")
        assert "10.24432/C50P49" in text and "Alpaydin" in text
        assert "Creative Commons Attribution 4.0" in text


@pytest.mark.parametrize("name, train, test, classes", [("xor", 400, 200, 2), ("spirals", 900, 300, 3)])
def test_synthetic_sets(name, train, test, classes):
    data = load(name)
    assert data.train.X.shape == (train, 2) and data.test.X.shape == (test, 2)
    assert data.train.X.dtype == np.float32 and data.train.X.flags.c_contiguous
    assert data.class_names == tuple(map(str, range(classes)))
    assert np.bincount(data.train.y).min() > 0.9 * train / classes
    assert digest(data.train) == digest(load(name).train) != digest(data.test)


def test_sine_is_for_regression():
    data = load("sine", task="regression")
    for examples, n in ((data.train, 400), (data.test, 200)):
        assert examples.X.shape == (n, 1) and examples.y.shape == (n,) and examples.y.dtype == np.float32
        noise = examples.y - np.sin(examples.X[:, 0])
        # For 200 normal numbers, one sigma is 5 % for the standard deviation and 0.007 for the mean.
        assert abs(noise.std() - 0.1) < 0.02 and abs(noise.mean()) < 0.03
    assert data.class_names == ()
    with input_error("sine, row 1", "--task regression"):
        load("sine")


def digest(examples: Examples) -> str:
    return hashlib.sha256(examples.X.tobytes() + examples.y.tobytes()).hexdigest()


def least_squares_accuracy(data, features) -> float:
    """The test accuracy of a linear classifier on features(X)."""

    def design(X):
        return np.column_stack([np.ones(len(X)), features(X)])

    one_hot = np.eye(len(data.class_names))[data.train.y]
    W = np.linalg.lstsq(design(data.train.X), one_hot, rcond=None)[0]
    return np.mean((design(data.test.X) @ W).argmax(axis=1) == data.test.y)


def test_only_a_nonlinear_classifier_learns_the_synthetic_sets():
    rng = np.random.default_rng(0)
    W, b = rng.normal(scale=2, size=(2, 200)), rng.normal(scale=2, size=200)

    def hidden(X):  # one layer of random tanh units, then least squares
        return np.tanh(X @ W + b)

    for name in ("xor", "spirals"):
        data = load(name)
        assert least_squares_accuracy(data, lambda X: X) < 0.6
        assert least_squares_accuracy(data, hidden) > 0.97


def test_a_synthetic_set_as_test_set():
    data = load("xor", test="xor")
    np.testing.assert_array_equal(data.test.X, load("xor").test.X)
    data = load("xor", test="spirals")
    assert (data.test.y == -1).sum() == (load("spirals").test.y == 2).sum() and "class '2'" in data.warnings[0]


def test_data_directory(monkeypatch, tmp_path):
    for variable in ("HW5_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_directory() == tmp_path / ".cache" / "hw5" / "data"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert data_directory() == tmp_path / "cache" / "hw5" / "data"
    monkeypatch.setenv("HW5_DATA", str(tmp_path / "data"))
    assert data_directory() == tmp_path / "data"
    assert data_directory(tmp_path) == tmp_path


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_set_that_is_not_downloaded(tmp_path, name):
    files = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    with input_error(tmp_path / name, *files, "HW5_DATA"):
        load(name, data_dir=tmp_path)
    (tmp_path / name).mkdir()
    with input_error(tmp_path / name, *files):
        load(name, data_dir=tmp_path)


def test_sources_that_do_not_exist(tmp_path):
    with input_error("digit", "did you mean 'digits'", *BUILT_IN):
        load("digit")
    with input_error(tmp_path / "none.csv", "no such file"):
        load(str(tmp_path / "none.csv"))
    with input_error(tmp_path / "none.csv", "no such file"):
        load("digits", test=str(tmp_path / "none.csv"))
    with input_error(tmp_path / "none.csv", "no such file"):
        load_inputs(str(tmp_path / "none.csv"), Schema(2))
    (tmp_path / "a.xls").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    with input_error(tmp_path / "a.xls", "old Excel file", ".xlsx", "CSV"):
        load(str(tmp_path / "a.xls"))
    (tmp_path / "folder.csv").mkdir()
    with input_error(tmp_path / "folder.csv", "train-images"):
        load(str(tmp_path / "folder.csv"))
    with input_error("/dev/null", ".csv"):
        load("/dev/null")


def test_only_tables_have_a_label_column(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(3), y=np.arange(3))
    for source in ("digits", str(tmp_path / "a.npz")):
        with input_error(source, "--label-column 1"):
            load(source, label_column="1")
