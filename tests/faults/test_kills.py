"""A training that is killed and resumed again and again ends with the checkpoint of one that was not, byte for byte.

SIGKILL, at random moments of start, training, saving and end. HW5_KILLS sets the number of kills per device (make
soak), which then begins with a new seed; the figures are printed, and kept in benchmarks/results/kills.md.
"""

import itertools
import os
import random
import secrets
import subprocess
import time
from collections import Counter

import pytest

from hw5.devices import open_device
from hw5.errors import InputError
from hw5.files import temporary_prefix
from hw5.train.checkpoint import Checkpoint

from .killed import TRAININGS, write_data

pytestmark = pytest.mark.slow
_FEW = 5  # so that the three devices of every machine have each of the trainings between them
KILLS = int(os.environ.get("HW5_KILLS", _FEW))
SEED = 0 if KILLS == _FEW else secrets.randbits(32)
DEVICES = ("numpy", "cpu", "emulator", "cuda")
_KILLS_OF_ONE = 6  # then a training runs to its end
_SAVING = ("1steps", "2steps")  # so often that many kills happen during saving
_PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def _ready(process, device):
    """Read what it prints until it trains; return whether it does."""
    return any(f" on {device}" in line for line in iter(process.stdout.readline, ""))


class Victim:
    """A training on a device, in the folder that it runs in: its uninterrupted checkpoint, and how long that took."""

    def __init__(self, training, device, folder):
        self.training, self.device, self.folder, self.out = training, device, folder, folder / "model.npz"
        process, began = self._start(self.training.options.split(), "whole.npz"), time.monotonic()
        assert _ready(process, device), process.stderr.read()
        ready = time.monotonic()
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, out + err
        self.wanted = (folder / "whole.npz").read_bytes()
        self.of_start, self.of_training = ready - began, time.monotonic() - ready

    def _start(self, begin, out, saving="1steps"):
        options = (*begin, "--out", out, "--device", self.device, "--checkpoint-every", saving, "--keep", 2)
        return subprocess.Popen(self.training.command(*options), cwd=self.folder, **_PIPES)

    def run(self, rng, most_kills):
        """Kill it at most so often; yield the stage of each kill, and check the checkpoint of its end."""
        for kill in itertools.count():
            begin = ("--resume", self.out) if self.out.exists() else self.training.options.split()
            process = self._start(begin, self.out, rng.choice(_SAVING))
            if kill < most_kills and (stage := self._kill(process, rng)):
                yield stage
                continue
            out, err = process.communicate(timeout=300)
            assert process.returncode == 0, out + err
            break
        assert self.out.read_bytes() == self.wanted
        assert not [path.name for path in self.folder.glob(".model*")], "temporary files are left"
        for path in self.folder.glob("model*.npz"):
            path.unlink()

    def _kill(self, process, rng):
        """SIGKILL at a random moment; return the stage that was interrupted, or None if the process had ended."""
        with_start = rng.random() < 0.2
        trains = not with_start and _ready(process, self.device)
        time.sleep(rng.uniform(0, self.of_training + with_start * self.of_start))
        process.kill()
        out, err = process.communicate()
        if process.returncode == 0:
            return None
        assert process.returncode == -9, out + err
        for path in self.folder.glob("model*.npz"):
            Checkpoint.load(path)  # all are whole
        if not (trains or f" on {self.device}" in out):
            return "start"
        if "test " in out:
            return "end"
        return "saving" if list(self.folder.glob(f"{temporary_prefix(self.out)}*")) else "training"


@pytest.mark.parametrize("device", DEVICES)
def test_killed_at_random_moments(device, tmp_path):
    try:
        open_device(device)
    except (InputError, KeyError) as error:
        pytest.skip(str(error))
    write_data(tmp_path)
    rng, stages, ends, victims = random.Random(SEED), Counter(), 0, {}
    first = _FEW * DEVICES.index(device)
    for name in itertools.islice(itertools.cycle(TRAININGS), first, None):
        victims[name] = victims.get(name) or Victim(TRAININGS[name], device, tmp_path)
        of_it = Counter(victims[name].run(rng, min(_KILLS_OF_ONE if KILLS > _FEW else 1, KILLS - stages.total())))
        stages, ends = stages + of_it, ends + 1
        print(device, SEED, name, dict(of_it), flush=True)
        if stages.total() >= KILLS:
            break
    print(f"{device}: {stages.total()} kills of {ends} runs of {len(victims)} trainings: {dict(stages)}, 0 differences")
