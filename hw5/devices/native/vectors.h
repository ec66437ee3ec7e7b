// One register of floats, by the vector extensions of GCC and Clang: AVX-512, AVX2 or NEON, whichever -march allows.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#define INLINE static inline __attribute__((always_inline))

// Registers that the loops of a product fill: a block of results that is BROAD vectors wide and DEEP ones high.
#if defined(__AVX512F__)
constexpr int LANES = 16, DOT_ROWS = 6, DOT_UNITS = 4, BROAD = 3, DEEP = 8;
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif defined(__AVX__)
constexpr int LANES = 8, DOT_ROWS = 4, DOT_UNITS = 3, BROAD = 3, DEEP = 4;
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15
#else
#if defined(__aarch64__)
constexpr int LANES = 4, DOT_ROWS = 6, DOT_UNITS = 4, BROAD = 3, DEEP = 8;
#else
constexpr int LANES = 4, DOT_ROWS = 4, DOT_UNITS = 3, BROAD = 3, DEEP = 4;
#endif
#define EVEN_LANES 0, 2, 4, 6
#define ODD_LANES 1, 3, 5, 7
#endif

#if defined(__clang__)
#define UNROLLED _Pragma("unroll")
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define UNROLLED _Pragma("GCC unroll 32")
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, Ints{__VA_ARGS__})
#endif

typedef float Vector __attribute__((vector_size(LANES * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(LANES * sizeof(int32_t))));

INLINE Vector load(const float *p) { return *reinterpret_cast<const Vector *>(p); }
INLINE void store(float *p, Vector a) { *reinterpret_cast<Vector *>(p) = a; }
INLINE Vector all(float a) { return a - Vector{}; }

// Otherwise GCC reads a vector from memory again for each of its uses, and the loop is as slow as its loads.
INLINE void keep_in_register(Vector &a) {
#if defined(__x86_64__)
    asm("" : "+v"(a));
#elif defined(__aarch64__)
    asm("" : "+w"(a));
#endif
}

// op of each two neighbouring lanes: those of a in the lower half of the result, those of b in the upper one.
template <class Op>
INLINE Vector neighbours(Op op, Vector a, Vector b) {
    return op(SHUFFLED(a, b, EVEN_LANES), SHUFFLED(a, b, ODD_LANES));
}

template <class Op>
INLINE float over_lanes(Op op, Vector a) {
    UNROLLED for (int lanes = LANES; lanes > 1; lanes /= 2) a = neighbours(op, a, a);
    return a[0];
}

INLINE float sum(Vector a) {
    return over_lanes([](Vector a, Vector b) { return a + b; }, a);
}

INLINE float largest(Vector a) {
    return over_lanes([](Vector a, Vector b) { return a > b ? a : b; }, a);
}

// sums[i] = the sum of a[i] over its lanes, for n vectors that are halved together; it overwrites a, and writes whole
// vectors. `lanes` are left to add up.
template <int n, int lanes = LANES>
INLINE void each_sum(Vector *a, float *sums) {
    if constexpr (lanes == 1) {
        UNROLLED for (int i = 0; i < n; i++) store(sums + i * LANES, a[i]);
    } else {
        constexpr int pairs = n / 2;
        UNROLLED for (int i = 0; i < pairs; i++)
            a[i] = neighbours([](Vector a, Vector b) { return a + b; }, a[2 * i], a[2 * i + 1]);
        if constexpr (n % 2) a[pairs] = neighbours([](Vector a, Vector b) { return a + b; }, a[n - 1], Vector{});
        each_sum<(n + 1) / 2, lanes / 2>(a, sums);
    }
}

// With x = n ln 2 + r and |r| <= ln 2 / 2, e^x = 2^n (e^r - 1) + 2^n.
struct Exponential {
    Vector power, rest;  // 2^n and e^r - 1
};

INLINE Exponential split_exponential(Vector x) {
    const float shift = 12582912;  // 1.5 * 2^23: the sum is rounded to a whole number, which its lowest bits hold
    Vector shifted = x * 1.44269504f + shift, n = shifted - shift;
    Vector r = x - n * 0.693359375f + n * 2.12194440e-4f;  // ln 2 in two parts, the first one exact when multiplied
    // (e^r - 1 - r) / r^2: of the polynomials of degree 4 the closest one, e^r - 1 is within 1.4e-8 of its value
    Vector q = (((r * 1.38825097e-3f + 8.36658012e-3f) * r + 4.16672006e-2f) * r + 1.66665435e-1f) * r + 0.49999997f;
    return {(Vector)(((Ints)shifted + 127) << 23), r + r * r * q};
}

// e^x. What is less than 1e-30 becomes 0: nothing that it is added to here can tell, and numbers too small for the full
// precision of float32, which cost some processors a hundred times more, are kept out of the products.
INLINE Vector exponential(Vector x) {
    Exponential e = split_exponential(x);
    Vector y = e.power * e.rest + e.power;
    y = x < -69.0f ? Vector{} : y;
    return x > 88.0f ? all(std::numeric_limits<float>::infinity()) : y;
}

// e^x - 1, exact for small x, too
INLINE Vector exponential_less_one(Vector x) {
    Exponential e = split_exponential(x);
    Vector y = e.power * e.rest + (e.power - 1);
    y = x < -69.0f ? all(-1) : y;
    return x > 88.0f ? all(std::numeric_limits<float>::infinity()) : y;
}
