#pragma once

constexpr unsigned full = 0xffffffffu;

struct Sum {
    template <typename T> static __device__ T join(T a, T b) { return a + b; }
    template <typename T> static __device__ T neutral() { return 0; }
};
struct Max {
    static __device__ float join(float a, float b) { return fmaxf(a, b); }
    template <typename T> static __device__ T neutral() { return -INFINITY; }
};

template <typename Op, typename T> __device__ __forceinline__ T warp_reduce(T value) {
#pragma unroll
    for (int by = warpSize / 2; by > 0; by /= 2) value = Op::join(value, __shfl_xor_sync(full, value, by));
    return value;
}

// For all threads of a block of whole warps
template <typename Op, typename T> __device__ T block_reduce(T value) {
    __shared__ T partial[32];
    const int lane = threadIdx.x % warpSize, warp = threadIdx.x / warpSize, warps = blockDim.x / warpSize;
    value = warp_reduce<Op>(value);
    __syncthreads();  // an earlier reduction may still be reading
    if (lane == 0) partial[warp] = value;
    __syncthreads();
    return warp_reduce<Op>(lane < warps ? partial[lane] : Op::template neutral<T>());
}
