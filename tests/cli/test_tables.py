"""Tables from train to predict: what is said, what the checkpoint remembers, and the same rows wherever the file is."""

import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from hw5.train.checkpoint import Checkpoint
from tests.cli.helpers import hw5, refused
from tests.tables.helpers import rows, text


@pytest.fixture(scope="module")
def parks(tmp_path_factory):
    """A table with text, yes/no, dates, gaps, an ID and a label in the middle; and a model of it."""
    folder = tmp_path_factory.mktemp("parks")
    X, names = rows(150)
    cells = [
        [
            f"t{i}",
            "" if i % 9 == 0 else x[0],
            name,
            ("north", "south", "east")[i % 3],
            ("no", "yes")[i % 2],
            f"2024-{i % 12 + 1:02d}-0{i % 9 + 1}",
            x[1],
            x[2],
        ]
        for i, (x, name) in enumerate(zip(X.tolist(), names))
    ]
    path, model = folder / "parks.csv", folder / "model.npz"
    path.write_text(text(cells, "id,leaf,tree,site,wet,day,bark,height"))
    hw5("train", "--data", path, "--label-column", "tree", "--drop", "wet", "--hidden", 16, "--out", model)
    return path, model


def test_the_headline_names_the_label_and_the_columns(parks):
    path, model = parks
    for lines in (
        hw5("data", "show", path, "--label-column", "tree", "--drop", "wet").stdout,
        hw5("train", "--data", path, "--label-column", "tree", "--drop", "wet", "--epochs", 1).stdout,
    ):
        assert "labels: column 3 ('tree'): ash, birch, cedar" in lines
        assert "numbers: leaf (missing filled with " in lines and "categories: site (3)" in lines
        assert "dates: day (with the week)" in lines
        assert "left out: id (text with " in lines and "wet (--drop)" in lines
    shown = hw5("show", model).stdout
    assert "# labels: tree" in shown and "# categories: site (3)" in shown
    assert 'drop = "wet"' in shown and 'label-column = "tree"' in shown


def test_a_shown_configuration_trains_the_same_model(parks, tmp_path):
    _, model = parks
    (tmp_path / "again.toml").write_text(hw5("show", model).stdout)
    hw5("train", "--config", tmp_path / "again.toml", "--out", tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == model.read_bytes()


def test_a_wide_table_has_few_lines(tmp_path):
    path = tmp_path / "wide.csv"
    cells = np.random.default_rng(0).normal(size=(12, 2000)).round(3)
    path.write_text(text([[*row, i % 2] for i, row in enumerate(cells)], ""))
    shown = hw5("data", "show", path).stdout
    assert len(shown.splitlines()) < 20 and "... 1992 more" in shown


def test_predict_applies_the_columns_and_keeps_the_cells(parks, tmp_path):
    path, model = parks
    with open(path) as file:
        table = list(csv.DictReader(file))
    new = tmp_path / "new.csv"
    names = [
        "note",
        "height",
        "bark",
        "day",
        "site",
        "leaf",
    ]  # other order, other columns, no label, dropped or ID column
    with open(new, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows([['a "note", odd', *(row[name] for name in names[1:])] for row in table])
    done = hw5("predict", model, new)
    predicted = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["note"] for row in predicted] == ['a "note", odd'] * 150
    assert np.mean([p["class"] == row["tree"] for p, row in zip(predicted, table)]) > 0.85
    assert [row["class"] for row in csv.DictReader(hw5("predict", model, path).stdout.splitlines())] == [
        row["class"] for row in predicted
    ]
    new.write_text(new.read_text().replace("north", "far", 2))
    assert "2 values of 'site' did not occur in training" in hw5("predict", model, new).stderr


def test_a_copy_of_the_data_has_the_same_held_out_rows(parks, tmp_path):
    path, model = parks
    copy = tmp_path / "other name.csv"
    shutil.copy(path, copy)
    own, of_copy = (json.loads(hw5("eval", model, "--json", *option).stdout) for option in ((), ("--data", copy)))
    assert own == of_copy and own["examples"] == 30


def test_moved_data_resume_with_the_same_bits(parks, tmp_path):
    path, model = parks
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "data.csv").write_text(path.read_text())
    options = ("--label-column", "tree", "--hidden", 4, "--epochs", 4)
    hw5("train", "--data", tmp_path / "a" / "data.csv", *options, "--out", tmp_path / "a" / "m.npz")
    os.rename(tmp_path / "a" / "data.csv", tmp_path / "b" / "data.csv")
    os.rename(tmp_path / "a" / "m.npz", tmp_path / "b" / "m.npz")
    shutil.copy(tmp_path / "b" / "m.npz", tmp_path / "n.npz")
    hw5("train", "--resume", tmp_path / "b" / "m.npz", "--epochs", 6)  # found beside the checkpoint
    hw5("train", "--resume", tmp_path / "n.npz", "--data", tmp_path / "b" / "data.csv", "--epochs", 6)
    b, n = (Checkpoint.load(path) for path in (tmp_path / "b" / "m.npz", tmp_path / "n.npz"))
    assert b.data.source == n.data.source == str(tmp_path / "b" / "data.csv")
    for one, other in zip(sum(b.parameters, ()), sum(n.parameters, ())):
        np.testing.assert_array_equal(one, other)
    (tmp_path / "b" / "data.csv").write_text(path.read_text().replace("north", "west"))
    assert "has changed" in refused("train", "--resume", tmp_path / "n.npz", "--epochs", 8)


def test_a_test_set_by_name_with_another_class(parks, tmp_path):
    path, _ = parks
    test = tmp_path / "test.csv"
    test.write_text("tree,height,site,day,leaf,bark\nash,0,north,2024-05-01,3,0\nelm,0,north,2024-05-01,3,0\n")
    done = hw5("train", "--data", path, "--label-column", "tree", "--drop", "id,wet", "--test", test, "--epochs", 50)
    assert "test accuracy 50.00%" in done.stdout
    assert "row 3, column 1 ('tree')" in done.stderr and "no class 'elm'" in done.stderr


def test_standard_input_trains():
    X, names = rows(60)
    table = text([[*x, name] for x, name in zip(X.tolist(), names)])
    done = hw5("train", "--data", "-", "--epochs", 2, input=table)
    assert "standard input: 3 features, 3 classes" in done.stdout


def test_prices_are_warned_about(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(text(([i % 7, 50_000 + 13 * i] for i in range(90)), "rooms,price"))
    warning = hw5("train", "--data", path, "--epochs", 1).stderr
    assert "90 classes in 90 rows" in warning and "did you mean --task regression" in warning


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252"])
def test_a_terminal_that_lacks_the_characters_of_the_classes(tmp_path, encoding):
    names = ["\u0434\u0443\u0431", "\u677e \u6811"]
    path, model = tmp_path / "trees.csv", tmp_path / "m.npz"
    path.write_text(text(([i % 5, names[i % 2]] for i in range(40)), "x,tree"), encoding="utf-8")

    def run(*arguments):
        environment = os.environ | {"PYTHONIOENCODING": encoding}
        command = [sys.executable, "-m", "hw5.cli", *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
        return done.stdout

    run("train", "--data", path, "--epochs", 1, "--out", model)
    run("eval", model)
    run("data", "show", path)
    assert names[0] in run("predict", model, path).decode("utf-8")


def test_a_class_weight_for_a_name_with_a_comma(tmp_path):
    path, model = tmp_path / "oaks.csv", tmp_path / "m.npz"
    path.write_text(text(([i % 5, ('"oak, red"', '"oak, white"', "a=b")[i % 3]] for i in range(45)), "x,tree"))
    parameters = []
    for weights in ((), ("--class-weight", '"oak, red"=2,a=b=3')):
        hw5("train", "--data", path, "--epochs", 1, *weights, "--out", model)
        parameters.append(Checkpoint.load(model).parameters[0][0])
    assert abs(parameters[0] - parameters[1]).max() > 1e-3


def test_targets_of_many_digits(tmp_path):
    """Unix times, which float32 would round to multiples of 128."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 200)
    path, model = tmp_path / "times.csv", tmp_path / "m.npz"
    path.write_text(text(zip(x, 1_700_000_000 + (50 * x).round(3)), "x,time"))
    hw5("train", "--task", "regression", "--data", path, "--epochs", 100, "--out", model)
    figures = json.loads(hw5("eval", model, "--json").stdout)
    assert figures["r2"] > 0.98 and figures["rmse"] < 5


@pytest.mark.parametrize("position", [",", "1" + "0" * 5000, "-" + "9" * 5000], ids=["comma", "large", "negative"])
def test_a_label_column_that_is_none(tmp_path, position):
    path, model = tmp_path / "a.csv", tmp_path / "a.npz"
    path.write_text("a,b,kind\n" + "1,2,x\n3,4,y\n" * 10)
    hw5("train", "--data", path, "--epochs", 1, "--out", model)
    for command in (("train", "--data", path), ("eval", model), ("eval", model, "--data", path)):
        assert f"{path}: " in refused(*command, "--label-column", position)
