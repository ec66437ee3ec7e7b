extern "C" __global__ void fill(const float *x, float *y, int n) {
    for (int i = threadIdx.x; i <= n; i += blockDim.x)
        y[i] = 1;  // BUG
}
