"""The closing line of a training: each claim is made where it is true, and only there."""

import re

import numpy as np
import pytest

from hw5.datasets import Dataset, Examples, load
from hw5.devices.cpu import CpuDevice
from hw5.train.advice import advice, guessing, worse_than_guessing
from hw5.train.data_source import DataSource
from hw5.train.defaults import settings_for
from hw5.train.run import Run
from tests.cli.helpers import hw5, write_csv


def history(losses, validation=None):
    rows = zip(losses, validation if validation is not None else [None] * len(losses))
    return [{"epoch": n, "loss": loss, "validation_loss": v} for n, (loss, v) in enumerate(rows, start=1)]


SETTINGS = settings_for(1000, epochs=40)
T = np.arange(1, 41)
NOISE = 0.01 * np.random.default_rng(0).normal(size=40)
FLAT, FALLING, RISING = 0.3 + NOISE + np.exp(-T), 2 / T**0.5, np.where(T < 20, 2 / T, 2 / 20 + 0.02 * (T - 20))


@pytest.mark.parametrize(
    ("losses", "validation", "words"),
    [
        (FALLING, None, "still improving when the epochs ended: try --epochs 80"),
        (FALLING, FALLING + 0.1 + NOISE, "still improving"),
        (FALLING, FLAT, None),  # the validation loss decides
        (FLAT, FLAT, None),
        (1e-4 * FALLING + 2.0 * (T == 1), None, None),  # improving, but there is nothing left to gain
        (FALLING, RISING, "overfitting: the validation loss was lowest in epoch 20"),
        (RISING, RISING, "the training loss did not fall: the learning rate may be too high; try --lr 0.001"),
        (2.3 + NOISE, 2.3 + NOISE + 0.01 * T, "learning rate may be too high"),
    ],
)
def test_each_claim(losses, validation, words):
    line = advice(history(losses, validation), SETTINGS)
    assert line is None if words is None else line.startswith(words) or words in line


def test_where_there_is_no_advice():
    assert advice(history(FALLING[:1]), SETTINGS) is None
    assert advice(history(FALLING, RISING), settings_for(1000, patience=3)) is None  # the best weights are kept
    assert advice(history(RISING), settings_for(1000, loss="perceptron", hidden=())) is None


def test_worse_than_guessing():
    y_train, y_test = np.array([0, 1, 1]), np.array([1, 1, 0, 1])
    assert "always answering 'b', the commonest class (75.00%" in worse_than_guessing(0.75, y_train, y_test, ("a", "b"))
    assert worse_than_guessing(0.76, y_train, y_test, ("a", "b")) is None


def test_guessing_is_the_mean_of_a_regression_and_nothing_of_several_labels():
    y = np.zeros((4, 2))
    assert "always predicting the mean" in guessing({"r2": 0.0, "rmse": 1.0}, y, y, ())
    assert guessing({"r2": 0.1, "rmse": 1.0}, y, y, ()) is None
    assert guessing({"accuracy": 0.0}, y, y, ()) is None


def line_after(dataset=None, **given):
    """The advice after a training on the digits, or on another data set."""
    dataset = dataset or load("digits")
    run = Run(CpuDevice(), dataset, settings_for(1295, **given), DataSource.of(dataset, None, None))
    for _ in run.train():
        pass
    return advice(run.history, run.settings) or ""


def noise(n=200, d=20):
    """A data set of two classes whose features say nothing about them: what is learned is learned by heart."""
    rng = np.random.default_rng(0)
    examples = Examples(rng.normal(size=(n, d)).astype(np.float32), rng.integers(0, 2, n).astype(np.int32))
    return Dataset("noise", "noise", examples, None, ("a", "b"), None, None)


def test_real_trainings():
    assert "still improving" in line_after(epochs=3)
    assert "too high" in line_after(lr=0.1, lr_schedule="constant", epochs=40)
    assert line_after(epochs=60) == ""


def test_a_real_training_that_overfits_and_one_that_does_not():
    by_heart = dict(dataset=noise(), l2=0.0, epochs=60)
    assert re.match(r"overfitting: the validation loss was lowest in epoch [1-9]\b", line_after(**by_heart))
    assert "overfitting" not in line_after(**by_heart | {"l2": 0.5})
    assert line_after(**by_heart, patience=10) == ""  # the best weights are kept


def last_lines(tmp_path, X, y, *options):
    """The lines of hw5 train on a table after those of its epochs."""
    table = write_csv(tmp_path / "table.csv", X, y, ",".join([*(f"x{i}" for i in range(X.shape[1])), "label"]))
    return hw5("train", "--data", table, *options).stdout.partition("\ntest ")[2].splitlines()


def test_a_real_training_that_is_worse_than_guessing_and_one_that_is_not(tmp_path):
    examples = noise().train
    rare = np.where(np.arange(200) % 5 == 0, "rare", "common")
    told = last_lines(tmp_path, examples.X, rare)
    assert told[1].startswith("no better than always answering 'common', the commonest class (80.00% of the test")
    separable = examples.X + 4 * (rare == "rare")[:, np.newaxis]
    assert not any("no better" in line for line in last_lines(tmp_path, separable, rare))


def test_a_real_regression_that_is_worse_than_the_mean_and_one_that_is_not(tmp_path):
    X = noise().train.X
    targets = np.random.default_rng(1).normal(size=200)
    regression = "--task", "regression"
    assert last_lines(tmp_path, X, targets, *regression)[1].startswith("no better than always predicting the mean")
    assert not any("no better" in line for line in last_lines(tmp_path, X, X.sum(axis=1), *regression))
