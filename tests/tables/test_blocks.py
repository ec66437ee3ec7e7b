"""The blocks of numbers of a table: in memory or on disk, they are the rows that were appended."""

import numpy as np
import pytest

from hw5.tables import blocks as blocks_module
from hw5.tables.blocks import Blocks, BlocksOnDisk

SIZES = (1, 7, 300, 2, 0, 45, 1000, 3, 3, 512, 1, 1, 900)


@pytest.fixture(params=["memory", "disk"])
def blocks(request, tmp_path):
    return Blocks() if request.param == "memory" else BlocksOnDisk(tmp_path)


def parts(k=5):
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n, k)).astype(np.float32) for n in SIZES]


def filled(blocks, given):
    """`blocks` with the given ones, of which every other one was made in their room."""
    for i, part in enumerate(given):
        block = blocks.room(*part.shape) if i % 2 else np.empty_like(part)
        block[:] = part
        blocks.append(block)
    return blocks


@pytest.mark.parametrize("k", [0, 1, 5])
def test_blocks_are_those_that_were_appended(blocks, k):
    given = parts(k)
    assert not blocks
    filled(blocks, given)
    assert len(blocks) == len(SIZES)
    for block, want in zip(blocks, given, strict=True):
        np.testing.assert_array_equal(block, want)
    for i in range(k):
        np.testing.assert_array_equal(blocks.column(i), np.concatenate(given)[:, i])


def test_kept_rows_stay_in_their_blocks(blocks):
    given = parts()
    mask = np.random.default_rng(1).random(sum(SIZES)) < 0.3
    filled(blocks, given).keep(mask)
    for block, want in zip(blocks, np.split(mask, np.cumsum(SIZES)[:-1]), strict=True):
        assert len(block) == want.sum()
    np.testing.assert_array_equal(np.concatenate(list(blocks)), np.concatenate(given)[mask])


def test_blocks_that_are_used_up(blocks):
    whole, got = np.concatenate(parts()), np.zeros((sum(SIZES), 5), np.float32)
    for start, block in filled(blocks, parts()).used_up():
        got[start : start + len(block)] = block
    np.testing.assert_array_equal(got, whole)


def test_joined_blocks_are_one_array_that_is_no_copy():
    blocks = filled(Blocks(), parts())
    first = next(iter(blocks)).ctypes.data
    rows = blocks.joined()
    assert rows.ctypes.data == first and rows.flags.c_contiguous and not blocks and not blocks.nbytes
    np.testing.assert_array_equal(rows, np.concatenate(parts()))


def test_a_block_in_use_outlives_the_growth_of_the_others():
    blocks = filled(Blocks(), parts()[:3])
    held, want = list(blocks), parts()
    filled(blocks, want[3:])
    for block, each in zip(held, want):
        np.testing.assert_array_equal(block, each)
    np.testing.assert_array_equal(blocks.joined(), np.concatenate(want))


def test_room_for_more_rows_is_limited(monkeypatch):
    """Beyond it, reading asks whether there is memory, block by block."""
    monkeypatch.setattr(blocks_module, "MOST_GROWTH", 4 * 5 * 10)
    blocks = Blocks()
    for _ in range(200):
        blocks.append(np.ones((4, 5), np.float32))
        assert blocks.nbytes <= 4 * 5 * (4 * len(blocks) + 10)
    assert (blocks.joined() == 1).all()
