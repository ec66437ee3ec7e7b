// One lane waits at the barrier while the others vote.
extern "C" __global__ void vote(const float *x, float *y, int n) {
    if (threadIdx.x != 3)
        if (__any_sync(0xffffffffu, x[threadIdx.x] > 0)) y[threadIdx.x] = 1;  // BUG
    __syncthreads();
}
