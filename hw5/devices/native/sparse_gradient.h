// The gradient of a convolution under max pooling: Delta is 0 except at the largest pixels, so only their patches count.
//
// The largest pixel differs from example to example, so here the numbers of a window's row lie in the lanes, of one
// example after the other.
#pragma once
#include "convolution.h"

// Whether this is faster than add_gradient, where a multiply-add needs half as many loads
inline bool is_sparse_faster(const Window &window, const Window &pool) {
    const int64_t n = window.j * window.c, in_lanes = (n + LANES - 1) / LANES * LANES;
    return pool.i * pool.j * n > 2 * in_lanes;
}

// G += Delta patch^T of a filter, for I rows of the window and V vectors of each; `last` lanes of the last one count.
// Delta (places, LANES) and starts, where the patches begin in an example of X, are `pixel` numbers apart by place.
template <int I, int V>
static void block_of_patches(int64_t places, int64_t pixel, const float *Delta, const int32_t *starts, const Matrix &X,
                             int64_t column, int64_t row, float *G, int64_t n, int64_t last) {
    Vector sums[I][V] = {};
    for (int e = 0; e < LANES; e++)
        for (int64_t place = 0; place < places; place++) {
            const Vector delta = broadcast(Delta[place * pixel + e]);
            const float *x = X.row(e) + column + starts[place * pixel + e];
            UNROLLED for (int i = 0; i < I; i++)
                UNROLLED for (int v = 0; v < V; v++) sums[i][v] += delta * load_unaligned(x + i * row + v * LANES);
        }
    for (int i = 0; i < I; i++)
        for (int v = 0; v < V; v++)
            for (int lane = 0; lane < (v + 1 < V ? LANES : last); lane++) G[i * n + v * LANES + lane] += sums[i][v][lane];
}

// G (m, i j c) += Delta patch^T, summed over LANES examples and the largest pixels. X has a row for each example.
static void add_sparse_gradient(const Window &window, const Matrix &X, int64_t row, const Images &Delta,
                                const int32_t *starts, View G) {
    const int64_t m = Delta.shape.c, places = Delta.shape.h * Delta.shape.w, n = window.j * window.c;
    for (int64_t f = 0; f < m; f++)
        in_groups<LONG>(0, window.i, [&](int64_t i, auto I) {
            in_groups<SHORT>(0, (n + LANES - 1) / LANES, [&](int64_t v, auto V) {
                const int64_t column = v * LANES;
                block_of_patches<I, V>(places, m * LANES, Delta.view().row(f), starts + f * LANES, X, i * row + column,
                                       row, G.row(f) + i * n + column, n, std::min<int64_t>(LANES, n - column - (V - 1) * LANES));
            });
        });
}
