// The compiler reads the flag once, as it may, and loops without looking again.
extern "C" __global__ void endless(const float *x, float *y, int n) {
    while (x[0] == 1);  // BUG
    y[threadIdx.x] = 1;
}
