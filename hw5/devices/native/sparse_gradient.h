// The gradient of a convolution under max pooling: Delta is 0 except at the largest pixels, whose patches alone count.
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

// Delta of a filter at the largest pixels, (places, LANES) numbers that are `pixel` apart by place, and where their
// patches begin in an example of X
struct LargestPixels {
    int64_t places, pixel;
    const float *Delta;
    const int32_t *starts;
};

// G (I, n) += Delta patch^T, for I rows of the window and V vectors of each; x0 is the first example's first number,
// and the examples are `example` numbers apart. Of the last vector, only some lanes count.
template <int I, int V>
static void block_of_patches(const LargestPixels &largest, const float *x0, int64_t example, int64_t row, float *G,
                             int64_t n, int64_t lanes_of_last) {
    Vector sums[I][V] = {};
    for (int e = 0; e < LANES; e++)
        for (int64_t at = e; at < largest.places * largest.pixel; at += largest.pixel) {
            const Vector delta = broadcast(largest.Delta[at]);
            const float *x = x0 + e * example + largest.starts[at];
            UNROLLED for (int i = 0; i < I; i++)
                UNROLLED for (int v = 0; v < V; v++) sums[i][v] += delta * load_unaligned(x + i * row + v * LANES);
        }
    for (int i = 0; i < I; i++)
        for (int v = 0; v < V; v++)
            for (int lane = 0; lane < (v + 1 < V ? LANES : lanes_of_last); lane++)
                G[i * n + v * LANES + lane] += sums[i][v][lane];
}

// G (m, i j c) += Delta patch^T, summed over LANES examples and the largest pixels. X has an example in each row, in
// which an image's rows are `row` numbers apart.
static void add_sparse_gradient(const Window &window, const Matrix &X, int64_t row, const Images &Delta,
                                const Ints *starts, View G) {
    const int64_t m = Delta.shape.c, n = window.j * window.c;
    for (int64_t f = 0; f < m; f++) {
        const LargestPixels largest{Delta.shape.h * Delta.shape.w, m * LANES, Delta.view().row(f),
                                    reinterpret_cast<const int32_t *>(starts + f)};
        in_groups<LONG>(0, window.i, [&](int64_t i, auto I) {
            in_groups<SHORT>(0, (n + LANES - 1) / LANES, [&](int64_t v, auto V) {
                const int64_t q = v * LANES, numbers = std::min<int64_t>(V * LANES, n - q);
                block_of_patches<I, V>(largest, X.row(0) + i * row + q, X.stride(), row, G.row(f) + i * n + q, n,
                                       numbers - (V - 1) * LANES);
            });
        });
    }
}
