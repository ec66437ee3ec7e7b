#pragma once

// The sum over the block. The scratch array may still be read when the next call writes it.
template <typename T> __device__ __forceinline__ T block_sum(T value) {
    __shared__ T scratch[32];
    for (int by = 16; by > 0; by /= 2) value += __shfl_xor_sync(0xffffffffu, value, by);
    if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = value;  // WITH
    __syncthreads();
    T sum = 0;
    for (int w = 0; w < (int)blockDim.x / 32; w++) sum += scratch[w];  // BUG
    return sum;
}
