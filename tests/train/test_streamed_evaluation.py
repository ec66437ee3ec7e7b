"""hw5 eval of a table, which is read in parts, gives the figures of one that is read into memory."""

import json
import tracemalloc

import numpy as np
import pytest

from hw5.datasets import load, open_labelled
from hw5.devices import open_device
from hw5.tables import delimited
from hw5.train import evaluation as module
from hw5.train.checkpoint import Checkpoint
from hw5.train.evaluation import evaluation, evaluation_of_stream
from hw5.train.predictor import Predictor
from tests.cli.helpers import hw5, refused
from tests.datasets.helpers import input_error


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Blocks of some hundred rows, and parts of one chunk."""
    monkeypatch.setattr(delimited, "_BLOCK", 1 << 13)
    monkeypatch.setattr(module, "_AT_LEAST", 1)


def cells(seed, n, names):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(names), n)
    X = rng.normal(size=(n, 3)) + y[:, np.newaxis] * 0.8
    sites = np.array(["north", "south", ""])[rng.integers(0, 3, n)]
    return [[*(f"{x:.4f}" for x in row), site, names[c]] for row, site, c in zip(X, sites, y)]


def table(folder, name, rows):
    path = folder / name
    path.write_text("\n".join([",".join(row) for row in [["a", "b", "c", "site", "kind"], *rows]]) + "\n")
    return path


def without_some_labels(rows):
    return [[*row[:-1], "" if i % 97 == 5 else row[-1]] for i, row in enumerate(rows)]


def with_unknown_classes(rows):
    return [[*row[:-1], "new" if i > len(rows) - 9 else row[-1]] for i, row in enumerate(rows)]


TWO, FIVE, CODES = ("no", "yes"), tuple("abcde"), ("NA", "EU", "AS")
SIZES = 4000, 2500
CASES = {  # the classes, options of the training, and what is changed in the rows
    "two classes": (TWO, (), list),
    "one output": (TWO, ("--loss", "binary-cross-entropy"), list),
    "five classes": (FIVE, (), without_some_labels),
    "a perceptron": (FIVE, ("--model", "perceptron"), list),
    "classes that are new": (FIVE, (), with_unknown_classes),
    "NA is a class": (CODES, (), list),
}


@pytest.mark.parametrize("device", ["cpu", "numpy"])
@pytest.mark.parametrize("name", CASES)
def test_the_figures_are_those_of_a_table_in_memory(tmp_path, name, device):
    names, options, change = CASES[name]
    own, other = (table(tmp_path, f"{i}.csv", cells(i, n, names)) for i, n in enumerate(SIZES))
    table(tmp_path, "1.csv", change(cells(1, SIZES[1], names)))
    hidden = () if "--model" in options else ("--hidden", 8)
    hw5("train", "--data", own, *hidden, *options, "--epochs", 2, "--out", tmp_path / "a.npz")
    require_equal_figures(tmp_path / "a.npz", (own, other), device)


@pytest.mark.parametrize("offset", [0, 1.7e9])
def test_a_regression(tmp_path, offset):
    """Targets near 1.7e9 are float64, which only the last row of a pass can tell."""
    paths = []
    for i, n in enumerate(SIZES):
        rows = [[*row[:-1], f"{offset + float(row[0]) * 50:.2f}"] for row in cells(i, n, TWO)]
        paths.append(table(tmp_path, f"{i}.csv", rows))
    hw5("train", "--data", paths[0], "--task", "regression", "--hidden", 8, "--epochs", 2, "--out", tmp_path / "a.npz")
    require_equal_figures(tmp_path / "a.npz", paths, "cpu")


def require_equal_figures(path, sources, device):
    model = Predictor(open_device(device), Checkpoint.load(path))
    its = model.checkpoint
    for source in map(str, sources):
        for split in ("test", "train"):
            dataset = load(source, schema=its.schema)
            want = evaluation(model, its.subset(dataset, split))
            found, streamed = evaluation_of_stream(model, *open_labelled(source, its.schema), split)
            assert found.keys() == want.keys()
            for name, value in want.items():
                if name == "per_class":
                    assert [list(row.values())[1:] for row in found[name]] == [list(row.values())[1:] for row in value]
                else:  # sums of parts are rounded in another order
                    np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=0, err_msg=name)
            assert (streamed.name, streamed.notes, streamed.warnings) == (dataset.name, dataset.notes, dataset.warnings)
            np.testing.assert_array_equal(streamed.train.y, dataset.train.y)


def test_pixels_are_recognised_as_the_training_data(tmp_path):
    """Their digest is that of bytes."""
    X = np.random.default_rng(0).integers(0, 256, (600, 64))
    lines = [",".join([*(f"p{i}" for i in range(64)), "kind"])]
    lines += [",".join([*map(str, row), "ab"[int(row[0] > 127)]]) for row in X]
    for name in ("a.csv", "copy.csv"):
        (tmp_path / name).write_text("\n".join(lines))
    hw5("train", "--data", tmp_path / "a.csv", "--hidden", 8, "--epochs", 2, "--out", tmp_path / "a.npz")
    assert load(str(tmp_path / "a.csv")).train.X.dtype == np.uint8
    require_equal_figures(tmp_path / "a.npz", (tmp_path / "a.csv", tmp_path / "copy.csv"), "cpu")


def test_the_command_reads_standard_input_and_says_what_it_left_out(tmp_path):
    own = table(tmp_path, "a.csv", cells(0, 1000, FIVE))
    other = table(tmp_path, "b.csv", without_some_labels(cells(1, 500, FIVE)))
    hw5("train", "--data", own, "--hidden", 8, "--epochs", 2, "--out", tmp_path / "a.npz")
    by_path = hw5("eval", tmp_path / "a.npz", "--data", other, "--json")
    by_stream = hw5("eval", tmp_path / "a.npz", "--data", "-", "--json", input=other.read_bytes())
    assert json.loads(by_path.stdout) == json.loads(by_stream.stdout)
    assert json.loads(by_path.stdout)["examples"] == 494
    assert "left out 6 rows without a label" in by_path.stderr and "standard input" in by_stream.stderr


def test_a_training_table_that_has_changed(tmp_path):
    own = table(tmp_path, "a.csv", cells(0, 1000, FIVE))
    hw5("train", "--data", own, "--hidden", 8, "--epochs", 2, "--out", tmp_path / "a.npz")
    table(tmp_path, "a.csv", cells(0, 1000, FIVE)[:-1])
    assert "has changed since training" in refused("eval", tmp_path / "a.npz")


def test_faults_are_named_as_in_memory(tmp_path):
    own = table(tmp_path, "a.csv", cells(0, 1000, FIVE))
    hw5("train", "--data", own, "--hidden", 8, "--epochs", 2, "--out", tmp_path / "a.npz")
    rows = cells(1, 1000, FIVE)
    for bad, words in (
        ("oops", ["row 802, column 2 ('b')", "'oops'"]),
        ("1e50", ["row 802, column 2 ('b')", "'1e50'"]),
    ):
        rows[800][1] = bad
        message = refused("eval", tmp_path / "a.npz", "--data", table(tmp_path, "b.csv", rows))
        assert all(word in message for word in words), message
    rows = [[*row[:-1], "new"] for row in cells(1, 1000, FIVE)]
    with input_error("no class 'new'"):
        load(str(table(tmp_path, "b.csv", rows)), schema=Checkpoint.load(tmp_path / "a.npz").schema)
    assert "no class 'new'" in refused("eval", tmp_path / "a.npz", "--data", tmp_path / "b.csv")


def test_no_features_are_kept(tmp_path):
    """What is kept of a row are its label and prediction: some 60 bytes.

    Its 40 features take 160 bytes, and as much text.
    """
    rng = np.random.default_rng(0)
    lines = [",".join(map(str, row)) + f",{'ab'[i % 2]}" for i, row in enumerate(rng.integers(0, 9999, (9000, 40)))]
    (tmp_path / "a.csv").write_text("\n".join(lines[:1000]))
    hw5("train", "--data", tmp_path / "a.csv", "--hidden", 8, "--epochs", 1, "--out", tmp_path / "a.npz")
    model = Predictor(open_device("cpu"), Checkpoint.load(tmp_path / "a.npz"))
    peaks = []
    for n in (2000, 3000, 9000):  # the first fills caches
        (tmp_path / "b.csv").write_text("\n".join(lines[:n]))
        tracemalloc.start()
        evaluation_of_stream(model, *open_labelled(str(tmp_path / "b.csv"), model.checkpoint.schema), "test")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 80 * 6000, peaks
