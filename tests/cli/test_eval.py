"""hw5 eval."""

import json

import numpy as np
import pytest

from tests.cli.helpers import hw5, refused, write_csv


def test_eval_prints_tables_and_json(digits):
    text = hw5("eval", digits).stdout
    assert "digits, test split: accuracy 9" in text and "precision" in text and "true \\ predicted" in text
    figures = json.loads(hw5("eval", digits, "--json").stdout)
    C = np.array(figures["confusion_matrix"])
    assert C.sum() == figures["examples"] == sum(row["examples"] for row in figures["per_class"])
    assert figures["accuracy"] == pytest.approx(np.trace(C) / C.sum()) and figures["accuracy"] >= 0.96
    assert 0 < figures["loss"] < 0.5
    assert [row["class"] for row in figures["per_class"]] == list("0123456789")
    train = json.loads(hw5("eval", digits, "--json", "--split", "train").stdout)
    assert train["examples"] > figures["examples"] and train["loss"] < figures["loss"]


def test_eval_repeats_the_test_figures_of_the_training(tmp_path):
    out = tmp_path / "model.npz"
    trained = hw5("train", "--epochs", 2, "--seed", 3, "--out", out).stdout
    (trained,) = (line for line in trained.splitlines() if line.startswith("test "))
    assert hw5("eval", out).stdout.splitlines()[0].endswith(trained.removeprefix("test "))


def test_eval_accepts_another_column_order_and_a_single_class(flowers, tmp_path):
    labelled, _, X, y = flowers
    out = tmp_path / "model.npz"
    hw5("train", "--data", labelled, "--label-column", "species", "--hidden", "8", "--out", out)
    other = tmp_path / "other.csv"
    rows = [f"{i},{depth},tulip,{height},{width}" for i, (height, width, depth) in enumerate(X[y == "tulip"])]
    other.write_text("\n".join(["id,depth,species,height,width", *rows]) + "\n")
    figures = json.loads(hw5("eval", out, "--data", other, "--json").stdout)
    assert figures["accuracy"] > 0.9 and figures["examples"] == 40
    other.write_text(other.read_text().replace("tulip", "daisy", 1))
    done = hw5("eval", out, "--data", other, "--json")
    assert "row 2, column 3 ('species')" in done.stderr and "'daisy'" in done.stderr
    unknown = json.loads(done.stdout)
    assert unknown["examples_of_unknown_classes"] == 1 and unknown["examples"] == 40
    assert unknown["accuracy"] == pytest.approx(figures["accuracy"] - 1 / 40)


def test_a_regression_of_large_targets(tmp_path):
    """Figures and predictions are in the units of the prices; the loss is not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)).round(4)
    price = (4e5 + X @ [60_000, -30_000, 10_000] + rng.normal(scale=2_000, size=300)).round(2)
    houses, out = (
        write_csv(tmp_path / "houses.csv", X, price.astype(str), "rooms,age,area,price"),
        tmp_path / "model.npz",
    )
    lines = hw5(
        "train", "--task", "regression", "--model", "linear", "--data", houses, "--epochs", 100, "--out", out
    ).stdout.splitlines()
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines if line.startswith("epoch")]
    assert len(losses) == 100 and max(losses) < 2
    whole = tmp_path / "all.csv"
    header, *rows = houses.read_text().splitlines()
    whole.write_text("\n".join([header, *rows[::-1]]) + "\n")  # other data, since the order of the rows is another
    figures = json.loads(hw5("eval", out, "--data", whole, "--json").stdout)
    assert figures["r2"] > 0.995 and 1_500 < figures["rmse"] < 2_700
    new = write_csv(tmp_path / "new.csv", X, header="rooms,age,area")
    predicted = np.array([float(row.split(",")[-1]) for row in hw5("predict", out, new).stdout.splitlines()[1:]])
    assert np.sqrt(np.mean((predicted - price) ** 2)) == pytest.approx(figures["rmse"], rel=1e-4)
    assert 1 - np.sum((predicted - price) ** 2) / np.sum((price - price.mean()) ** 2) == pytest.approx(figures["r2"])


def test_the_test_split_has_no_training_examples(flowers, tmp_path, monkeypatch):
    labelled, _, X, y = flowers
    other = write_csv(tmp_path / "other.csv", X[::2] + 0.1, y[::2], "height,width,depth,species")
    with_test, without = tmp_path / "with.npz", tmp_path / "without.npz"
    monkeypatch.chdir(tmp_path)
    hw5("train", "--data", labelled.name, "--test", other.name, "--epochs", 2, "--out", with_test)
    hw5("train", "--data", labelled.name, "--epochs", 2, "--out", without)
    monkeypatch.chdir("/")

    def examples(*arguments):
        return json.loads(hw5("eval", *arguments, "--json").stdout)["examples"]

    assert examples(with_test) == 40  # from another directory
    assert "flowers.csv has no test set, and nothing was held out" in refused("eval", with_test, "--data", labelled)
    assert examples(with_test, "--data", labelled, "--split", "train") == 72
    assert examples(without) == 16 and examples(without, "--split", "train") == 58
    assert examples(without, "--test", other) == 40
    assert examples(without, "--test", other, "--split", "train") == 58
    labelled.write_text(labelled.read_text().replace("rose", "tulip", 1))
    assert "has changed since training" in refused("eval", without)


def test_checkpoint_and_data_that_do_not_fit(digits, flowers, tmp_path):
    assert "64" in refused("eval", digits, "--data", flowers[0])
    assert "64" in refused("predict", digits, flowers[1])
    assert "no such file" in refused("eval", tmp_path / "none.npz")
    assert "not a hw5 checkpoint" in refused("eval", flowers[0])


def of_classes(m, tmp_path):
    """A model of m classes on a line, and its figures as text and JSON."""
    x = np.repeat(np.arange(m), 6) + np.tile(np.linspace(-0.4, 0.4, 6), m)
    data = write_csv(
        tmp_path / "line.csv", np.column_stack([np.sin(x / m), np.cos(x / m)]).round(6), np.repeat(np.arange(m), 6)
    )
    out = tmp_path / "line.npz"
    hw5("train", "--data", data, "--model", "linear", "--epochs", 3, "--out", out)
    return hw5("eval", out).stdout, json.loads(hw5("eval", out, "--json").stdout)


def test_of_many_classes_the_worst_are_shown(tmp_path):
    text, figures = of_classes(40, tmp_path)
    assert "These are the worst of 40 classes; hw5 eval --json prints all" in text and len(text.splitlines()) < 40
    C = np.array(figures["confusion_matrix"])
    assert C.shape == (40, 40) and len(figures["per_class"]) == 40
    np.fill_diagonal(C, 0)
    true, predicted, examples = text.split("true ")[1].splitlines()[2].split()
    assert int(examples) == C.max() == C[int(true), int(predicted)]
    shown = [float(line.split()[3]) for line in text.split("precision")[1].splitlines()[2:12]]
    worst = sorted(row["f1"] for row in figures["per_class"] if row["examples"])[:10]
    assert shown == pytest.approx(worst, abs=5e-4)


def test_the_confusion_matrix_of_more_than_100_classes_is_sparse(tmp_path):
    text, figures = of_classes(120, tmp_path)
    assert len(text) < 3000
    cells = figures["confusion_matrix"]
    assert sum(cells["examples"]) == figures["examples"] and min(cells["examples"]) > 0
    C = np.zeros((120, 120), int)
    C[cells["true"], cells["predicted"]] = cells["examples"]
    assert np.trace(C) / C.sum() == pytest.approx(figures["accuracy"])
    for j, row in enumerate(figures["per_class"]):
        assert row["examples"] == C[j].sum() and row["recall"] == pytest.approx(C[j, j] / max(1, C[j].sum()))
