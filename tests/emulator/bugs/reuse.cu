#include "reuse.cuh"

extern "C" __global__ void moments(const float *x, float *y, int n) {
    const float mean = block_sum(x[threadIdx.x]) / n;
    const float d = x[threadIdx.x] - mean;
    const float variance = block_sum(d * d) / n;  // CALLER
    if (threadIdx.x == 0) y[0] = variance;
}
