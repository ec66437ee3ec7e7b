"""Runs as a whole: the evaluated network is the saved one."""

import numpy as np
import pytest

from hw5.datasets import load
from hw5.datasets.preprocessing import Subset
from hw5.devices.cpu import CpuDevice
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
from hw5.train.predictor import Predictor
from hw5.train.run import Run
from hw5.train.settings import Settings


def test_a_run_with_patience_saves_its_best_weights():
    """Also if it is stopped before the end; after the end, the network has them."""
    digits = load("digits")
    settings = Settings(hidden=(16,), lr=0.5, momentum=0.8, patience=50, epochs=50)
    run = Run(CpuDevice(), digits, settings, DataSource.of(digits, None, None))
    for progress in run.train():
        if progress.epoch_ends and progress.epoch > run.training.best.epoch:
            break
    best = run.training.best
    assert best.loss < run.history[-1]["validation_loss"]
    assert_equal(run.checkpoint().parameters, best.parameters)
    list(run.train())
    assert_equal(run.network.parameters(), run.training.best.parameters)
    assert run.evaluate("validation")[0] == run.training.best.loss
    assert_equal(run.checkpoint().parameters, run.training.best.parameters)


def assert_equal(parameters, others):
    for pair, other in zip(parameters, others, strict=True):
        for array, of_other in zip(pair, other):
            np.testing.assert_array_equal(array, of_other)


def test_early_stopping_is_resumed_after_the_best_epoch(tmp_path):
    """The file is the same, byte for byte, as without an interruption."""
    digits = load("digits")

    def run(epochs, checkpoint=None):
        settings = Settings(hidden=(16,), lr=0.5, momentum=0.8, patience=50, epochs=epochs)
        run = Run(CpuDevice(), digits, settings, DataSource.of(digits, None, None), checkpoint)
        *_, last = run.train()
        assert run.training.best.epoch < epochs and "its weights are kept" in last.ending
        run.checkpoint().save(tmp_path / "model.npz")
        return (tmp_path / "model.npz").read_bytes()

    uninterrupted = run(14)
    run(8)
    assert run(14, Checkpoint.load(tmp_path / "model.npz")) == uninterrupted


@pytest.mark.parametrize("source, loss", [("xor", "cross-entropy"), ("sine", "squared")])
def test_a_model_is_evaluated_in_one_pass(source, loss, monkeypatch):
    """One upload of the data, and the outputs of a pass of its own, bit for bit."""
    settings = Settings(hidden=(5,), loss=loss)
    dataset = load(source, task=settings.task)
    model = Predictor(CpuDevice(), Run(CpuDevice(), dataset, settings, DataSource.of(dataset, None, None)).checkpoint())
    expected, uploads, upload = model.predict(dataset.train.X), [], CpuDevice.upload_data
    monkeypatch.setattr(CpuDevice, "upload_data", lambda *args: uploads.append(1) or upload(*args))
    subset = Subset.whole(dataset.train)
    predicted = model.regress(subset)[1][:, None] if loss == "squared" else model.evaluate(subset)[2]
    np.testing.assert_array_equal(predicted, expected)
    assert len(uploads) == 1
