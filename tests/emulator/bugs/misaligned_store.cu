extern "C" __global__ void copy(const float *x, float *y, int n) {
    float2 *to = reinterpret_cast<float2 *>(y + 1);
    if (threadIdx.x < 8)
        to[threadIdx.x] = make_float2(x[threadIdx.x], 0);  // BUG
}
