"""CUB's collectives of a block and a warp, in both modes: the values, the order of sums, and what is reported."""

import numpy as np
import pytest

from hw5.emulator import Emulator, KernelFault
from hw5.emulator.testing import check_kernel

from .support import write_kernel

f32, i32 = np.float32, np.int32

FILE = """
#include <cub/cub.cuh>

template <int block, cub::BlockReduceAlgorithm algorithm>
__global__ void totals(const float *x, float *sums, float *maxima, int n) {
    typedef cub::BlockReduce<float, block, algorithm> BlockReduce;
    __shared__ typename BlockReduce::TempStorage temp_storage;
    const int first = blockIdx.x * block, valid = min(block, n - first);
    const float item = threadIdx.x < valid ? x[first + threadIdx.x] : -1;
    const float sum = BlockReduce(temp_storage).Sum(item, valid);
    __syncthreads();
    const float most = BlockReduce(temp_storage).Reduce(item, cub::Max());
    if (threadIdx.x == 0) sums[blockIdx.x] = sum, maxima[blockIdx.x] = most;
}
__global__ void largest(const float *x, cub::KeyValuePair<int, float> *y) {
    typedef cub::BlockReduce<cub::KeyValuePair<int, float>, 16, cub::BLOCK_REDUCE_RAKING, 8> Reduce;
    __shared__ Reduce::TempStorage temp;
    const int i = threadIdx.y * 16 + threadIdx.x;
    const cub::KeyValuePair<int, float> pair = Reduce(temp).Reduce({i, x[i]}, cub::ArgMax());
    if (i == 0) *y = pair;
}
__global__ void offsets(const int *x, int *before, int *to, int *all, int n) {
    using Load = cub::BlockLoad<int, 64, 4, cub::BLOCK_LOAD_WARP_TRANSPOSE>;
    using Scan = cub::BlockScan<int, 64>;
    using Store = cub::BlockStore<int, 64, 4, cub::BLOCK_STORE_WARP_TRANSPOSE>;
    __shared__ union {
        typename Load::TempStorage load;
        typename Scan::TempStorage scan;
        typename Store::TempStorage store;
    } temp;
    int items[4], sums[4], sum;
    Load(temp.load).Load(x, items, n, 0);
    __syncthreads();
    Scan(temp.scan).InclusiveSum(items, sums);
    __syncthreads();
    Scan(temp.scan).ExclusiveSum(items, items, sum);
    __syncthreads();
    Store(temp.store).Store(before, items, n);
    __syncthreads();
    Store(temp.store).Store(to, sums, n);
    if (threadIdx.x == 0) *all = sum;
}
struct Running {
    int total;
    __device__ int operator()(int sum) { return (total += sum) - sum; }
};
__global__ void tiles(const int *x, int *y, int n) {
    typedef cub::BlockScan<int, 64> Scan;
    __shared__ Scan::TempStorage temp;
    Running running{0};
    for (int i = threadIdx.x; i < n; i += 64) {
        Scan(temp).ExclusiveSum(x[i], y[i], running);
        __syncthreads();
    }
}
__global__ void warps(const float *x, float *sums, float *least, float *to, float *before) {
    using Reduce = cub::WarpReduce<float, 16>;
    using Scan = cub::WarpScan<float>;
    __shared__ Reduce::TempStorage temp[8];
    __shared__ Scan::TempStorage scans[4];
    const int i = threadIdx.x;
    const float sum = Reduce(temp[i / 16]).Sum(x[i]), min = Reduce(temp[i / 16]).Reduce(x[i], cub::Min());
    if (i % 16 == 0) sums[i / 16] = sum, least[i / 16] = min;
    Scan(scans[i / 32]).InclusiveSum(x[i], to[i]);
    Scan(scans[i / 32]).ExclusiveScan(x[i], before[i], 1e9f, cub::Min());
}
__global__ void histogram(int *x) {
    typedef cub::BlockHistogram<int, 64, 1, 8> Histogram;
    __shared__ Histogram::TempStorage temp;
    Histogram(temp).Histogram(*(int(*)[1])x, *(int(*)[8])x);
}
int main() {
    cub::DeviceReduce::Sum(nullptr, bytes, x, y, n);
    totals<128, cub::BLOCK_REDUCE_WARP_REDUCTIONS><<<8, 128>>>(x, y, z, 1000);
    totals<80, cub::BLOCK_REDUCE_RAKING><<<13, 80>>>(x, y, z, 1000);
}
"""


def warp_sum(values):
    """As the lanes of a warp add: each the one that is 1, 2, 4, 8 and 16 above it."""
    values = list(values)
    for by in (1, 2, 4, 8, 16):
        values = [v + values[i + by] if i + by < len(values) else v for i, v in enumerate(values)]
    return values[0]


def block_sum(values):
    first, *rest = (warp_sum(values[i : i + 32]) for i in range(0, len(values), 32))
    for value in rest:
        first = first + value
    return first


@pytest.fixture(scope="module", params=["check", "fast"])
def emulator(request, tmp_path_factory):
    return Emulator(write_kernel(tmp_path_factory.mktemp("cub"), FILE), check=request.param == "check")


@pytest.mark.parametrize(
    "block, algorithm", [(128, "cub::BLOCK_REDUCE_WARP_REDUCTIONS"), (80, "cub::BLOCK_REDUCE_RAKING")]
)
def test_reductions_add_in_the_order_of_a_gpu(emulator, block, algorithm):
    kernel = f"totals<{block}, {algorithm}>"
    x = np.random.default_rng(0).random(1000).astype(f32)
    blocks = [x[i : i + block] for i in range(0, 1000, block)]
    sums, maxima = np.zeros(len(blocks), f32), np.zeros(len(blocks), f32)
    emulator.run(kernel, len(blocks), block, [x, sums, maxima, 1000])
    np.testing.assert_array_equal(sums, [block_sum(each) for each in blocks])
    np.testing.assert_array_equal(maxima, [each.max() for each in blocks])


def test_pairs_in_a_block_of_two_dimensions(emulator):
    x = np.random.default_rng(1).random(128).astype(f32)
    y = np.zeros(1, [("key", i32), ("value", f32)])
    emulator.run("largest", 1, (16, 8), [x, y])
    assert y["key"][0] == x.argmax() and y["value"][0] == x.max()


def test_scans_of_items_that_are_loaded_and_stored(emulator):
    x = np.random.default_rng(2).integers(0, 100, 250).astype(i32)
    before, to, all_of_them = np.zeros(250, i32), np.zeros(250, i32), np.zeros(1, i32)
    emulator.run("offsets", 1, 64, [x, before, to, all_of_them, 250])
    np.testing.assert_array_equal(to, np.cumsum(x))
    np.testing.assert_array_equal(before, np.cumsum(x) - x)
    assert all_of_them[0] == x.sum()


def test_a_scan_goes_on_from_tile_to_tile(emulator):
    x = np.random.default_rng(3).integers(0, 100, 256).astype(i32)
    y = np.zeros(256, i32)
    emulator.run("tiles", 1, 64, [x, y, 256])
    np.testing.assert_array_equal(y, np.cumsum(x) - x)


def test_warps(emulator):
    x = np.random.default_rng(4).random(128).astype(f32)
    sums, least, to, before = np.zeros(8, f32), np.zeros(8, f32), np.zeros(128, f32), np.zeros(128, f32)
    emulator.run("warps", 1, 128, [x, sums, least, to, before])
    np.testing.assert_array_equal(sums, [warp_sum(half) for half in x.reshape(8, 16)])
    np.testing.assert_array_equal(least, x.reshape(8, 16).min(1))
    np.testing.assert_allclose(to.reshape(4, 32), np.cumsum(x.reshape(4, 32), 1), rtol=1e-6)
    expected = np.minimum.accumulate(np.pad(x.reshape(4, 32), ((0, 0), (1, 0)), constant_values=1e9), 1)[:, :-1]
    np.testing.assert_array_equal(before.reshape(4, 32), expected.astype(f32))


def test_the_rest_of_cub_is_refused_by_name(emulator):
    assert emulator.refused["histogram"].endswith("cub::BlockHistogram: the emulator does not have this part of CUB")


SORT = """
#include <cub/block/block_radix_sort.cuh>
template <class Key, int n> __device__ void sort(Key *x, int *place, int first_bit, int end_bit, int how) {
    typedef cub::BlockRadixSort<Key, 64, n, int> Sort;
    __shared__ typename Sort::TempStorage temp;
    Key keys[n];
    int values[n];
    for (int i = 0; i < n; i++) values[i] = threadIdx.x * n + i, keys[i] = x[values[i]];
    if (how == 0) Sort(temp).Sort(keys, values, first_bit, end_bit);
    else if (how == 1) Sort(temp).SortDescending(keys, values, first_bit, end_bit);
    else Sort(temp).SortBlockedToStriped(keys, values, first_bit, end_bit);
    for (int i = 0; i < n; i++) {
        const int to = how == 2 ? i * 64 + threadIdx.x : threadIdx.x * n + i;
        x[to] = keys[i], place[to] = values[i];
    }
}
#define KERNEL(name, Key, n) \
    __global__ void name(Key *x, int *place, int first, int end, int how) { sort<Key, n>(x, place, first, end, how); }
KERNEL(int32, int, 3) KERNEL(uint8, unsigned char, 4) KERNEL(float32, float, 2) KERNEL(float64, double, 1)
"""


@pytest.mark.parametrize("how", [0, 1, 2])
@pytest.mark.parametrize(
    "kernel, n, first, end",
    [
        ("int32", 192, 0, 32),
        ("int32", 192, 4, 9),
        ("uint8", 256, 0, 8),
        ("float32", 128, 0, 32),
        ("float64", 64, 0, 64),
    ],
)
def test_keys_and_values_are_sorted_by_bits(tmp_path, kernel, n, first, end, how):
    x = (np.random.default_rng(0).standard_normal(n) * 50).astype(i32 if kernel == "uint8" else kernel).astype(kernel)
    bits, place = x.view(f"u{x.itemsize}"), np.zeros(n, i32)
    sign = bits.dtype.type(1 << (8 * x.itemsize - 1))
    digits = bits if kernel == "uint8" else np.where((x.dtype.kind == "f") & (bits & sign > 0), ~bits, bits ^ sign)
    digits = [int(d) >> first & (1 << (end - first)) - 1 for d in digits]
    expected = np.argsort([-d for d in digits] if how == 1 else digits, kind="stable")
    emulator = Emulator(write_kernel(tmp_path, SORT), check=True)
    emulator.run(kernel, 1, 64, [x, place, first, end, how])
    np.testing.assert_array_equal(place, expected)


TWICE = """
__global__ void k(const float *x, float *y) {
    __shared__ union { STORAGE } temp;
    float a[1] = {x[threadIdx.x]}, b[1] = {x[threadIdx.x]};
    FIRST;
    BARRIER;
    SECOND;
    if (threadIdx.x == 0) y[0] = a[0], y[1] = b[0];
}
"""
REDUCE = ("cub::BlockReduce<float, 64>", "a[0] = {}.Sum(a[0])", "b[0] = {}.Reduce(b[0], cub::Max())")
SCAN = ("cub::BlockScan<float, 64>", "{}.InclusiveSum(a[0], a[0])", "{}.ExclusiveSum(b[0], b[0])")
LOAD = ("cub::BlockLoad<float, 64, 1, cub::BLOCK_LOAD_TRANSPOSE>", "{}.Load(x, a)", "{}.Load(x, b)")
WARPS = ("cub::BlockLoad<float, 64, 1, cub::BLOCK_LOAD_WARP_TRANSPOSE>", "{}.Load(x, a)", "{}.Load(x, b)")
STORE = ("cub::BlockStore<float, 64, 1, cub::BLOCK_STORE_TRANSPOSE>", "{}.Store(y, a)", "{}.Store(y, b)")
SORTED = ("cub::BlockRadixSort<float, 64, 1>", "{}.Sort(a)", "{}.SortDescending(b)")
PAIRS = [(each, each) for each in (REDUCE, SCAN, LOAD, WARPS, STORE, SORTED)]
PAIRS += [(LOAD, SCAN), (SCAN, STORE), (SORTED, SCAN), (WARPS, SORTED)]


@pytest.mark.parametrize("first, second", PAIRS, ids=lambda each: each[0].partition("<")[0] + str(each is WARPS))
def test_storage_that_is_used_again_needs_a_barrier(tmp_path, first, second):
    text = TWICE.replace("STORAGE", f"{first[0]}::TempStorage first; {second[0]}::TempStorage second;")
    text = text.replace("FIRST", first[1].format(f"{first[0]}(temp.first)"))
    text = text.replace("SECOND", second[2].format(f"{second[0]}(temp.second)"))
    x, y = np.ones(64, f32), np.zeros(64, f32)
    right = write_kernel(tmp_path, text.replace("BARRIER", "__syncthreads()"), "right.cu")
    Emulator(right, check=True).run("k", 1, 64, [x, y])
    wrong = Emulator(write_kernel(tmp_path, text.replace("BARRIER", ""), "wrong.cu"), check=True)
    for wrong.order in ("forward", "reverse", "random", "warps"):
        with pytest.raises(KernelFault, match=r"of __shared__ 'temp' at wrong.cu:7, .* at wrong.cu:5") as caught:
            wrong.run("k", 1, 64, [x, y])
        assert caught.value.kind == "race"


def test_names_without_their_namespace_and_operations_of_the_file(tmp_path):
    text = """
#include <cub/block/block_reduce.cuh>
using namespace cub;
template <typename T> struct Product { __device__ T operator()(const T &a, const T &b) const { return a * b; } };
template <template <typename> class Operation, typename T, int threads> __device__ T all_reduce(T value) {
    typedef BlockReduce<T, threads> Reduce;
    __shared__ typename Reduce::TempStorage storage;
    __shared__ T result;
    value = Reduce(storage).Reduce(value, Operation<T>());
    if (threadIdx.x == 0) result = value;
    __syncthreads();
    return result;
}
__global__ void k(int *y) { y[threadIdx.x] = all_reduce<Product, int, 64>(threadIdx.x % 8 ? 1 : 2); }
"""
    check_kernel(write_kernel(tmp_path, text), "k", 1, 64, [np.zeros(64, i32)], {0: np.full(64, 256, i32)})
