// Correct kernels: check mode must report nothing, in any order of threads and blocks.
#include <cfloat>

#include "reductions.cuh"

#define FULL_BLOCK __launch_bounds__(1024)

// One block per row; two reductions use the same scratch array.
extern "C" __global__ FULL_BLOCK void softmax(const float *__restrict__ x, float *__restrict__ y, int columns) {
    x += (size_t)blockIdx.x * columns;
    y += (size_t)blockIdx.x * columns;
    float largest = -FLT_MAX, sum = 0;
    for (int c = threadIdx.x; c < columns; c += blockDim.x) largest = fmaxf(largest, __ldg(x + c));
    largest = block_reduce<Max>(largest);
    for (int c = threadIdx.x; c < columns; c += blockDim.x) sum += y[c] = __expf(x[c] - largest);
    sum = block_reduce<Sum>(sum);
    for (int c = threadIdx.x; c < columns; c += blockDim.x) y[c] = __fdividef(y[c], sum);
}

// Reverse the elements of each block through dynamic shared memory, for any block size.
extern "C" __global__ void reverse(const float *x, float *y, int n) {
    extern __shared__ float part[];
    const int first = blockIdx.x * blockDim.x, i = first + threadIdx.x, count = min(n - first, (int)blockDim.x);
    if (i < n) part[threadIdx.x] = x[i];
    __syncthreads();
    if (i < n) y[i] = part[count - 1 - threadIdx.x];
}

// Two-dimensional blocks, and a tile padded by one column.
extern "C" __global__ void transpose(const float *x, float *y, int rows, int columns) {
    __shared__ float tile[16][17];
    int c = blockIdx.x * 16 + threadIdx.x, r = blockIdx.y * 16 + threadIdx.y;
    if (r < rows && c < columns) tile[threadIdx.y][threadIdx.x] = x[r * columns + c];
    __syncthreads();
    c = blockIdx.x * 16 + threadIdx.y, r = blockIdx.y * 16 + threadIdx.x;
    if (r < rows && c < columns) y[c * rows + r] = tile[threadIdx.x][threadIdx.y];
}

// Warp-synchronous through shared memory, with __syncwarp after each step. One warp per row; some have no row.
extern "C" __global__ void warp_total(const float *x, float *y, int rows, int columns) {
    __shared__ float partial[4][32];
    const int lane = threadIdx.x, row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    volatile float *mine = partial[threadIdx.y];
    float sum = 0;
    for (int c = lane; c < columns; c += 32) sum += x[row * columns + c];
    mine[lane] = sum;
    __syncwarp();
    for (int by = 16; by > 0; by /= 2) {
        const float other = lane < by ? mine[lane + by] : 0;
        __syncwarp();
        if (lane < by) mine[lane] = mine[lane] + other;
        __syncwarp();
    }
    if (lane == 0) y[row] = mine[0];
}

// A counter for all blocks, and a histogram of each block, added up over all blocks.
extern "C" __global__ void histogram(const unsigned char *x, int *counts, int *total, int n) {
    __shared__ int mine[16];
    if (threadIdx.x < 16) mine[threadIdx.x] = 0;
    __syncthreads();
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        atomicAdd(&mine[x[i] % 16], 1);
        atomicAdd(total, 1);
    }
    __syncthreads();
    if (threadIdx.x < 16) atomicAdd(&counts[threadIdx.x], mine[threadIdx.x]);
}

// Adjacent bytes are written by different threads, and then read four at a time.
extern "C" __global__ void threshold(const float *x, unsigned char *bits, int *packed, int n) {
    __shared__ unsigned char over[256];
    over[threadIdx.x] = threadIdx.x < n && x[threadIdx.x] > 0;
    __syncthreads();
    if (threadIdx.x < n) bits[threadIdx.x] = over[threadIdx.x];
    if (threadIdx.x < n / 4) {
        const uchar4 four = reinterpret_cast<const uchar4 *>(over)[threadIdx.x];
        packed[threadIdx.x] = four.x | four.y << 1 | four.z << 2 | four.w << 3;
    }
}

// Local arrays are not checked.
__device__ void sort3(float *v) {
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2 - i; j++)
            if (v[j] > v[j + 1]) {
                const float t = v[j];
                v[j] = v[j + 1];
                v[j + 1] = t;
            }
}
extern "C" __global__ void median3(const float *x, float *y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v[3] = {x[max(i - 1, 0)], x[i], x[min(i + 1, n - 1)]};
    sort3(v);
    y[i] = v[1];
}

// Constants and device variables
__constant__ float weights[4] = {1, 2, 3, 4};
__device__ unsigned launches;
extern "C" __global__ void weigh(const float4 *x, float *y, unsigned *launched, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        const float4 v = x[i];
        y[i] = weights[0] * v.x + weights[1] * v.y + weights[2] * v.z + weights[3] * v.w;
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) *launched = atomicInc(&launches, 1000) + 1;
}

// The last block to finish adds up the results of all blocks, which __threadfence orders before the counter.
__device__ unsigned finished;
extern "C" __global__ void total_in_one_launch(const float *x, float *parts, float *y, int n) {
    __shared__ bool last;
    const int first = blockIdx.x * blockDim.x;
    const float part = block_reduce<Sum>(first + threadIdx.x < n ? x[first + threadIdx.x] : 0.0f);
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = part;
        __threadfence();
        last = atomicInc(&finished, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (!last) return;
    const float sum = block_reduce<Sum>(threadIdx.x < gridDim.x ? parts[threadIdx.x] : 0.0f);
    if (threadIdx.x == 0) *y = sum;
}

// The same for warps: the fence of a lane covers what its warp wrote before __syncwarp.
__device__ unsigned warps_finished;
extern "C" __global__ void total_by_warps(const float *x, float *parts, float *y, int n) {
    const int i = blockIdx.x * 32 + threadIdx.x;
    parts[i] = i < n ? 2 * x[i] : 0;
    __syncwarp();
    if (threadIdx.x > 0) return;
    __threadfence();
    if (atomicInc(&warps_finished, gridDim.x - 1) < gridDim.x - 1) return;
    float sum = 0;
    for (int j = 0; j < (int)gridDim.x * 32; j++) sum += parts[j];
    *y = sum;
}
