"""Restarts: seeds with the same splits."""

import numpy as np
import pytest

from hw5.datasets import load
from hw5.devices.cpu import CpuDevice
from hw5.errors import InputError
from hw5.train.data_source import DataSource
from hw5.train.restarts import restarts
from hw5.train.settings import Settings


def runs(**given):
    digits = load("digits")
    return list(restarts(CpuDevice(), digits, Settings(**given), DataSource.of(digits, None, None), 3))


def test_the_seeds_have_the_same_splits_and_other_weights():
    first, *others = runs(seed=4)
    assert first.settings == Settings(seed=4)
    assert [run.settings.seed for run in others] == [5, 6]
    for run in others:
        for name, subset in first.splits.items():
            assert np.array_equal(run.splits[name].rows, subset.rows)
        assert not np.array_equal(run.network.parameters()[0][0], first.network.parameters()[0][0])


def test_a_given_seed_of_the_splits_is_kept():
    assert {run.settings.seed_of_splits for run in runs(seed=4, split_seed=9)} == {9}


def test_without_a_validation_set_there_is_nothing_to_choose_by():
    with pytest.raises(InputError, match="--restarts needs a validation set, and --validation 0 leaves none"):
        runs(validation=0.0)
