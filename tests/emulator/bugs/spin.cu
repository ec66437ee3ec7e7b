// Waits for what another thread writes later: on a GPU as here, it may never come.
extern "C" __global__ void spin(const float *x, float *y, int n) {
    volatile float *flag = y + 1;
    if (threadIdx.x < 32) {
        while (flag[threadIdx.x] != 2) y[40 + threadIdx.x] = 0;  // BUG
    }
}
