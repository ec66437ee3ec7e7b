"""A random rank is killed at a random moment, and the training is resumed on another number of ranks: the same bits.

HW5_KILLS sets the number of kills per device (make soak), which then begins with a new seed.
"""

import itertools
import os
import random
import secrets
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hw5.devices import open_device
from hw5.errors import InputError
from hw5.train.checkpoint import Checkpoint
from tests.mpi import are_gone, kill, launcher, run, start

from .killed import TRAININGS, write_data

pytestmark = pytest.mark.slow
_FEW = 3
KILLS = int(os.environ.get("HW5_KILLS", _FEW))
SEED = 0 if KILLS == _FEW else secrets.randbits(32)
SAVING = ("--checkpoint-every", "2steps")
NAMES = (
    "velocities, penalties, best and previous weights",
    "convolution, pooling, dropout, AdamW, cosine",
    "a table with text, dates and gaps, balanced classes",
    "several labels",
    "early stopping",
    "a mapped file",
)


@pytest.fixture(params=["numpy", "cpu"])
def device(request):
    launcher()
    try:
        open_device(request.param)
    except InputError as error:
        pytest.skip(str(error))
    return "--device", request.param


def test_a_killed_rank_ends_all_and_the_training_is_resumed(device, tmp_path, monkeypatch):
    """Of 2 to 4 ranks, during start, training, saving or end.

    No process of them is left, and always a whole checkpoint.
    """
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path)
    rng, kills = random.Random(SEED), 0
    for name in itertools.cycle(NAMES):
        kills += _killed(TRAININGS[name], device, rng, KILLS - kills if KILLS == _FEW else min(8, KILLS - kills))
        print(*device, SEED, name, kills, "kills of ranks so far", flush=True)
        if kills >= KILLS:
            break


def _killed(training, device, rng, wanted):
    """Kill a rank of a training until `wanted` kills, each time resumed; return their number."""
    program, begin = [sys.executable, *training.program], training.options.split()
    began, kills = time.monotonic(), 0
    run(2, "train", *begin, *device, *SAVING, "--out", "whole.npz", program=program)
    seconds, (whole, out) = time.monotonic() - began, (Path("whole.npz"), Path("model.npz"))
    while kills < wanted:
        ranks = rng.randint(2, 4)
        given = ("--resume", out) if out.exists() else (*begin, "--out", out)
        process = start(ranks, "train", *given, *SAVING, *device, program=program)
        try:
            process.communicate(timeout=rng.uniform(0.3, 1.2) * seconds)
        except subprocess.TimeoutExpired:
            kills += kill(process, rng.randrange(ranks))
            process.communicate(timeout=60)
        if process.returncode == 0:
            assert out.read_bytes() == whole.read_bytes()
            out.unlink()
        if out.exists():
            Checkpoint.load(out)
        assert are_gone(process)
    for ranks in (0, 3) if out.exists() else ():
        run(ranks, "train", "--resume", out, *device, "--out", "end.npz", program=program)
        assert Path("end.npz").read_bytes() == whole.read_bytes()
    out.unlink(missing_ok=True)
    return kills
