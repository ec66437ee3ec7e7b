// Half of the threads wait at one barrier, the others at the next.
extern "C" __global__ void shift(const float *x, float *y, int n) {
    __shared__ float tile[128];
    const int i = threadIdx.x;
    if (i < 50) {
        tile[i] = x[i];
        __syncthreads();  // BUG
    } else {
        tile[i] = 0;
    }
    __syncthreads();  // WITH
    y[i] = tile[i];
}
