// One element per warp, but the array is long enough for half of the warps only.
extern "C" __global__ void total(const float *x, float *y, int n) {
    __shared__ float partial[2];
    __shared__ float other[2];
    float sum = x[threadIdx.x];
    for (int by = 16; by > 0; by /= 2) sum += __shfl_down_sync(0xffffffffu, sum, by);
    if (threadIdx.x < 2) other[threadIdx.x] = 0;
    if (threadIdx.x % 32 == 0)
        partial[threadIdx.x / 32] = sum;  // BUG
    __syncthreads();
    if (threadIdx.x == 0) y[0] = partial[0] + partial[1] + other[0];
}
