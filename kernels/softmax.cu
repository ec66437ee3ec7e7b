// Softmax, alone or fused with the cross-entropy and its gradient.
//
//     p_j = exp(z_j + b_j) / sum_i exp(z_i + b_i)          lecture 14, "Linear classifier J & gradient"
//     J   = -w ln p_y,   dJ/dz = w (p - y)                  "Linear classifier gradient", with class weight w
//
// Z is (k, m), one example per row, b is (m,). The row's maximum is subtracted first, so exp cannot overflow. NaN or
// +infinity in a row makes the row NaN, as in NumPy.
//
//     softmax                 Z becomes P
//     softmax_cross_entropy   Z becomes Delta = w (P - Y); loss[row] += -w ln p_y, as w (ln(sum) - (z_y - max)) since
//                             p_y may underflow; correct[row] += 1 if argmax is y. y (k,) has labels below m, and w is
//                             weights[y]. loss and correct are (k,): no two threads add to the same element.
//
// Launch: block (lanes, rows) as in reduce.cuh, lanes * rows a multiple of 32; grid.x * rows >= k.
// Moves 8 k m bytes: each element is read once from memory (then twice from cache) and written once.
#include "softmax.cuh"

namespace softmax_rows {

__device__ Row my_row(float *Z, const float *b, int k, int m) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    return {Z + static_cast<size_t>(row) * m, b, row < k ? m : 0};
}

__device__ bool packs_of_four(const float *Z, const float *b, int m) { return m % 4 == 0 && aligned(Z, b); }

}  // namespace softmax_rows

extern "C" __global__ void softmax(float *__restrict__ Z, const float *__restrict__ b, int k, int m) {
    const auto row = softmax_rows::my_row(Z, b, k, m);
    if (softmax_rows::packs_of_four(Z, b, m))
        softmax_rows::softmax<4>(row);
    else
        softmax_rows::softmax<1>(row);
}

extern "C" __global__ void softmax_cross_entropy(float *__restrict__ Z, const float *__restrict__ b,
                                                 const int *__restrict__ y, const float *__restrict__ weights,
                                                 double *__restrict__ loss, double *__restrict__ correct, int k,
                                                 int m) {
    const auto row = softmax_rows::my_row(Z, b, k, m);
    const int i = blockIdx.x * blockDim.y + threadIdx.y, label = i < k ? y[i] : 0;
    if (softmax_rows::packs_of_four(Z, b, m))
        softmax_rows::softmax_cross_entropy<4>(row, label, weights[label], loss + i, correct + i);
    else
        softmax_rows::softmax_cross_entropy<1>(row, label, weights[label], loss + i, correct + i);
}
