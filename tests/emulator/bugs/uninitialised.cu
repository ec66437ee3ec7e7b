// The last element of the tile is read, but never written.
extern "C" __global__ void differences(const float *x, float *y, int n) {
    __shared__ float tile[129];
    const int i = threadIdx.x;
    tile[i] = x[i];
    __syncthreads();
    y[i] = tile[i + 1] - tile[i];  // BUG
}
