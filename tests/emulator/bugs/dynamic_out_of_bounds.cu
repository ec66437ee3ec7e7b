// A padded tile that the launch did not leave room for.
extern "C" __global__ void pad(const float *x, float *y, int n) {
    extern __shared__ float tile[];
    const int i = threadIdx.x;
    tile[i + i / 32] = x[i];  // BUG
    __syncthreads();
    y[i] = tile[i];
}
