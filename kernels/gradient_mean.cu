// Mean gradient of a minibatch: the parallel reduction of lecture 14, "Parallelization".
//
//     out_sj = scale sum_i Delta_ij + beta out_sj,   s slab <= i < min((s + 1) slab, k)     for each s < gridDim.y
//
// Delta is (k, m), one example per row; out is (gridDim.y, m), and not read if beta is 0. With one slab of k rows and
// scale = alpha / k, this is alpha mean(Delta) + beta out. A tall Delta takes two launches: one sum per slab, then
// the sum of these sums. No atomics: the order of additions depends on the shape only, so equal inputs give equal bits.
//
// Launch: block (columns, rows), rows a power of two; grid.x * columns >= m, grid.y * slab >= k;
// dynamic shared memory for one float per thread.
// Moves 4 k m + 4 m bytes. A warp reads adjacent columns, so its loads are coalesced without packs.

extern "C" __global__ void gradient_mean(const float *__restrict__ Delta, float *__restrict__ out, int k, int m,
                                         int slab, float scale, float beta) {
    extern __shared__ float sums[];  // (blockDim.y, blockDim.x)
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    const int first = blockIdx.y * slab, last = first + slab < k ? first + slab : k;
    float sum = 0.0f;
    if (column < m) {
        constexpr int IN_FLIGHT = 8;  // loads that do not wait for the additions, whose order stays
        const int rows = blockDim.y;
        int i = first + threadIdx.y;
        for (; i + (IN_FLIGHT - 1) * rows < last; i += IN_FLIGHT * rows) {
            float delta[IN_FLIGHT];
            for (int j = 0; j < IN_FLIGHT; ++j) delta[j] = Delta[static_cast<size_t>(i + j * rows) * m + column];
            for (int j = 0; j < IN_FLIGHT; ++j) sum += delta[j];
        }
        for (; i < last; i += rows) sum += Delta[static_cast<size_t>(i) * m + column];
    }

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
