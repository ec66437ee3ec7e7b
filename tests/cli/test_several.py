"""hw5 train --folds and --restarts."""

import json
import os
import signal
import subprocess
import sysconfig
import time

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold, cross_val_score

from hw5.cli.several import _fitted_on
from hw5.datasets import load
from hw5.datasets.preprocessing import split_folds
from hw5.errors import InputError
from hw5.sklearn import MLPClassifier
from hw5.train.checkpoint import Checkpoint
from tests.cli.helpers import hw5, refused


def figures(*arguments):
    return json.loads(hw5("train", *arguments, "--json").stdout)


def log_of(path, **which):
    """The losses that --log has of a training."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    ((name, number),) = which.items()
    return [(row["loss"], row["validation_loss"]) for row in rows if row.get(name) == number]


def test_folds_are_reported_one_by_one_and_together():
    result = hw5("train", "--folds", 3, "--epochs", 2)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("digits: 64 features, 10 classes; 3 folds; the first: 1,078 train, 120 validation, 599")
    assert [line[:21] for line in lines[2:5]] == [f"fold {k} of 3: accuracy" for k in (1, 2, 3)]
    assert lines[5].startswith("mean of 3 folds: accuracy ") and " ± " in lines[5]
    assert lines[6].startswith("not saved; use --out FILE") and len(lines) == 7


def test_the_figures_as_json_are_those_of_the_lines():
    told = figures("--folds", 3, "--epochs", 2)
    assert [row["fold"] for row in told["folds"]] == [1, 2, 3]
    assert sum(row["examples"] for row in told["folds"]) == 1797
    accuracies = [row["accuracy"] for row in told["folds"]]
    assert told["mean"]["accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-12)
    assert told["std"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1), abs=1e-12)
    stdout = hw5("train", "--folds", 3, "--epochs", 2, "--threads", 1).stdout
    assert f"mean of 3 folds: accuracy {np.mean(accuracies):.2%} ± {np.std(accuracies, ddof=1):.2%}" in stdout


def test_the_mean_is_about_that_of_scikit_learn_s_cross_validation():
    """Other folds and other seeds: within three standard errors of the difference, plus a point."""
    told = figures("--folds", 5)
    X, y = (np.asarray(a) for a in (load("digits").train.X, load("digits").train.y))
    model = MLPClassifier(random_state=1, validation=0.1)
    theirs = cross_val_score(model, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    spread = np.sqrt((told["std"]["accuracy"] ** 2 + theirs.var(ddof=1)) / 5)
    assert abs(told["mean"]["accuracy"] - theirs.mean()) < 3 * spread + 0.01


def write_houses(path, poisoned=()):
    """A table with a gap, a category and a number, of which rows are poisoned with outliers and a new category."""
    rng = np.random.default_rng(0)
    rows = [
        [f"{x:.2f}", rng.choice(["north", "south"]), f"{x * 2:.2f}", "dear" if x > 5 else "cheap"]
        for x in rng.uniform(0, 10, 60)
    ]
    rows[7][0] = ""
    for i in poisoned:
        rows[i][:3] = "999999", "moon", "-999999"
    path.write_text("\n".join(map(",".join, [["size", "region", "rooms", "price"], *rows])) + "\n")
    return path


def test_what_is_in_a_fold_changes_nothing_of_its_model(tmp_path):
    """Columns, standardisation and network are fitted on the other folds.

    Outliers in fold 2 do not change its losses.
    """
    clean = write_houses(tmp_path / "clean.csv")
    rows = split_folds(load(str(clean)), 3, 0.1, 0, seed=0)[1]["test"]
    poisoned = write_houses(tmp_path / "poisoned.csv", rows)
    for data in (clean, poisoned):
        hw5("train", "--data", data, "--folds", 3, "--epochs", 3, "--log", data.with_suffix(".jsonl"))
    of_clean, of_poisoned = (
        [log_of(data.with_suffix(".jsonl"), fold=k) for k in (1, 2, 3)] for data in (clean, poisoned)
    )
    assert of_clean[1] == of_poisoned[1] and len(of_clean[1]) == 3
    assert of_clean[0] != of_poisoned[0] and of_clean[2] != of_poisoned[2]


def test_out_saves_a_model_of_all_examples(tmp_path):
    out, plain = tmp_path / "model.npz", tmp_path / "plain.npz"
    result = hw5("train", "--folds", 3, "--epochs", 2, "--out", out)
    assert "a model of all folds: 1,618 train, 179 validation examples" in result.stdout
    assert result.stdout.endswith(f"saved {out}\n")
    hw5("train", "--holdout", 0, "--epochs", 2, "--out", plain)
    assert out.read_bytes() == plain.read_bytes()


def test_a_given_holdout_stays_out_of_the_folds_and_tests_the_saved_model(tmp_path):
    told = figures("--folds", 2, "--holdout", 0.2, "--epochs", 2, "--out", tmp_path / "model.npz")
    assert sum(row["examples"] for row in told["folds"]) == 1438 and told["test"]["examples"] == 359


def test_folds_of_a_regression_and_of_a_perceptron():
    told = figures("--folds", 4, "--task", "regression", "--data", "sine", "--epochs", 20)
    assert told["mean"].keys() == {"r2", "rmse", "loss"} and told["mean"]["r2"] > 0.5
    stdout = hw5("train", "--folds", 2, "--model", "perceptron", "--data", "xor", "--epochs", 3).stdout
    assert "mean of 2 folds: accuracy" in stdout and "perceptron loss" in stdout


def test_folds_no_better_than_guessing_are_called_that(tmp_path):
    noise = np.random.default_rng(0).normal(size=(60, 4))
    table = tmp_path / "noise.csv"
    table.write_text(
        "".join(f"{','.join(map(str, x))},{'rare' if i % 5 == 0 else 'common'}\n" for i, x in enumerate(noise))
    )
    assert "no better than always answering 'common'" in hw5("train", "--data", table, "--folds", 3).stdout
    assert "no better" not in hw5("train", "--folds", 3, "--epochs", 2).stdout


def test_a_fold_that_diverges_is_named():
    stderr = refused(
        "train", "--folds", 2, "--optimizer", "sgd", "--lr", 1e9, "--data", "sine", "--task", "regression", code=1
    )
    assert stderr.startswith("hw5: fold 1: training diverged")


REFUSED = {
    "one fold": (("--folds", 1), "1 is not in the range x>=2"),
    "too many": (("--folds", 200), "--folds 200 of digits needs 200 examples of class '8', and it has 174"),
    "folds of a checkpoint": (("--folds", 2, "--resume", "x.npz"), "--resume cannot be used with --folds"),
    "both": (("--folds", 2, "--restarts", 2), "--restarts cannot be used with --folds"),
    "restarts of a checkpoint": (("--restarts", 2, "--resume", "x.npz"), "--resume cannot be used with --restarts"),
    "standard input": (("--folds", 2, "--data", "-"), "standard input can be read only once; save it to a file"),
    "nothing to choose by": (("--restarts", 2, "--validation", 0), "--restarts needs a validation set"),
    "checkpoints": (
        ("--restarts", 2, "--checkpoint-every", "1", "--out", "x.npz"),
        "--checkpoint-every cannot be used with --restarts",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused_in_one_sentence(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = REFUSED[case]
    assert words in refused("train", *arguments)


def test_the_best_restart_is_kept(tmp_path):
    out = tmp_path / "best.npz"
    told = figures("--restarts", 3, "--seed", 5, "--epochs", 3, "--out", out)
    best = min(told["restarts"], key=lambda row: row["loss"])
    assert [row["seed"] for row in told["restarts"]] == [5, 6, 7] and told["seed"] == best["seed"]
    assert Checkpoint.load(out).history[-1]["validation_loss"] == best["loss"]
    evaluated = json.loads(hw5("eval", out, "--json").stdout)
    assert evaluated["accuracy"] == told["test"]["accuracy"]


def test_the_best_restart_is_a_checkpoint_like_any_other(tmp_path):
    """It is trained again by its seeds, and resumed to the same bits as without a break."""
    out, again, long = (tmp_path / name for name in ("best.npz", "again.npz", "long.npz"))
    told = figures("--restarts", 3, "--epochs", 3, "--lr-decay", 0.9, "--out", out)
    seeds = ("--seed", told["seed"]) + (("--split-seed", 0) if told["seed"] else ())
    hw5("train", *seeds, "--epochs", 3, "--lr-decay", 0.9, "--out", again)
    assert out.read_bytes() == again.read_bytes()
    hw5("train", *seeds, "--epochs", 5, "--lr-decay", 0.9, "--out", long)
    hw5("train", "--resume", out, "--epochs", 5)
    assert out.read_bytes() == long.read_bytes()


def test_restarts_say_their_spread(tmp_path):
    log = tmp_path / "log.jsonl"
    lines = hw5("train", "--restarts", 2, "--epochs", 2, "--log", log).stdout.splitlines()
    assert lines[2].startswith("seed 0: validation accuracy ") and lines[3].startswith("seed 1: validation accuracy ")
    assert lines[4].startswith("mean of 2 seeds: validation accuracy ") and " ± " in lines[4]
    assert lines[5].startswith("kept seed ") and lines[6].startswith("test accuracy ")
    assert len(log_of(log, seed=0)) == len(log_of(log, seed=1)) == 2


def test_restarts_with_early_stopping_compare_the_weights_that_are_kept(tmp_path):
    out = tmp_path / "best.npz"
    told = figures("--restarts", 2, "--epochs", 8, "--patience", 2, "--lr", 0.05, "--out", out)
    kept = min(row["loss"] for row in told["restarts"])
    assert min(row["validation_loss"] for row in Checkpoint.load(out).history) == kept


def test_restarts_that_all_diverge():
    words = "--restarts", 2, "--optimizer", "sgd", "--lr", 1e9, "--data", "sine", "--task", "regression"
    assert "all 2 trainings diverged; try a smaller --lr" in refused("train", *words, code=1)


@pytest.mark.slow
def test_interrupted_restarts_leave_the_best_of_those_that_are_finished(tmp_path):
    out, program = tmp_path / "best.npz", f"{sysconfig.get_path('scripts')}/hw5"
    command = [program, "train", "--restarts", "1000", "--epochs", "1", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while not out.exists() and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        stderr = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 130, stderr
    assert f"the best of the finished ones was saved to {out}" in stderr
    assert len(Checkpoint.load(out).history) == 1


def test_tensorboard_has_a_directory_per_training(tmp_path):
    pytest.importorskip("tensorboardX")
    hw5("train", "--folds", 2, "--epochs", 1, "--tensorboard", tmp_path / "folds")
    hw5("train", "--restarts", 2, "--epochs", 1, "--seed", 4, "--tensorboard", tmp_path / "seeds")
    assert sorted(path.name for path in (tmp_path / "folds").iterdir()) == ["fold1", "fold2"]
    assert sorted(path.name for path in (tmp_path / "seeds").iterdir()) == ["seed4", "seed5"]
    assert all(list(path.glob("train/events*")) for path in (tmp_path / "folds").iterdir())


def test_a_table_that_changes_between_two_folds_is_refused(tmp_path):
    first, second = load(str(write_houses(tmp_path / "a.csv"))), load("sine", task="regression")
    with pytest.raises(InputError, match="a.csv has changed since it was first read"):
        _fitted_on(first, lambda training_rows: second, [0])


def test_json_without_folds_has_the_test_figures_and_all_else_goes_to_standard_error():
    plain, told = hw5("train", "--epochs", 2), hw5("train", "--epochs", 2, "--json")
    figures = json.loads(told.stdout)
    assert figures.keys() == {"test"} and figures["test"]["examples"] == 359
    assert f"test accuracy {figures['test']['accuracy']:.2%}" in plain.stdout
    assert "epoch 2" in told.stderr and "test accuracy" in told.stderr
