"""hw5 train under an MPI launcher: what it says, and how it ends. tests/train/test_ranks.py compares what it trains."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hw5.compiler import find_compiler
from hw5.devices.ranks import _wait_until_read
from tests.mpi import are_gone, launcher, ranks_of, run, start

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_only_rank_0_prints_and_threads_are_divided():
    out, err = run(2, "train", "--epochs", 2, "--threads", 2, "--hidden", 20, "--batch-size", 64)
    assert out.count("digits: 64 features") == out.count("test accuracy") == 1 and err == ""
    assert "1 thread, 4 slices, 2 ranks)" in out


def test_ranks_without_a_slice_are_reported():
    _, err = run(3, "train", "--epochs", 1, "--batch-size", 32)
    assert err == (
        "hw5: minibatches of 32 have 2 slices, so 1 of 3 ranks has nothing to do; use fewer ranks or a larger "
        "--batch-size\n"
    )


ERRORS = {
    "no such file": ("train --data nothing.csv", "nothing.csv: no such file", 2),
    "a wrong option": ("train --epochs 0", "Invalid value for '--epochs'", 2),
    "diverging": ("train --lr 1e30 --optimizer sgd", "training diverged in epoch 1", 1),
}


@pytest.mark.parametrize("command, sentence, code", ERRORS.values(), ids=ERRORS)
def test_an_error_ends_all_with_one_sentence(command, sentence, code):
    _, err = run(2, *command.split(), code=code)
    assert err.startswith(f"hw5: {sentence}") and err.count("\n") == 1


def test_a_checkpoint_without_slices_needs_slices():
    """Then its training continues with other rounding errors."""
    run(0, "train", "--epochs", 1, "--out", "model.npz")
    _, err = run(2, "train", "--resume", "model.npz", "--epochs", 2, code=2)
    assert err == (
        "hw5: 2 ranks cannot share minibatches of one slice; add --slices 8, which rounds in another way, or start one "
        "process\n"
    )
    run(2, "train", "--resume", "model.npz", "--epochs", 2, "--slices", 8, "--out", "on.npz")
    out, _ = run(0, "show", "on.npz")
    assert "slices = 8" in out


def of_two(first, second):
    """The standard error of two ranks that start with commands of their own; exit code 2."""
    done = subprocess.run([launcher(), "-n", "1", *first, ":", "-n", "1", *second], capture_output=True, text=True)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def test_ranks_with_different_arguments_are_refused():
    commands = [[sys.executable, "-m", "hw5.cli", "train", "--seed", str(seed)] for seed in range(2)]
    assert "started 2 processes with different arguments" in of_two(*commands)


def test_a_rank_with_other_arithmetic_is_refused(tmp_path):
    """It has no compiler, and nothing in its cache."""
    find_compiler()
    train = [sys.executable, "-m", "hw5.cli", "train", "--device", "cpu", "--epochs", "1"]
    err = of_two(train, ["env", "PATH=", f"HW5_CACHE={tmp_path / 'cache'}", *train])
    assert (
        err.startswith("hw5: rank 1 would compute by NumPy, and rank 0 by the compiled step") and err.count("\n") == 1
    )


FAILING = """
import os
from hw5.train import ranks
if os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK")) == "{}":
    ranks.{} = lambda *_: 1 / 0
from hw5.cli import main
main()
"""


@pytest.mark.parametrize("rank, method", [(1, "Worker.train"), (1, "open_here"), (0, "RankedStepper._state")])
def test_a_rank_that_fails_ends_all(rank, method):
    """No rank waits for it. What the launcher adds is its own."""
    program = [sys.executable, "-c", FAILING.format(rank, method)]
    process = start(3, "train", "--epochs", 2, "--batch-size", 200, program=program)
    out, err = process.communicate(timeout=60)
    assert process.returncode != 0 and "Traceback" not in out + err
    assert f"hw5: rank {rank}: ZeroDivisionError: division by zero; all ranks end\n" in err
    assert err.count("hw5: ") == 1 and are_gone(process)


def test_the_last_words_are_read_before_the_abort(tmp_path):
    """A launcher that is busy would end the ranks before it reads them."""
    reading, writing = os.pipe()
    os.write(writing, b"hw5: rank 1: ...\n")
    reader = threading.Timer(0.3, os.read, (reading, 100))
    began = time.monotonic()
    reader.start()
    _wait_until_read(writing)
    assert 0.3 <= time.monotonic() - began < 5
    with open(tmp_path / "err", "wb", buffering=0) as file:
        file.write(b"nobody reads a file")
        _wait_until_read(file.fileno())
    os.close(reading)
    os.close(writing)


def starts(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


FOR_ONE = {
    "no mpi4py": ("sys.modules['mpi4py'] = None", "and mpi4py, which connects them, is not installed"),
    "another library's launcher": ("pass", "connects 1: it is not the launcher's"),
}


@pytest.mark.parametrize("statement, sentence", FOR_ONE.values(), ids=FOR_ONE)
def test_what_a_launcher_needs(statement, sentence, monkeypatch):
    """The variables are those of a launcher that MPICH does not know."""
    if statement == "pass" and not starts("from mpi4py import MPI; MPI.COMM_WORLD.size"):
        pytest.skip("mpi4py finds no MPI library that it can start: pip install mpi4py mpich")
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    program = f"import sys; {statement}; from hw5.cli import main; main(['train'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and sentence in done.stderr and done.stderr.count("\n") == 1


def test_without_a_launcher_mpi_is_not_imported():
    program = "import sys; from hw5.cli import main; main(['train', '--epochs', '1']); print('mpi4py' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.endswith("False\n")


@pytest.mark.parametrize("whom", ["launcher", "rank 0", "rank 1"])
def test_sigterm_saves_and_says_how_to_resume(whom, tmp_path):
    process = start(3, "train", "--epochs", 100_000, "--batch-size", 200, "--out", "model.npz")
    for _ in range(4):
        process.stdout.readline()
    own = ranks_of(process)
    assert len(own) == 3
    pid = process.pid if whom == "launcher" else own[int(whom[-1])]
    subprocess.run(["kill", "-TERM", str(pid)], check=True)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "to resume: hw5 train --resume model.npz" in err and err.count("\n") == 2
    assert are_gone(process)
