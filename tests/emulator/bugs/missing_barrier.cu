// Threads read what others write, without a barrier.
extern "C" __global__ void shift(const float *x, float *y, int n) {
    __shared__ float tile[128];
    const int i = threadIdx.x;
    tile[i] = x[i];                    // WITH
    y[i] = tile[(i + 40) % blockDim.x];  // BUG
}
