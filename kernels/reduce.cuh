// Reductions over the threads of a row.
//
// blockDim.x threads, the lanes, share a row. For few columns, blockDim.x is a power of two up to 32, and one warp has
// 32 / blockDim.x rows. For many columns, blockDim.x is a multiple of 32 up to 1024, and the block has one row.
// All threads of the block must call, even if their row does not exist; all lanes get the result.
#pragma once
#include "pack.cuh"

constexpr unsigned ALL_LANES = 0xffffffffu;

struct Sum {
    static __device__ float identity() { return 0.0f; }
    static __device__ float combine(float a, float b) { return a + b; }
    static __device__ float shuffle_xor(float a, int lanes) { return __shfl_xor_sync(ALL_LANES, a, lanes); }
};

// The largest value and its index. NaN is larger than any number, and ties go to the lowest index, as in NumPy.
struct Best {
    float value;
    int index;
};

struct Largest {
    static __device__ Best identity() { return {-INFINITY, INT_MAX}; }
    static __device__ bool beats(Best a, Best b) {
        const bool a_is_nan = isnan(a.value), b_is_nan = isnan(b.value);
        if (a_is_nan != b_is_nan) return a_is_nan;
        return a_is_nan || a.value == b.value ? a.index < b.index : a.value > b.value;
    }
    static __device__ Best combine(Best a, Best b) { return beats(b, a) ? b : a; }
    static __device__ Best shuffle_xor(Best a, int lanes) {
        return {__shfl_xor_sync(ALL_LANES, a.value, lanes), __shfl_xor_sync(ALL_LANES, a.index, lanes)};
    }
};

// Combine one value per thread over the row. The order is fixed, so equal inputs give equal bits.
template <class Op, class T>
__device__ T reduce_row(T value) {
    const int lanes = blockDim.x < 32 ? blockDim.x : 32;
    for (int distance = lanes / 2; distance > 0; distance /= 2)
        value = Op::combine(value, Op::shuffle_xor(value, distance));
    if (blockDim.x <= 32) return value;  // the same for the whole block

    __shared__ T of_warp[32];
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    __syncthreads();  // an earlier reduction may still read of_warp
    if (lane == 0) of_warp[warp] = value;
    __syncthreads();
    value = lane < warps ? of_warp[lane] : Op::identity();
    for (int distance = 16; distance > 0; distance /= 2)
        value = Op::combine(value, Op::shuffle_xor(value, distance));
    return value;
}
