"""Processes with little address space, or without threads: a training ends as usual, or in one sentence."""

import subprocess
import sys
import threading

import pytest

from hw5.cli.display import can_draw
from hw5.datasets.deadline import Deadline
from tests.emulator.support import write_kernel

WITHIN = """
import resource, sys
from hw5.cli import main
from hw5.emulator import Emulator  # what a launch needs is loaded
import hw5.cli.train, hw5.cli.emulate
in_use = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + int(sys.argv[1]), -1))
main(sys.argv[2:])
"""
KERNEL = """
extern "C" __global__ void reverse(float *x) {
    __shared__ float s[32];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = s[31 - threadIdx.x];
}
"""


def within(more, *arguments):
    """Run hw5 with at most `more` bytes of address space in addition to what it takes when it is loaded."""
    command = [sys.executable, "-c", WITHIN, str(more), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_emulator_says_that_it_lacks_address_space(tmp_path):
    """Its stacks take 320 MiB, and the history of check mode 100 bytes for 4 of an array."""
    kernel = write_kernel(tmp_path, KERNEL, "reverse.cu")
    emulate = ("emulate", kernel, "--kernel", "reverse", "--args", "arange:20000000", "--order", "forward")
    train = ("train", "--data", "xor", "--epochs", 1, "--device", "emulator")
    for command, room in ((train, 280 << 20), (emulate, 1100 << 20)):
        enough = within(8 << 30, *command)  # also compiles
        assert enough.returncode == 0, enough.stderr
        done = within(room, *command)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "more address space than this process may have" in done.stderr + done.stdout


WITHOUT_THREADS = """
import sys, threading

def start(self):
    raise RuntimeError("can't start new thread")

threading.Thread.start = start
from hw5.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("device", ["cpu", "emulator"])
def test_a_training_without_threads(device):
    command = [sys.executable, "-c", WITHOUT_THREADS, "train", "--data", "xor", "--epochs", "1", "--device", device]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "") and "test accuracy" in done.stdout


def test_without_threads_nothing_is_drawn_and_a_download_has_no_deadline(monkeypatch):
    class Terminal:
        isatty = staticmethod(lambda: True)

    assert can_draw(Terminal)
    monkeypatch.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("can't start")))
    assert not can_draw(Terminal)
    with Deadline(0) as deadline:
        assert not deadline.is_over
