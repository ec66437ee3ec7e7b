// memcpy past the end of both arrays.
extern "C" __global__ void copy(const float *x, float *y, int n) {
    if (threadIdx.x == 0 && blockIdx.x == 0)
        memcpy(y, x, (n + 1) * sizeof *y);  // BUG
}
