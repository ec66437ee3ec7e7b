"""Programs under an MPI launcher: that of the mpich package beside this Python, or another on PATH."""

import functools
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from contextlib import suppress
from pathlib import Path

import pytest

HW5 = [sys.executable, "-m", "hw5.cli"]
_MARK = "HW5_TEST"  # a variable by which the ranks of a launcher are found
_MOST = 4  # ranks of one test
_JOIN = f"""if True:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise SystemExit(f"mpi4py does not load: {{error}}")
    if MPI.COMM_WORLD.size != {_MOST}:
        raise SystemExit("it is not that of mpi4py's MPI library")
"""


def _path():
    return shutil.which("mpiexec", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))


@functools.cache
def why_not():
    """Why no ranks can be started, or None.

    Starts as many as a test does: some launchers refuse root, or more than cores.
    """
    if not (_path() and importlib.util.find_spec("mpi4py")):
        return "mpi4py, or an MPI library, is not installed: pip install mpi4py mpich"
    command = [_path(), "-n", str(_MOST), sys.executable, "-c", _JOIN]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"mpiexec starts no ranks: {error}"
    if done.returncode == 0:
        return None
    return f"mpiexec starts no ranks: {' '.join(done.stderr.split())[:300] or f'exit code {done.returncode}'}"


def launcher():
    """The path of mpiexec. Skips the test if no ranks can be started."""
    if reason := why_not():
        pytest.skip(reason)
    return _path()


def start(ranks, *arguments, program=HW5):
    """Start hw5 on so many ranks, or without a launcher for 0."""
    command = [launcher(), "-n", str(ranks)] * bool(ranks) + [*program, *map(str, arguments)]
    mark = f"{os.getpid()}-{time.monotonic_ns()}"
    environment = os.environ | {_MARK: mark}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, env=environment, start_new_session=True, **streams)
    process.mark = mark
    return process


def run(ranks, *arguments, code=0, **options):
    """Run hw5 on so many ranks; return its standard output and error."""
    process = start(ranks, *arguments, **options)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, out + err
    return out, err


def ranks_of(process):
    """{rank: process id} of the ranks of a launcher that have started."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            variables = dict(
                entry.split("=", 1) for entry in (folder / "environ").read_text().split("\0") if "=" in entry
            )
            rank = variables.get("PMI_RANK") or variables.get("OMPI_COMM_WORLD_RANK")
            if variables.get(_MARK) == process.mark and rank:
                found[int(rank)] = int(folder.name)
    return found


def are_gone(process, seconds=60):
    """Whether all ranks of a launcher that has ended have ended, too; some take a moment longer."""
    deadline = time.monotonic() + seconds
    while ranks_of(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not ranks_of(process)


def kill(process, rank):
    """SIGKILL a rank of a launcher; return whether it was there."""
    with suppress(KeyError, ProcessLookupError):
        os.kill(ranks_of(process)[rank], signal.SIGKILL)
        return True
    return False
