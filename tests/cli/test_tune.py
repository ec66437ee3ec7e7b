"""hw5 tune."""

import json
import os
import shlex
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress

import numpy as np
import pytest

from hw5.train.checkpoint import Checkpoint
from tests.cli.helpers import hw5, refused, write_csv

optuna = pytest.importorskip("optuna")
SHORT = "--data", "xor", "--epochs", 5, "--holdout", 0.5
PROGRAM = f"{sysconfig.get_path('scripts')}/hw5"


def tuned(*arguments):
    return json.loads(hw5("tune", *SHORT, *arguments, "--json").stdout)


def test_the_trials_are_a_table_the_best_first():
    lines = hw5("tune", *SHORT, "--trials", 8).stdout.splitlines()
    assert lines[1].split() == "trial validation loss accuracy lr l2 hidden batch size epochs".split()
    rows = [line.split() for line in lines[3:11]]
    assert sorted(int(row[0]) for row in rows) == list(range(1, 9))
    losses = [float(row[1]) for row in rows if "early" not in row]
    assert losses == sorted(losses) and len(losses) >= 5
    assert lines[-1].startswith("to train the best again: hw5 train --data xor --epochs 5 --holdout 0.5 --lr ")


def test_the_first_trial_has_the_settings_without_tuning():
    first = tuned("--trials", 1)["trials"][0]
    assert (first["lr"], first["hidden"], first["batch_size"]) == (0.005, [128], 32)


def test_the_command_line_trains_the_checkpoint_that_was_saved(tmp_path):
    """Byte for byte, with the options that were given, also those that need quotes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    table = write_csv(tmp_path / "my table.csv", X, np.where(X[:, 0] > 0, "rose", "tulip"), "a,b,the class")
    out, again = tmp_path / "best.npz", tmp_path / "again.npz"
    given = "--data", table, "--label-column", "the class", "--epochs", 4, "--momentum", 0.5, "--nesterov", "--seed", 3
    told = json.loads(hw5("tune", *given, "--trials", 4, "--out", out, "--json").stdout)
    words = shlex.split(told["command"])
    assert words[:2] == ["hw5", "train"] and "--nesterov" in words
    hw5(*words[1:], "--out", again)
    assert out.read_bytes() == again.read_bytes()
    assert Checkpoint.load(out).history[-1]["validation_loss"] == told["best"]["loss"]


def test_the_best_is_the_trial_with_the_lowest_validation_loss(tmp_path):
    out = tmp_path / "best.npz"
    told = tuned("--trials", 6, "--out", out)
    assert told["best"] in told["trials"]
    whole = [row["loss"] for row in told["trials"] if not row["ending"]]
    assert told["best"]["loss"] == min(whole)
    assert json.loads(hw5("eval", out, "--json").stdout)["accuracy"] == told["test"]["accuracy"]


def test_one_seed_makes_the_same_trials_and_another_others():
    first, again, other = (tuned("--trials", 4, "--seed", seed) for seed in (1, 1, 2))
    assert first == again
    points = [[(row["lr"], row["hidden"], row["batch_size"]) for row in told["trials"][1:]] for told in (first, other)]
    assert points[0] != points[1]


def test_given_options_are_not_searched():
    told = tuned("--trials", 3, "--hidden", "8,4", "--lr", 0.02)
    assert all(not {"hidden", "lr"} & row.keys() for row in told["trials"])
    assert "--hidden 8,4 " in told["command"] and "--lr 0.02 " in told["command"]


def test_a_regression_is_tuned_by_its_loss():
    told = json.loads(
        hw5("tune", "--task", "regression", "--data", "sine", "--epochs", 3, "--trials", 3, "--json").stdout
    )
    assert {"r2", "rmse", "loss"} <= told["best"].keys() and "--task regression" in told["command"]
    assert "R²" in hw5("tune", "--task", "regression", "--data", "sine", "--epochs", 3, "--trials", 1).stdout


def test_the_test_set_has_no_say(tmp_path):
    """Another test set: the same trials and the same best."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = np.where(X[:, 0] > 0, "rose", "tulip")
    table = write_csv(tmp_path / "train.csv", X, y, "a,b,label")
    same, other = (write_csv(tmp_path / f"{k}.csv", X * k, y, "a,b,label") for k in (1, -1))
    tests = [
        json.loads(
            hw5(
                "tune", "--data", table, "--test", test, "--epochs", 3, "--trials", 3, "--out", tmp_path / "m", "--json"
            ).stdout
        )
        for test in (same, other)
    ]
    assert tests[0]["trials"] == tests[1]["trials"] and tests[0]["best"] == tests[1]["best"]
    assert tests[0]["test"] != tests[1]["test"]


def test_a_study_is_continued(tmp_path):
    """With the trials of one that was made at once."""
    study = tmp_path / "xor.study"
    assert len(tuned("--study", study, "--trials", 3)["trials"]) == 3
    assert tuned("--study", study, "--trials", 12) == tuned("--trials", 12)
    assert len(tuned("--study", study, "--trials", 2)["trials"]) == 12  # nothing is lost


@pytest.mark.slow
def test_a_killed_study_is_continued_with_the_same_trials(tmp_path):
    """kill -9 in the middle of trials, and half a line at the end of the file."""
    study, words = tmp_path / "xor.study", list(map(str, ("--data", "xor", "--epochs", 60, "--trials", 14)))
    expected = json.loads(hw5("tune", *words, "--json").stdout)
    for kills in range(1, 4):
        process = subprocess.Popen([PROGRAM, "tune", *words, "--study", study], stdout=subprocess.DEVNULL)
        until, wanted = time.monotonic() + 60, 4 * kills
        while time.monotonic() < until and not (study.exists() and study.read_bytes().count(b'"op_code":4') > wanted):
            time.sleep(0.002)
        process.kill()
        process.wait()
        with open(study, "ab") as file:
            file.write(b'{"op_code":4,"wor')
    assert json.loads(hw5("tune", *words, "--study", study, "--json").stdout) == expected


def test_processes_make_as_many_trials(tmp_path):
    study = tmp_path / "xor.study"
    told = tuned("--trials", 5, "--jobs", 2, "--study", study)
    assert len(told["trials"]) == 5 and tuned("--trials", 5, "--study", study) == told
    assert len({(row["lr"], row["l2"]) for row in told["trials"]}) == 5


def test_no_trial_begins_after_the_time(tmp_path):
    study, began = tmp_path / "xor.study", time.monotonic()
    told = tuned("--trials", 100_000, "--time", 1, "--study", study)
    assert 1 <= len(told["trials"]) < 5000 and time.monotonic() - began < 60


def test_trials_that_diverge_are_called_that_and_the_search_continues():
    told = tuned(
        "--trials", 8, "--task", "regression", "--data", "sine", "--optimizer", "sgd", "--hidden", "512,512,512"
    )
    diverged = [row for row in told["trials"] if row["ending"] == "diverged"]
    assert diverged and all(row["loss"] is None for row in diverged) and told["best"]["loss"] is not None


def test_a_search_in_which_all_diverge_says_so():
    words = "--task", "regression", "--data", "sine", "--optimizer", "sgd", "--lr", 1e6
    stderr = refused("tune", *words, "--epochs", 3, "--trials", 2, code=1)
    assert "no trial was finished: all diverged" in stderr


def foreign(path, content):
    path.write_bytes(content)
    return path


REFUSED = {
    "a perceptron": (("--model", "perceptron"), "a perceptron has nothing to tune"),
    "nothing": (("--lr", 1, "--hidden", 4, "--l2", 0, "--batch-size", 4), "nothing is left to tune; leave out --lr"),
    "nothing to judge by": (("--validation", 0), "hw5 tune needs a validation set, and --validation 0 leaves none"),
    "standard input": (("--data", "-", "--jobs", 2), "standard input can be read only once"),
    "the study as the model": (("--out", "x", "--study", "x"), "--out x is also an input; choose another file"),
    "the data as the study": (("--data", __file__, "--study", __file__), "is also an input; choose another file"),
    "no trial": (("--trials", 0), "0 is not in the range x>=1"),
    "no time": (("--time", 0), "0.0 is not in the range x>0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_values_are_refused_in_one_sentence(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = REFUSED[case]
    assert words in refused("tune", *arguments)


@pytest.mark.parametrize("content", [b"a,b\n1,2", b"\x80\x04", b"{}\n", b'{"op_code":99}\n', b'{"op_code":0}\n'])
def test_a_file_of_something_else_is_no_study_and_stays_as_it_is(content, tmp_path):
    path = tmp_path / "some.study"
    path.write_bytes(content)
    assert f"--study {path} is not a study of hw5 tune" in refused("tune", *SHORT, "--study", path)
    assert path.read_bytes() == content


def test_a_study_of_other_data_or_options_is_refused(tmp_path):
    study = tmp_path / "xor.study"
    tuned("--study", study, "--trials", 1)
    assert "was begun with other data" in refused("tune", *SHORT, "--data", "spirals", "--study", study)
    assert "was begun with other --lr" in refused("tune", *SHORT, "--lr", 0.1, "--study", study)
    assert "was begun with other --epochs" in refused("tune", "--data", "xor", "--holdout", 0.5, "--study", study)


def test_without_optuna_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert refused("tune") == "hw5: hw5 tune needs Optuna: pip install 'hw5[tune]'\n"


def _is_alive(group):
    """Whether a process of the group has not ended."""
    listed = subprocess.run(["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return any(int(line.split()[0]) == group and "Z" not in line for line in listed.splitlines())


def _waits_for(is_true):
    until = time.monotonic() + 100
    while time.monotonic() < until and not is_true():
        time.sleep(0.02)
    return is_true()


@pytest.fixture
def search(tmp_path):
    """A function of the number of jobs that starts a long search, as a process group, and waits for its first trial."""
    study, started = tmp_path / "digits.study", []

    def start(jobs):
        words = [PROGRAM, "tune", "--trials", "1000", "--jobs", str(jobs), "--study", str(study)]
        output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(words, **output, text=True, start_new_session=True))
        assert _waits_for(lambda: study.exists() and b'"op_code":6' in study.read_bytes())
        return started[0]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_search_and_its_processes(jobs, signum, search):
    process = search(jobs)
    os.kill(process.pid, signum) if signum == signal.SIGTERM else os.killpg(process.pid, signum)
    stderr = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signum and stderr.count("\n") == 2, stderr
    assert stderr.startswith("hw5: stopping after this step") and "run the same command again to continue" in stderr
    assert _waits_for(lambda: not _is_alive(process.pid))


@pytest.mark.slow
def test_the_processes_of_a_killed_search_end(search):
    process = search(2)
    assert _is_alive(process.pid)
    process.kill()
    assert _waits_for(lambda: not _is_alive(process.pid))
