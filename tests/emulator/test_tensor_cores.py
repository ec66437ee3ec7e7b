"""nvcuda::wmma: products of matrices by warps, and what check mode says of wrong ones."""

import numpy as np
import pytest

from hw5.emulator import KernelFault
from hw5.errors import InputError

from .support import SCHEDULES, Arrays, Emulator, line_of, schedule, write_kernel

f16, f32, f64 = np.float16, np.float32, np.float64

PRODUCT = """
#include <mma.h>
using namespace nvcuda;

template <int M, int N, int K, class T, class Stored, class LA, class LB, class D>
__global__ void product(const Stored *a, const Stored *b, const D *c, D *d, int row, int column, int columns, int by_rows) {
    wmma::fragment<wmma::matrix_a, M, N, K, T, LA> fa;
    wmma::fragment<wmma::matrix_b, M, N, K, T, LB> fb;
    wmma::fragment<wmma::accumulator, M, N, K, D> sum;
    const auto layout = by_rows ? wmma::mem_row_major : wmma::mem_col_major;
    wmma::load_matrix_sync(fa, a, row);
    wmma::load_matrix_sync(fb, b, column);
    wmma::load_matrix_sync(sum, c, columns, layout);
    wmma::mma_sync(sum, fa, fb, sum);
    for (int i = 0; i < sum.num_elements; i++) sum.x[i] = sum.x[i] + sum.x[i];
    wmma::store_matrix_sync(d, sum, columns, layout);
}
"""
HALVES = [(16, 16, 16), (32, 8, 16), (8, 32, 16)]
TYPES = {  # of a factor: its stored type, NumPy's type of that, and its shapes
    "half": ("half", f16, HALVES),
    "__nv_bfloat16": ("__nv_bfloat16", np.uint16, HALVES),
    "wmma::precision::tf32": ("float", f32, [(16, 16, 8)]),
    "double": ("double", f64, [(8, 8, 4)]),
    "signed char": ("signed char", np.int8, HALVES),
    "unsigned char": ("unsigned char", np.uint8, HALVES),
}
SUMS = {"half": ["float", "half"], "double": ["double"], "signed char": ["int"], "unsigned char": ["int"]}
NUMPY = {"float": f32, "half": f16, "double": f64, "int": np.int32}
CASES = [(T, D, shape) for T in TYPES for D in SUMS.get(T, ["float"]) for shape in TYPES[T][2]]
LAYOUTS = [("row_major", "col_major"), ("col_major", "row_major")]


def instance(T, D, shape, layouts):
    layouts = ", ".join(f"wmma::{layout}" for layout in layouts)
    return f"product<{', '.join(map(str, shape))}, {T}, {TYPES[T][0]}, {layouts}, {D}>"


INSTANCES = [instance(*case, layouts) for case in CASES for layouts in LAYOUTS]


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def emulator(request, tmp_path_factory):
    file = write_kernel(tmp_path_factory.mktemp("k"), PRODUCT)
    return Emulator(file, check=request.param, instances=INSTANCES)


def numbers(T, shape, random):
    """Small numbers, as the kernel and as NumPy has them."""
    x = random.integers(0, 9, shape) if T == "unsigned char" else random.integers(-9, 9, shape)
    if T == "__nv_bfloat16":
        return (x.astype(f32).view(np.uint32) >> 16).astype(np.uint16), x
    return x.astype(TYPES[T][1]), x


def stored(x, layout):
    """A matrix in memory, with columns that do not belong to it, and its stride."""
    x = x if layout in ("row_major", 1) else x.T
    x = np.pad(x, ((0, 0), (0, 48 - x.shape[1])))
    return np.ascontiguousarray(x), x.shape[1]


@pytest.mark.parametrize("layouts", LAYOUTS, ids="-".join)
@pytest.mark.parametrize("T, D, shape", CASES, ids=str)
def test_product(emulator, T, D, shape, layouts):
    random = np.random.default_rng(1)
    (M, N, K), by_rows = shape, int(layouts[0] == "row_major")
    (a, exact_a), (b, exact_b) = numbers(T, (M, K), random), numbers(T, (K, N), random)
    c = random.integers(-9, 9, (M, N)).astype(NUMPY[D])
    (a, lda), (b, ldb), (c_, ldc) = stored(a, layouts[0]), stored(b, layouts[1]), stored(c, by_rows)
    kernel = instance(T, D, shape, layouts)
    (*_, d) = Arrays(emulator).run(kernel, (1,), (32,), a, b, c_, 0 * c_, *map(np.int32, (lda, ldb, ldc, by_rows)))
    np.testing.assert_array_equal((d if by_rows else d.T)[:M, :N], 2 * (exact_a @ exact_b + c))
    assert not (d[:, -8:]).any()


KERNELS = """
#include <mma.h>
using namespace nvcuda::wmma;
using A = fragment<matrix_a, 16, 16, 16, half, row_major>;
using B = fragment<matrix_b, 16, 16, 16, half, row_major>;
using C = fragment<accumulator, 16, 16, 16, float>;

__global__ void gemm(const half *a, const half *b, float *c, int m, int n, int k) {
    __shared__ half as[32][24], bs[16][40];
    const int warp = threadIdx.y, row = blockIdx.y * 32, column = blockIdx.x * 32, t = warp * 32 + threadIdx.x;
    C sum[2];
    for (auto &s : sum) fill_fragment(s, 0.0f);
    for (int at = 0; at < k; at += 16) {
        for (int i = t; i < 32 * 16; i += 64) as[i / 16][i % 16] = a[(row + i / 16) * k + at + i % 16];
        for (int i = t; i < 16 * 32; i += 64) bs[i / 32][i % 32] = b[(at + i / 32) * n + column + i % 32];
        __syncthreads();
        A fa;
        B fb;
        load_matrix_sync(fa, &as[16 * warp][0], 24);
        for (int j = 0; j < 2; j++) {
            load_matrix_sync(fb, &bs[0][16 * j], 40);
            mma_sync(sum[j], fa, fb, sum[j]);
        }
        __syncthreads();
    }
    for (int j = 0; j < 2; j++)
        store_matrix_sync(c + (row + 16 * warp) * n + column + 16 * j, sum[j], n, mem_row_major);
}

__global__ void elements(float *y) {
    fragment<accumulator, 16, 16, 8, float> c;
    fragment<matrix_a, 16, 16, 8, precision::tf32, row_major> a;
    fill_fragment(a, 1.00048828125f);
    for (int i = 0; i < a.num_elements; i++) a.x[i] = __float_to_tf32(a.x[i]);
    fill_fragment(c, a.x[0]);
    store_matrix_sync(y, c, 16, mem_row_major);
}

__global__ void saturated(const signed char *x, int *y) {
    fragment<matrix_a, 16, 16, 16, signed char, row_major> a;
    fragment<matrix_b, 16, 16, 16, signed char, row_major> b;
    fragment<accumulator, 16, 16, 16, int> c;
    load_matrix_sync(a, x, 16);
    load_matrix_sync(b, x, 16);
    fill_fragment(c, 0x7fffffff);
    mma_sync(c, a, b, c, true);
    store_matrix_sync(y, c, 16, mem_row_major);
}

__global__ void divergent(half *x, float *y) {
    A a;
    if (threadIdx.x < 16) load_matrix_sync(a, x, 16);  // DIVERGENT
    __syncthreads();
    y[threadIdx.x] = a.x[0];
}
__global__ void mixed(half *x, float *y) {
    A a;
    B b;
    C c;
    fill_fragment(a, 1.0f), fill_fragment(b, 1.0f), fill_fragment(c, 1.0f);
    if (threadIdx.x < 16) store_matrix_sync(y, c, 16, mem_row_major);  // MIXED
    else mma_sync(c, a, b, c);
}
__global__ void partial(half *x, float *y) {
    if (threadIdx.x == 5) return;
    A a;
    load_matrix_sync(a, x, 16);  // PARTIAL
    y[threadIdx.x] = a.x[0];
}
__global__ void unset(half *x, float *y) {
    A a;
    B b;
    C c;
    load_matrix_sync(a, x, 16);
    load_matrix_sync(b, x, 16);
    mma_sync(c, a, b, c);  // UNSET
    store_matrix_sync(y, c, 16, mem_row_major);
}
__global__ void far(half *x, float *y) {
    A a;
    load_matrix_sync(a, x + 16, 16);  // FAR
    y[threadIdx.x] = a.x[0];
}
__global__ void address(half *x, float *y) {
    A a;
    load_matrix_sync(a, x + 4, 16);  // ADDRESS
    y[threadIdx.x] = a.x[0];
}
__global__ void stride(half *x, float *y) {
    A a;
    load_matrix_sync(a, x, 12);  // STRIDE
    y[threadIdx.x] = a.x[0];
}
__global__ void lanes(half *x, float *y) {
    A a;
    load_matrix_sync(a, x + 8 * (threadIdx.x % 2), 16);  // LANES
    y[threadIdx.x] = a.x[0];
}
__global__ void race(half *x, float *y) {
    __shared__ half s[16 * 16];
    A a;
    for (int i = threadIdx.x; i < 256; i += 32) s[i] = x[255 - i];
    load_matrix_sync(a, s, 16);
    __syncwarp();
    for (int i = threadIdx.x; i < 256; i += 32) s[255 - i] = a.x[0];
    load_matrix_sync(a, s, 16);  // RACE
    y[threadIdx.x] = a.x[0];
}
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_kernel(tmp_path_factory.mktemp("k"), KERNELS)


@pytest.fixture(scope="module", params=[False, True], ids=["fast", "check"])
def kernels(request, file):
    return Emulator(file, check=request.param)


@pytest.mark.parametrize("order, seed", SCHEDULES, ids=str)
def test_gemm(kernels, order, seed):
    random = np.random.default_rng(2)
    a, b = random.standard_normal((64, 48)).astype(f16), random.standard_normal((48, 96)).astype(f16)
    sizes = map(np.int32, (64, 96, 48))
    with schedule(kernels, order, seed):
        *_, c = Arrays(kernels).run("gemm", (3, 2), (32, 2), a, b, np.zeros((64, 96), f32), *sizes)
    np.testing.assert_allclose(c, a.astype(f64) @ b.astype(f64), rtol=1e-5, atol=1e-5)
    assert not kernels.notes


def test_rounding_to_tf32(kernels):
    (y,) = Arrays(kernels).run("elements", (1,), (32,), np.zeros((16, 16), f32))
    assert (y == 1 + 2**-10).all()


def test_saturated(kernels):
    x = np.random.default_rng(3).integers(-128, 128, (16, 16)).astype(np.int8)
    _, y = Arrays(kernels).run("saturated", (1,), (32,), x, np.zeros((16, 16), np.int32))
    product = x.astype(np.int64) @ x.astype(np.int64)
    np.testing.assert_array_equal(y, np.minimum(product + 0x7FFFFFFF, 0x7FFFFFFF))


WRONG = {  # what is reported in both modes
    "divergent": ("divergence", "waits for lane 16, which is in the mask"),
    "mixed": ("divergence", "meets other lanes of its warp in another operation"),
    "partial": ("divergence", "waits for all 32 lanes of its warp, but lane 5 has exited"),
    "address": ("misaligned", "a matrix whose address is not a multiple of 16 bytes"),
    "stride": ("misaligned", r"a matrix whose stride \(ldm\) is not a multiple of 16 bytes"),
    "lanes": ("divergence", "with another address or stride than other lanes"),
}
WRONG_IN_CHECK = {
    "unset": ("uninitialised", "uses a fragment that was neither filled nor loaded"),
    "far": ("out-of-bounds", "reads 2 bytes, .* the end of array"),
    "race": ("race", "with no barrier between"),
}


@pytest.mark.parametrize("kernel", [*WRONG, *WRONG_IN_CHECK])
def test_wrong(kernels, file, kernel):
    if kernel in WRONG_IN_CHECK and not kernels.check:
        pytest.skip("only check mode sees it")
    kind, words = (WRONG | WRONG_IN_CHECK)[kernel]
    for order, seed in SCHEDULES:
        with schedule(kernels, order, seed), pytest.raises(KernelFault, match=words) as caught:
            Arrays(kernels).run(kernel, (1,), (32,), np.zeros((16, 16), f16), np.zeros((16, 16), f32))
        fault = caught.value
        place = [line_of(file, kernel.upper())] + [line_of(file, "MIXED") + 1] * (kernel == "mixed")
        assert fault.kind == kind and (fault.line in place or kernel == "race"), fault


def test_code_for_these_gpus_runs(tmp_path):
    """Many kernels with bfloat16, tf32, double or asynchronous copies are empty for GPUs before 8.0."""
    text = (
        "__global__ void k(float *y) {\n#if __CUDA_ARCH__ >= 800 && __CUDA_ARCH__ < 900\ny[threadIdx.x] = 1;\n#endif\n}"
    )
    (y,) = Arrays(Emulator(write_kernel(tmp_path, text))).run("k", (1,), (32,), np.zeros(32, f32))
    assert y.all()


def test_a_block_that_is_no_warp(kernels):
    with pytest.raises(KernelFault, match="but lane 24 has exited or is not part of the block"):
        Arrays(kernels).run("elements", (1,), (24,), np.zeros((16, 16), f32))


def test_numbers_of_4_bits_are_refused(tmp_path):
    file = write_kernel(
        tmp_path,
        "#include <mma.h>\n__global__ void k(int *x) {\n"
        "nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 8, 8, 32, nvcuda::wmma::experimental::precision::u4> f; }",
    )
    with pytest.raises(InputError, match="k.cu:3: experimental: the emulator does not have numbers of 4 bits"):
        Emulator(file)
