// Half precision: 1 bit for the sign, 5 for the exponent and 10 for the fraction.
#pragma once

static inline float hw5_half_to_float(unsigned short h) {
    const unsigned sign = (unsigned)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023;
    if (exponent == 31) return hw5_bits<float>(sign | 0x7f800000u | fraction << 13);
    if (exponent) return hw5_bits<float>(sign | (exponent + 112) << 23 | fraction << 13);
    const float small = (float)fraction * 5.9604644775390625e-8f;  // 2^-24
    return sign ? -small : small;
}
// Round to nearest, ties to even.
static inline unsigned short hw5_float_to_half(float x) {
    const unsigned bits = hw5_bits<unsigned>(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000u) return (unsigned short)0x7fff;
    if (magnitude >= 0x477ff000u) return (unsigned short)(sign | 0x7c00);
    if (magnitude < 0x38800000u)  // subnormal: the addition rounds
        return (unsigned short)(sign | (hw5_bits<unsigned>(hw5_bits<float>(magnitude) + 0.5f) - 0x3f000000u));
    return (unsigned short)(sign | (magnitude + 0xfffu + (magnitude >> 13 & 1) - 0x38000000u) >> 13);
}

struct __half_raw {
    unsigned short x;
};
struct __half2_raw {
    unsigned short x, y;
};
struct __align__(2) __half {
    unsigned short bits;

    __half() = default;
    __half(__half_raw raw) : bits(raw.x) {}
    __half(float x) : bits(hw5_float_to_half(x)) {}
    __half(double x) : __half((float)x) {}
    __half(int x) : __half((float)x) {}
    __half(unsigned x) : __half((float)x) {}
    __half(long x) : __half((float)x) {}
    __half(unsigned long x) : __half((float)x) {}
    __half(long long x) : __half((float)x) {}
    __half(unsigned long long x) : __half((float)x) {}
    operator float() const { return hw5_half_to_float(bits); }
    operator __half_raw() const { return {bits}; }
};
struct __align__(4) __half2 {
    __half x, y;

    __half2() = default;
    __half2(__half x, __half y) : x(x), y(y) {}
};

#define HW5_H __half
#define HW5_H2 __half2
#include "halves.h"

static inline __half __float2half(float x) { return __half(x); }
static inline float __half2float(__half x) { return x; }
static inline __half __double2half(double x) { return __half(x); }
static inline __half2 __floats2half2_rn(float x, float y) { return {__half(x), __half(y)}; }
static inline __half2 __float22half2_rn(float2 x) { return {__half(x.x), __half(x.y)}; }
static inline float2 __half22float2(__half2 x) { return {(float)x.x, (float)x.y}; }
static inline __half2 __float2half2_rn(float x) { return {__half(x), __half(x)}; }
static inline float __low2float(__half2 x) { return x.x; }
static inline float __high2float(__half2 x) { return x.y; }
static inline __half __low2half(__half2 x) { return x.x; }
static inline __half __high2half(__half2 x) { return x.y; }
static inline __half2 __half2half2(__half x) { return {x, x}; }
static inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
static inline __half2 __lows2half2(__half2 a, __half2 b) { return {a.x, b.x}; }
static inline __half2 __highs2half2(__half2 a, __half2 b) { return {a.y, b.y}; }
static inline __half2 __low2half2(__half2 a) { return {a.x, a.x}; }
static inline __half2 __high2half2(__half2 a) { return {a.y, a.y}; }
static inline __half2 __lowhigh2highlow(__half2 a) { return {a.y, a.x}; }
static inline __half2 make_half2(__half x, __half y) { return {x, y}; }
static inline unsigned short __half_as_ushort(__half x) { return x.bits; }
static inline short __half_as_short(__half x) { return (short)x.bits; }
static inline __half __ushort_as_half(unsigned short bits) { return hw5_bits<__half>(bits); }
static inline __half __short_as_half(short bits) { return hw5_bits<__half>(bits); }

// Roundings of a float: to nearest, towards zero, down and up.
static inline __half hw5_next_half(float x, bool up) {
    const __half nearest(x);
    const float f = nearest;
    if (f == x || x != x || (up ? f > x : f < x)) return nearest;
    if (f == 0) return __ushort_as_half((unsigned short)(up ? 0x0001 : 0x8001));
    return __ushort_as_half((unsigned short)(nearest.bits + ((f > 0) == up ? 1 : -1)));
}
static inline __half __float2half_rn(float x) { return __half(x); }
static inline __half __float2half_rd(float x) { return hw5_next_half(x, false); }
static inline __half __float2half_ru(float x) { return hw5_next_half(x, true); }
static inline __half __float2half_rz(float x) { return hw5_next_half(x, x < 0); }
#define HW5_INTEGER(T, name)                                                         \
    static inline __half __##name##2half_rn(T x) { return __half((double)x); }       \
    static inline __half __##name##2half_rd(T x) { return __float2half_rd((float)x); } \
    static inline __half __##name##2half_ru(T x) { return __float2half_ru((float)x); } \
    static inline __half __##name##2half_rz(T x) { return __float2half_rz((float)x); } \
    static inline T __half2##name##_rn(__half x) { return hw5_ptx::converted<T>(rintf(x)); }  \
    static inline T __half2##name##_rd(__half x) { return hw5_ptx::converted<T>(floorf(x)); } \
    static inline T __half2##name##_ru(__half x) { return hw5_ptx::converted<T>(ceilf(x)); }  \
    static inline T __half2##name##_rz(__half x) { return hw5_ptx::converted<T>(truncf(x)); }
HW5_INTEGER(int, int) HW5_INTEGER(unsigned, uint) HW5_INTEGER(short, short) HW5_INTEGER(unsigned short, ushort)
HW5_INTEGER(long long, ll) HW5_INTEGER(unsigned long long, ull)
#undef HW5_INTEGER

#define CUDART_INF_FP16 __ushort_as_half((unsigned short)0x7c00)
#define CUDART_NAN_FP16 __ushort_as_half((unsigned short)0x7fff)
#define CUDART_MAX_NORMAL_FP16 __ushort_as_half((unsigned short)0x7bff)
#define CUDART_ZERO_FP16 __ushort_as_half((unsigned short)0)
#define CUDART_ONE_FP16 __ushort_as_half((unsigned short)0x3c00)
typedef __half half;
typedef __half2 half2;
typedef __half __nv_half;
typedef __half2 __nv_half2;

namespace hw5 {  // arrays of them are NumPy's float16
template <> inline constexpr char target_code<__half *> = 'e';
template <> inline constexpr char target_code<const __half *> = 'e';
}  // namespace hw5
