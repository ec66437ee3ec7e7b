extern "C" __global__ void twice(const float *x, float *y, int n) {
    const int i = threadIdx.x;
    float next = 0;
    if (i <= n)
        next = x[i];  // BUG
    if (i < n) y[i] = 2 * next;
}
