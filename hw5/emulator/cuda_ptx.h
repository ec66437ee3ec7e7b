// Functions that PTX, translated to C++ (hw5/dialect/ptx.py), calls.
#pragma once

namespace hw5_ptx {
template <class T, class F> static inline T bits(F f) {
    T t = T();
    __builtin_memcpy(&t, &f, sizeof t < sizeof f ? sizeof t : sizeof f);
    return t;
}
static inline uint32_t lane() { return (uint32_t)hw5::position_here().lane; }
static inline uint32_t thread_number() { return (HW5_threadIdx.z * HW5_blockDim.y + HW5_threadIdx.y) * HW5_blockDim.x + HW5_threadIdx.x; }
static inline float ftz(float x) { return fabsf(x) < 1.17549435e-38f ? copysignf(0.0f, x) : x; }
static inline float ex2(float x) { return exp2f(x); }
static inline float ex2_ftz(float x) { return ftz(exp2f(ftz(x))); }
static inline float rcp(float x) { return 1.0f / x; }
static inline double rcp(double x) { return 1.0 / x; }
static inline float rcp_ftz(float x) { return ftz(1.0f / ftz(x)); }
static inline float sat(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
static inline float fma_rd(float a, float b, float c) {
    const double s = (double)a * b + c;
    const float f = (float)s;
    return f > s ? nextafterf(f, -__builtin_inff()) : f;
}
static inline float fma(float a, float b, float c) { return fmaf(a, b, c); }
static inline double fma(double a, double b, double c) { return ::fma(a, b, c); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline float min(float a, float b) { return fminf(a, b); }
static inline double max(double a, double b) { return fmax(a, b); }
static inline double min(double a, double b) { return fmin(a, b); }
template <class T> static inline T max(T a, T b) { return a > b ? a : b; }
template <class T> static inline T min(T a, T b) { return a < b ? a : b; }
template <class T> static inline T shl(T a, uint32_t n) { return n >= 8 * sizeof(T) ? 0 : (T)(a << n); }
template <class T> static inline T shr(T a, uint32_t n) {
    const uint32_t most = 8 * sizeof(T) - 1;
    return n > most ? ((T)-1 < 0 ? (T)(a >> most) : 0) : (T)(a >> n);
}
static inline uint32_t reversed(uint32_t x) { return __brev(x); }
static inline uint64_t reversed(uint64_t x) { return __brevll(x); }
static inline uint32_t leading_zeros(uint32_t x) { return (uint32_t)__clz((int)x); }
static inline uint32_t leading_zeros(uint64_t x) { return (uint32_t)__clzll((long long)x); }
static inline uint32_t highest_bit(uint32_t x) { return x ? 31 - leading_zeros(x) : ~0u; }
static inline uint32_t highest_bit(int32_t x) { return highest_bit((uint32_t)(x < 0 ? ~x : x)); }
static inline uint32_t highest_bit(uint64_t x) { return x ? 63 - leading_zeros(x) : ~0u; }
template <class T> static inline T bfe(T x, uint32_t at, uint32_t n) {
    const uint32_t most = 8 * sizeof(T) - 1;
    n &= 255, at &= 255;
    if (n == 0) return 0;
    const uint32_t left = at + n > most ? 0 : most + 1 - at - n;
    return shr((T)((uint64_t)x << left), left + at);
}
template <class T> static inline T bfi(T x, T y, uint32_t at, uint32_t n) {
    n &= 255, at &= 255;
    const T mask = shl((T)(shl((T)1, n) - 1), at);
    return (y & ~mask) | (shl(x, at) & mask);
}
static inline uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
    uint32_t result = 0;
    for (uint32_t i = 0; i < 8; i++)
        if (table >> i & 1) result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return result;
}
template <class T, class F> static inline T converted(F x) {  // from a float, saturated; NaN becomes 0
    const double low = (T)-1 < 0 ? -(double)(1ull << (8 * sizeof(T) - 1)) : 0.0;
    const double high = (double)(1ull << (8 * sizeof(T) - 1)) * ((T)-1 < 0 ? 1 : 2);
    return x != x ? 0 : x >= high ? (T)((T)-1 < 0 ? (1ull << (8 * sizeof(T) - 1)) - 1 : ~0ull) : x <= low ? (T)low : (T)x;}
}  // namespace hw5_ptx
