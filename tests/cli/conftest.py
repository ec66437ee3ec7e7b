"""A trained checkpoint and a table of two classes, for the tests of several commands."""

import numpy as np
import pytest

from tests.cli.helpers import hw5, write_csv


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    """A checkpoint of the bundled digits."""
    path = tmp_path_factory.mktemp("digits") / "model.npz"
    hw5("train", "--epochs", 20, "--out", path)
    return path


@pytest.fixture
def flowers(tmp_path):
    """A CSV file with two separable classes, one with the features only, and both as arrays."""
    rng = np.random.default_rng(0)
    y = np.repeat(["rose", "tulip"], 40)
    X = rng.normal(size=(80, 3)).round(3) + 4 * (y == "tulip")[:, None]
    labelled = write_csv(tmp_path / "flowers.csv", X, y, "height,width,depth,species")
    return labelled, write_csv(tmp_path / "new.csv", X, header="height,width,depth"), X, y
