// The last block adds up the results of the others without a fence.
__device__ unsigned finished;

extern "C" __global__ void total(const float *x, float *y, int n) {
    __shared__ bool last;
    if (threadIdx.x == 0) {
        y[1 + blockIdx.x] = x[blockIdx.x];  // WITH
        last = atomicInc(&finished, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && threadIdx.x < gridDim.x)
        atomicAdd(y, y[1 + threadIdx.x]);  // BUG
}
