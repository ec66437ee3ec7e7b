"""Networks of images in a run: the same bits after a resume, saved and loaded, and figures from their files."""

from dataclasses import replace

import numpy as np
import pytest

from hw5.datasets import Dataset, Examples
from hw5.devices import open_device
from hw5.errors import InputError
from hw5.train.checkpoint import Checkpoint
from hw5.train.data_source import DataSource
from hw5.train.predictor import Predictor
from hw5.train.run import Run
from hw5.train.settings import Settings

HIDDEN = ("conv:4x3+1", "dropout:0.2", "pool:2", "conv:3x2x1/2", "meanpool:2/1+1", 6, "dropout:0.5")


def coloured(n=90, shape=(7, 6, 3)):
    """Images in which the channel of the class is brighter."""
    rng = np.random.default_rng(0)
    y = np.arange(n, dtype=np.int32) % 3
    X = rng.integers(0, 100, (n, *shape)).astype(np.uint8)
    X[np.arange(n), :, :, y] += 100
    return Dataset("colours", "colours", Examples(X.reshape(n, -1), y), None, tuple("rgb"), None, shape)


def run(device, settings, checkpoint=None, pause_every=None):
    data = coloured()
    return Run(device, data, settings, DataSource.of(data, None, None), checkpoint, pause_every)


@pytest.fixture(scope="module", params=["numpy", "cpu", "emulator"])
def device(request):
    try:
        return open_device(request.param)
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("optimizer", [{}, {"momentum": 0.9}, {"optimizer": "adam", "lr": 0.01}], ids=str)
@pytest.mark.parametrize("activation", ["relu", "maxout:3"])
def test_a_resumed_run_ends_in_the_same_bits(device, optimizer, activation, tmp_path):
    settings = Settings(hidden=HIDDEN, activation=activation, epochs=3, batch_size=16, **optimizer)
    whole, other = run(device, settings), run(device, settings, pause_every=2)
    for _ in whole.train():
        pass
    for progress in other.train():
        if progress.epoch == 2 and not progress.epoch_ends:
            other.checkpoint().save(tmp_path / "half.npz")
            break
    resumed = run(device, settings, Checkpoint.load(tmp_path / "half.npz"))
    for _ in resumed.train():
        pass
    whole.checkpoint().save(tmp_path / "whole.npz"), resumed.checkpoint().save(tmp_path / "resumed.npz")
    assert (tmp_path / "whole.npz").read_bytes() == (tmp_path / "resumed.npz").read_bytes()


def test_a_run_learns_colours(device):
    colours = run(
        device,
        Settings(hidden=("conv:6x3", "pool:2", "dropout:0.1", 8), epochs=8, optimizer="adam", lr=0.01, batch_size=8),
    )
    for _ in colours.train():
        pass
    assert colours.evaluate("test")[1] == 1
    assert (
        Predictor(device, colours.checkpoint()).predict(coloured().train.X[:6]).argmax(axis=1).tolist() == [0, 1, 2] * 2
    )


def test_layers_that_do_not_fit_the_images_of_a_checkpoint_are_found(tmp_path):
    checkpoint = run(open_device("numpy"), Settings(hidden=("conv:4x3", 5))).checkpoint()
    for damaged in (
        replace(checkpoint, image_shape=None),
        replace(checkpoint, image_shape=(14, 9)),
        replace(checkpoint, image_shape=(7, 18, 1)),
        replace(checkpoint, settings=replace(checkpoint.settings, hidden=("conv:4x9", 5))),
        replace(checkpoint, settings=replace(checkpoint.settings, hidden=("conv:4x3", "pool:2", 5))),
    ):
        damaged.save(tmp_path / "model.npz")
        with pytest.raises(InputError, match="model.npz is damaged"):
            Checkpoint.load(tmp_path / "model.npz")
