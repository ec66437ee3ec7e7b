"""A stopped or killed run that is resumed ends with the same bits as an uninterrupted one.

The command line runs in its own processes. Final checkpoints are compared as files, byte for byte: weights, velocities,
history, settings. test_kills.py kills trainings of all kinds.
"""

import signal
import subprocess
import sys
import time

import pytest

from hw5.devices import open_device
from hw5.errors import InputError
from hw5.train.checkpoint import Checkpoint

pytestmark = pytest.mark.slow
EPOCHS = 12
# 41 steps an epoch, with everything that a checkpoint may have: velocities, best and previous parameters
TRAIN = "train --hidden 48 --momentum 0.9 --nesterov --l1 1e-5 --lr-decay 0.95 --patience 50 --tolerance 1e-9".split()


def start(*arguments):
    command = [sys.executable, "-m", "hw5.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(*arguments, code=0):
    process = start(*arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, out + err
    return out, err


@pytest.fixture(scope="module", params=["numpy", "cpu", "emulator", "cuda"])
def device(request):
    try:
        open_device(request.param)
    except (InputError, KeyError) as error:
        pytest.skip(str(error))
    return request.param


@pytest.fixture(scope="module")
def uninterrupted(device, tmp_path_factory):
    """The final checkpoint of an uninterrupted run, and its seconds."""
    path = tmp_path_factory.mktemp(device) / "uninterrupted.npz"
    began = time.monotonic()
    run(*TRAIN, "--device", device, "--epochs", EPOCHS, "--out", path)
    return path.read_bytes(), time.monotonic() - began


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_how_to_resume(device, uninterrupted, signum, code, tmp_path):
    out = tmp_path / "a model.npz"
    process = start(*TRAIN, "--device", device, "--epochs", EPOCHS * 1000, "--out", out)
    process.stdout.readline(), process.stdout.readline(), process.stdout.readline()  # until the first epoch's line
    process.send_signal(signum)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert f"to resume: hw5 train --resume '{out}'" in err
    assert Checkpoint.load(out).history
    run("train", "--resume", out, "--epochs", EPOCHS, "--device", device)
    if Checkpoint.load(out).state.epoch == EPOCHS + 1:
        assert out.read_bytes() == uninterrupted[0]


def test_the_second_signal_quits_immediately(tmp_path):
    """After the first one is received, during a step of a second or while a checkpoint of 68 MB is written."""
    out = tmp_path / "model.npz"
    process = start("train", "--hidden", "2000,2000", "--batch-size", "all", "--epochs", 100_000, "--out", out)
    process.stdout.readline(), process.stdout.readline(), process.stdout.readline()  # until the first epoch's line
    process.send_signal(signal.SIGTERM)
    assert "press Ctrl-C again to quit immediately" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode in (-signal.SIGTERM, 143)


def test_every_checkpoint_of_a_run_leads_to_the_same_result(device, uninterrupted, tmp_path):
    """In an epoch, at the end of an epoch, and at the end of the run."""
    out = tmp_path / "model.npz"
    run(*TRAIN, "--device", device, "--epochs", 2, "--out", out, "--checkpoint-every", "17steps", "--keep", 9)
    copies = sorted(tmp_path.glob("model.step*.npz"))
    # 41 is the end of the first epoch, the best so far
    assert [path.name for path in copies] == [f"model.step{n}.npz" for n in (17, 34, 41, 51, 68, 82)]
    for copy in copies[::2]:
        run("train", "--resume", copy, "--device", device, "--epochs", EPOCHS, "--out", tmp_path / "end.npz")
        assert (tmp_path / "end.npz").read_bytes() == uninterrupted[0]


def test_adam_is_resumed(device, tmp_path):
    """In an epoch and at its end; the corrections of its running means depend on the number of updates."""
    adam = ("train", "--optimizer", "adam", "--lr", 0.001, "--weight-decay", 0.01, "--hidden", 48, "--device", device)
    run(*adam, "--epochs", 3, "--out", tmp_path / "uninterrupted.npz")
    run(*adam, "--epochs", 2, "--out", tmp_path / "model.npz", "--checkpoint-every", "17steps", "--keep", 9)
    for steps in (17, 82):
        copy = tmp_path / f"model.step{steps}.npz"
        run("train", "--resume", copy, "--device", device, "--epochs", 3, "--out", tmp_path / "end.npz")
        assert (tmp_path / "end.npz").read_bytes() == (tmp_path / "uninterrupted.npz").read_bytes()
