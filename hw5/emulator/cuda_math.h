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

// C has exp for double and expf for float. CUDA's exp accepts both, and integers as double; g++ folds it if it is constant,
// as nvcc does.
#ifdef __clang__
#define HW5_FOLDED
#else
#define HW5_FOLDED constexpr
#endif
#define HW5_UNARY_FUNCTIONS(DO) \
    DO(fabs) DO(sqrt) DO(cbrt) DO(exp) DO(exp2) DO(expm1) \
    DO(log) DO(log2) DO(log10) DO(log1p) \
    DO(sin) DO(cos) DO(tan) DO(asin) DO(acos) DO(atan) \
    DO(sinh) DO(cosh) DO(tanh) DO(erf) DO(erfc) DO(lgamma) DO(tgamma) \
    DO(floor) DO(ceil) DO(trunc) DO(round) DO(rint) DO(nearbyint)
#define HW5_WHOLE template <int = 0>  // so that a file may have its own log2(int), which is then preferred
#define HW5_UNARY(name)                                           \
    static HW5_FOLDED inline float name(float x) { return name##f(x); }      \
    HW5_WHOLE static HW5_FOLDED inline double name(int x) { return ::name((double)x); }
HW5_UNARY_FUNCTIONS(HW5_UNARY)
#undef HW5_UNARY

#define HW5_BINARY(name) static inline float name(float x, float y) { return name##f(x, y); }
HW5_BINARY(pow) HW5_BINARY(fmod) HW5_BINARY(atan2) HW5_BINARY(hypot) HW5_BINARY(copysign) HW5_BINARY(fmin)
HW5_BINARY(fmax) HW5_BINARY(fdim) HW5_BINARY(remainder) HW5_BINARY(nextafter)
#undef HW5_BINARY
// Of mixed types, as double, and of a power with a whole exponent, as the base.
#define HW5_MIXED(name)                                                                               \
    static inline double name(float x, double y) { return ::name((double)x, y); }                     \
    static inline double name(double x, float y) { return ::name(x, (double)y); }                     \
    HW5_WHOLE static inline double name(double x, int y) { return ::name(x, (double)y); }             \
    HW5_WHOLE static inline double name(int x, double y) { return ::name((double)x, y); }             \
    HW5_WHOLE static inline double name(int x, int y) { return ::name((double)x, (double)y); }        \
    HW5_WHOLE static inline float name(float x, int y) { return name##f(x, (float)y); }               \
    HW5_WHOLE static inline float name(int x, float y) { return name##f((float)x, y); }
HW5_MIXED(pow) HW5_MIXED(fmod) HW5_MIXED(atan2) HW5_MIXED(hypot) HW5_MIXED(fmin) HW5_MIXED(fmax)
#undef HW5_MIXED
#undef HW5_WHOLE

// Of other integers than int, and with one of them, as double.
template <bool> struct hw5_if {};
template <> struct hw5_if<true> {
    using type = int;
};
template <bool condition> using hw5_when = typename hw5_if<condition>::type;
template <class T> constexpr int hw5_number = 0;  // 1 for a number, 2 for one of these integers
#define HW5_NUMBER(T, kind) template <> constexpr int hw5_number<T> = kind;
HW5_NUMBER(unsigned, 2) HW5_NUMBER(long, 2) HW5_NUMBER(unsigned long, 2) HW5_NUMBER(long long, 2)
HW5_NUMBER(unsigned long long, 2) HW5_NUMBER(bool, 1) HW5_NUMBER(char, 1) HW5_NUMBER(signed char, 1)
HW5_NUMBER(unsigned char, 1) HW5_NUMBER(short, 1) HW5_NUMBER(unsigned short, 1) HW5_NUMBER(int, 1)
HW5_NUMBER(float, 1) HW5_NUMBER(double, 1)
#undef HW5_NUMBER
#define HW5_UNARY(name)                                                      \
    template <class X, hw5_when<(hw5_number<X> == 2)> = 0> static HW5_FOLDED inline double name(X x) { return ::name((double)x); }
HW5_UNARY_FUNCTIONS(HW5_UNARY)
#undef HW5_UNARY
#undef HW5_UNARY_FUNCTIONS
#define HW5_BINARY(name)                                                                                              \
    template <class X, class Y, hw5_when<(hw5_number<X> * hw5_number<Y> >= 2)> = 0>                                     \
    static inline double name(X x, Y y) { return ::name((double)x, (double)y); }
HW5_BINARY(pow) HW5_BINARY(fmod) HW5_BINARY(atan2) HW5_BINARY(hypot) HW5_BINARY(copysign) HW5_BINARY(fmin)
HW5_BINARY(fmax) HW5_BINARY(fdim) HW5_BINARY(remainder)
#undef HW5_BINARY

static inline float fma(float x, float y, float z) { return fmaf(x, y, z); }
static inline void sincos(float x, float *s, float *c) { *s = sinf(x), *c = cosf(x); }
static inline float modf(float x, float *whole) { return modff(x, whole); }
static inline float scalbn(float x, int n) { return scalbnf(x, n); }
static inline float logb(float x) { return logbf(x); }
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

static inline long min(long a, int b) { return min(a, (long)b); }
static inline long min(int a, long b) { return min((long)a, b); }
static inline long max(long a, int b) { return max(a, (long)b); }
static inline long max(int a, long b) { return max((long)a, b); }
static inline unsigned long min(unsigned long a, int b) { return min(a, (unsigned long)b); }
static inline unsigned long min(int a, unsigned long b) { return min((unsigned long)a, b); }
static inline unsigned long min(unsigned long a, unsigned b) { return min(a, (unsigned long)b); }
static inline unsigned long max(unsigned long a, int b) { return max(a, (unsigned long)b); }
static inline unsigned long max(int a, unsigned long b) { return max((unsigned long)a, b); }
static inline unsigned long max(unsigned long a, unsigned b) { return max(a, (unsigned long)b); }
static inline float min(float a, int b) { return fminf(a, (float)b); }
static inline float min(int a, float b) { return fminf((float)a, b); }
static inline float max(float a, int b) { return fmaxf(a, (float)b); }
static inline float max(int a, float b) { return fmaxf((float)a, b); }

// source.py makes hw5_math::exp of ::exp, which would be C's alone.
#define HW5_OF_C(name) using ::name;
HW5_OF_C(fabs) HW5_OF_C(sqrt) HW5_OF_C(cbrt) HW5_OF_C(exp) HW5_OF_C(exp2) HW5_OF_C(expm1) HW5_OF_C(log)
HW5_OF_C(log2) HW5_OF_C(log10) HW5_OF_C(log1p) HW5_OF_C(sin) HW5_OF_C(cos) HW5_OF_C(tan) HW5_OF_C(asin)
HW5_OF_C(acos) HW5_OF_C(atan) HW5_OF_C(sinh) HW5_OF_C(cosh) HW5_OF_C(tanh) HW5_OF_C(erf) HW5_OF_C(erfc)
HW5_OF_C(lgamma) HW5_OF_C(tgamma) HW5_OF_C(floor) HW5_OF_C(ceil) HW5_OF_C(trunc) HW5_OF_C(round) HW5_OF_C(rint)
HW5_OF_C(nearbyint) HW5_OF_C(pow) HW5_OF_C(fmod) HW5_OF_C(atan2) HW5_OF_C(hypot) HW5_OF_C(copysign) HW5_OF_C(fmin)
HW5_OF_C(fmax) HW5_OF_C(fdim) HW5_OF_C(remainder) HW5_OF_C(nextafter) HW5_OF_C(fma) HW5_OF_C(sincos) HW5_OF_C(modf)
HW5_OF_C(scalbn) HW5_OF_C(logb) HW5_OF_C(ldexp) HW5_OF_C(frexp) HW5_OF_C(abs)
#undef HW5_OF_C

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

static inline double __dsub_rn(double x, double y) { return x - y; }
static inline double __ddiv_rn(double x, double y) { return x / y; }
static inline double __dsqrt_rn(double x) { return sqrt(x); }
static inline double __drcp_rn(double x) { return 1.0 / x; }

// Arithmetic rounded down, up and towards zero. The operands and the result are volatile, so that the operation stays
// between the changes of the rounding mode.
#define HW5_ROUNDED(T, name, suffix, mode)                                                                          \
    static inline T __##name##add_##suffix(T x, T y) { return hw5_rounded<T>(mode, x, y, hw5_add<T>); }             \
    static inline T __##name##sub_##suffix(T x, T y) { return hw5_rounded<T>(mode, x, -y, hw5_add<T>); }            \
    static inline T __##name##mul_##suffix(T x, T y) { return hw5_rounded<T>(mode, x, y, hw5_multiply<T>); }        \
    static inline T __##name##div_##suffix(T x, T y) { return hw5_rounded<T>(mode, x, y, hw5_divide<T>); }          \
    static inline T __##name##rcp_##suffix(T x) { return hw5_rounded<T>(mode, 1, x, hw5_divide<T>); }               \
    static inline T __##name##sqrt_##suffix(T x) { return hw5_rounded<T>(mode, x, x, hw5_root<T>); }
template <class T> static inline T hw5_add(T x, T y) { return x + y; }
template <class T> static inline T hw5_multiply(T x, T y) { return x * y; }
template <class T> static inline T hw5_divide(T x, T y) { return x / y; }
template <class T> static inline T hw5_root(T x, T) { return sqrt(x); }
template <class T> static inline T hw5_rounded(int mode, T x, T y, T (*operation)(T, T)) {
    const int before = fegetround();
    fesetround(mode);
    volatile T a = x, b = y;
    volatile T result = operation(a, b);
    fesetround(before);
    return result;
}
HW5_ROUNDED(float, f, rd, FE_DOWNWARD) HW5_ROUNDED(float, f, ru, FE_UPWARD) HW5_ROUNDED(float, f, rz, FE_TOWARDZERO)
HW5_ROUNDED(double, d, rd, FE_DOWNWARD) HW5_ROUNDED(double, d, ru, FE_UPWARD) HW5_ROUNDED(double, d, rz, FE_TOWARDZERO)
#undef HW5_ROUNDED

static inline float rhypotf(float x, float y) { return 1.0f / hypotf(x, y); }
static inline float norm3df(float x, float y, float z) { return sqrtf(x * x + y * y + z * z); }
static inline float norm4df(float x, float y, float z, float w) { return sqrtf(x * x + y * y + z * z + w * w); }
static inline float rnorm3df(float x, float y, float z) { return 1.0f / norm3df(x, y, z); }
static inline double sinpi(double x) { return sin(M_PI * fmod(x, 2.0)); }
static inline double cospi(double x) { return cos(M_PI * fmod(x, 2.0)); }
static inline float sinpif(float x) { return (float)sinpi((double)x); }
static inline float cospif(float x) { return (float)cospi((double)x); }
static inline void sincospif(float x, float *s, float *c) { *s = sinpif(x), *c = cospif(x); }
static inline float normcdff(float x) { return (float)(0.5 * erfc(-(double)x * M_SQRT1_2)); }
static inline double normcdf(double x) { return 0.5 * erfc(-x * M_SQRT1_2); }

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
static inline unsigned __float2uint_ru(float x) { return hw5_to_uint(ceilf(x)); }
static inline unsigned __float2uint_rd(float x) { return hw5_to_uint(floorf(x)); }
static inline long long __float2ll_rn(float x) { return x != x ? 0 : llrintf(x); }
static inline long long __float2ll_rz(float x) { return x != x ? 0 : (long long)x; }
static inline int __double2int_rn(double x) { return x != x ? 0 : (int)rint(fmin(fmax(x, INT_MIN), INT_MAX)); }
static inline int __double2int_rz(double x) { return x != x ? 0 : (int)fmin(fmax(x, INT_MIN), INT_MAX); }
static inline int __double2int_rd(double x) { return __double2int_rz(floor(x)); }
static inline int __double2int_ru(double x) { return __double2int_rz(ceil(x)); }
static inline double __int2double_rn(int x) { return x; }
static inline double __uint2double_rn(unsigned x) { return x; }
static inline double __ll2double_rn(long long x) { return (double)x; }
static inline float __ll2float_rn(long long x) { return (float)x; }
static inline float __ull2float_rn(unsigned long long x) { return (float)x; }
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
static inline unsigned long long __brevll(unsigned long long x) {
    return (unsigned long long)__brev((unsigned)x) << 32 | __brev((unsigned)(x >> 32));
}
static inline unsigned __umul24(unsigned x, unsigned y) { return (x & 0xffffffu) * (y & 0xffffffu); }
static inline long long __mul64hi(long long x, long long y) { return (long long)((__int128)x * y >> 64); }
static inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return (unsigned long long)((unsigned __int128)x * y >> 64);
}
static inline unsigned __sad(int x, int y, unsigned z) { return z + (unsigned)(x < y ? y - x : x - y); }
static inline unsigned __usad(unsigned x, unsigned y, unsigned z) { return z + (x < y ? y - x : x - y); }
static inline int __hadd(int x, int y) { return (int)(((long long)x + y) >> 1); }
static inline int __rhadd(int x, int y) { return (int)(((long long)x + y + 1) >> 1); }
static inline unsigned __uhadd(unsigned x, unsigned y) { return (unsigned)(((unsigned long long)x + y) >> 1); }
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    const unsigned long long bytes = (unsigned long long)y << 32 | x;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) result |= (unsigned)(bytes >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
    return result;
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned by) {
    return (unsigned)(((unsigned long long)high << 32 | low) << (by & 31) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned by) {
    return (unsigned)(((unsigned long long)high << 32 | low) >> (by & 31));
}
static inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned by) {
    return by >= 32 ? low : __funnelshift_l(low, high, by);
}
static inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned by) {
    return by >= 32 ? high : __funnelshift_r(low, high, by);
}
static inline unsigned umin(unsigned x, unsigned y) { return x < y ? x : y; }
static inline unsigned umax(unsigned x, unsigned y) { return x < y ? y : x; }
static inline long long llmin(long long x, long long y) { return x < y ? x : y; }
static inline long long llmax(long long x, long long y) { return x < y ? y : x; }
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
static inline double __hiloint2double(int high, int low) {
    return hw5_bits<double>((long long)((unsigned long long)(unsigned)high << 32 | (unsigned)low));
}
static inline int __double2hiint(double x) { return (int)(hw5_bits<long long>(x) >> 32); }
static inline int __double2loint(double x) { return (int)hw5_bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return hw5_bits<double>(x); }

// Loads and stores with cache hints, which are ignored
template <class T> static inline T __ldg(const T *p) { return *p; }
template <class T> static inline T __ldcg(const T *p) { return *p; }
template <class T> static inline T __ldca(const T *p) { return *p; }
template <class T> static inline T __ldcs(const T *p) { return *p; }
template <class T> static inline T __ldlu(const T *p) { return *p; }
template <class T> static inline T __ldcv(const T *p) { return *p; }
template <class T> static inline void __stwb(T *p, T value) { *p = value; }
template <class T> static inline void __stwt(T *p, T value) { *p = value; }
template <class T> static inline void __stcg(T *p, T value) { *p = value; }
template <class T> static inline void __stcs(T *p, T value) { *p = value; }
