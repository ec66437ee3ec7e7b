"""A run as a whole: what is evaluated is what is saved."""

import numpy as np

from hw5.checkpoint import DataSource
from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.run import Run
from hw5.training import Settings


def test_a_run_that_is_left_off_has_its_best_weights():
    """In the network, whose figures are shown, as in the checkpoint."""
    digits = load("digits")
    settings = Settings(hidden=(16,), lr=0.5, momentum=0.8, patience=50, epochs=50)
    run = Run(CpuDevice(), digits, settings, DataSource.of(digits, None, None))
    for progress in run.train():
        if progress.epoch_ends and progress.epoch > run.training.best.epoch:
            break
    best = run.training.best
    assert best.loss < run.history[-1]["validation_loss"]
    assert run.evaluate("validation")[0] == best.loss
    for kept in (run.network.parameters(), run.checkpoint().parameters):
        for pair, best_pair in zip(kept, best.parameters, strict=True):
            for array, of_best in zip(pair, best_pair):
                np.testing.assert_array_equal(array, of_best)
