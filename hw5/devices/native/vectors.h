// A register of floats, with the vector extensions of GCC and Clang: AVX-512, AVX, NEON or SSE, depending on -march.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#define INLINE static inline __attribute__((always_inline))

// Block sizes of the products (products.h), so that the results fit in the registers: NT_ROWS x NT_UNITS and NN_ROWS x
// NN_VECTORS vectors.
#if defined(__AVX512F__)
constexpr int LANES = 16, NT_ROWS = 6, NT_UNITS = 4, NN_VECTORS = 3, NN_ROWS = 8;
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif defined(__AVX__)
constexpr int LANES = 8, NT_ROWS = 4, NT_UNITS = 3, NN_VECTORS = 3, NN_ROWS = 4;
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15
#else
#if defined(__aarch64__)
constexpr int LANES = 4, NT_ROWS = 6, NT_UNITS = 4, NN_VECTORS = 3, NN_ROWS = 8;
#else
constexpr int LANES = 4, NT_ROWS = 4, NT_UNITS = 3, NN_VECTORS = 3, NN_ROWS = 4;
#endif
#define EVEN_LANES 0, 2, 4, 6
#define ODD_LANES 1, 3, 5, 7
#endif

#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define UNROLLED _Pragma("GCC unroll 32")
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, Ints{__VA_ARGS__})
#endif

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINE Vector load(const float *p) { return *reinterpret_cast<const Vector *>(p); }
INLINE Vector load_unaligned(const float *p) {
    Vector a;
    std::memcpy(&a, p, sizeof(a));
    return a;
}
INLINE void store(float *p, Vector a) { *reinterpret_cast<Vector *>(p) = a; }
INLINE Vector broadcast(float a) { return a - Vector{}; }

// Otherwise GCC loads a vector from memory for each use, and the loop is limited by its loads.
INLINE void keep_in_register(Vector &a) {
#if defined(__x86_64__)
    asm("" : "+v"(a));
#elif defined(__aarch64__)
    asm("" : "+w"(a));
#endif
}

// Whether a comes after b when the largest is sought: NaN is larger than any number.
INLINE Ints is_larger(Vector a, Vector b) { return ~(a <= b) & (b == b); }

// Sums of adjacent lanes: those of a in the lower half of the result, those of b in the upper half.
INLINE Vector add_pairs(Vector a, Vector b) { return SHUFFLE(a, b, EVEN_LANES) + SHUFFLE(a, b, ODD_LANES); }

INLINE float sum(Vector a) {
    UNROLLED for (int lanes = LANES; lanes > 1; lanes /= 2) a = add_pairs(a, a);
    return a[0];
}

// sums[i] = the sum of the lanes of a[i], for n vectors. Overwrites a, and stores whole vectors. `lanes` remain to be
// added.
template <int n, int lanes = LANES>
INLINE void lane_sums(Vector *a, float *sums) {
    if constexpr (lanes == 1) {
        UNROLLED for (int i = 0; i < n; i++) store(sums + i * LANES, a[i]);
    } else {
        constexpr int pairs = n / 2;
        UNROLLED for (int i = 0; i < pairs; i++) a[i] = add_pairs(a[2 * i], a[2 * i + 1]);
        if constexpr (n % 2) a[pairs] = add_pairs(a[n - 1], Vector{});
        lane_sums<(n + 1) / 2, lanes / 2>(a, sums);
    }
}

// With x = n ln 2 + r and |r| <= ln 2 / 2, e^x = 2^n (e^r - 1) + 2^n.
struct Exponential {
    Vector power, rest;  // 2^n and e^r - 1
};

INLINE Exponential split_exponential(Vector x) {
    const float shift = 12582912;  // 1.5 * 2^23: adding it rounds to an integer, which is in the lowest bits
    Vector shifted = x * 1.44269504f + shift, n = shifted - shift;
    Vector r = x - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 as a sum, with exact products of the first term
    // (e^r - 1 - r) / r^2 by the best polynomial of degree 4: the error of e^r - 1 is at most 1.4e-8
    Vector q = (((r * 1.38825097e-3f + 8.36658012e-3f) * r + 4.16672006e-2f) * r + 1.66665435e-1f) * r + 0.49999997f;
    return {(Vector)(((Ints)shifted + 127) << 23), r + r * r * q};
}

// e^x, but 0 below 1e-30: that does not change the sums here, and keeps denormal numbers, which make some processors a
// hundred times slower, out of the products.
INLINE Vector exponential(Vector x) {
    Exponential e = split_exponential(x);
    Vector y = e.power * e.rest + e.power;
    y = x < -69.0f ? Vector{} : y;
    return x > 88.0f ? broadcast(std::numeric_limits<float>::infinity()) : y;
}

// e^x - 1, also accurate for small x
INLINE Vector exponential_minus_one(Vector x) {
    Exponential e = split_exponential(x);
    Vector y = e.power * e.rest + (e.power - 1);
    y = x < -69.0f ? broadcast(-1) : y;
    return x > 88.0f ? broadcast(std::numeric_limits<float>::infinity()) : y;
}
