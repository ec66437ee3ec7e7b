extern "C" __global__ void endless(const float *x, float *y, int n) {
    for (;;)
        __syncthreads();  // BUG
}
