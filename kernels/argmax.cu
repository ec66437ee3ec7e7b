// Predicted class of each example.
//
//     out = argmax_j (z_j + b_j)          lecture 14, "Refresher on the task"
//
// Z is (k, m), one example per row, b is (m,), out is (k,). Ties go to the lowest index; NaN is larger than any number,
// and the first NaN wins, as in NumPy.
//
// Launch: block (lanes, rows) as in reduce.cuh, lanes * rows a multiple of 32; grid.x * rows >= k.
// Moves 4 k m + 4 k bytes.
#include "reduce.cuh"

template <int N>
__device__ int argmax_of_row(const float *z, const float *b, int m) {
    Best best = Largest::identity();
    for (int c = N * threadIdx.x; c < m; c += N * blockDim.x) {
        const auto zs = load<N>(z + c), bs = load<N>(b + c);
        for (int j = 0; j < N; ++j) best = Largest::combine(best, {zs[j] + bs[j], c + j});
    }
    return reduce_row<Largest>(best).index;
}

extern "C" __global__ void argmax(const float *__restrict__ Z, const float *__restrict__ b, int *__restrict__ out,
                                  int k, int m) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const float *z = Z + static_cast<size_t>(row) * m;
    const int columns = row < k ? m : 0;  // all threads take part in the reduction
    const int index = m % 4 == 0 && aligned(Z, b) ? argmax_of_row<4>(z, b, columns) : argmax_of_row<1>(z, b, columns);
    if (threadIdx.x == 0 && row < k) out[row] = index;
}
