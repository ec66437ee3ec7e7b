"""Asynchronous copies to shared memory: correct pipelines give no report, and check mode names the faults of others."""

import numpy as np
import pytest

from hw5.emulator import KernelFault
from hw5.errors import InputError

from .support import SCHEDULES, Arrays, Emulator, line_of, schedule, write_kernel

i32, f32 = np.int32, np.float32
N, TILES = 64, 5

KERNELS = r"""
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda/pipeline>
#include <cuda_pipeline.h>
namespace cg = cooperative_groups;
constexpr int N = 64;

// Each of these reverses the tiles of N numbers.
template <int stages> __device__ void staged(const float *x, float *y, int tiles) {
    __shared__ float s[stages][N];
    const int t = threadIdx.x;
    auto fetch = [&](int tile) {
        if (tile < tiles) __pipeline_memcpy_async(&s[tile % stages][t], x + tile * N + t, sizeof(float));
        __pipeline_commit();
    };
    for (int i = 0; i < stages - 1; i++) fetch(i);
    for (int i = 0; i < tiles; i++) {
        fetch(i + stages - 1);
        __pipeline_wait_prior(stages - 1);
        __syncthreads();
        y[i * N + t] = s[i % stages][N - 1 - t];
        __syncthreads();
    }
}
__global__ void two_stages(const float *x, float *y, int tiles) { staged<2>(x, y, tiles); }
__global__ void four_stages(const float *x, float *y, int tiles) { staged<4>(x, y, tiles); }

__global__ void groups(const float *x, float *y, int tiles) {
    extern __shared__ float s[];
    auto block = cg::this_thread_block();
    cg::memcpy_async(block, s, x, sizeof(float) * N);
    for (int i = 0; i < tiles; i++) {
        if (i + 1 < tiles) {
            cg::memcpy_async(block, s + (i + 1) % 2 * N, N, x + (i + 1) * N, N);
            cg::wait_prior<1>(block);
        } else {
            cg::wait(block);
        }
        y[i * N + threadIdx.x] = s[i % 2 * N + N - 1 - threadIdx.x];
        block.sync();
    }
}
__global__ void warps(const float *x, float *y, int tiles) {
    __shared__ float s[N];
    auto warp = cg::tiled_partition<32>(cg::this_thread_block());
    const int w = threadIdx.x / 32 * 32, lane = threadIdx.x % 32;
    for (int i = 0; i < tiles; i++) {
        cg::memcpy_async(warp, s + w, x + i * N + w, sizeof(float) * 32);
        cg::wait(warp);
        y[i * N + N - 32 - w + lane] = s[w + 31 - lane];
        warp.sync();
    }
}
__global__ void odd(const char *x, char *y, int n) {
    __shared__ char s[300];
    auto block = cg::this_thread_block();
    cg::memcpy_async(block, s + 1, x, n);
    cg::wait(block);
    for (int i = threadIdx.x; i < n; i += blockDim.x) y[i] = s[1 + n - 1 - i];
}

__global__ void pipe_of_thread(const float *x, float *y, int tiles) {
    __shared__ float s[2][N];
    const int t = threadIdx.x;
    cuda::pipeline<cuda::thread_scope_thread> pipe = cuda::make_pipeline();
    auto fetch = [&](int i) {
        pipe.producer_acquire();
        if (i < tiles) cuda::memcpy_async(&s[i % 2][t], x + i * N + t, cuda::aligned_size_t<4>(4), pipe);
        pipe.producer_commit();
    };
    fetch(0);
    for (int i = 0; i < tiles; i++) {
        fetch(i + 1);
        pipe.consumer_wait();
        __syncthreads();
        y[i * N + t] = s[i % 2][N - 1 - t];
        pipe.consumer_release();
        __syncthreads();
    }
}
__global__ void pipe_of_block(const float *x, float *y, int tiles) {
    extern __shared__ float s[];
    __shared__ cuda::pipeline_shared_state<cuda::thread_scope::thread_scope_block, 2> state;
    auto block = cg::this_thread_block();
    auto pipe = cuda::make_pipeline(block, &state);
    for (int i = 0, next = 0; i < tiles; i++) {
        for (; next < tiles && next < i + 2; next++) {
            pipe.producer_acquire();
            cuda::memcpy_async(block, s + next % 2 * N, x + next * N, sizeof(float) * N, pipe);
            pipe.producer_commit();
        }
        pipe.consumer_wait();
        y[i * N + threadIdx.x] = s[i % 2 * N + N - 1 - threadIdx.x];
        pipe.consumer_release();
    }
}

__device__ void copy16(void *to, const void *from, bool inside) {
    const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;\n" ::"r"(address), "l"(from), "r"(inside ? 16 : 0));
}
__global__ void ptx(const float *x, float *y, int tiles) {
    __shared__ __align__(16) float s[2][N];
    const int t = threadIdx.x;
    auto fetch = [&](int i) {
        if (t < N / 4) copy16(&s[i % 2][4 * t], x + i * N + 4 * t, i < tiles);
        asm volatile("cp.async.commit_group;\n" ::);
    };
    fetch(0);
    for (int i = 0; i < tiles; i++) {
        fetch(i + 1);
        asm volatile("cp.async.wait_group %0;\n" ::"n"(1));
        __syncthreads();
        float value;
        asm volatile("{ .reg .u64 a; cvta.to.shared.u64 a, %1; ld.shared.f32 %0, [a]; }" : "=f"(value) : "l"(&s[i % 2][N - 1 - t]));
        y[i * N + t] = value;
        __syncthreads();
    }
    asm volatile("cp.async.wait_all;\n" ::);
    if (t < N / 4 && s[tiles % 2][4 * t] != 0) y[0] = -1;
}
__global__ void predicates(const float *x, float *y, int n) {
    __shared__ __align__(16) float s[N];
    const unsigned a = (unsigned)__cvta_generic_to_shared(&s[threadIdx.x]);
    s[threadIdx.x] = 5;
    asm volatile(
        "{\n"
        "  .reg .pred p;\n"
        "  setp.lt.s32 p, %2, %3;\n"
        "  @p cp.async.ca.shared.global [%0], [%1], 4;\n"
        "}\n" ::"r"(a), "l"(x + threadIdx.x), "r"(threadIdx.x), "r"(n));
    asm volatile("cp.async.wait_all;");
    y[threadIdx.x] = s[threadIdx.x];
}
__global__ void zeros(const float *x, float *y, int n) {
    __shared__ float4 s[4];
    __pipeline_memcpy_async(&s[threadIdx.x], x + 4 * threadIdx.x, 16, 4 * threadIdx.x);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    ((float4 *)y)[threadIdx.x] = s[threadIdx.x];
}
// Several threads copy the same bytes to one place.
__global__ void same(const float *x, float *y, int n) {
    __shared__ float s[32];
    __pipeline_memcpy_async(&s[threadIdx.x % 32], x + threadIdx.x % 32, 4);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();
    y[threadIdx.x] = s[threadIdx.x % 32];
}

#define FIRST                                              \
    __shared__ float s[2][N];                              \
    const int t = threadIdx.x;                             \
    for (int i = 0; i < 2; i++) {                          \
        __pipeline_memcpy_async(&s[i][t], x + i * N + t, 4); \
        __pipeline_commit();                               \
    }

__global__ void no_wait(const float *x, float *y, int n) {
    FIRST
    __syncthreads();
    y[t] = s[0][N - 1 - t];  // NO_WAIT
}
__global__ void own(const float *x, float *y, int n) {
    FIRST
    y[t] = s[0][t];  // OWN
}
__global__ void no_consumer_wait(const float *x, float *y, int n) {
    __shared__ float s[N];
    auto pipe = cuda::make_pipeline();
    cuda::memcpy_async(&s[threadIdx.x], x + threadIdx.x, sizeof(float), pipe);
    pipe.producer_commit();
    y[threadIdx.x] = s[threadIdx.x];  // NO_CONSUMER_WAIT
    pipe.consumer_wait();
}
__global__ void wrong_stage(const float *x, float *y, int n) {
    FIRST
    __pipeline_wait_prior(1);
    __syncthreads();
    y[t] = s[1][N - 1 - t];  // WRONG_STAGE
}
__global__ void no_commit(const float *x, float *y, int n) {
    __shared__ float s[N];
    __pipeline_memcpy_async(&s[threadIdx.x], x + threadIdx.x, 4);
    __pipeline_wait_prior(0);
    __syncthreads();
    y[threadIdx.x] = s[N - 1 - threadIdx.x];  // NO_COMMIT
}
__global__ void no_barrier(const float *x, float *y, int n) {
    FIRST
    __pipeline_wait_prior(0);
    y[t] = s[0][N - 1 - t];  // NO_BARRIER
}
__global__ void reused(const float *x, float *y, int n) {
    FIRST
    __pipeline_wait_prior(0);
    __syncthreads();
    y[t] = s[0][N - 1 - t];
    __pipeline_memcpy_async(&s[0][t], x + 2 * N + t, 4);  // REUSED
    __pipeline_commit();
    __pipeline_wait_prior(0);
}
__global__ void stored(const float *x, float *y, int n) {
    FIRST
    s[1][t] = 0;  // STORED
    __pipeline_wait_prior(0);
    y[t] = s[1][t];
}
__global__ void twice(const float *x, float *y, int n) {
    FIRST
    __pipeline_memcpy_async(&s[1][t], x + t, 4);  // TWICE
}
__global__ void beyond(const float *x, float *y, int n) {
    __shared__ float s[N];
    __pipeline_memcpy_async(&s[threadIdx.x], x + n - N + 1 + threadIdx.x, 4);  // BEYOND
}
__global__ void into(const float *x, float *y, int n) {
    __shared__ float s[N];
    __pipeline_memcpy_async(&s[threadIdx.x + 1], x + threadIdx.x, 4);  // INTO
}
__global__ void misaligned(const float *x, float *y, int n) {
    __shared__ __align__(16) float s[2 * N];
    __pipeline_memcpy_async(&s[2 * (threadIdx.x / 2)], x + 4 * (threadIdx.x / 4), 16);  // MISALIGNED
}
__global__ void size(const float *x, float *y, int n) {
    __shared__ double2 s[N];
    __pipeline_memcpy_async(&s[threadIdx.x], x, 12);  // SIZE
}
__global__ void after_assembly(const float *x, float *y, int n) {
    unsigned lane;
    asm volatile(
        "mov.u32 %0, %%laneid;\n"
        : "=r"(lane));
    y[n + lane] = 0;  // AFTER_ASSEMBLY
}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_kernel(tmp_path_factory.mktemp("k"), KERNELS)


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, file):
    return Emulator(file, check=request.param)


@pytest.mark.parametrize(
    "kernel", ["two_stages", "four_stages", "groups", "warps", "pipe_of_thread", "pipe_of_block", "ptx"]
)
@pytest.mark.parametrize("order, seed", SCHEDULES, ids=str)
def test_reversed_tiles(emulator, kernel, order, seed):
    x = np.random.default_rng(1).random((TILES, N), f32)
    with schedule(emulator, order, seed):
        _, y = Arrays(emulator).run(kernel, (1,), (N,), x, 0 * x, i32(TILES), shared=8 * N)
    np.testing.assert_array_equal(y, x[:, ::-1])
    assert not emulator.notes


@pytest.mark.parametrize("blocks", [1, 7])
def test_blocks_and_launches_begin_without_copies(emulator, blocks):
    """The copies of `own` are never waited for; those of other blocks and launches are not affected."""
    x = np.random.default_rng(1).random((TILES, N), f32)
    for kernel in ("reused", "own") if emulator.check else ():
        with pytest.raises(KernelFault):
            Arrays(emulator).run(kernel, (blocks,), (N,), x, 0 * x, i32(TILES))
    _, y = Arrays(emulator).run("two_stages", (blocks,), (N,), x, 0 * x, i32(TILES))
    np.testing.assert_array_equal(y, x[:, ::-1])


@pytest.mark.parametrize("n", [1, 4, 6, 8, 130, 256])
def test_any_number_of_bytes(emulator, n):
    x = np.random.default_rng(2).integers(0, 100, n).astype(np.int8)
    _, y = Arrays(emulator).run("odd", (1,), (48,), x, 0 * x, i32(n))
    np.testing.assert_array_equal(y, x[::-1])


def test_predicates(emulator):
    x = np.arange(N, dtype=f32)
    _, y = Arrays(emulator).run("predicates", (1,), (N,), x, 0 * x, i32(10))
    np.testing.assert_array_equal(y, np.where(x < 10, x, 5))


def test_zeros(emulator):
    """The rest of what is copied becomes zero, and its source is not read."""
    x = np.arange(1, 14, dtype=f32)
    _, y = Arrays(emulator).run("zeros", (1,), (4,), x, np.ones(16, f32), i32(0))
    assert y.tolist() == [1, 2, 3, 4, 5, 6, 7, 0, 9, 10, 0, 0, 13, 0, 0, 0]


@pytest.mark.parametrize("order, seed", SCHEDULES, ids=str)
def test_the_same_copy_twice_is_harmless(emulator, order, seed):
    x = np.arange(32, dtype=f32)
    with schedule(emulator, order, seed):
        _, y = Arrays(emulator).run("same", (1,), (N,), x, np.zeros(N, f32), i32(0))
    np.testing.assert_array_equal(y, np.tile(x, 2))


UNAWAITED = "and the copy has not been waited for"
WRONG = {  # in check mode
    "no_wait": ("race", f"copies to it at k.cu:.*, {UNAWAITED}"),
    "own": ("race", UNAWAITED),
    "no_consumer_wait": ("race", UNAWAITED),
    "wrong_stage": ("race", f"of __shared__ 's' .*{UNAWAITED}"),
    "no_commit": ("race", UNAWAITED),
    "no_barrier": ("race", "with no barrier between"),
    "reused": ("race", "with no barrier between"),
    "stored": ("race", f"writes byte .*{UNAWAITED}"),
    "twice": ("race", f"copies to byte .*{UNAWAITED}"),
    "beyond": ("out-of-bounds", "reads 4 bytes, right after the end of array 'argument 1'"),
    "into": ("out-of-bounds", "writes 4 bytes, right after the end of __shared__ 's'"),
    "misaligned": ("misaligned", "writes 16 bytes at byte .* of __shared__ 's'"),
    "size": ("illegal", "copies asynchronously, but not 4, 8 or 16 bytes"),
    "after_assembly": ("out-of-bounds", "writes 4 bytes"),
}


@pytest.mark.parametrize("kernel", WRONG)
def test_wrong(emulator, file, kernel):
    kind, words = WRONG[kernel]
    if not emulator.check and kind != "illegal":
        pytest.skip("only check mode sees it")
    x = np.arange(TILES * N, dtype=f32)
    for order, seed in SCHEDULES:
        with schedule(emulator, order, seed), pytest.raises(KernelFault, match=words) as caught:
            Arrays(emulator).run(kernel, (1,), (N,), x, 0 * x, i32(x.size))
        assert (caught.value.kind, caught.value.line) == (kind, line_of(file, kernel.upper())), caught.value


def test_without_a_wait_nothing_arrives_in_fast_mode(emulator):
    if emulator.check:
        pytest.skip("check mode reports it")
    x = np.arange(TILES * N, dtype=f32)
    _, y = Arrays(emulator).run("no_wait", (1,), (N,), x, 0 * x, i32(x.size))
    assert np.isnan(y[:N]).all()


def test_other_parts_of_libcupp_are_refused(tmp_path):
    text = "#include <cuda/pipeline>\n__global__ void k() { __shared__ cuda::barrier<cuda::thread_scope_block> b; }"
    with pytest.raises(InputError, match="k.cu:2: cuda::barrier: the emulator does not have this part of libcu"):
        Emulator(write_kernel(tmp_path, text))
