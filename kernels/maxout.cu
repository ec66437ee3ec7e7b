// Maxout: the maximum of the p linear pieces of each unit (lecture 14, "More activation functions").
//
//     maxout            X_j = max_q (z_jq + b_jq); Z becomes the derivative: 1 at the largest piece, 0 elsewhere
//     maxout_gradient   Delta_jq = A_j where Delta_jq is not 0
//
// Z and Delta are (k, m p), one example per row, the pieces of a unit adjacent; b is (m p,); X and A are (k, m). Ties
// and NaN as in argmax.
//
// Launch: any two-dimensional grid of blocks (columns, rows) over X for maxout, and over Delta for maxout_gradient;
// threads loop. Moves (8 p + 4) k m bytes.
#include "pack.cuh"

extern "C" __global__ void maxout(float *__restrict__ Z, const float *__restrict__ b, float *__restrict__ X, int k,
                                  int m, int p) {
    for_each_in_rows(k, m, false, [=](auto, int i, int j) {
        const size_t unit = static_cast<size_t>(i) * m + j;
        float *const z = Z + unit * p;
        const float *const bias = b + static_cast<size_t>(j) * p;
        float largest = z[0] + bias[0];
        int best = 0;
        z[0] = 0.0f;
        for (int q = 1; q < p; ++q) {
            const float next = z[q] + bias[q];
            z[q] = 0.0f;
            if (!(next <= largest) && !isnan(largest)) {  // greater, or the first NaN
                largest = next;
                best = q;
            }
        }
        z[best] = 1.0f;
        X[unit] = largest;
    });
}

extern "C" __global__ void maxout_gradient(const float *__restrict__ A, float *__restrict__ Delta, int k, int m,
                                           int p) {
    for_each_in_rows(k, m * p, false, [=](auto, int i, int jq) {
        float *const delta = Delta + static_cast<size_t>(i) * m * p + jq;
        if (*delta != 0.0f) *delta = A[static_cast<size_t>(i) * m + jq / p];
    });
}
