// The launch does not allocate the padding of the tile.
extern "C" __global__ void pad(const float *x, float *y, int n) {
    extern __shared__ float tile[];
    const int i = threadIdx.x;
    tile[i + i / 32] = x[i];  // BUG
    __syncthreads();
    y[i] = tile[i];
}
