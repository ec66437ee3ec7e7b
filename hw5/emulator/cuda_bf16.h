// bfloat16: the upper half of a float.
#pragma once

static inline float hw5_bfloat16_to_float(unsigned short h) { return hw5_bits<float>((unsigned)h << 16); }
// Round to nearest, ties to even.
static inline unsigned short hw5_float_to_bfloat16(float x) {
    const unsigned bits = hw5_bits<unsigned>(x);
    if (x != x) return (unsigned short)0x7fff;
    return (unsigned short)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

struct __nv_bfloat16_raw {
    unsigned short x;
};
struct __nv_bfloat162_raw {
    unsigned short x, y;
};
struct __align__(2) __nv_bfloat16 {
    unsigned short bits;

    __nv_bfloat16() = default;
    __nv_bfloat16(__nv_bfloat16_raw raw) : bits(raw.x) {}
    __nv_bfloat16(float x) : bits(hw5_float_to_bfloat16(x)) {}
    __nv_bfloat16(double x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(int x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(unsigned x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(long x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(unsigned long x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(long long x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(unsigned long long x) : __nv_bfloat16((float)x) {}
    operator float() const { return hw5_bfloat16_to_float(bits); }
    operator __nv_bfloat16_raw() const { return {bits}; }
};
struct __align__(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;

    __nv_bfloat162() = default;
    __nv_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) : x(x), y(y) {}
};

#define HW5_H __nv_bfloat16
#define HW5_H2 __nv_bfloat162
#include "halves.h"

static inline __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
static inline __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
static inline __nv_bfloat16 __double2bfloat16(double x) { return __nv_bfloat16(x); }
static inline float __bfloat162float(__nv_bfloat16 x) { return x; }
static inline __nv_bfloat162 __float2bfloat162_rn(float x) { return {__nv_bfloat16(x), __nv_bfloat16(x)}; }
static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__nv_bfloat16(x), __nv_bfloat16(y)}; }
static inline __nv_bfloat162 __float22bfloat162_rn(float2 x) { return {__nv_bfloat16(x.x), __nv_bfloat16(x.y)}; }
static inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) { return {x, x}; }
static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
static inline __nv_bfloat162 __lows2bfloat162(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x, b.x}; }
static inline __nv_bfloat162 __highs2bfloat162(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.y, b.y}; }
static inline __nv_bfloat162 __low2bfloat162(__nv_bfloat162 a) { return {a.x, a.x}; }
static inline __nv_bfloat162 __high2bfloat162(__nv_bfloat162 a) { return {a.y, a.y}; }
static inline __nv_bfloat162 __lowhigh2highlow(__nv_bfloat162 a) { return {a.y, a.x}; }
static inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
static inline float2 __bfloat1622float2(__nv_bfloat162 x) { return {(float)x.x, (float)x.y}; }
static inline float __low2float(__nv_bfloat162 x) { return x.x; }
static inline float __high2float(__nv_bfloat162 x) { return x.y; }
static inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 x) { return x.x; }
static inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 x) { return x.y; }
static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
static inline short __bfloat16_as_short(__nv_bfloat16 x) { return (short)x.bits; }
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return hw5_bits<__nv_bfloat16>(bits); }
static inline __nv_bfloat16 __short_as_bfloat16(short bits) { return hw5_bits<__nv_bfloat16>(bits); }
#define HW5_INTEGER(T, name)                                                                        \
    static inline __nv_bfloat16 __##name##2bfloat16_rn(T x) { return __nv_bfloat16((float)x); }     \
    static inline T __bfloat162##name##_rn(__nv_bfloat16 x) { return hw5_ptx::converted<T>(rintf(x)); }    \
    static inline T __bfloat162##name##_rd(__nv_bfloat16 x) { return hw5_ptx::converted<T>(floorf(x)); }   \
    static inline T __bfloat162##name##_ru(__nv_bfloat16 x) { return hw5_ptx::converted<T>(ceilf(x)); }    \
    static inline T __bfloat162##name##_rz(__nv_bfloat16 x) { return hw5_ptx::converted<T>(truncf(x)); }
HW5_INTEGER(int, int) HW5_INTEGER(unsigned, uint) HW5_INTEGER(short, short) HW5_INTEGER(unsigned short, ushort)
HW5_INTEGER(long long, ll) HW5_INTEGER(unsigned long long, ull)
#undef HW5_INTEGER
#define CUDART_INF_BF16 __ushort_as_bfloat16((unsigned short)0x7f80)
#define CUDART_NAN_BF16 __ushort_as_bfloat16((unsigned short)0x7fff)
#define CUDART_ZERO_BF16 __ushort_as_bfloat16((unsigned short)0)
#define CUDART_ONE_BF16 __ushort_as_bfloat16((unsigned short)0x3f80)
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;
