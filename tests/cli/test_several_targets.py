"""The commands on models of several targets or labels per example."""

import csv
import io
import json

import numpy as np
import pytest

import hw5 as api
from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.metrics import r2_and_rmse
from hw5.train.checkpoint import Checkpoint
from hw5.train.predictor import Predictor

from .helpers import hw5, refused

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4)).round(4)
T = np.stack([3 * X[:, 0] + 100, 1000 * X[:, 1] - 500 * X[:, 2]], axis=1).round(4)
L = (X[:, :3] + 0.3 * rng.normal(size=(300, 3)) > 0.3).astype(int)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tables and a model of each."""
    folder = tmp_path_factory.mktemp("several")
    for name, columns, y, task in (
        ("houses", "price,area", T, "regression"),
        ("films", "funny,sad,long", L, "multilabel"),
    ):
        path = folder / f"{name}.csv"
        np.savetxt(path, np.hstack([X, y]), "%.10g", ",", header=f"a,b,c,d,{columns}", comments="")
        options = ("--task", task, "--label-column", columns, "--epochs", 30, "--device", "cpu")
        hw5("train", "--data", path, *options, "--out", folder / f"{name}.npz")
    return folder


def test_training_says_what_is_predicted(folder):
    cpu = ("--device", "cpu")  # as before, also where a GPU is the default
    text = hw5("train", "--data", folder / "films.csv", "--resume", folder / "films.npz", *cpu).stdout
    assert "multilabel, 3 labels" in text and "labels: the columns 'funny', 'sad', 'long'" in text
    assert "regression, 2 targets" in hw5("train", "--resume", folder / "houses.npz", *cpu).stdout


def test_eval_of_targets(folder):
    figures = json.loads(hw5("eval", folder / "houses.npz", "--json").stdout)
    each = {row["target"]: row for row in figures["per_target"]}
    assert list(each) == ["price", "area"] and figures["r2"] == np.mean([row["r2"] for row in each.values()]) > 0.98
    checkpoint = Checkpoint.load(folder / "houses.npz")
    subset = checkpoint.subset(load(str(folder / "houses.csv"), schema=checkpoint.schema), "test")
    predicted = Predictor(CpuDevice(), checkpoint).predict(subset.examples.X[subset.rows])
    r2, rmse = r2_and_rmse(subset.examples.y[subset.rows][:, 1], predicted[:, 1])
    assert each["area"]["r2"] == pytest.approx(r2, rel=1e-5) and each["area"]["rmse"] == pytest.approx(rmse, rel=1e-4)
    text = hw5("eval", folder / "houses.npz").stdout
    assert "mean R²" in text and "price" in text and "area" in text


def test_eval_of_labels(folder):
    figures = json.loads(hw5("eval", folder / "films.npz", "--json", "--split", "train").stdout)
    checkpoint = Checkpoint.load(folder / "films.npz")
    subset = checkpoint.subset(load(str(folder / "films.csv"), schema=checkpoint.schema), "train")
    y = subset.examples.y[subset.rows]
    predicted = Predictor(CpuDevice(), checkpoint).predict(subset.examples.X[subset.rows]) > 0.5
    assert figures["accuracy"] == (predicted == y).all(axis=1).mean() > 0.7
    assert figures["label_accuracy"] == (predicted == y).mean() and figures["examples"] == len(y)
    sad = figures["per_label"][1]
    assert sad["label"] == "sad" and sad["examples"] == y[:, 1].sum()
    assert sad["precision"] == (predicted & y.astype(bool))[:, 1].sum() / predicted[:, 1].sum()
    assert "all labels right" in hw5("eval", folder / "films.npz").stdout


def test_predictions_are_appended_as_columns(folder):
    table = "\n".join(["d,c,b,a", *(",".join(map(str, row[::-1])) for row in X[:5])])
    rows = list(csv.DictReader(io.StringIO(hw5("predict", folder / "houses.npz", "-", input=table).stdout)))
    assert list(rows[0]) == ["d", "c", "b", "a", "price", "area"]
    np.testing.assert_allclose([float(row["area"]) for row in rows], T[:5, 1], atol=200)
    rows = list(csv.DictReader(io.StringIO(hw5("predict", folder / "films.npz", "-", input=table).stdout)))
    assert list(rows[0])[4:] == [c for name in ("funny", "sad", "long") for c in (name, f"probability_{name}")]
    assert all(row["sad"] == str(int(float(row["probability_sad"]) > 0.5)) for row in rows)
    with_labels = hw5("predict", folder / "films.npz", folder / "films.csv").stdout.splitlines()[0]
    assert with_labels.startswith("a,b,c,d,funny,sad,long,predicted_funny,predicted_probability_funny")


def test_a_stopped_training_ends_in_the_bits_of_a_whole_one(folder, tmp_path):
    for name in ("houses", "films"):
        checkpoint = Checkpoint.load(folder / f"{name}.npz")
        options = (
            "--label-column",
            checkpoint.data.label_column,
            "--task",
            checkpoint.settings.task,
            "--device",
            "cpu",
        )
        out = tmp_path / f"{name}.npz"
        hw5("train", "--data", folder / f"{name}.csv", *options, "--epochs", 12, "--out", out)
        hw5("train", "--resume", out, "--epochs", 30, "--device", "cpu")
        resumed = Checkpoint.load(out)
        for ours, theirs in zip(sum(resumed.parameters, ()), sum(checkpoint.parameters, ())):
            assert ours.tobytes() == theirs.tobytes()


def test_show_and_its_configuration(folder, tmp_path):
    text = hw5("show", folder / "films.npz").stdout
    assert "# 3 labels: funny, sad, long" in text and 'task = "multilabel"' in text
    assert "# 2 targets: price, area" in hw5("show", folder / "houses.npz").stdout
    assert json.loads(hw5("show", folder / "houses.npz", "--json").stdout)["target_names"] == ["price", "area"]
    (tmp_path / "again.toml").write_text(text)
    hw5("train", "--config", tmp_path / "again.toml", "--device", "cpu", "--out", tmp_path / "m.npz")
    again, before = (Checkpoint.load(path) for path in (tmp_path / "m.npz", folder / "films.npz"))
    assert again.parameters[0][0].tobytes() == before.parameters[0][0].tobytes()


def test_data_show_and_convert(folder, tmp_path):
    options = ("--task", "regression", "--label-column", "price,area")
    assert "2 targets" in hw5("data", "show", folder / "houses.csv", *options).stdout
    shown = json.loads(hw5("data", "show", folder / "houses.csv", *options, "--json").stdout)
    assert shown["targets"]["train"]["area"]["max"] == pytest.approx(T[:, 1].max())
    hw5("data", "convert", folder / "houses.csv", *options, "--out", tmp_path / "X.npy")
    np.testing.assert_allclose(load(str(tmp_path / "X.npy"), task="regression").train.y, T, rtol=1e-6)


def test_folds_and_plots(folder, tmp_path):
    options = ("--task", "multilabel", "--label-column", "funny,sad,long", "--epochs", 2, "--device", "cpu")
    assert "mean of 2 folds" in hw5("train", "--data", folder / "films.csv", *options, "--folds", 2).stdout
    pytest.importorskip("matplotlib")
    hw5("data", "show", folder / "films.csv", *options[:4], "--plot", tmp_path / "samples.png")
    for name in ("films", "houses"):
        assert "curves" in hw5("plot", folder / f"{name}.npz", "--out", tmp_path / "p.png").stdout
    assert "regression of one target" in refused(
        "plot", folder / "houses.npz", "--what", "predictions", "--out", "p.png"
    )


def test_what_these_models_do_not_do(folder, tmp_path):
    films = folder / "films.npz"
    assert "needs class probabilities" in refused("predict", films, folder / "films.csv", "--top", 2)
    assert "--format html" in refused("export", films, "--out", tmp_path / "m.html")
    options = ("--task", "multilabel", "--label-column", "funny,sad,long")
    message = refused("train", "--data", folder / "films.csv", *options, "--class-weight", "balanced")
    assert "--class-weight has no effect on a multilabel model" in message
    assert "cannot be used with --model perceptron" in refused("train", *options, "--model", "perceptron")
    message = refused("eval", films, "--data", folder / "films.csv", "--label-column", "funny,sad")
    assert "2 targets or labels, but 3 are needed" in message
    assert "cannot be used with --task multilabel" in refused("train", *options, "--loss", "squared")


def test_in_python():
    model = api.fit((X, T), task="regression", model="linear", device="cpu", progress=False, epochs=60)
    assert model.predict(X).shape == (300, 2) and model.target_names == ("target_1", "target_2")
    assert [row["target"] for row in model.evaluate()["per_target"]] == ["target_1", "target_2"]
    labels = api.fit((X, L), task="multilabel", device="cpu", progress=False, epochs=3)
    P = labels.probabilities(X)
    np.testing.assert_array_equal(labels.predict(X), P > 0.5)
    assert len(labels.resume(5, progress=False).history) == 5
