"""The order of an epoch: permutations, weights, and no shuffling."""

import numpy as np
import pytest

from hw5.devices.division import Division
from hw5.train.order import Order, epoch_order, weighted_rows
from hw5.train.settings import Settings

ROWS = np.arange(100, 150)
WEIGHTS = np.random.default_rng(0).exponential(size=50)


def test_without_shuffling_every_epoch_has_the_rows_as_they_are():
    order = Order(ROWS, Settings(shuffle=False))
    assert (order.of(1) == ROWS).all() and (order.of(2) == ROWS).all()
    assert (Order(ROWS, Settings()).of(1) != ROWS).any()


def test_a_row_is_there_as_often_as_its_weight_says_rounded_down_or_up():
    due = WEIGHTS * 50 / WEIGHTS.sum()
    for epoch in range(1, 20):
        count = np.bincount(weighted_rows(ROWS, WEIGHTS, 3, epoch) - 100, minlength=50)
        assert count.sum() == 50 and (np.floor(due) <= count).all() and (count <= np.ceil(due)).all()


def test_over_the_epochs_rows_are_there_in_proportion_to_their_weights():
    epochs = 4000
    drawn = np.concatenate([weighted_rows(ROWS, WEIGHTS, 0, epoch) for epoch in range(epochs)])
    mean = np.bincount(drawn - 100, minlength=50) / epochs
    # Each count is one of two neighbours, so its standard deviation is at most 1/2: five of the mean's are 5 / 2 / 63
    np.testing.assert_allclose(mean, WEIGHTS * 50 / WEIGHTS.sum(), rtol=0, atol=2.5 / epochs**0.5)


def test_the_scale_of_weights_means_nothing_and_equal_ones_are_a_permutation():
    np.testing.assert_array_equal(weighted_rows(ROWS, WEIGHTS, 1, 1), weighted_rows(ROWS, WEIGHTS * 4, 1, 1))
    np.testing.assert_array_equal(weighted_rows(ROWS, np.full(50, 0.25), 1, 1), ROWS)


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_order_of_weighted_rows_depends_on_seed_and_epoch(shuffle):
    orders = [
        Order(ROWS, Settings(seed=seed, shuffle=shuffle), weights=WEIGHTS).of(n) for seed in (0, 1) for n in (1, 2)
    ]
    assert len({order.tobytes() for order in orders}) == 4
    again = Order(ROWS, Settings(seed=1, shuffle=shuffle), weights=WEIGHTS)
    again.of(7)
    np.testing.assert_array_equal(again.of(2), orders[3])
    assert all((np.diff(order) >= 0).all() != shuffle for order in orders)


@pytest.mark.parametrize("n, k, slices", [(1000, 128, 8), (1000, 100, 3), (999, 333, 4), (50, 70, 8), (640, 16, 4)])
def test_a_slice_takes_its_examples_from_a_part_of_the_data(n, k, slices):
    """A permutation, of which slice s of every minibatch has rows of part s.

    In the last minibatch are those that are left.
    """
    rows, k = np.arange(7, n + 7), min(k, n)
    settings = Settings(batch_size=k, slices=slices)
    orders = [Order(rows[::-1], settings, block=10).of(epoch) for epoch in (1, 2)]
    assert (orders[0] != orders[1]).any()
    division = Division(k, slices)
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), rows)
        minibatches = order[: n // k * k].reshape(-1, k)
        reaches = []
        for number in range(division.slices):
            first, last = division.examples(number, number + 1)
            reaches.append((minibatches[:, first:last].min(), minibatches[:, first:last].max()))
        assert all(before[1] < after[0] for before, after in zip(reaches, reaches[1:]))


def test_a_row_without_weight_is_never_drawn():
    weights = np.r_[0.0, WEIGHTS[1:-1], 0.0]
    for epoch in range(200):
        assert set(weighted_rows(ROWS, weights, 0, epoch)) <= set(ROWS[1:-1])


@pytest.mark.parametrize(("block", "slices"), [(4, 1), (None, 1), (None, 3)])
def test_slices_have_parts_of_the_data_only_if_it_is_read_in_blocks(block, slices):
    rows, settings = np.arange(3, 103), Settings(batch_size=30, slices=slices, seed=2)
    assert np.array_equal(Order(rows, settings, block).of(5), epoch_order(rows, 2, 5, block))
