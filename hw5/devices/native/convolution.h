// The products of a convolution for LANES examples: three kernels that keep a block of the result in registers.
//
// An image (h, w, c) has the numbers of a window's row side by side, as a row of W (m, i j c) has their weights. So
//
//     forward     Z at a place  = W patch                               a block of filters x places
//     gradient    G            += sum over places of Delta patch^T      a block of filters x numbers of a window's row
//     backward    A at a pixel  = sum over windows of W^T Delta         a block of channels x pixels
//
// need no copies of patches. Margins of zeros around X and Delta replace the cases at the edges.
#pragma once
#include "job.h"
#include "lanes.h"
#include "rule.h"

// Block sizes: LONG x SHORT sums, the SHORT vectors of a factor, and one of the other factor fit in the registers.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int LONG = 6, SHORT = 4;
#else
constexpr int LONG = 4, SHORT = 3;
#endif

INLINE Vector kept_in_register(Vector a) {
    keep_in_register(a);
    return a;
}

// The margins that Delta needs, so that every window that covers a pixel of the image has a place
inline Margins margins_of_Delta(const Window &window) {
    const int64_t s = window.stride, p = window.padding;
    return {0, std::max<int64_t>(0, (window.j - 1 - p + s - 1) / s),
            std::max<int64_t>(0, (window.w - 1 + p) / s - (window.columns - 1))};
}

// The first number of the patch at a place of X
INLINE Vector *patch_at(const Window &window, const Images &X, int64_t y, int64_t x) {
    return X.at(y * window.stride - window.padding, x * window.stride - window.padding);
}

// Z = W patch + b of F filters at P adjacent places
template <int F, int P>
static void block_of_places(const Window &window, const Vector *patch, int64_t row, View W, const float *b, Vector *Z,
                            int64_t m) {
    const int64_t n = window.j * window.c, step = window.stride * window.c;
    Vector sums[F][P];
    UNROLLED for (int f = 0; f < F; f++)
        UNROLLED for (int p = 0; p < P; p++) sums[f][p] = broadcast(b[f]);
    for (int64_t i = 0; i < window.i; i++, patch += row, W.at += n)
        for (int64_t q = 0; q < n; q++) {
            Vector x[P];
            UNROLLED for (int p = 0; p < P; p++) x[p] = patch[p * step + q];
            UNROLLED for (int f = 0; f < F; f++) {
                Vector w = broadcast(W.row(f)[q]);
                UNROLLED for (int p = 0; p < P; p++) sums[f][p] += w * x[p];
            }
        }
    UNROLLED for (int f = 0; f < F; f++)
        UNROLLED for (int p = 0; p < P; p++) Z[p * m + f] = sums[f][p];
}

// Z (columns, m) of a row of places
static void convolve_row(const Window &window, const Images &X, const Matrix &W, const float *b, int64_t y, Vector *Z) {
    const int64_t m = W.rows();
    in_groups<SHORT>(0, window.columns, [&](int64_t x, auto P) {
        const Vector *patch = patch_at(window, X, y, x);
        in_groups<LONG>(0, m, [&](int64_t f, auto F) {
            block_of_places<F, P>(window, patch, X.row(), W.view().from(f, 0), b + f, Z + x * m + f, m);
        });
    });
}

// G += the sums over LANES examples and all places, for F filters and Q numbers of a window's row
template <int F, int Q>
static void block_of_weights(const Window &window, const Vector *x, int64_t row_of_X, const Vector *Delta,
                             int64_t row_of_Delta, int64_t m, View G) {
    const int64_t step = window.stride * window.c;
    Vector sums[F * Q] = {};
    for (int64_t y = 0; y < window.rows; y++, x += row_of_X, Delta += row_of_Delta)
        for (int64_t column = 0; column < window.columns; column++) {
            Vector delta[F];
            UNROLLED for (int f = 0; f < F; f++) delta[f] = kept_in_register(Delta[column * m + f]);
            UNROLLED for (int q = 0; q < Q; q++) {
                const Vector number = kept_in_register(x[column * step + q]);
                UNROLLED for (int f = 0; f < F; f++) sums[f * Q + q] += delta[f] * number;
            }
        }
    alignas(64) float g[F * Q + LANES];
    lane_sums<F * Q>(sums, g);
    UNROLLED for (int f = 0; f < F; f++)
        UNROLLED for (int q = 0; q < Q; q++) G.row(f)[q] += g[f * Q + q];
}

// G (m, i j c) += Delta patch^T, summed over LANES examples and all places
static void add_gradient(const Window &window, const Images &X, const Images &Delta, View G) {
    const int64_t m = Delta.shape.c, n = window.j * window.c;
    for (int64_t i = 0; i < window.i; i++)
        in_groups<LONG>(0, n, [&](int64_t q, auto Q) {
            in_groups<SHORT>(0, m, [&](int64_t f, auto F) {
                block_of_weights<F, Q>(window, patch_at(window, X, 0, 0) + i * X.row() + q,
                                       window.stride * X.row(), Delta.all() + f, Delta.row(), m,
                                       G.from(f, i * n + q));
            });
        });
}

// A of C channels of P pixels, which are a stride apart: the sum over the windows that cover them
template <int C, int P>
static void block_of_pixels(const Window &window, const Images &Delta, View W, int64_t y, int64_t x, Vector *A) {
    const int64_t m = Delta.shape.c, s = window.stride, p = window.padding;
    Vector sums[C][P] = {};
    for (int64_t i = (y + p) % s; i < window.i; i += s) {
        const int64_t row = (y + p - i) / s;
        if (i > y + p || row >= window.rows) continue;
        for (int64_t j = (x + p) % s; j < window.j; j += s) {
            const int64_t column = (x + p - j) / s;
            if (column + P <= 0 || column >= window.columns) continue;
            const Vector *delta = Delta.at(row, column);
            const float *w = W.at + (i * window.j + j) * window.c;
            for (int64_t f = 0; f < m; f++, w += W.stride) {
                Vector d[P];
                UNROLLED for (int q = 0; q < P; q++) d[q] = delta[q * m + f];
                UNROLLED for (int c = 0; c < C; c++) {
                    Vector weight = broadcast(w[c]);
                    UNROLLED for (int q = 0; q < P; q++) sums[c][q] += weight * d[q];
                }
            }
        }
    }
    UNROLLED for (int c = 0; c < C; c++)
        UNROLLED for (int q = 0; q < P; q++) A[q * s * window.c + c] = sums[c][q];
}

// f(x, P) for groups of P pixels of a row that are a stride apart, starting at x. At the edges, where fewer windows
// cover a pixel, groups are small: a group is multiplied with the windows of all its pixels.
template <class F>
INLINE void for_each_pixel_group(const Window &window, F f) {
    const int64_t s = window.stride;
    const Margins margins = margins_of_Delta(window);
    for (int64_t first = 0; first < std::min(s, window.w); first++) {
        const int64_t n = (window.w - first + s - 1) / s, left = std::min(margins.left / 2 * 2, n),
                      right = std::max(left, n - margins.right / 2 * 2);
        auto at_pixel = [&](int64_t i, auto P) { f(first + i * s, P); };
        in_groups<2>(0, left, at_pixel);
        in_groups<SHORT>(left, right, at_pixel);
        in_groups<2>(right, n, at_pixel);
    }
}

// A (h, w, c) = the gradient of the images under the windows
static void propagate(const Window &window, const Images &Delta, const Matrix &W, const Images &A) {
    for (int64_t y = 0; y < window.h; y++)
        for_each_pixel_group(window, [&](int64_t x, auto P) {
            in_groups<LONG>(0, window.c, [&](int64_t c, auto C) {
                block_of_pixels<C, P>(window, Delta, W.view().from(0, c), y, x, A.at(y, x) + c);
            });
        });
}
