"""What stays open between calls: by owner, thread and process, and never for long."""

import gc
import multiprocessing
import os
import threading
from dataclasses import replace

import numpy as np
import pytest

from hw5.datasets import Dataset, Examples
from hw5.devices import open_device
from hw5.errors import RunError
from hw5.train import opened
from hw5.train.data_source import DataSource
from hw5.train.defaults import settings_for
from hw5.train.run import Run


class Owner:
    """An estimator has a checkpoint."""


@pytest.fixture(autouse=True)
def counted(monkeypatch):
    """The devices that were opened, by name."""
    names = []

    def count(name, threads):
        names.append(name)
        return open_device(name)

    opened.close()
    monkeypatch.setattr(opened, "open_device", count)
    yield names
    opened.close()


@pytest.fixture(scope="module")
def checkpoint():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)).astype(np.float32), np.arange(40, dtype=np.int32) % 2
    dataset = Dataset("the data", "data in memory", Examples(X, y), None, ("a", "b"), None, None)
    run = Run(open_device("numpy"), dataset, settings_for(40, epochs=2), DataSource.of(dataset, None, None))
    list(run.train())
    return run.checkpoint()


def model(owner, checkpoint, examples=1, name="numpy"):
    with opened.opened_model(owner, checkpoint, name, None, examples) as model:
        return model


def test_a_model_stays_open_while_its_owner_has_the_checkpoint(checkpoint, counted):
    owner = Owner()
    first = model(owner, checkpoint)
    assert model(owner, checkpoint) is first and counted == ["numpy"]
    assert model(Owner(), checkpoint) is not first
    assert model(owner, replace(checkpoint)) is not first  # fitted again
    assert counted == ["numpy"]
    on_emulator = model(owner, checkpoint, name="emulator")
    assert on_emulator.network.device.name == "emulator" and model(owner, checkpoint).network.device.name == "numpy"


def test_many_examples_leave_nothing_open(checkpoint, counted):
    owner, many = Owner(), opened.MOST_EXAMPLES + 1
    assert model(owner, checkpoint, many) is not model(owner, checkpoint, many)
    assert counted == ["numpy"] * 2


def test_models_are_freed_with_their_owners_and_by_age(checkpoint):
    owner, used = Owner(), [Owner() for _ in range(opened._MOST_MODELS)]
    first = model(owner, checkpoint)
    kept = opened._THREAD.by_process[os.getpid()].models
    newest = [model(each, checkpoint) for each in used][-1]
    assert len(kept) == opened._MOST_MODELS and model(used[-1], checkpoint) is newest
    assert model(owner, checkpoint) is not first
    used.clear()
    gc.collect()
    assert list(kept) == [owner]


def test_a_failed_computation_closes_the_device(checkpoint, counted):
    with pytest.raises(RunError), opened.opened_device("numpy", None, 1):
        raise RunError("an illegal address")
    model(Owner(), checkpoint)
    assert counted == ["numpy"] * 2


def test_threads_and_forked_processes_have_their_own(checkpoint):
    owner, elsewhere = Owner(), []
    here = model(owner, checkpoint)
    thread = threading.Thread(target=lambda: elsewhere.append(model(owner, checkpoint)))
    thread.start()
    thread.join()
    assert elsewhere[0] is not here and elsewhere[0].network.device is not here.network.device
    assert elsewhere[0].network.device._buffers is not here.network.device._buffers
    read, write = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=lambda: write.send(model(owner, checkpoint) is not here)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 0 and read.poll() and read.recv()
    assert model(owner, checkpoint) is here
