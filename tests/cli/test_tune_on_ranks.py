"""hw5 tune under an MPI launcher, whose ranks make trials of their own."""

import json
import signal
import time
from pathlib import Path

import pytest

from tests.mpi import are_gone, run, start

pytest.importorskip("optuna")
pytestmark = pytest.mark.slow
TUNE = ("tune", "--data", "spirals", "--epochs", 3)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_ranks_make_the_trials_and_a_study_is_continued():
    out, err = run(3, *TUNE, "--trials", 4, "--study", "a.study", "--out", "best.npz", "--json")
    found = json.loads(out)
    assert len(found["trials"]) == 4 and err == ""
    out, _ = run(0, *TUNE, "--trials", 6, "--study", "a.study", "--json")
    assert json.loads(out)["trials"][:4] == found["trials"]
    out, _ = run(0, "eval", "best.npz", "--json")
    assert json.loads(out)["accuracy"] == found["test"]["accuracy"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--data", "nothing.csv"), "nothing.csv: no such file"),
        (("--data", "-"), "each rank reads the data"),
        (("--jobs", 2), "--jobs starts processes, and the MPI launcher has done so"),
    ],
)
def test_an_error_is_one_sentence(options, sentence):
    _, err = run(2, "tune", *options, code=2)
    assert err.startswith(f"hw5: {sentence}") and err.count("\n") == 1


def test_a_signal_ends_all():
    process = start(3, "tune", "--data", "digits", "--epochs", 100_000, "--trials", 4, "--study", "a.study")
    study, until = Path("a.study"), time.monotonic() + 60
    while not (study.exists() and study.read_bytes().count(b'"op_code":4') == 2):  # rank 0 has given each other a trial
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)  # they would train for hours
    out, err = process.communicate(timeout=60)
    assert "stopped after 0 trials; run the same command again to continue" in err, out + err
    assert are_gone(process)
