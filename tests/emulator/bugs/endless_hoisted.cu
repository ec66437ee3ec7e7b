// The compiler may read the flag once, and then loop without reading it again.
extern "C" __global__ void endless(const float *x, float *y, int n) {
    while (x[0] == 1);  // BUG
    y[threadIdx.x] = 1;
}
