"""Disks that are full, folders that are gone or closed, and two programs with one target: a training goes on."""

import json
import os
import resource
import shutil
import subprocess
import sys

import pytest

from hw5.train.checkpoint import Checkpoint
from hw5.train.checkpoint import DataSource
from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.files import replacing, sole_writer
from hw5.train.log import Log
from hw5.train.run import Run
from hw5.train.saving import Interval, Saver
from hw5.train.settings import Settings

SMALL = Settings(hidden=(4,), epochs=6)


def start(settings=SMALL, checkpoint=None):
    dataset = load("xor")
    return Run(CpuDevice(), dataset, settings, DataSource.of(dataset, None, None), checkpoint)


def progress_of(run, saver, log=Log(None)):
    for progress in run.train():
        log.update(progress)
        saver.update(progress)
        if progress.epoch_ends:
            yield progress


def test_a_folder_that_vanishes_and_comes_back(tmp_path):
    """The training goes on, says so at every turn, and the next turn after the return saves."""
    folder, words = tmp_path / "runs", []
    folder.mkdir()
    run = start()
    saver = Saver(run, folder / "model.npz", Interval(1, "epochs"), warn=words.append)
    for progress in progress_of(run, saver):
        if progress.epoch == 2:
            shutil.rmtree(folder)
            folder.write_text("a file in its place")
        elif progress.epoch == 4:
            assert saver.error and len(words) == 2 and "could not be saved" in words[0]
            folder.unlink()
    assert saver.error is None and len(words) == 2
    assert Checkpoint.load(folder / "model.npz").history[-1]["epoch"] == 6


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_closed(tmp_path):
    run, words = start(), []
    saver = Saver(run, tmp_path / "model.npz", Interval(1, "epochs"), warn=words.append)
    for progress in progress_of(run, saver):
        tmp_path.chmod(0o500 if progress.epoch == 2 else 0o700)
    assert len(words) == 1 and "permission denied" in words[0]
    assert Checkpoint.load(tmp_path / "model.npz").history[-1]["epoch"] == 6


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1))
from hw5.cli import main
main(sys.argv[2:])
"""


def limited(nbytes, *arguments):
    """The program where no file may grow beyond so many bytes, as on a full disk."""
    command = [sys.executable, "-c", LIMITED, str(nbytes), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_full_disk(tmp_path):
    """The checkpoint before it stays, nothing is left half written, and the exit code tells."""
    out, log = tmp_path / "model.npz", tmp_path / "log.jsonl"
    common = ("train", "--data", "xor", "--hidden", 8, "--log", log)
    done = limited(1 << 20, *common, "--epochs", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    before = out.read_bytes()
    lines = log.read_text().splitlines()
    done = limited(len(before) // 2, "train", "--resume", out, "--epochs", 9, "--log", log, "--checkpoint-every", 2)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "training continues" in done.stderr
    assert "epoch 9" in done.stdout and "test accuracy" in done.stdout
    assert out.read_bytes() == before and Checkpoint.load(out)
    assert sorted(os.listdir(tmp_path)) == ["log.jsonl", "model.npz"]
    assert log.read_text().splitlines()[: len(lines)] == lines
    assert all(json.loads(line) for line in log.read_text().splitlines())


def test_a_log_that_cannot_be_written_waits_for_the_next_epoch(tmp_path):
    path, words = tmp_path / "log.jsonl", []
    run, log = start(), Log(path, words.append)
    for progress in progress_of(run, Saver(run, tmp_path / "model.npz"), log):
        if progress.epoch == 2:
            path.rename(tmp_path / "kept")
            path.mkdir()
        elif progress.epoch == 4:
            assert log.error and len(words) == 2
            path.rmdir()
            (tmp_path / "kept").rename(path)
    assert log.error is None
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_a_torn_line_of_the_log_stays_apart(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"epoch": 1}\n{"epo')
    run = start()
    list(progress_of(run, Saver(run, tmp_path / "model.npz"), Log(path)))
    first, torn, *lines = path.read_text().splitlines()
    assert torn == '{"epo' and [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_a_file_has_one_writer(tmp_path):
    with sole_writer(tmp_path / "model.npz", "--out"):
        with pytest.raises(InputError, match="another hw5 is writing this file"):
            with sole_writer(tmp_path / "model.npz", "--out"):
                pass
        with sole_writer(tmp_path / "other.npz", "--out"):
            pass
    with sole_writer(tmp_path / "model.npz", "--out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    (tmp_path / ".model.npz.hw5-abc").write_bytes(b"half a checkpoint")
    (tmp_path / ".model.npz.hw5-def").mkdir()
    (tmp_path / ".other.npz.hw5-abc").write_bytes(b"of another run")
    (tmp_path / ".model.npz.lock").touch()
    with sole_writer(tmp_path / "model.npz", "--out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".other.npz.hw5-abc"]


def test_rotation_keeps_the_last_ones_and_the_best(tmp_path):
    run = start(Settings(hidden=(4,), epochs=9, lr=10.0))  # so restless that the best is not the last
    for _ in progress_of(run, Saver(run, tmp_path / "model.npz", Interval(1, "epochs"), keep=3)):
        steps = sorted(int(path.name.split(".")[1][4:]) for path in tmp_path.glob("model.step*.npz"))
        assert steps[-1] == run.training.steps and len(steps) <= 3
        latest = Checkpoint.load(tmp_path / "model.npz")
        assert latest.history == run.history
        best = Checkpoint.load(tmp_path / "model.best.npz").history
        assert best[-1]["validation_loss"] == min(row["validation_loss"] for row in run.history)
    assert len(steps) == 3 and len(best) == 5
    assert len(list(tmp_path.iterdir())) == 5


def test_rotation_goes_on_with_the_copies_of_the_run_before(tmp_path):
    run = start()
    list(progress_of(run, Saver(run, tmp_path / "model.npz", Interval(1, "epochs"), keep=2)))
    (tmp_path / "model.step999999.npz").write_bytes(b"of a run that came further")
    checkpoint = Checkpoint.load(tmp_path / "model.npz")
    run = start(Settings(hidden=(4,), epochs=7), checkpoint)
    list(progress_of(run, Saver(run, tmp_path / "model.npz", Interval(1, "epochs"), keep=2)))
    assert len(list(tmp_path.glob("model.step*.npz"))) == 3


def test_without_hard_links_copies_are_copies(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
    run = start()
    list(progress_of(run, Saver(run, tmp_path / "model.npz", Interval(1, "epochs"), keep=1)))
    (copy,) = tmp_path.glob("model.step*.npz")
    assert Checkpoint.load(copy).history == run.history


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "five", "5 minutes", "1e3", "9" * 13, "5epochs5", "٣"])
def test_intervals_that_are_none(text):
    with pytest.raises(InputError, match="is not an interval such as 500steps, 5epochs or 60s"):
        Interval.of(text)


def test_intervals():
    assert [Interval.of(text) for text in ("500steps", "1 epoch", "7", "060s")] == [
        Interval(500, "steps"),
        Interval(1, "epochs"),
        Interval(7, "epochs"),
        Interval(60, "s"),
    ]


def test_replacing_leaves_what_was_there_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError):
            with replacing(tmp_path / "a") as file:
                file.write(b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "before"


def in_a_mount(folder, size, script):
    """Run a shell script whose $DISK is a file system of its own; skipped where one may not be mounted."""
    (folder / "disk").mkdir()
    environment = os.environ | {"DISK": str(folder / "disk"), "HW5": f"{sys.executable} -m hw5.cli"}
    mount = f'mount -t tmpfs -o size={size} tmpfs "$DISK" || exit 77\n'
    try:
        command = ["unshare", "--mount", "sh", "-c", mount + script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    if done.returncode == 77 or "unshare: " in done.stderr:
        pytest.skip("a file system may not be mounted here")
    assert "Traceback" not in done.stderr
    return done


def test_a_file_system_that_is_full(tmp_path):
    """It holds one checkpoint, but not the next one beside it."""
    script = (
        '$HW5 train --epochs 4 --checkpoint-every 1 --out "$DISK/m.npz"; code=$?; $HW5 show "$DISK/m.npz"; exit $code'
    )
    done = in_a_mount(tmp_path, "128k", script)
    assert done.returncode == 1 and "test accuracy" in done.stdout
    assert done.stderr.count("m.npz could not be saved: no space left on device; training continues") == 4
    assert "hw5: training finished, but " in done.stderr
    assert "# trained 1 of at most 4 epochs" in done.stdout  # the first one is whole


def test_a_file_system_that_becomes_read_only(tmp_path):
    script = """
        $HW5 train --epochs 100000 --checkpoint-every 1s --out "$DISK/m.npz" >/dev/null & training=$!
        until [ -e "$DISK/m.npz" ]; do sleep 0.1; done
        until mount -o remount,ro "$DISK"; do sleep 0.01; done 2>/dev/null
        sleep 2; kill -INT $training; wait $training; echo "code $?"
        $HW5 train --resume "$DISK/m.npz"; echo "code $?"
        $HW5 eval "$DISK/m.npz" --json
    """
    done = in_a_mount(tmp_path, "16m", script)
    assert "could not be saved: read-only file system; training continues" in done.stderr
    assert "--out" in done.stderr and "cannot be written: read-only file system" in done.stderr
    stopped, refused, figures = done.stdout.splitlines()
    assert (stopped, refused) == ("code 130", "code 2") and json.loads(figures)["accuracy"] > 0.5
