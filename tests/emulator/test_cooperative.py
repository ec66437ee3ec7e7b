"""Kernels that synchronise the grid."""

import numpy as np
import pytest

from hw5.emulator import KernelFault

from .support import SCHEDULES, Arrays, Emulator, line_of, schedule, write_kernel

i32, f32 = np.int32, np.float32

KERNELS = """
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

// Each step makes the mean of three neighbours, from one array into the other. Shared memory lasts over all steps.
__global__ void smooth(float *x, float *y, int *counts, int n, int steps) {
    cg::grid_group grid = cg::this_grid();
    __shared__ int done;
    extern __shared__ int by_thread[];
    by_thread[threadIdx.x] = 0;
    if (threadIdx.x == 0) done = 0;
    for (int step = 0; step < steps; step++) {
        for (int i = (int)grid.thread_rank(); i < n; i += (int)grid.size())
            y[i] = (x[(i + n - 1) % n] + x[i] + x[(i + 1) % n]) / 3;
        by_thread[threadIdx.x]++;
        grid.sync();
        if (threadIdx.x == 0) done++;
        float *last = x;
        x = y;
        y = last;
    }
    __syncthreads();
    counts[blockIdx.x * blockDim.x + threadIdx.x] = done + 100 * by_thread[threadIdx.x];
}

__device__ float partial[64];
__device__ void everybody(const cg::grid_group &g) { cg::sync(g); }
__global__ void mean(const float *x, float *y, int n) {
    auto grid = cg::this_grid();
    if (threadIdx.x == 0) {
        float sum = 0;
        for (int i = blockIdx.x; i < n; i += gridDim.x) sum += x[i];
        partial[blockIdx.x] = sum;
    }
    everybody(grid);
    float sum = 0;
    for (int b = 0; b < gridDim.x; b++) sum += partial[b];
    y[blockIdx.x * blockDim.x + threadIdx.x] = sum / n;
}

__global__ void ranks(int *y) { y[cg::this_grid().thread_rank()] = (int)cg::this_grid().block_rank(); }

__global__ void early(float *x, float *y, int n) {
    auto grid = cg::this_grid();
    if (blockIdx.x == 2) return;
    grid.sync();  // EARLY
    y[0] = 1;
}
__global__ void forgotten(float *x, float *y, int n) {
    auto grid = cg::this_grid();
    const int i = blockIdx.x * blockDim.x + threadIdx.x, all = gridDim.x * blockDim.x;
    x[i] = 1;
    grid.sync();
    y[i] = x[(i + blockDim.x) % all];
    x[i] = 2;  // FORGOTTEN
}
__global__ void some_threads(float *x, float *y, int n) {
    if (threadIdx.x < 5) cg::this_grid().sync();  // SOME
    y[threadIdx.x] = 0;
}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_kernel(tmp_path_factory.mktemp("k"), KERNELS)


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, file):
    return Emulator(file, check=request.param)


@pytest.mark.parametrize("order, seed", SCHEDULES, ids=str)
def test_all_blocks_wait(emulator, order, seed):
    x = np.random.default_rng(1).random(333, f32)
    expected = x
    for _ in range(5):
        expected = (np.roll(expected, 1) + expected + np.roll(expected, -1)) / f32(3)
    counts = np.zeros(7 * 40, i32)
    with schedule(emulator, order, seed):
        _, y, counts = Arrays(emulator).run("smooth", (7,), (40,), x, 0 * x, counts, i32(333), i32(5), shared=160)
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    assert (counts == 505).all()


def test_a_function_that_waits(emulator):
    x = np.random.default_rng(1).random(500, f32)
    for blocks in (1, 6, 64):
        _, y = Arrays(emulator).run("mean", (blocks,), (33,), x, np.zeros(33 * blocks, f32), i32(500))
        np.testing.assert_allclose(y, x.mean(), rtol=1e-5)


def test_a_large_grid_that_does_not_wait(emulator):
    (y,) = Arrays(emulator).run("ranks", (3000,), (128,), np.zeros(3000 * 128, i32))
    np.testing.assert_array_equal(y, np.repeat(np.arange(3000), 128))


def fault_of(emulator, kernel, blocks=4, threads=32):
    x = np.zeros(blocks * threads, f32)
    with pytest.raises(KernelFault) as caught:
        Arrays(emulator).run(kernel, (blocks,), (threads,), x, x, i32(len(x)))
    return caught.value


def test_a_block_that_ends_early(emulator, file):
    fault = fault_of(emulator, "early")
    assert (fault.kind, fault.line) == ("divergence", line_of(file, "EARLY"))
    assert "waits for all blocks of the grid, but block (2,0,0) has ended" in str(fault)
    test_a_function_that_waits(emulator)


def test_threads_that_do_not_wait(emulator, file):
    fault = fault_of(emulator, "some_threads")
    assert (fault.kind, fault.line) == ("divergence", line_of(file, "SOME"))
    assert "5 of 32 threads" in str(fault)


def test_a_race_that_a_barrier_of_the_grid_would_prevent(emulator, file):
    if not emulator.check:
        return
    for order, seed in SCHEDULES:
        with schedule(emulator, order, seed):
            fault = fault_of(emulator, "forgotten")
        assert (fault.kind, fault.line) == ("race", line_of(file, "FORGOTTEN"))


def test_more_threads_than_a_gpu_has(emulator):
    x = np.random.default_rng(1).random(500, f32)
    with pytest.raises(KernelFault, match="wait for each other, and no GPU has more than 270336 threads at once"):
        Arrays(emulator).run(
            "smooth", (270,), (1024,), x, 0 * x, np.zeros(270 * 1024, i32), i32(500), i32(1), shared=4096
        )
