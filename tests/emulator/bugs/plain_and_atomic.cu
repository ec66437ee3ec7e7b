// The counter is reset by one thread while others already add to it.
extern "C" __global__ void count(const float *x, float *y, int n) {
    __shared__ int positive;
    if (threadIdx.x == 0) positive = 0;  // WITH
    if (x[threadIdx.x] > 0)
        atomicAdd(&positive, 1);  // BUG
    __syncthreads();
    if (threadIdx.x == 0) y[0] = positive;
}
