// Warp-synchronous code that assumes that a warp runs in lockstep.
extern "C" __global__ void total(const float *x, float *y, int n) {
    __shared__ float partial[64];
    const int lane = threadIdx.x;
    partial[lane] = x[lane];
    partial[lane + 32] = 0;
    __syncwarp();
    for (int by = 16; by > 0; by /= 2) partial[lane] += partial[lane + by];  // BUG
    if (lane == 0) y[0] = partial[0];
}
