"""Shared by all tests. BLAS keeps to one thread: its idle threads would slow the emulator down."""

import gc
import os
import signal
import tempfile
import threading

import pytest

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


@pytest.fixture(autouse=True, scope="session")
def _temporary_folder():
    """A temporary folder for the tests and the programs that they start, also those of other users: nothing is left."""
    with tempfile.TemporaryDirectory(prefix="hw5-tests-") as folder, pytest.MonkeyPatch.context() as patch:
        os.chmod(folder, 0o1777)
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(autouse=True)
def _numbers_of_its_own(request):
    """The generator `rng` of a module begins anew: a test gets the same numbers, whatever ran before it."""
    if rng := getattr(request.module, "rng", None):
        rng.bit_generator.state = type(rng.bit_generator)(0).state


@pytest.fixture(scope="session")
def compiler():
    """A C++ compiler: without one, the test is left out."""
    from hw5.compiler import find_compiler
    from hw5.errors import InputError

    try:
        find_compiler()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture
def ctrl_c(monkeypatch):
    """Ctrl-C, a moment after a training has begun."""
    from hw5.train.run import Run

    train, timer = Run.train, threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))

    def interrupted(run):
        for progress in train(run):
            if not timer.ident:
                timer.start()
            yield progress

    monkeypatch.setattr(Run, "train", interrupted)
    yield
    timer.join()


def pytest_collection_modifyitems(config, items):
    """Where tests run on several cores, the slow ones come first, so that none is left for one core in the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish():
    """What was imported stays to the end: those tests that collect garbage need not search it every time."""
    gc.collect()
    gc.freeze()
