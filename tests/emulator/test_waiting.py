"""Blocks that wait for each other in a loop, by atomic operations or volatile variables."""

import numpy as np
import pytest

from hw5.dialect.declarations import declarations
from hw5.dialect.tokens import _tokens
from hw5.dialect.waiting import waits
from hw5.emulator import Emulator, KernelFault

from .support import SCHEDULES, schedule, write_kernel

i32, f32 = np.int32, np.float32

# Each block adds to the sum of the block before it.
LOOK_BACK = """
__global__ void k(const float *x, volatile float *sums, volatile int *flags, float *y) {
    __shared__ float s;
    if (threadIdx.x == 0) {
        s = x[blockIdx.x];
        if (blockIdx.x > 0) {
            while (flags[blockIdx.x - 1] == 0)PAUSE
            __threadfence();
            s += sums[blockIdx.x - 1];
        }
        sums[blockIdx.x] = s;
        FENCE
        flags[blockIdx.x] = 1;
    }
    __syncthreads();
    if (threadIdx.x == 1) y[blockIdx.x] = s;
}"""
BARRIERS = {
    "a volatile counter": "atomicAdd((int *)count, 1); while (*count < gridDim.x);",
    "an atomic counter": "atomicAdd((int *)count, 1); while (atomicAdd((int *)count, 0) < gridDim.x);",
    "a loop with a body": "atomicAdd((int *)count, 1); int seen; do { seen = *count; } while (seen < gridDim.x);",
    "a class": "Count c = {count}; c.wait();",
}
BARRIER = """
struct Count {
    volatile int *n;
    __device__ void wait() { atomicAdd((int *)n, 1); while (*n < gridDim.x) {} }
};
__global__ void k(volatile int *count, float *x, float *y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, n = gridDim.x * blockDim.x;
    x[i] = i;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) { BARRIER __threadfence(); }
    __syncthreads();
    y[i] = x[n - 1 - i];
}"""


def look_back(pause=";", fence="__threadfence();"):
    return LOOK_BACK.replace("PAUSE", pause).replace("FENCE", fence)


def sums(emulator, blocks=6):
    x, y = np.arange(blocks, dtype=f32), np.zeros(blocks, f32)
    emulator.run("k", blocks, 32, [x, np.zeros(blocks, f32), np.zeros(blocks, i32), y])
    return y


@pytest.mark.parametrize("check", [False, True], ids=["fast", "check"])
@pytest.mark.parametrize("pause", [";", " {}", " { __nanosleep(20); }"])
def test_blocks_wait_for_others_in_every_order(tmp_path, check, pause):
    emulator = Emulator(write_kernel(tmp_path, look_back(pause)), check=check, time_limit=60)
    for order, seed in SCHEDULES:
        with schedule(emulator, order, seed):
            np.testing.assert_array_equal(sums(emulator), np.cumsum(np.arange(6)))


@pytest.mark.parametrize("check", [False, True], ids=["fast", "check"])
@pytest.mark.parametrize("name", BARRIERS)
def test_a_barrier_of_the_grid_that_a_kernel_makes(tmp_path, check, name):
    text = BARRIER.replace("BARRIER", BARRIERS[name])
    emulator = Emulator(write_kernel(tmp_path, text), check=check, time_limit=60)
    for order in ("forward", "reverse", "random", "warps"):
        emulator.order = order
        x, y = np.zeros(128, f32), np.zeros(128, f32)
        emulator.run("k", 4, 32, [np.zeros(1, i32), x, y])
        np.testing.assert_array_equal(y, np.arange(128)[::-1])


def test_a_volatile_store_without_a_fence_is_a_race(tmp_path):
    emulator = Emulator(write_kernel(tmp_path, look_back(fence="")), check=True)
    with pytest.raises(KernelFault, match="race in k: .* and blocks run in any order"):
        sums(emulator, 2)


def test_a_block_may_tell_others_by_several_flags(tmp_path):
    text = """__global__ void k(int *data, int *flags, int *y) {
        for (int i = blockIdx.x; i < 6; i += gridDim.x)
            if (threadIdx.x == 0) {
                int before = 0;
                if (i > 0) {
                    while (atomicAdd(&flags[i - 1], 0) == 0);
                    __threadfence();
                    before = data[i - 1];
                }
                data[i] = before + i;
                __threadfence();
                atomicExch(&flags[i], 1);
            }
        if (threadIdx.x == 0) y[blockIdx.x] = 1;
    }"""
    emulator = Emulator(write_kernel(tmp_path, text), check=True, time_limit=60)
    for emulator.order in ("forward", "reverse", "random"):
        data = np.zeros(6, i32)
        emulator.run("k", 2, 32, [data, np.zeros(6, i32), np.zeros(2, i32)])
        np.testing.assert_array_equal(data, np.cumsum(np.arange(6)))


def test_threads_of_a_warp_need_a_barrier_between_volatile_accesses(tmp_path):
    text = """__global__ void k(float *y) {
        __shared__ volatile float s[64];
        s[threadIdx.x] = y[threadIdx.x];
        __syncthreads();
        if (threadIdx.x < 32) s[threadIdx.x] += s[threadIdx.x + 16];
    }"""
    with pytest.raises(KernelFault, match="race in k: .*__shared__ 's' at k.cu:5"):
        Emulator(write_kernel(tmp_path, text), check=True).run("k", 1, 64, [np.zeros(64, f32)])


def test_blocks_that_wait_for_what_never_comes_reach_the_time_limit(tmp_path):
    text = "__global__ void k(volatile int *flag) { while (*flag == 0); }"
    for check in (False, True):
        with pytest.raises(KernelFault, match="still running after the time limit"):
            Emulator(write_kernel(tmp_path, text), check=check, time_limit=0.2).run("k", 3, 2, [np.zeros(1, i32)])


def test_many_blocks_begin_in_order(tmp_path):
    emulator = Emulator(write_kernel(tmp_path, look_back()), order="reverse", time_limit=60)
    assert len(sums(emulator, 9000)) == 9000


@pytest.mark.parametrize(
    "loop, found",
    [
        ("while (i < n) i += 32;", False),
        ("while (i < n) { s += x[i]; i += 32; }", False),
        ("do { s += x[i]; i += 32; } while (i < n);", False),
        ("do { seen = old; old = atomicCAS(p, seen, f(seen)); } while (seen != old);", False),
        ("for (; i < n; i += 32) atomicAdd(p, 1);", False),
        ("do seen = old; while ((old = f(p, seen)) != seen);", False),
        ("do i++; while (i < n);", False),
        ("while (*p == 0);", True),
        ("while (atomicCAS(p, 0, 1) != 0) __nanosleep(10);", True),
        ("while (*p == 0) { __threadfence(); }", True),
        ("do { i = atomicAdd(p, 0); } while (i == 0);", True),
    ],
)
def test_loops_that_wait(loop, found):
    text = f"void k(int *p) {{ {loop} }}"
    (function,) = declarations(list(_tokens(text, 0, len(text))))
    assert waits(function.tokens) == found
