// Waits for a write of another thread, which may never run, also on a GPU.
extern "C" __global__ void spin(const float *x, float *y, int n) {
    volatile float *flag = y + 1;
    if (threadIdx.x < 32) {
        while (flag[threadIdx.x] != 2) y[40 + threadIdx.x] = 0;  // BUG
    }
}
