"""A random rank is killed at a random moment, and the training is resumed on another number of ranks: the same bits.

HW5_KILLS sets the number of kills (make soak).
"""

import os
import random
import subprocess
import time

import pytest

from hw5.devices import open_device
from hw5.errors import InputError
from hw5.train.checkpoint import Checkpoint
from tests.mpi import are_gone, kill, launcher, run, start

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("HW5_KILLS", 3))
EPOCHS = ("--epochs", 12)
TRAIN = "train --hidden 48 --momentum 0.9 --nesterov --l1 1e-5 --batch-size 200 --patience 50 --tolerance 1e-9".split()


@pytest.fixture(params=["numpy", "cpu"])
def device(request):
    launcher()
    try:
        open_device(request.param)
    except InputError as error:
        pytest.skip(str(error))
    return "--device", request.param


def test_a_killed_rank_ends_all_and_the_training_is_resumed(device, tmp_path):
    """Of 2 to 4 ranks, during start, training, saving or end. No process of them is left, and always a whole checkpoint."""
    whole, out = tmp_path / "whole.npz", tmp_path / "model.npz"
    began = time.monotonic()
    run(2, *TRAIN, *device, *EPOCHS, "--out", whole)
    seconds, rng, kills = time.monotonic() - began, random.Random(0), 0
    while kills < KILLS:
        ranks = rng.randint(2, 4)
        begin = ("--resume", out) if out.exists() else (*TRAIN[1:], "--out", out)
        process = start(ranks, "train", *begin, "--checkpoint-every", "3steps", *device, *EPOCHS)
        try:
            process.communicate(timeout=rng.uniform(0.3, 1.5) * seconds)
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
        run(ranks, "train", "--resume", out, *device, *EPOCHS, "--out", tmp_path / "end.npz")
        assert (tmp_path / "end.npz").read_bytes() == whole.read_bytes()
