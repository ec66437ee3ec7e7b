// The average of a gradient over the minibatch: the parallel reduction of lecture 14, "Parallelization".
//
//     out_j = scale sum_i Delta_ij + beta out_j          with scale = alpha / k this is alpha mean(Delta) + beta out
//
// Delta is (k, m), one example a row, out is (m,); where beta is 0, out is not read. In the y-th row of blocks, the
// kernel sums the rows y slab .. (y + 1) slab - 1 alone, into the y-th row of an out of (gridDim.y, m): a tall Delta
// is reduced in two launches, first to one row a slab and then to one row in all. No atomics: the order of the
// additions is fixed by the shape, so equal inputs give equal bits.
//
// Launch: block (columns, rows), rows a power of two; grid.x * columns >= m, grid.y * slab >= k;
// shared memory for one float a thread.
// Moves 4 k m + 4 m bytes. A warp reads neighbouring columns, whole lines of 128 bytes, without packs.

extern "C" __global__ void gradient_mean(const float *__restrict__ Delta, float *__restrict__ out, int k, int m,
                                         int slab, float scale, float beta) {
    extern __shared__ float sums[];  // (blockDim.y, blockDim.x)
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    const int first = blockIdx.y * slab, last = first + slab < k ? first + slab : k;
    float sum = 0.0f;
    if (column < m)
        for (int i = first + threadIdx.y; i < last; i += blockDim.y) sum += Delta[static_cast<size_t>(i) * m + column];

    float *mine = sums + threadIdx.y * blockDim.x + threadIdx.x;
    *mine = sum;
    for (int rows = blockDim.y / 2; rows > 0; rows /= 2) {
        __syncthreads();
        if (threadIdx.y < rows) *mine += mine[rows * blockDim.x];
    }
    if (threadIdx.y == 0 && column < m) {
        float *to = out + static_cast<size_t>(blockIdx.y) * m + column;
        *to = beta == 0.0f ? scale * *mine : scale * *mine + beta * *to;
    }
}
