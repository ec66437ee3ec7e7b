// Every block adds to the same number without an atomic.
extern "C" __global__ void count(const float *x, float *y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    const int positive = __syncthreads_count(i < n && x[i] > 0);
    if (threadIdx.x == 0)
        y[0] += positive;  // BUG
}
