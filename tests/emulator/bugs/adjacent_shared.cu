// One element past the end of an array, where the next array might begin.
extern "C" __global__ void adjacent_shared(const float *x, float *y, int n) {
    __shared__ float a[128];
    __shared__ float b[128];
    const int i = threadIdx.x;
    a[i] = x[i % n];
    b[i] = x[i % n];
    __syncthreads();
    y[i] = a[i + 1];  // BUG
    y[i] += b[i];
}
