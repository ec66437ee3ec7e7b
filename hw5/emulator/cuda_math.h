// Mathematical device functions: overloads, intrinsics and bit casts.
#pragma once

#undef isnan
#undef isinf
#undef isfinite
#undef signbit

// In a separate namespace, because <cmath>, if a kernel file includes it, assumes that every ::exp is C's.
namespace hw5_math {

static inline bool isnan(float x) { return __builtin_isnan(x); }
static inline bool isnan(double x) { return __builtin_isnan(x); }
static inline bool isinf(float x) { return __builtin_isinf(x); }
static inline bool isinf(double x) { return __builtin_isinf(x); }
static inline bool isfinite(float x) { return __builtin_isfinite(x); }
static inline bool isfinite(double x) { return __builtin_isfinite(x); }
static inline bool signbit(float x) { return __builtin_signbit(x); }
static inline bool signbit(double x) { return __builtin_signbit(x); }

// C has exp for double and expf for float. CUDA's exp accepts both, and integers as double.
#define HW5_UNARY(name)                                           \
    static inline float name(float x) { return name##f(x); }      \
    static inline double name(int x) { return ::name((double)x); }
HW5_UNARY(fabs) HW5_UNARY(sqrt) HW5_UNARY(cbrt) HW5_UNARY(exp) HW5_UNARY(exp2) HW5_UNARY(expm1)
HW5_UNARY(log) HW5_UNARY(log2) HW5_UNARY(log10) HW5_UNARY(log1p)
HW5_UNARY(sin) HW5_UNARY(cos) HW5_UNARY(tan) HW5_UNARY(asin) HW5_UNARY(acos) HW5_UNARY(atan)
HW5_UNARY(sinh) HW5_UNARY(cosh) HW5_UNARY(tanh) HW5_UNARY(erf) HW5_UNARY(erfc) HW5_UNARY(lgamma) HW5_UNARY(tgamma)
HW5_UNARY(floor) HW5_UNARY(ceil) HW5_UNARY(trunc) HW5_UNARY(round) HW5_UNARY(rint) HW5_UNARY(nearbyint)
#undef HW5_UNARY

#define HW5_BINARY(name) static inline float name(float x, float y) { return name##f(x, y); }
HW5_BINARY(pow) HW5_BINARY(fmod) HW5_BINARY(atan2) HW5_BINARY(hypot) HW5_BINARY(copysign) HW5_BINARY(fmin)
HW5_BINARY(fmax) HW5_BINARY(fdim) HW5_BINARY(remainder) HW5_BINARY(nextafter)
#undef HW5_BINARY
static inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
static inline float ldexp(float x, int exponent) { return ldexpf(x, exponent); }
static inline float frexp(float x, int *exponent) { return frexpf(x, exponent); }

static inline float abs(float x) { return fabsf(x); }
static inline double abs(double x) { return ::fabs(x); }
static inline long abs(long x) { return labs(x); }
static inline long long abs(long long x) { return llabs(x); }

// As in CUDA, min and max follow C's conversions for mixed integers, and ignore a NaN for floats, as fminf does.
#define HW5_MIN_MAX(T)                                              \
    static inline T min(T a, T b) { return b < a ? b : a; }         \
    static inline T max(T a, T b) { return a < b ? b : a; }
HW5_MIN_MAX(int) HW5_MIN_MAX(unsigned) HW5_MIN_MAX(long) HW5_MIN_MAX(unsigned long) HW5_MIN_MAX(long long)
HW5_MIN_MAX(unsigned long long)
#undef HW5_MIN_MAX
static inline unsigned min(int a, unsigned b) { return min((unsigned)a, b); }
static inline unsigned min(unsigned a, int b) { return min(a, (unsigned)b); }
static inline unsigned max(int a, unsigned b) { return max((unsigned)a, b); }
static inline unsigned max(unsigned a, int b) { return max(a, (unsigned)b); }
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }
static inline double min(double a, double b) { return ::fmin(a, b); }
static inline double max(double a, double b) { return ::fmax(a, b); }
static inline double min(float a, double b) { return ::fmin(a, b); }
static inline double min(double a, float b) { return ::fmin(a, b); }
static inline double max(float a, double b) { return ::fmax(a, b); }
static inline double max(double a, float b) { return ::fmax(a, b); }

}  // namespace hw5_math
using namespace hw5_math;

// The fast intrinsics are as accurate as the ordinary functions. They are macros because glibc declares functions with
// some of these names.
#define __expf expf
#define __exp10f(x) powf(10.0f, x)
#define __logf logf
#define __log2f log2f
#define __log10f log10f
#define __powf powf
#define __sinf sinf
#define __cosf cosf
#define __tanf tanf
#define __sincosf(x, s, c) ((void)(*(s) = sinf(x), *(c) = cosf(x)))
#define __saturatef(x) fminf(fmaxf((x), 0.0f), 1.0f)
#define __fdividef(x, y) ((float)(x) / (float)(y))
#define fdividef(x, y) ((float)(x) / (float)(y))
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline double rsqrt(double x) { return 1.0 / sqrt(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
static inline float rcbrtf(float x) { return 1.0f / cbrtf(x); }

// Arithmetic rounded to nearest, never contracted
static inline float __fadd_rn(float x, float y) { return x + y; }
static inline float __fsub_rn(float x, float y) { return x - y; }
static inline float __fmul_rn(float x, float y) { return x * y; }
static inline float __fdiv_rn(float x, float y) { return x / y; }
static inline float __frcp_rn(float x) { return 1.0f / x; }
static inline float __fsqrt_rn(float x) { return sqrtf(x); }
static inline float __frsqrt_rn(float x) { return (float)(1.0 / sqrt((double)x)); }
static inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
static inline double __dadd_rn(double x, double y) { return x + y; }
static inline double __dmul_rn(double x, double y) { return x * y; }
static inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }

// Conversions saturate, and convert NaN to 0, as on a GPU; in C they are undefined.
static inline int hw5_to_int(float x) {
    return x != x ? 0 : x >= 2147483648.0f ? INT_MAX : x < -2147483648.0f ? INT_MIN : (int)x;
}
static inline unsigned hw5_to_uint(float x) { return x >= 4294967296.0f ? UINT_MAX : x > 0 ? (unsigned)x : 0; }
static inline int __float2int_rn(float x) { return hw5_to_int(rintf(x)); }
static inline int __float2int_rz(float x) { return hw5_to_int(x); }
static inline int __float2int_ru(float x) { return hw5_to_int(ceilf(x)); }
static inline int __float2int_rd(float x) { return hw5_to_int(floorf(x)); }
static inline unsigned __float2uint_rn(float x) { return hw5_to_uint(rintf(x)); }
static inline unsigned __float2uint_rz(float x) { return hw5_to_uint(x); }
static inline float __int2float_rn(int x) { return (float)x; }
static inline float __uint2float_rn(unsigned x) { return (float)x; }
static inline float __double2float_rn(double x) { return (float)x; }

static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
static inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int i = 0; i < 32; i++, x >>= 1) reversed = reversed << 1 | (x & 1);
    return reversed;
}
static inline int __mul24(int x, int y) { return (x << 8 >> 8) * (y << 8 >> 8); }
static inline int __mulhi(int x, int y) { return (int)((long long)x * y >> 32); }
static inline unsigned __umulhi(unsigned x, unsigned y) { return (unsigned)((unsigned long long)x * y >> 32); }

template <class To, class From> static inline To hw5_bits(From from) {
    static_assert(sizeof(To) == sizeof(From), "");
    To to;
    __builtin_memcpy(&to, &from, sizeof to);
    return to;
}
static inline int __float_as_int(float x) { return hw5_bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return hw5_bits<unsigned>(x); }
static inline float __int_as_float(int x) { return hw5_bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return hw5_bits<float>(x); }
static inline long long __double_as_longlong(double x) { return hw5_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return hw5_bits<double>(x); }

// Loads and stores with cache hints, which are ignored
template <class T> static inline T __ldg(const T *p) { return *p; }
template <class T> static inline T __ldcg(const T *p) { return *p; }
template <class T> static inline T __ldca(const T *p) { return *p; }
template <class T> static inline T __ldcs(const T *p) { return *p; }
template <class T> static inline void __stcg(T *p, T value) { *p = value; }
template <class T> static inline void __stcs(T *p, T value) { *p = value; }
