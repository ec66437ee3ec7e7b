"""Slips that users make: each gets one clear sentence, or a warning, before anything is trained or written."""

import os
import subprocess
import sys

import pytest

from tests.cli.helpers import hw5, refused, write_csv

HW5 = f"{sys.executable} -m hw5.cli"
ROWS = [(i % 7, i % 5, "xyz"[i % 3]) for i in range(60)]


def in_a_shell(folder, command):
    """The exit code and standard error of a command."""
    done = subprocess.run(command, shell=True, cwd=folder, env=os.environ, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("train", "--out", ""), "'--out': the path is empty"),
        (("train", "--config", ""), "'--config': the path is empty"),
        (("train", "--data", ""), "hw5: the path of the data is empty"),
        (("train", "--test", ""), "'--test': the path is empty"),
        (("train", "--data-dir", ""), "'--data-dir': the path is empty"),
        (("eval", ""), "'CHECKPOINT': the path is empty"),
        (("data", "show", ""), "hw5: the path of the data is empty"),
    ],
)
def test_a_variable_that_is_not_set(arguments, what):
    """Which gives an empty path: a training would not be saved, or the current directory read."""
    assert what in refused(*arguments)


def test_numbers_in_words():
    assert "'--epochs': '1e3' is not a whole number (see" in refused("train", "--epochs", "1e3")
    assert "'--threads': 'x' is not a whole number (see" in refused("train", "--threads", "x")
    assert "'--lr': 'fast' is not a number (see" in refused("train", "--lr", "fast")


@pytest.mark.parametrize("command", ["train --data -", "data show -", "eval model.npz --data -", "predict model.npz -"])
def test_standard_input_that_is_closed(tmp_path, command):
    hw5("train", "--data", "xor", "--hidden", 4, "--epochs", 1, "--out", tmp_path / "model.npz")
    code, error = in_a_shell(tmp_path, f"{HW5} {command} <&-")
    assert code == 2 and error == "hw5: standard input is closed; pipe a table to hw5, or give a file\n"


def test_a_current_directory_that_was_removed(tmp_path):
    (tmp_path / "gone").mkdir()
    code, error = in_a_shell(tmp_path, f"cd gone && rmdir ../gone && {HW5} train --epochs 1 --out a.npz")
    assert code == 2 and error == "hw5: the current directory no longer exists; change to another one\n"


def test_testing_on_the_training_data_is_said(tmp_path, monkeypatch):
    """Also by another name of the file, but not for data whose test set is another file."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", ROWS, header="a,b,label")
    write_csv(tmp_path / "b.csv", ROWS, header="a,b,label")
    (tmp_path / "c.csv").symlink_to("a.csv")
    for test, is_said in (("a.csv", True), ("./c.csv", True), ("b.csv", False)):
        error = hw5("train", "--data", "a.csv", "--test", test, "--hidden", 4, "--epochs", 1).stderr
        assert ("warning: the test set is the training set" in error) == is_said


def test_two_weights_of_a_class():
    sentence = refused("train", "--class-weight", "0=1,3=2,0=2", "--epochs", 1)
    assert "--class-weight 0=1,3=2,0=2: '0' has two weights; leave one out" in sentence


def test_one_of_a_thing(tmp_path):
    """No "1 columns"."""
    write_csv(tmp_path / "a.csv", ROWS, header="a,b,label")
    model, one = tmp_path / "model.npz", write_csv(tmp_path / "one.csv", [(1,), (2,)])
    hw5("train", "--data", tmp_path / "a.csv", "--hidden", 4, "--epochs", 1, "--out", model)
    assert "the table has 1 column, but the model takes 2 features" in refused("predict", model, one)
    write_csv(tmp_path / "new.csv", [*ROWS, (1, 2, "w")], header="a,b,label")
    assert "1 example of it counts as a mistake\n" in hw5("eval", model, "--data", tmp_path / "new.csv").stderr
    assert "has 1 feature, but the model takes 2; give" in refused("eval", model, "--data", "sine")


def test_options_from_a_file_cannot_name_another_file(tmp_path):
    (tmp_path / "a.toml").write_text('config = "b.toml"\n')
    assert "there is no option 'config'\n" in refused("train", "--config", tmp_path / "a.toml")


def test_the_option_that_is_named_is_the_one_that_was_given(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert f"--resume {tmp_path / 'pipe'} cannot be written" in refused("train", "--resume", tmp_path / "pipe")
