// Lanes past the end of the data skip a shuffle whose mask includes them.
extern "C" __global__ void total(const float *x, float *y, int n) {
    float sum = 0;
    if (threadIdx.x < 20) {
        sum = x[threadIdx.x];
        for (int by = 16; by > 0; by /= 2)
            sum += __shfl_down_sync(0xffffffffu, sum, by);  // BUG
    }
    if (threadIdx.x == 0) y[0] = sum;
}
