"""What ends a training in everyday life loses no model: Ctrl-C in a pipe, a closed terminal, full disks, late signals.

Real processes; after each the model is on disk and loads. HW5_SIGNALS sets the number of late signals (make soak).
"""

import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from hw5.compiler import find_compiler
from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
from hw5.train.run import Run
from hw5.train.saving import Interval, Saver
from hw5.train.settings import Settings
from tests.faults.test_trouble import in_a_mount

pytestmark = pytest.mark.slow
SIGNALS = int(os.environ.get("HW5_SIGNALS", 12))
HW5 = [sys.executable, "-m", "hw5.cli"]
LONG = ("train", "--device", "numpy", "--hidden", "8", "--epochs", "100000")
SHORT = ("train", "--device", "numpy", "--hidden", "8", "--epochs", "3")


def default_signals():
    """Whoever runs the tests may ignore some, as nohup does."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_DFL)


STARTED = []


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test():
    yield
    while STARTED:
        STARTED.pop().kill()


def start(*arguments, preexec_fn=default_signals, **streams):
    process = subprocess.Popen([*HW5, *map(str, arguments)], text=True, preexec_fn=preexec_fn, **streams)
    STARTED.append(process)
    return process


def wait_for_epochs(path):
    """Until the log has a line, so that there is something to lose."""
    deadline = time.monotonic() + 60
    while not (path.exists() and path.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("dead", ["stdout", "stderr", "both"])
def test_the_reader_of_a_pipe_dies_with_the_signal(tmp_path, dead, signum):
    """As `hw5 train 2>&1 | tee log` does on Ctrl-C: the reader is gone before the first word about stopping."""
    out, log = tmp_path / "model.npz", tmp_path / "log"
    reading, writing = os.pipe()
    elsewhere = subprocess.DEVNULL
    streams = {name: writing if dead in (name, "both") else elsewhere for name in ("stdout", "stderr")}
    process = start(*LONG, "--out", out, "--log", log, **streams)
    os.close(writing)
    wait_for_epochs(log)
    os.close(reading)
    process.send_signal(signum)
    assert process.wait(60) == 128 + signum
    assert Checkpoint.load(out).history


@pytest.mark.parametrize("redirection", [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&-", "2>&-", ">&- 2>&-"])
def test_output_that_fails_from_the_start(tmp_path, redirection):
    """The training runs to its end.

    A full device ends in exit code 1, a stream that was closed before is not missed.
    """
    out = tmp_path / "model.npz"
    command = f"exec {' '.join(HW5)} {' '.join(SHORT)} --out {out} {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert len(Checkpoint.load(out).history) == 3
    assert done.returncode == (">/dev/full" in redirection.replace("2>/dev/full", "")), done.stderr
    assert "Traceback" not in done.stderr
    if redirection == ">/dev/full":
        assert (
            done.stderr == "hw5: training finished, but standard output could not be written: no space left on device\n"
        )


def test_a_disk_that_fills_up_under_standard_output(tmp_path):
    script = f'$HW5 {" ".join(LONG[:-1])} 300 --out "{tmp_path}/model.npz" >"$DISK/out"'
    done = in_a_mount(tmp_path, "8k", script)
    assert done.returncode == 1 and "standard output could not be written" in done.stderr
    assert len(Checkpoint.load(tmp_path / "model.npz").history) == 300


def test_a_closed_terminal(tmp_path):
    """The terminal is gone: SIGHUP, and input and output fail."""
    out, log = tmp_path / "model.npz", tmp_path / "log"
    child, terminal = pty.fork()
    if child == 0:
        default_signals()
        os.execv(HW5[0], [*HW5, *LONG, "--out", str(out), "--log", str(log)])
    wait_for_epochs(log)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert Checkpoint.load(out).history


@pytest.mark.slow
def test_compiling_is_said_on_a_terminal_after_a_second(tmp_path):
    """The first start, with an empty cache, takes seconds; what is printed to a file meanwhile is not redirected."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["HW5_CACHE"] = str(tmp_path / "cache")
        os.execv("/bin/sh", ["sh", "-c", f"exec {' '.join(HW5)} train --data xor --epochs 1 >{tmp_path}/out"])
    shown = b""
    with suppress(OSError):  # the end
        while chunk := os.read(terminal, 4096):
            shown += chunk
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"compiling for the device auto" in shown and b"test accuracy" not in shown
    assert "test accuracy" in (tmp_path / "out").read_text()


def test_nohup_is_respected(tmp_path):
    out, log = tmp_path / "model.npz", tmp_path / "log"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    process = start(*LONG, "--out", out, "--log", log, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **ignore)
    wait_for_epochs(log)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert "to resume: hw5 train --resume" in process.communicate(timeout=60)[1]


def test_a_signal_after_the_last_epoch(tmp_path):
    """At random moments while the file is written, the test split evaluated and the plot drawn: all epochs are kept."""
    rng, lost = random.Random(0), []
    options = ("--hidden", 800, "--epochs", 1, "--holdout", 0.5, "--plot", tmp_path / "plot.png")
    for number in range(SIGNALS):
        out = tmp_path / f"{number}.npz"
        process = start(
            "train", "--device", "numpy", *options, "--out", out, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while not process.stdout.readline().startswith("epoch"):
            pass
        time.sleep(rng.random() * 0.3)
        process.send_signal(rng.choice([signal.SIGINT, signal.SIGTERM]))
        _, err = process.communicate(timeout=60)
        if not out.exists() or len(Checkpoint.load(out).history) != 1:
            lost.append((process.returncode, err))
        assert "Traceback" not in err
    assert lost == []


def test_tensorboard_on_a_full_disk(tmp_path):
    """One warning, exit code 1, and the model; the same for the log."""
    pytest.importorskip("tensorboardX")
    script = (
        'cat /dev/zero >"$DISK/ballast" 2>/dev/null; '
        f'$HW5 {" ".join(SHORT)} --tensorboard "$DISK/runs" --log "$DISK/log" --out "{tmp_path}/model.npz"'
    )
    done = in_a_mount(tmp_path, "100k", script)
    assert len(Checkpoint.load(tmp_path / "model.npz").history) == 3
    assert done.returncode == 1 and done.stderr.count("training continues") <= 2
    assert "no space left on device" in done.stderr


@pytest.mark.parametrize("option", ["--out", "--log", "--plot"])
def test_links_are_followed(tmp_path, option):
    """A link to a file that is not there yet, in another folder; the link stays a link."""
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link", tmp_path / "there" / "file"
    link.symlink_to(target)
    for _ in range(2):
        assert start(*SHORT, option, link, stdout=subprocess.DEVNULL).wait(60) == 0
        assert link.is_symlink() and target.stat().st_size > 0
    if option == "--out":
        assert len(Checkpoint.load(target).history) == 3


def test_a_name_too_long_is_refused_before_the_training(tmp_path):
    for option in ("--out", "--log", "--plot"):
        process = start(*SHORT, option, tmp_path / ("n" * 256), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (2, "") and "file name too long" in err
    longest = tmp_path / ("n" * 255)
    assert start(*SHORT, "--out", longest, stdout=subprocess.DEVNULL).wait(60) == 0
    assert os.listdir(tmp_path) == [longest.name] and Checkpoint.load(longest)


def test_permissions_survive_a_resume(tmp_path):
    out = tmp_path / "model.npz"
    assert start(*SHORT, "--out", out, stdout=subprocess.DEVNULL).wait(60) == 0
    out.chmod(0o600)
    more = ("train", "--device", "numpy", "--resume", out, "--epochs", 5, "--checkpoint-every", 1, "--keep", 2)
    assert start(*more, stdout=subprocess.DEVNULL).wait(60) == 0
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600} and len(os.listdir(tmp_path)) == 4


class Killed(BaseException):
    """In place of SIGKILL."""


def started(settings, checkpoint=None):
    xor = load("xor")
    return Run(CpuDevice(), xor, settings, DataSource.of(xor, None, None), checkpoint)


@pytest.mark.parametrize("at", range(8))
def test_the_best_checkpoint_survives_a_kill_at_any_write(tmp_path, monkeypatch, at):
    """Killed between the files of one save, then resumed: the best one is that of an uninterrupted run."""
    settings, every = Settings(hidden=(4,), lr=0.3, epochs=6), Interval(1, "epochs")

    def train(folder, checkpoint=None):
        run = started(settings, checkpoint)
        saver = Saver(run, folder / "m.npz", every, keep=2)
        for progress in run.train():
            saver.update(progress)
        saver.finish()

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    train(tmp_path / "whole")
    renames, replace_file = [], os.replace

    def killing(*arguments):
        renames.append(arguments)
        if len(renames) == 6 + at:
            raise Killed
        replace_file(*arguments)

    monkeypatch.setattr(os, "replace", killing)
    with pytest.raises(Killed):
        train(tmp_path / "killed")
    monkeypatch.setattr(os, "replace", replace_file)
    train(tmp_path / "killed", Checkpoint.load(tmp_path / "killed" / "m.npz"))
    for name in ("m.npz", "m.best.npz"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_best_checkpoint_that_could_not_be_saved_is_saved_later(tmp_path):
    run = started(Settings(hidden=(4,), lr=0.3, epochs=4))
    words, losses = [], iter([0.5, 0.4, 0.6, 0.7])
    saver = Saver(run, tmp_path / "m.npz", Interval(1, "epochs"), keep=1, warn=words.append)
    for progress in run.train():
        if progress.epoch_ends:
            loss = next(losses)
            run.history[-1]["validation_loss"] = loss
            blocked = progress.epoch == 2
            if blocked:
                (tmp_path / "m.best.npz").unlink()
                (tmp_path / "m.best.npz").mkdir()
            saver.update(replace(progress, validation_loss=loss))
            if blocked:
                (tmp_path / "m.best.npz").rmdir()
    saver.finish()
    assert len(words) == 1 and saver.error is None
    assert len(Checkpoint.load(tmp_path / "m.best.npz").history) == 2


def test_two_runs_and_one_file(tmp_path):
    """The second is refused while the first trains, and does not touch its file."""
    out, log = tmp_path / "model.npz", tmp_path / "log"
    first = start(
        *LONG, "--out", out, "--log", log, "--checkpoint-every", 1, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    wait_for_epochs(log)
    for arguments in ((*SHORT, "--out", out), ("train", "--resume", out, "--epochs", 100_000)):
        second = start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert "another hw5 process is writing this file" in second.communicate(timeout=60)[1]
        assert second.returncode == 2
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert Checkpoint.load(out).history


def test_a_model_that_cannot_be_saved_is_saved_elsewhere(tmp_path):
    (tmp_path / "tmp").mkdir()
    script = (
        f'head -c 100000 /dev/zero >"$DISK/ballast"; TMPDIR={tmp_path}/tmp $HW5 {" ".join(SHORT)} --out "$DISK/m.npz"'
    )
    done = in_a_mount(tmp_path, "100k", script)
    assert done.returncode == 1
    assert len(Checkpoint.load(re.search(r"the model was saved to (\S+)", done.stderr)[1]).history) == 3


@pytest.mark.parametrize(("hidden", "source"), [("8", ""), ("conv:2x3,pool:2,8", "images.cpp")])
def test_resuming_without_the_compiled_step_is_refused_unless_asked(tmp_path, hidden, source):
    """A compiler that fails, at all or on the source for images, and an empty cache.

    NumPy would continue with other bits.
    """
    if not shutil.which("g++") and not shutil.which("clang++"):
        pytest.skip("no C++ compiler")
    out = tmp_path / "model.npz"
    train = ("train", "--device", "cpu", "--hidden", hidden, "--epochs", "2", "--out", out)
    assert start(*train, stdout=subprocess.DEVNULL).wait(60) == 0
    before = out.read_bytes()
    compiler = tmp_path / "compiler"
    compiler.write_text(f'#!/bin/sh\ncase "$*" in *{source}*) exit 1;; esac\nexec {find_compiler().path} "$@"\n')
    compiler.chmod(0o755)
    broken = {"CXX": str(compiler), "HW5_CACHE": str(tmp_path / "cache"), "CUDA_VISIBLE_DEVICES": ""}

    def resume(*options):
        process = start(
            "train",
            "--resume",
            out,
            "--epochs",
            4,
            *options,
            env=os.environ | broken,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        _, err = process.communicate(timeout=60)
        return process.returncode, err

    for options in ((), ("--device", "cpu")):
        code, err = resume(*options)
        assert code == 2 and "was trained by the compiled step" in err and "add --device numpy" in err
        assert out.read_bytes() == before
    assert resume("--device", "numpy") == (0, "")
    assert len(Checkpoint.load(out).history) == 4


def has_strace():
    command = ["strace", "-e", "trace=none", "true"]
    return bool(shutil.which("strace")) and subprocess.run(command, capture_output=True).returncode == 0


@pytest.mark.skipif(not has_strace(), reason="strace is not installed, or may not trace")
@pytest.mark.parametrize("signum", ["INT", "TERM", "HUP"])
@pytest.mark.parametrize(
    ("call", "at"), [("fsync", 1), ("fsync", 2), ("chmod", 1), ("rename", 1), ("write", 4), ("write", 6)]
)
def test_a_signal_at_a_system_call(tmp_path, call, at, signum):
    """Exactly while the file is written, given its permissions and renamed, or a line is printed after an epoch."""
    out = tmp_path / "model.npz"
    inject = f"inject={call}:signal={signum}:when={at}"
    traced = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
    command = [*traced, *HW5, *SHORT, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, preexec_fn=default_signals)
    assert "Traceback" not in done.stderr
    assert Checkpoint.load(out).history, done.stderr
