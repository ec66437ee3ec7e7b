// Threads past the end of the data return before the barrier.
extern "C" __global__ void shift(const float *x, float *y, int n) {
    __shared__ float tile[128];
    const int i = threadIdx.x;
    if (i >= n - 28) return;
    tile[i] = x[i];
    __syncthreads();  // BUG
    y[i] = tile[i ? i - 1 : 0];
}
