"""The profile's figures for textbook cases, which are known exactly."""

import numpy as np
import pytest

from hw5.emulator import Emulator

from .support import write_kernel

N = 1024
TEXT = r"""
__global__ void copy(const float *x, float *y) { int i = blockIdx.x * blockDim.x + threadIdx.x; y[i] = x[i]; }
__global__ void copy4(const float4 *x, float4 *y) { int i = blockIdx.x * blockDim.x + threadIdx.x; y[i] = x[i]; }
__global__ void copy1(const char *x, char *y) { int i = blockIdx.x * blockDim.x + threadIdx.x; y[i] = x[i]; }
__global__ void stride(const float *x, float *y) { int i = threadIdx.x; y[i] = x[2 * i]; }
__global__ void column(const float *x, float *y) { int i = threadIdx.x; y[i] = x[32 * (i % 32)]; }
__global__ void misaligned(const float *x, float *y) { int i = threadIdx.x; y[i] = x[i + 1]; }
__global__ void broadcast(const float *x, float *y) { int i = threadIdx.x; y[i] = x[7]; }
__global__ void half_of_them(const float *x, float *y) { int i = threadIdx.x; if (i % 2) y[i] = x[i]; }
template <int width> __global__ void transpose(const float *x, float *y) {
    __shared__ float tile[32][width];
    for (int r = threadIdx.y; r < 32; r += 8) tile[r][threadIdx.x] = x[r * 32 + threadIdx.x];
    __syncthreads();
    for (int r = threadIdx.y; r < 32; r += 8) y[r * 32 + threadIdx.x] = tile[threadIdx.x][r];
}
__global__ void naive(const float *x, float *y) {
    for (int r = threadIdx.y; r < 32; r += 8) y[threadIdx.x * 32 + r] = x[r * 32 + threadIdx.x];
}
__global__ void interleaved(const float *x, float *y) {
    __shared__ float s[256];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    for (int by = 1; by < 256; by *= 2) {
        int i = 2 * by * t;
        if (i < 256) s[i] += s[i + by];
        __syncthreads();
    }
    if (t == 0) y[0] = s[0];
}
__global__ void sequential(const float *x, float *y) {
    __shared__ float s[256];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    for (int by = 128; by > 0; by /= 2) {
        if (t < by) s[t] += s[t + by];
        __syncthreads();
    }
    if (t == 0) y[0] = s[0];
}
__global__ void doubles(const double *x, double *y) {
    __shared__ double s[64];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = s[63 - threadIdx.x];
}
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    file = write_kernel(tmp_path_factory.mktemp("profile"), TEXT)
    return Emulator(file, check=True, instances=["transpose<32>", "transpose<33>"])


def profile(emulator, kernel, grid, block, dtype=np.float32, n=4 * N):
    x, y = np.arange(n).astype(dtype), np.zeros(n, dtype)
    return emulator.profile(kernel, lambda: emulator.run(kernel, grid, block, [x, y]))


def of(found, operation, space):
    """(requests, cost, ideal) of all lines of an operation."""
    lines = [line for line in found.lines if (line.operation, line.space) == (operation, space)]
    return tuple(sum(values) for values in zip(*((line.requests, line.cost, line.ideal) for line in lines)))


@pytest.mark.parametrize(
    "kernel, loads, stores",  # (requests, sectors, ideal sectors) of 256 threads, which are 8 warps
    [
        ("copy", (8, 32, 32), (8, 32, 32)),
        ("stride", (8, 64, 32), (8, 32, 32)),
        ("column", (8, 256, 32), (8, 32, 32)),
        ("misaligned", (8, 40, 32), (8, 32, 32)),
        ("broadcast", (8, 8, 8), (8, 32, 32)),
        ("half_of_them", (8, 32, 16), (8, 32, 16)),
    ],
)
def test_global_memory(emulator, kernel, loads, stores):
    found = profile(emulator, kernel, 1, 256)
    assert of(found, "load", "global") == loads and of(found, "store", "global") == stores
    assert found.is_complete and found.barriers == 0


@pytest.mark.parametrize("kernel, dtype, sectors", [("copy4", np.float32, 16), ("copy1", np.int8, 1)])
def test_wide_and_narrow_elements(emulator, kernel, dtype, sectors):
    x = np.zeros(4 * N, dtype)
    address = emulator.allocate(x.nbytes), emulator.allocate(x.nbytes)
    found = emulator.profile(kernel, lambda: emulator.launch(kernel, (2,), (64,), list(address)))
    assert of(found, "load", "global") == (4, 4 * sectors, 4 * sectors)
    assert found.distinct == 2 * 4 * sectors * 32
    assert found.least_seconds("t4") == found.distinct / 320e9


def test_transposition(emulator):
    """1,024 elements are 32 requests."""
    found = profile(emulator, "naive", 1, (32, 8))
    assert of(found, "load", "global") == (32, 128, 128) and of(found, "store", "global") == (32, 1024, 128)
    for kernel, ways in (("transpose<32>", 32), ("transpose<33>", 1)):
        found = profile(emulator, kernel, 1, (32, 8))
        assert of(found, "load", "global") == of(found, "store", "global") == (32, 128, 128)
        assert of(found, "store", "shared") == (32, 32, 32)
        assert of(found, "load", "shared") == (32, 32 * ways, 32)
        assert found.barriers == 1
        assert (found.worst is None) == (ways == 1)
    worst = profile(emulator, "transpose<32>", 1, (32, 8)).worst
    assert worst.line == 1 + TEXT.splitlines().index(
        "    for (int r = threadIdx.y; r < 32; r += 8) y[r * 32 + threadIdx.x] = tile[threadIdx.x][r];"
    )
    assert worst.advice.startswith("32-way bank conflicts")


def test_reductions(emulator):
    """Interleaved addressing has conflicts of 2, 4, 8, 16 and 32 ways; sequential addressing has none."""
    loads = stores = requests = 0
    for by in (2**k for k in range(8)):
        active = 256 // (2 * by)
        for warp in range(-(-active // 32)):
            lanes = range(32 * warp, min(active, 32 * (warp + 1)))
            depth = max(np.bincount([2 * by * t % 32 for t in lanes]))
            loads, stores, requests = loads + 2 * depth, stores + depth, requests + 1
    found = profile(emulator, "interleaved", 1, 256)
    assert of(found, "load", "shared") == (2 * requests + 1, loads + 1, 2 * requests + 1)
    assert of(found, "store", "shared") == (requests + 8, stores + 8, requests + 8)
    assert found.barriers == 9
    found = profile(emulator, "sequential", 1, 256)
    assert of(found, "load", "shared")[1] == of(found, "load", "shared")[2]


def test_doubles_are_moved_by_half_warps(emulator):
    found = profile(emulator, "doubles", 1, 64, np.float64, 64)
    assert of(found, "load", "shared") == (2, 4, 4) and of(found, "load", "global") == (2, 16, 16)


def test_a_record_that_is_too_short(emulator):
    x = np.zeros(256, np.float32)
    found = emulator.profile("copy", lambda: emulator.run("copy", 1, 256, [x, x.copy()]), capacity=100)
    assert not found.is_complete and found.accesses == 512
    with pytest.raises(ValueError, match="a profile needs check mode"):
        Emulator([], check=False).profile("copy", None)
