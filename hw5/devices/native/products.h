// The matrix products of a training step: two kernels that keep a block of the result in registers, blocked for the
// caches.
//
// All matrices are row-major, as in NumPy, but with padded rows (Matrix). In NumPy's orientation
//
//     forward     Z = X W^T        (k, m) = (k, d) (m, d)^T    multiply_nt
//     backward    A = Delta W      (k, d) = (k, m) (m, d)      multiply_nn
//     gradient    G = Delta^T X    (m, d) = (k, m)^T (k, d)    multiply_nn, with Delta read by columns
//
// so weights are only needed in this layout.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include "vectors.h"

constexpr int64_t LINE = 16;        // floats per cache line
constexpr int64_t UNITS = 64;       // block size: their weights stay in the L2 cache for all rows of a chunk
constexpr int64_t FEATURES = 1024;  // block size: NT_ROWS rows stay in the L1 cache for all UNITS

// A submatrix; every row of the matrix begins at a cache line.
struct View {
    float *at;
    int64_t stride;

    float *row(int64_t r) const { return at + r * stride; }
    View from(int64_t r, int64_t column) const { return {at + r * stride + column, stride}; }
};

inline int64_t padded(int64_t n) { return (n + LINE - 1) / LINE * LINE; }

// A matrix of zeros. Rows are an odd number of cache lines apart, or else a column would map to few sets of the cache.
// The padding of a row is read as 0.
class Matrix {
  public:
    Matrix() = default;
    Matrix(int64_t rows, int64_t columns) : rows_(rows), stride_((padded(columns) / LINE | 1) * LINE) {
        memory_.reset(std::calloc(size_t(rows * stride_ + LINE), sizeof(float)));
        if (!memory_) throw std::bad_alloc();
        auto address = reinterpret_cast<uintptr_t>(memory_.get());
        at_ = reinterpret_cast<float *>((address + 63) & ~uintptr_t(63));
    }
    View view() const { return {at_, stride_}; }
    float *row(int64_t r) const { return at_ + r * stride_; }
    int64_t rows() const { return rows_; }
    int64_t stride() const { return stride_; }

  private:
    struct Free {
        void operator()(void *p) const { std::free(p); }
    };
    std::unique_ptr<void, Free> memory_;
    float *at_ = nullptr;
    int64_t rows_ = 0, stride_ = 0;
};

// f(n) with n, 1 to size, as a compile-time constant
template <int size, class F>
INLINE void with_constant(int64_t n, F f) {
    if (n == size) return f(std::integral_constant<int, size>());
    if constexpr (size > 1) with_constant<size - 1>(n, f);
}

// f(start, size) for the range begin .. end in groups of similar size, at most `most`; size is a compile-time constant
template <int most, class F>
INLINE void in_groups(int64_t begin, int64_t end, F f) {
    int64_t groups = (end - begin + most - 1) / most;
    for (int64_t g = 0; g < groups; g++) {
        int64_t start = begin + (end - begin) * g / groups, stop = begin + (end - begin) * (g + 1) / groups;
        with_constant<most>(stop - start, [&](auto size) { f(start, size); });
    }
}

// Z = X W^T, or Z += X W^T to accumulate, for R rows of X and U rows of W with n columns
template <int R, int U>
static void block_nt(int64_t n, View X, View W, View Z, bool accumulate) {
    Vector sums[R * U] = {};
    for (int64_t i = 0; i < n; i += LANES) {
        Vector w[U];
        UNROLLED for (int u = 0; u < U; u++) w[u] = load(W.row(u) + i);
        UNROLLED for (int r = 0; r < R; r++) {
            Vector x = load(X.row(r) + i);
            keep_in_register(x);
            UNROLLED for (int u = 0; u < U; u++) sums[r * U + u] += x * w[u];
        }
    }
    alignas(64) float z[R * U + LANES];
    lane_sums<R * U>(sums, z);
    UNROLLED for (int r = 0; r < R; r++)
        UNROLLED for (int u = 0; u < U; u++) Z.row(r)[u] = z[r * U + u] + (accumulate ? Z.row(r)[u] : 0);
}

// Z (k, m) = X (k, d) W (m, d)^T
static void multiply_nt(int64_t k, int64_t m, int64_t d, View X, View W, View Z) {
    for (int64_t units = 0; units < m; units += UNITS)
        for (int64_t features = 0; features < d || features == 0; features += FEATURES)
            in_groups<NT_ROWS>(0, k, [&](int64_t r, auto R) {
                in_groups<NT_UNITS>(units, std::min(units + UNITS, m), [&](int64_t u, auto U) {
                    block_nt<R, U>(std::min(FEATURES, d - features), X.from(r, features), W.from(u, features),
                                   Z.from(r, u), features > 0);
                });
            });
}

// A matrix of which single elements are read, so it can also be a transposed view
struct StridedView {
    const float *at;
    int64_t row_stride, column_stride;

    StridedView from(int64_t r) const { return {at + r * row_stride, row_stride, column_stride}; }
    StridedView transposed() const { return {at, column_stride, row_stride}; }
};

// C = alpha A B + beta C for P rows and N vectors of C, and n rows of B; C is not read if beta is 0
template <int P, int N>
static void block_nn(int64_t n, float alpha, StridedView A, View B, float beta, View C) {
    for (int p = 0; p < P; p++)
        for (int i = 0; i < N * LANES; i += LINE) __builtin_prefetch(C.row(p) + i, 1);
    Vector sums[P][N] = {};
    for (int64_t q = 0; q < n; q++, A.at += A.column_stride, B.at += B.stride) {
        Vector b[N];
        UNROLLED for (int i = 0; i < N; i++) b[i] = load(B.at + i * LANES);
        UNROLLED for (int p = 0; p < P; p++) {
            Vector a = broadcast(A.at[p * A.row_stride]);
            UNROLLED for (int i = 0; i < N; i++) sums[p][i] += a * b[i];
        }
    }
    UNROLLED for (int p = 0; p < P; p++)
        UNROLLED for (int i = 0; i < N; i++) {
            float *c = C.row(p) + i * LANES;
            store(c, beta == 0 ? alpha * sums[p][i] : alpha * sums[p][i] + beta * load(c));
        }
}

// C (m, d) = alpha A (m, k) B (k, d) + beta C
static void multiply_nn(int64_t m, int64_t k, int64_t d, float alpha, StridedView A, View B, float beta, View C) {
    for (int64_t rows = 0; rows < m; rows += UNITS)
        in_groups<NN_VECTORS>(0, padded(d) / LANES, [&](int64_t i, auto N) {
            in_groups<NN_ROWS>(rows, std::min(rows + UNITS, m), [&](int64_t r, auto P) {
                block_nn<P, N>(k, alpha, A.from(r), B.from(0, i * LANES), beta, C.from(r, i * LANES));
            });
        });
}
