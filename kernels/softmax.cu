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
#include "reduce.cuh"

namespace softmax_rows {

struct Row {
    float *z;
    const float *b;
    int m;  // 0 if the row does not exist: its threads only take part in the reductions
};

__device__ Row my_row(float *Z, const float *b, int k, int m) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    return {Z + static_cast<size_t>(row) * m, b, row < k ? m : 0};
}

template <int N>
__device__ Best largest(Row row) {
    Best best = Largest::identity();
    for (int c = N * threadIdx.x; c < row.m; c += N * blockDim.x) {
        const auto z = load<N>(row.z + c), b = load<N>(row.b + c);
        for (int j = 0; j < N; ++j) best = Largest::combine(best, {z[j] + b[j], c + j});
    }
    return reduce_row<Largest>(best);
}

template <int N>
__device__ float sum_of_exponentials(Row row, float shift) {
    float sum = 0.0f;
    for (int c = N * threadIdx.x; c < row.m; c += N * blockDim.x) {
        const auto z = load<N>(row.z + c), b = load<N>(row.b + c);
        for (int j = 0; j < N; ++j) sum += expf(z[j] + b[j] - shift);
    }
    return reduce_row<Sum>(sum);
}

template <int N>
__device__ void softmax(Row row) {
    const float shift = largest<N>(row).value;
    const float sum = sum_of_exponentials<N>(row, shift);
    for (int c = N * threadIdx.x; c < row.m; c += N * blockDim.x) {
        auto z = load<N>(row.z + c);
        const auto b = load<N>(row.b + c);
        for (int j = 0; j < N; ++j) z[j] = expf(z[j] + b[j] - shift) / sum;
        store(row.z + c, z);
    }
}

template <int N>
__device__ void softmax_cross_entropy(Row row, int y, float weight, double *loss, double *correct) {
    const Best best = largest<N>(row);
    const float sum = sum_of_exponentials<N>(row, best.value);
    for (int c = N * threadIdx.x; c < row.m; c += N * blockDim.x) {
        auto z = load<N>(row.z + c);
        const auto b = load<N>(row.b + c);
        for (int j = 0; j < N; ++j) {
            const float shifted = z[j] + b[j] - best.value;
            z[j] = expf(shifted) / sum;
            if (c + j == y) {  // one thread per row
                z[j] -= 1.0f;
                *loss += weight * (logf(sum) - shifted);
                *correct += best.index == y;
            }
            z[j] *= weight;
        }
        store(row.z + c, z);
    }
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
