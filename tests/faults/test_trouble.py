"""Full disks, missing or read-only folders, and two processes with the same target: training continues."""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager

import pytest

from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.files import atomic_write, write_lock
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
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
    """Training continues and warns at every save; the first save after the folder is back succeeds."""
    folder, words = tmp_path / "runs", []
    folder.mkdir()
    run = start()
    saver = Saver(run, folder / "model.npz", Interval(1, "epochs"), warn=words.append)
    for progress in progress_of(run, saver):
        if progress.epoch == 2:
            shutil.rmtree(folder)
            folder.write_text("a file in its place")
        elif progress.epoch == 4:
            assert saver.error and len(words) == 1 and "could not be saved" in words[0]
            folder.unlink()
    assert saver.error is None and len(words) == 1
    assert Checkpoint.load(folder / "model.npz").history[-1]["epoch"] == 6


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path):
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
    """Run hw5 with a limit on the size of files, as on a full disk."""
    command = [sys.executable, "-c", LIMITED, str(nbytes), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_full_disk(tmp_path):
    """The previous checkpoint is kept, no partial file is left, and the exit code is 1."""
    out, log = tmp_path / "model.npz", tmp_path / "log.jsonl"
    common = ("train", "--device", "cpu", "--log", log)
    done = limited(1 << 20, *common, "--data", "xor", "--hidden", 8, "--epochs", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    before = out.read_bytes()
    lines = log.read_text().splitlines()
    done = limited(len(before) // 2, *common, "--resume", out, "--epochs", 9, "--checkpoint-every", 2)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr and "training continues" in done.stderr
    assert "epoch 9" in done.stdout and "test accuracy" in done.stdout
    assert out.read_bytes() == before and Checkpoint.load(out)
    assert sorted(os.listdir(tmp_path)) == ["log.jsonl", "model.npz"]
    assert log.read_text().splitlines()[: len(lines)] == lines
    assert all(json.loads(line) for line in log.read_text().splitlines())


def test_a_log_that_cannot_be_written_is_retried_at_the_next_epoch(tmp_path):
    path, words = tmp_path / "log.jsonl", []
    run, log = start(), Log(path, words.append)
    for progress in progress_of(run, Saver(run, tmp_path / "model.npz"), log):
        if progress.epoch == 2:
            path.rename(tmp_path / "kept")
            path.mkdir()
        elif progress.epoch == 4:
            assert log.error and len(words) == 1
            path.rmdir()
            (tmp_path / "kept").rename(path)
    assert log.error is None
    assert [json.loads(line)["epoch"] for line in path.read_text().splitlines()] == [1, 2, 3, 4, 5, 6]


def test_an_incomplete_line_of_the_log_stays_separate(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"epoch": 1}\n{"epo')
    run = start()
    list(progress_of(run, Saver(run, tmp_path / "model.npz"), Log(path)))
    first, torn, *lines = path.read_text().splitlines()
    assert torn == '{"epo' and [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4, 5, 6]


def test_a_file_has_one_writer(tmp_path):
    with write_lock(tmp_path / "model.npz", "--out"):
        with pytest.raises(InputError, match="another hw5 process is writing this file"):
            with write_lock(tmp_path / "model.npz", "--out"):
                pass
        with write_lock(tmp_path / "other.npz", "--out"):
            pass
    with write_lock(tmp_path / "model.npz", "--out"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / ".model.npz.hw5-abc").write_bytes(b"half a checkpoint")
    (tmp_path / ".model.npz.hw5-def").mkdir()
    (tmp_path / ".other.npz.hw5-abc").write_bytes(b"of another run")
    (tmp_path / ".model.npz.lock").touch()
    with write_lock(tmp_path / "model.npz", "--out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".other.npz.hw5-abc"]


def test_rotation_keeps_the_last_checkpoints_and_the_best(tmp_path):
    run = start(Settings(hidden=(4,), epochs=9, lr=10.0))  # so unstable that the best is not the last
    for _ in progress_of(run, Saver(run, tmp_path / "model.npz", Interval(1, "epochs"), keep=3)):
        steps = sorted(int(path.name.split(".")[1][4:]) for path in tmp_path.glob("model.step*.npz"))
        assert steps[-1] == run.training.steps and len(steps) <= 3
        latest = Checkpoint.load(tmp_path / "model.npz")
        assert latest.history == run.history
        best = Checkpoint.load(tmp_path / "model.best.npz").history
        assert best[-1]["validation_loss"] == min(row["validation_loss"] for row in run.history)
    assert len(steps) == 3 and len(best) == 5
    assert len(list(tmp_path.iterdir())) == 5


def test_rotation_continues_when_resuming(tmp_path):
    run = start()
    list(progress_of(run, Saver(run, tmp_path / "model.npz", Interval(1, "epochs"), keep=2)))
    (tmp_path / "model.step999999.npz").write_bytes(b"of a longer run")
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
def test_invalid_intervals(text):
    with pytest.raises(InputError, match="is not an interval such as 500steps, 5epochs or 60s"):
        Interval.of(text)


def test_intervals():
    assert [Interval.of(text) for text in ("500steps", "1 epoch", "7", "060s")] == [
        Interval(500, "steps"),
        Interval(1, "epochs"),
        Interval(7, "epochs"),
        Interval(60, "s"),
    ]


@contextmanager
def no_file_above(nbytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_model_that_can_be_saved_nowhere_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    saver = Saver(start(), tmp_path / "model.npz", warn=lambda text: None)
    with no_file_above(1000):
        saver.finish()
    assert saver.error.endswith("model.npz could not be saved: file too large") and os.listdir(tmp_path) == []


def test_a_failed_atomic_write_keeps_the_old_file_only(tmp_path):
    (tmp_path / "a").write_text("before")
    with no_file_above(1000), pytest.raises(OSError):
        with atomic_write(tmp_path / "a") as file:
            file.write(b"x" * 5000)
    assert os.listdir(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "before"


def in_a_mount(folder, size, script):
    """Run a shell script with a new file system at $DISK; skips the test if it cannot be mounted."""
    (folder / "disk").mkdir()
    environment = os.environ | {
        "DISK": str(folder / "disk"),
        "HW5": f"{sys.executable} -m hw5.cli",
        "ERRORS": str(folder / "errors"),
    }
    mount = f'mount -t tmpfs -o size={size} tmpfs "$DISK" || exit 77\n'
    try:
        command = ["unshare", "--mount", "sh", "-c", mount + script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if done.returncode == 77 or "unshare: " in done.stderr:
        pytest.skip("mounting is not permitted")
    assert "Traceback" not in done.stderr
    return done


def test_a_full_file_system(tmp_path):
    """It has room for one checkpoint, but not for a second."""
    script = (
        '$HW5 train --epochs 4 --checkpoint-every 1 --out "$DISK/m.npz"; code=$?; $HW5 show "$DISK/m.npz"; exit $code'
    )
    done = in_a_mount(tmp_path, "128k", script)
    assert done.returncode == 1 and "test accuracy" in done.stdout
    assert done.stderr.count("m.npz could not be saved: no space left on device; training continues") == 1
    assert "; the model was saved to " in done.stderr
    assert "hw5: training finished, but " in done.stderr
    assert "# trained 1 of at most 4 epochs" in done.stdout  # the first one is whole


def test_a_full_disk_is_named_by_the_file(tmp_path):
    """It is not standard output that is full; a mapped file whose pages have no room would end the process."""
    rows = "\n".join(",".join(f"{i * j % 97 / 97:.3f}" for j in range(21)) for i in range(1, 4001))
    (tmp_path / "a.csv").write_text(f"{','.join(f'c{j}' for j in range(21))}\n{rows}\n")
    script = """
        $HW5 data convert "$DISK/../a.csv" --task regression --out "$DISK/X.npy"; echo "code $?"
        head -c 480k /dev/zero >"$DISK/full" 2>/dev/null; $HW5 data show xor --plot "$DISK/a.png" >/dev/null; echo "code $?"
        ls -A "$DISK"
    """
    done = in_a_mount(tmp_path, "480k", script)
    assert done.stdout == "code 1\ncode 1\nfull\n"
    assert [line.rpartition("/")[2] for line in done.stderr.splitlines()] == [
        "X.npy: no space left on device",
        "a.png: no space left on device",
    ]


def test_a_plot_that_cannot_be_saved_hides_no_model(tmp_path):
    script = 'head -c 64k /dev/zero >"$DISK/full"; $HW5 train --epochs 1 --out "$DISK/m.npz" --plot "$DISK/a.png"'
    done = in_a_mount(tmp_path, "64k", script)
    assert done.returncode == 1
    assert Checkpoint.load(re.search(r"; the model was saved to (\S+)\n$", done.stderr)[1]).history


@pytest.mark.slow
def test_a_file_system_that_becomes_read_only(tmp_path):
    script = """
        $HW5 train --epochs 100000 --checkpoint-every 1s --out "$DISK/m.npz" >/dev/null 2>"$ERRORS" & training=$!
        until [ -e "$DISK/m.npz" ]; do sleep 0.1; done
        until mount -o remount,ro "$DISK"; do sleep 0.01; done 2>/dev/null
        until grep -q 'could not be saved' "$ERRORS"; do sleep 0.1; done
        kill -INT $training; wait $training; echo "code $?"
        $HW5 train --resume "$DISK/m.npz"; echo "code $?"
        $HW5 eval "$DISK/m.npz" --json; cat "$ERRORS" >&2
    """
    done = in_a_mount(tmp_path, "16m", script)
    assert "could not be saved: read-only file system; training continues" in done.stderr
    assert "--resume" in done.stderr and "cannot be written: read-only file system" in done.stderr
    stopped, refused, figures = done.stdout.splitlines()
    assert (stopped, refused) == ("code 130", "code 2") and json.loads(figures)["accuracy"] > 0.5
