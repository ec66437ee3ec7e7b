// Loads four floats at a time, beginning at the second.
extern "C" __global__ void copy(const float *x, float *y, int n) {
    if (threadIdx.x >= 16 || blockIdx.x > 0) return;
    const float4 *from = reinterpret_cast<const float4 *>(x + 1);
    const float4 four = from[threadIdx.x];  // BUG
    y[threadIdx.x] = four.x + four.y + four.z + four.w;
}
