// The two loops in which a training step spends its time: matrix products from registers, over blocks that fit the cache.
//
// All matrices lie row by row, as NumPy has them, but for the distance of their rows (Matrix). In NumPy's orientation
//
//     forward     Z = X W^T        (k, m) = (k, d) (m, d)^T    a sum of products of two rows: dots
//     backward    A = Delta W      (k, d) = (k, m) (m, d)      a sum of multiples of rows: multiples
//     gradient    G = Delta^T X    (m, d) = (k, m)^T (k, d)    the same, with Delta read by columns
//
// so that weights never need another layout than this one.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include "vectors.h"

constexpr int64_t LINE = 16;        // floats in a line of the cache
constexpr int64_t UNITS = 64;       // whose weights stay in the L2 cache while all rows of a chunk go by
constexpr int64_t FEATURES = 1024;  // of which DOT_ROWS rows stay in the L1 cache while the UNITS go by

// Part of a matrix of floats; every row begins at a line of the cache.
struct View {
    float *at;
    int64_t stride;

    float *row(int64_t r) const { return at + r * stride; }
    View from(int64_t r, int64_t column) const { return {at + r * stride + column, stride}; }
};

inline int64_t padded(int64_t n) { return (n + LINE - 1) / LINE * LINE; }

// Zeros to begin with. Rows are an odd number of lines apart: the same column of many rows would else fall into few of
// the cache's sets. The columns between the matrix's own and the next row are there to be read as 0.
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

// Calls f(start, size) for groups of begin .. end of at most `most`, as even as can be; size is a constant to the compiler.
template <int most, class F>
INLINE void in_groups(int64_t begin, int64_t end, F f);

template <int size, class F>
INLINE void with_constant(int64_t n, F f) {
    if (n == size) return f(std::integral_constant<int, size>());
    if constexpr (size > 1) with_constant<size - 1>(n, f);
}

template <int most, class F>
INLINE void in_groups(int64_t begin, int64_t end, F f) {
    int64_t groups = (end - begin + most - 1) / most;
    for (int64_t g = 0; g < groups; g++) {
        int64_t start = begin + (end - begin) * g / groups, stop = begin + (end - begin) * (g + 1) / groups;
        with_constant<most>(stop - start, [&](auto size) { f(start, size); });
    }
}

// A (rows, units) matrix that is read number by number, in any order
struct Steps {
    const float *at;
    int64_t to_next_row, to_next_unit;
};

// Z = X W^T for R rows of X and U rows of W, n columns long; `more` adds to what Z holds.
template <int R, int U>
static void dots(int64_t n, View X, View W, View Z, bool more) {
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
    each_sum<R * U>(sums, z);
    UNROLLED for (int r = 0; r < R; r++)
        UNROLLED for (int u = 0; u < U; u++) Z.row(r)[u] = z[r * U + u] + (more ? Z.row(r)[u] : 0);
}

// Z (k, m) = X (k, d) W (m, d)^T
static void forward_product(int64_t k, int64_t m, int64_t d, View X, View W, View Z) {
    for (int64_t units = 0; units < m; units += UNITS)
        for (int64_t features = 0; features < d || features == 0; features += FEATURES)
            in_groups<DOT_ROWS>(0, k, [&](int64_t r, auto R) {
                in_groups<DOT_UNITS>(units, std::min(units + UNITS, m), [&](int64_t u, auto U) {
                    dots<R, U>(std::min(FEATURES, d - features), X.from(r, features), W.from(u, features), Z.from(r, u),
                               features > 0);
                });
            });
}

// For the P rows p of the result, N vectors wide: finish(p, vector, sum over q < n of A[p, q] B.row(q)), where A[p, q] is
// at[p * along_p + q * along_q].
template <int P, int N, class Finish>
INLINE void multiples(int64_t n, const float *at, int64_t along_p, int64_t along_q, View B, Finish finish) {
    Vector sums[P][N] = {};
    const float *b = B.at;
    for (int64_t q = 0; q < n; q++, at += along_q, b += B.stride) {
        Vector row[N];
        UNROLLED for (int i = 0; i < N; i++) row[i] = load(b + i * LANES);
        UNROLLED for (int p = 0; p < P; p++) {
            Vector a = all(at[p * along_p]);
            UNROLLED for (int i = 0; i < N; i++) sums[p][i] += a * row[i];
        }
    }
    UNROLLED for (int p = 0; p < P; p++) UNROLLED for (int i = 0; i < N; i++) finish(p, i, sums[p][i]);
}

// A (k, d) = Delta (k, m) W (m, d)
static void backward_product(int64_t k, int64_t m, int64_t d, Steps Delta, View W, View A) {
    in_groups<BROAD>(0, padded(d) / LANES, [&](int64_t i, auto N) {
        in_groups<DEEP>(0, k, [&](int64_t r, auto P) {
            View out = A.from(r, i * LANES);
            multiples<P, N>(m, Delta.at + r * Delta.to_next_row, Delta.to_next_row, Delta.to_next_unit, W.from(0, i * LANES),
                            [&](int p, int n, Vector sum) { store(out.row(p) + n * LANES, sum); });
        });
    });
}

// G (m, d) = Delta (k, m)^T X (k, d), whose vectors go to finish(offset in a matrix of W's stride, vector).
template <class Finish>
static void gradient_product(int64_t k, int64_t m, int64_t d, Steps Delta, View X, View W, Finish finish) {
    for (int64_t units = 0; units < m; units += UNITS)
        in_groups<BROAD>(0, padded(d) / LANES, [&](int64_t i, auto N) {
            in_groups<DEEP>(units, std::min(units + UNITS, m), [&](int64_t u, auto P) {
                int64_t begin = u * W.stride + i * LANES;
                for (int p = 0; p < P; p++)
                    for (int n = 0; n < N * LANES; n += LINE) __builtin_prefetch(W.at + begin + p * W.stride + n, 1);
                multiples<P, N>(k, Delta.at + u * Delta.to_next_unit, Delta.to_next_unit, Delta.to_next_row, X.from(0, i * LANES), [&](int p, int n, Vector sum) {
                    finish(begin + p * W.stride + n * LANES, sum);
                });
            });
        });
}
