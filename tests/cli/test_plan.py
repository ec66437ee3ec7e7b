"""What hw5 train is asked to do: by options, and by a checkpoint that it resumes."""

import pytest

from hw5.cli.plan import DEFAULT, Plan, new_plan
from hw5.train.checkpoint import Checkpoint
from hw5.train.settings import Settings
from tests.cli.helpers import hw5, refused

# The options of hw5 train that are not given
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
    plan = new_plan(**NOTHING | options)
    assert plan == Plan(settings, options.get("task", "classification"), "xor", None, None)


BAD_PLANS = {
    "hidden layers of a linear model": (("--model", "linear", "--hidden", "8"), "--hidden needs --model mlp"),
    "perceptron with layers": (("--model", "perceptron", "--hidden", "8"), "a perceptron model has no hidden layers"),
    "activation of no layer": (("--model", "linear", "--activation", "tanh"), "--activation needs --model mlp"),
    "squared loss of classes": (("--loss", "squared"), "not for --task classification"),
    "cross-entropy of numbers": (("--task", "regression", "--loss", "cross-entropy"), "not for --task regression"),
    "perceptron of numbers": (("--model", "perceptron", "--task", "regression"), "leave --task out"),
    "perceptron with a loss": (("--model", "perceptron", "--loss", "cross-entropy"), "leave --loss out"),
}


@pytest.mark.parametrize("case", BAD_PLANS)
def test_options_that_do_not_go_together_are_one_sentence(case):
    arguments, words = BAD_PLANS[case]
    assert words in refused("train", *arguments)


RESUME = {
    "another rate": (("--lr", 0.1), "--lr cannot change"),
    "other layers": (("--hidden", 5), "--hidden cannot change"),
    "another model": (("--model", "linear"), "--model cannot change"),
    "other data": (("--data", "xor"), "--data cannot change"),
    "another seed": (("--seed", 1), "--seed cannot change"),
    "another loss": (("--loss", "squared"), "--loss cannot change"),
    "nesterov": (("--nesterov",), "--nesterov cannot change"),
}


@pytest.mark.parametrize("case", RESUME)
def test_what_cannot_change_on_resuming_is_named(case, tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 1, "--out", out)
    arguments, words = RESUME[case]
    assert words in refused("train", "--resume", out, *arguments)


def test_a_cosine_has_as_many_epochs_as_it_was_laid_out_for(tmp_path):
    out = tmp_path / "model.npz"
    hw5("train", "--epochs", 2, "--lr-schedule", "cosine", "--out", out)
    assert "falls as a cosine over all of its 2 epochs" in refused("train", "--resume", out, "--epochs", 3)
    assert "there is nothing left to train" in hw5("train", "--resume", out).stdout


def test_what_is_the_same_may_be_given_again(tmp_path, monkeypatch):
    """A file also by another path; and more epochs, the one thing of the training that may change."""
    data, out = tmp_path / "a.csv", tmp_path / "model.npz"
    data.write_text("".join(f"{i},{i % 2}\n" for i in range(50)))
    hw5("train", "--data", data, "--hidden", "8,4", "--lr", 0.1, "--epochs", 1, "--out", out)
    monkeypatch.chdir(tmp_path)
    hw5("train", "--resume", out, "--data", "a.csv", "--hidden", "8,4", "--lr", 0.1, "--epochs", 2)
    assert len(Checkpoint.load(out).history) == 2
