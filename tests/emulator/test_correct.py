"""Correct kernels compute the same as NumPy in every order, and check mode reports nothing."""

import numpy as np
import pytest

from .support import HERE, SCHEDULES, Arrays, Emulator

SOURCE = HERE / "correct" / "kernels.cu"
i32 = np.int32


@pytest.fixture(scope="module", params=["fast", "check"])
def emulator(request):
    return Emulator([SOURCE], check=request.param == "check")


@pytest.fixture(params=SCHEDULES, ids=lambda s: f"{s[0]}-{s[1]}")
def run(emulator, request):
    emulator.order, emulator.seed = request.param
    return Arrays(emulator).run


@pytest.fixture
def random():
    return np.random.default_rng(7)


def floats(random, *shape):
    return random.standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("columns", [1, 10, 33, 300])
@pytest.mark.parametrize("threads", [32, 96])
def test_softmax(run, random, columns, threads):
    x = floats(random, 3, columns)
    _, y = run("softmax", (3,), (threads,), x, np.empty_like(x), i32(columns))
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 31, 40, 128])
def test_block_sizes_that_are_not_a_multiple_of_a_warp(run, random, threads):
    x = floats(random, 100)
    blocks = -(-100 // threads)
    _, y = run("reverse", (blocks,), (threads,), x, np.empty_like(x), i32(100), shared=4 * threads)
    expected = [chunk[::-1] for chunk in np.split(x, range(threads, 100, threads))]
    np.testing.assert_array_equal(y, np.concatenate(expected))


def test_two_dimensional_blocks(run, random):
    x = floats(random, 20, 37)
    _, y = run("transpose", (3, 2), (16, 16), x, np.empty((37, 20), np.float32), i32(20), i32(37))
    np.testing.assert_array_equal(y, x.T)


def test_warp_synchronous(run, random):
    x = floats(random, 6, 50)
    _, y = run("warp_total", (2,), (32, 4), x, np.empty(6, np.float32), i32(6), i32(50))
    np.testing.assert_allclose(y, x.sum(1, dtype=np.float64), rtol=1e-5, atol=1e-5)


def test_atomics_of_many_blocks(run, random):
    x = random.integers(0, 256, 500, dtype=np.uint8)
    _, counts, total = run("histogram", (3,), (70,), x, np.zeros(16, i32), np.zeros(1, i32), i32(500))
    np.testing.assert_array_equal(counts, np.bincount(x % 16, minlength=16))
    assert total[0] == 500


def test_neighbouring_bytes(run, random):
    x = floats(random, 100)
    _, bits, packed = run("threshold", (1,), (128,), x, np.empty(100, np.uint8), np.empty(25, i32), i32(100))
    np.testing.assert_array_equal(bits, x > 0)
    np.testing.assert_array_equal(packed, (x > 0).reshape(25, 4) @ [1, 2, 4, 8])


def test_local_arrays(run, random):
    x = floats(random, 100)
    _, y = run("median3", (4,), (32,), x, np.empty_like(x), i32(100))
    padded = np.pad(x, 1, mode="edge")
    np.testing.assert_array_equal(y, np.median([padded[:-2], x, padded[2:]], axis=0))


def test_constants_and_device_variables(run, random):
    x = floats(random, 50, 4)
    arguments = x, np.empty(50, np.float32), np.zeros(1, np.uint32), i32(50)
    _, y, launched = run("weigh", (2,), (32,), *arguments)
    np.testing.assert_allclose(y, x @ np.float32([1, 2, 3, 4]), rtol=1e-5, atol=1e-5)
    assert run("weigh", (2,), (32,), *arguments)[2] == launched + 1


def test_the_last_block_sees_the_results_of_all(run, random):
    x = floats(random, 400)
    for _ in range(2):
        *_, y = run("total_in_one_launch", (7,), (64,), x, np.empty(7, np.float32), np.empty(1, np.float32), i32(400))
        np.testing.assert_allclose(y[0], x.sum(dtype=np.float64), rtol=1e-5, atol=1e-4)


def test_the_last_warp_sees_the_results_of_all(run, random):
    x = floats(random, 150)
    *_, y = run("total_by_warps", (5,), (32,), x, np.empty(160, np.float32), np.empty(1, np.float32), i32(150))
    np.testing.assert_allclose(y[0], 2 * x.sum(dtype=np.float64), rtol=1e-5, atol=1e-4)
