"""The plan of hw5 train, from options and from a checkpoint to resume."""

import numpy as np
import pytest

from hw5.train.checkpoint import Checkpoint
from hw5.train.plan import DEFAULT, new_plan
from hw5.train.settings import Settings
from tests.cli.helpers import hw5, refused

# hw5 train without options
NOTHING = dict(model="mlp", hidden=None, task="classification", loss=None, data="xor", test=None, label_column=None)
NOTHING |= dict(activation=DEFAULT.activation, batch_size=None, lr=None)
PLANS = {
    "nothing": ({}, Settings()),
    "linear": ({"model": "linear"}, Settings(hidden=())),
    "perceptron": ({"model": "perceptron"}, Settings(hidden=(), loss="perceptron", batch_size=1, lr=1.0)),
    "regression": ({"task": "regression"}, Settings(loss="squared", lr=0.01)),
    "regression at a rate": ({"task": "regression", "lr": 0.5}, Settings(loss="squared", lr=0.5)),
    "layers": ({"hidden": (8, 4), "activation": "tanh"}, Settings(hidden=(8, 4), activation="tanh")),
    "loss": ({"loss": "binary-cross-entropy", "seed": 3}, Settings(loss="binary-cross-entropy", seed=3)),
}


@pytest.mark.parametrize("case", PLANS)
def test_defaults_follow_the_model_and_the_loss(case):
    options, settings = PLANS[case]
    plan = new_plan(**NOTHING | {"optimizer": "sgd"} | options)
    assert plan.settings == settings
    assert plan[1:5] == (options.get("task", "classification"), "xor", None, None)


BAD_PLANS = {
    "hidden layers of a linear model": (("--model", "linear", "--hidden", "8"), "--hidden needs --model mlp"),
    "perceptron with layers": (("--model", "perceptron", "--hidden", "8"), "a perceptron model has no hidden layers"),
    "activation of no layer": (("--model", "linear", "--activation", "tanh"), "--activation needs --model mlp"),
    "squared loss of classes": (("--loss", "squared"), "cannot be used with --task classification"),
    "cross-entropy of numbers": (
        ("--task", "regression", "--loss", "cross-entropy"),
        "cannot be used with --task regression",
    ),
    "perceptron of numbers": (
        ("--model", "perceptron", "--task", "regression"),
        "--task cannot be used with --model perceptron",
    ),
    "perceptron with a loss": (
        ("--model", "perceptron", "--loss", "cross-entropy"),
        "--loss cannot be used with --model perceptron",
    ),
}


@pytest.mark.parametrize("case", BAD_PLANS)
def test_options_that_do_not_go_together_are_one_sentence(case):
    arguments, words = BAD_PLANS[case]
    assert words in refused("train", *arguments)


RESUME = {
    "another rate": (("--lr", 0.1), "--lr cannot be changed when resuming"),
    "other layers": (("--hidden", 5), "--hidden cannot be changed"),
    "another model": (("--model", "linear"), "--model cannot be changed"),
    "other data": (("--data", "xor"), "--data cannot be changed"),
    "another seed": (("--seed", 1), "--seed cannot be changed"),
    "another loss": (("--loss", "squared"), "--loss cannot be changed"),
    "nesterov": (("--nesterov",), "--nesterov cannot be changed"),
}


@pytest.mark.parametrize("case", RESUME)
def test_options_that_cannot_be_changed_when_resuming(case, tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 1, "--out", out)
    arguments, words = RESUME[case]
    assert words in refused("train", "--resume", out, *arguments)


def test_the_epochs_of_a_cosine_schedule_cannot_be_changed(tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 2, "--lr-schedule", "cosine", "--out", out)
    assert "the cosine schedule was set for 2 epochs" in refused("train", "--resume", out, "--epochs", 3)
    assert "nothing left to train; increase --epochs" in hw5("train", "--resume", out).stdout


def test_unchanged_options_may_be_repeated(tmp_path, monkeypatch):
    """A file may have another path. Only the number of epochs may change."""
    data, out = tmp_path / "a.csv", tmp_path / "model.npz"
    data.write_text("".join(f"{i * 3 % 7},{i},{i % 2}\n" for i in range(50)))
    options = ("--hidden", "8,4", "--lr", 0.1, "--drop", "2,")
    hw5("train", "--data", data, *options, "--epochs", 1, "--out", out)
    monkeypatch.chdir(tmp_path)
    hw5("train", "--resume", out, "--data", "a.csv", *options, "--epochs", 2)
    assert len(Checkpoint.load(out).history) == 2


def test_a_model_of_arrays_is_resumed_with_their_file(tmp_path, monkeypatch):
    """To the same weights as in Python; other data, or none, are refused."""
    pytest.importorskip("sklearn")
    from hw5.sklearn import MLPClassifier

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)).astype(np.float32), rng.integers(0, 2, 80)
    np.savez("data.npz", X=X, y=y)
    np.savez("other.npz", X=X + 1, y=y)
    for epochs in (2, 4):
        MLPClassifier(hidden=(8,), epochs=epochs, random_state=0, device="numpy").fit(X, y).save(f"{epochs}.npz")
    resume = ("train", "--resume", "2.npz", "--epochs", 4, "--device", "numpy")
    assert "pass the data with --data" in hw5(*resume, code=2).stderr
    assert "has changed since the checkpoint was written" in hw5(*resume, "--data", "other.npz", code=2).stderr
    hw5(*resume, "--data", "data.npz")
    with np.load("2.npz") as resumed, np.load("4.npz") as whole:
        assert all(np.array_equal(resumed[name], whole[name]) for name in ("W1", "b1", "W2", "b2"))
