// An endless loop without memory accesses.
extern "C" __global__ void endless(const float *x, float *y, int n) {
    unsigned state = n;
    while (state != 0) state = state * 2 + 1;  // BUG
    y[0] = state;
}
