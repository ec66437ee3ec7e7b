"""Blocks on several OS threads give the results and the reports of one OS thread."""

import os
import subprocess
import sys

import numpy as np
import pytest

from hw5.emulator import KernelFault

from .support import Arrays, Emulator, write_kernel

i32, f32 = np.int32, np.float32
BLOCKS, THREADS, N = 300, 64, 300 * 64

KERNELS = """
#include <cstdio>

// Takes long enough for others to help.
__device__ float work(float x) {
    for (int i = 0; i < 400; i++) x = x * 0.999f + 0.001f * (float)i;
    return x;
}
__device__ unsigned tickets;

extern "C" __global__ void rows(const float *x, float *y, int n) {
    __shared__ float s[64];
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    s[threadIdx.x] = work(x[i]);
    __syncthreads();
    for (int by = 32; by; by /= 2) {
        if (threadIdx.x < by) s[threadIdx.x] += s[threadIdx.x + by];
        __syncthreads();
    }
    y[i] = s[0] + x[i];
}
extern "C" __global__ void places(const float *x, unsigned long long *y, int n) {
    __shared__ float s[64];
    s[threadIdx.x] = work(x[threadIdx.x]);
    if (threadIdx.x == 0) y[blockIdx.x] = (unsigned long long)s;
}
extern "C" __global__ void float_total(const float *x, float *y, int n) {
    atomicAdd(y, work(x[blockIdx.x * blockDim.x + threadIdx.x]));
}
extern "C" __global__ void compact(const float *x, float *y, int n) {
    const float x_i = x[blockIdx.x * blockDim.x + threadIdx.x], v = work(x_i);
    if (x_i > 0.5f) y[1 + atomicAdd((int *)y, 1)] = v;
}
extern "C" __global__ void last_block(const float *x, float *y, int n) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
        y[1 + blockIdx.x] = work(x[blockIdx.x]);
        __threadfence();
        last = atomicInc(&tickets, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x == 0) for (int i = 0; i < gridDim.x; i++) y[0] += y[1 + i];
}
extern "C" __global__ void allocates(const float *x, float *y, int n) {
    float *copy = (float *)malloc(4);
    *copy = work(x[blockIdx.x * blockDim.x + threadIdx.x]);
    y[blockIdx.x * blockDim.x + threadIdx.x] = *copy;
    free(copy);
}
extern "C" __global__ void speaks(const float *x, float *y, int n) {
    const float v = work(x[blockIdx.x * blockDim.x + threadIdx.x]);
    if (threadIdx.x == 7) printf("%d %.3f\\n", blockIdx.x, v);
}
extern "C" __global__ void same_value(float *x, float *y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    x[i] += work(x[i]);
    if (blockIdx.x > 100) y[0] = 1;
}
extern "C" __global__ void neighbour(float *x, float *y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    const float v = work(x[i]);
    y[i] = blockIdx.x > 150 ? y[i - 1] + v : v;
}
extern "C" __global__ void late_read(float *x, float *y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    const float v = work(x[i]);
    if (blockIdx.x == 120) y[0] = x[N_MINUS_1];
    x[i] = v;
}
extern "C" __global__ void outside(const float *x, float *y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    const float v = work(x[i]);
    const long far = 1l << 30;
    y[blockIdx.x > 180 && threadIdx.x > 40 ? i + far : i] = v;
}
extern "C" __global__ void diverges(const float *x, float *y, int n) {
    y[threadIdx.x + blockIdx.x * blockDim.x] = work(x[threadIdx.x]);
    if (blockIdx.x % 50 < 48 || threadIdx.x < 5) __syncthreads();
}
extern "C" __global__ void asserts(const float *x, float *y, int n) {
    work(x[threadIdx.x]);
    if (blockIdx.x % 100 == 99 && threadIdx.x == 9) __trap();
}
extern "C" __global__ void speaks_until(const float *x, float *y, int n) {
    const float v = work(x[threadIdx.x]);
    if (blockIdx.x == 150) __trap();
    if (threadIdx.x == 7) printf("%d %.3f\\n", blockIdx.x, v);
}
extern "C" __global__ void endless(const float *x, float *y, int n) {
    y[blockIdx.x * blockDim.x + threadIdx.x] = work(x[threadIdx.x]);
    if (blockIdx.x == 30) for (volatile int i = 0;; i++) {}
}
""".replace("N_MINUS_1", str(N - 1))


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, tmp_path_factory):
    return Emulator(write_kernel(tmp_path_factory.mktemp("k"), KERNELS), check=request.param, time_limit=30)


def run(emulator, kernel, threads, out=N, dtype=f32):
    """The arrays after a launch, or the words of the fault; and the notes."""
    emulator.threads = threads
    x = np.random.default_rng(0).random(N, f32)
    try:
        arrays = Arrays(emulator).run(kernel, (BLOCKS,), (THREADS,), x, np.zeros(out, dtype), i32(N))
        return [array.tobytes() for array in arrays], emulator.notes
    except KernelFault as fault:
        return str(fault), fault.line


def test_several_os_threads_run_blocks(emulator):
    """At most three in a launch; those that help may be others in the next one, if more were started before."""
    emulator.threads = 3
    x = np.random.default_rng(0).random(N, f32)
    places = [
        Arrays(emulator).run("places", (BLOCKS,), (THREADS,), x, np.zeros(BLOCKS, np.uint64), i32(N))[1]
        for _ in range(20)
    ]
    assert 2 <= max(len(np.unique(of_one)) for of_one in places) <= 3
    emulator.threads = 1
    _, alone = Arrays(emulator).run("places", (BLOCKS,), (THREADS,), x, np.zeros(BLOCKS, np.uint64), i32(N))
    assert len(np.unique(alone)) == 1


@pytest.mark.parametrize(
    "kernel", ["rows", "float_total", "compact", "last_block", "allocates", "same_value", "speaks"]
)
def test_the_same_bits(emulator, kernel, capfd):
    alone = run(emulator, kernel, 1)
    said = capfd.readouterr().out
    assert isinstance(alone[0], list) and (kernel == "speaks") == bool(said)
    for threads in (2, 5):
        for _ in range(3):
            assert run(emulator, kernel, threads) == alone
            assert capfd.readouterr().out == said


@pytest.mark.parametrize("kernel", ["outside", "diverges", "asserts", "neighbour", "late_read"])
def test_the_same_reports(emulator, kernel):
    alone = run(emulator, kernel, 1)
    if kernel in ("neighbour", "late_read") and not emulator.check:
        return
    assert isinstance(alone[0], str)
    for threads in (2, 5):
        for _ in range(3):
            assert run(emulator, kernel, threads) == alone
    assert isinstance(run(emulator, "rows", 5)[0], list)


def test_no_block_speaks_after_one_that_fails(emulator, capfd):
    for threads in (1, 2, 5, 5, 5, 5):
        words, _ = run(emulator, "speaks_until", threads)
        assert "block (150,0,0)" in words
        assert [int(line.split()[0]) for line in capfd.readouterr().out.splitlines()] == list(range(150))


def test_an_endless_block(emulator):
    emulator.time_limit = 0.5
    try:
        reports = [run(emulator, "endless", threads) for threads in (1, 4, 1)]
    finally:
        emulator.time_limit = 30
    for words, _ in reports:
        assert words.startswith("timeout in endless: thread (0,0,0) of block (30,0,0) ") and "time limit" in words
    assert isinstance(run(emulator, "rows", 4)[0], list)


def test_after_a_fork(emulator):
    expected = run(emulator, "rows", 3)
    child = os.fork()
    if child == 0:
        os._exit(run(emulator, "rows", 3) != expected)
    assert os.waitpid(child, 0)[1] == 0
    assert run(emulator, "rows", 3) == expected


ENDING = """
import sys
import numpy as np
from hw5.emulator import Emulator, KernelFault

emulator = Emulator(sys.argv[1], check=True, time_limit=0.1)
x, y = np.zeros((1024, 1024), np.float32), np.zeros((1024, 1024), np.float32)
for _ in range(60):
    try:
        emulator.run("k", 4096, 256, [x, y, 1024])
    except KernelFault as fault:
        assert fault.kind == "timeout"
"""


def test_many_launches_that_reach_the_time_limit(tmp_path):
    """Ticks that waited for a busy OS thread overflowed its stack of signals, in about every hundredth launch."""
    file = write_kernel(
        tmp_path,
        "__global__ void k(const float *x, float *y, int n) { float s = 0; int t = blockIdx.x * 256 + threadIdx.x;"
        "for (int i = 0; i < n; i++) s += x[i * n + t % n]; y[t] = s; }",
    )
    subprocess.run([sys.executable, "-c", ENDING, str(file)], check=True)
