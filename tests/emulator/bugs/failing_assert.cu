#include <cassert>

extern "C" __global__ void check(const float *x, float *y, int n) {
    const int i = threadIdx.x;
    assert(i < n - 1);  // BUG
    y[i] = x[i];
}
