// The softmax of a row, alone or with the cross-entropy and its gradient (softmax.cu has the formulas).
#pragma once
#include "reduce.cuh"

namespace softmax_rows {

struct Row {
    float *z;
    const float *b;
    int m;  // 0 if the row does not exist: its threads only take part in the reductions
};

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

}  // namespace softmax_rows
