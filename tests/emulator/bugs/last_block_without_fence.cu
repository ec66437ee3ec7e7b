// The last block adds up what the others left, but nobody made sure that it sees it.
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
