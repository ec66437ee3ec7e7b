// bfloat16: the upper half of a float.
//
// Arithmetic is in float, rounded after each operation, which gives the same result as rounding once.
#pragma once

static inline float hw5_bfloat16_to_float(unsigned short h) { return hw5_bits<float>((unsigned)h << 16); }
// Round to nearest, ties to even.
static inline unsigned short hw5_float_to_bfloat16(float x) {
    const unsigned bits = hw5_bits<unsigned>(x);
    if (x != x) return (unsigned short)0x7fff;
    return (unsigned short)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

struct __align__(2) __nv_bfloat16 {
    unsigned short bits;

    __nv_bfloat16() = default;
    __nv_bfloat16(float x) : bits(hw5_float_to_bfloat16(x)) {}
    __nv_bfloat16(double x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(int x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(unsigned x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(long long x) : __nv_bfloat16((float)x) {}
    __nv_bfloat16(unsigned long long x) : __nv_bfloat16((float)x) {}
    operator float() const { return hw5_bfloat16_to_float(bits); }
};
struct __align__(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;

    __nv_bfloat162() = default;
    __nv_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) : x(x), y(y) {}
};

#define HW5_OP(op)                                                                             \
    static inline __nv_bfloat16 operator op(__nv_bfloat16 a, __nv_bfloat16 b) { return __nv_bfloat16((float)a op(float) b); }        \
    static inline __nv_bfloat16 &operator op##=(__nv_bfloat16 &a, __nv_bfloat16 b) { return a = a op b; }                   \
    static inline __nv_bfloat162 operator op(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x op b.x, a.y op b.y}; }        \
    static inline __nv_bfloat162 &operator op##=(__nv_bfloat162 &a, __nv_bfloat162 b) { return a = a op b; }
HW5_OP(+) HW5_OP(-) HW5_OP(*) HW5_OP(/)
#undef HW5_OP
static inline __nv_bfloat16 operator-(__nv_bfloat16 a) { return __nv_bfloat16(-(float)a); }
#define HW5_COMPARE(op) \
    static inline bool operator op(__nv_bfloat16 a, __nv_bfloat16 b) { return (float)a op(float) b; }
HW5_COMPARE(<) HW5_COMPARE(>) HW5_COMPARE(<=) HW5_COMPARE(>=) HW5_COMPARE(==) HW5_COMPARE(!=)
#undef HW5_COMPARE

static inline __nv_bfloat16 __float2bfloat16(float x) { return __nv_bfloat16(x); }
static inline __nv_bfloat16 __float2bfloat16_rn(float x) { return __nv_bfloat16(x); }
static inline float __bfloat162float(__nv_bfloat16 x) { return x; }
static inline __nv_bfloat162 __float2bfloat162_rn(float x) { return {__nv_bfloat16(x), __nv_bfloat16(x)}; }
static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {__nv_bfloat16(x), __nv_bfloat16(y)}; }
static inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 x) { return {x, x}; }
static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
static inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
static inline float2 __bfloat1622float2(__nv_bfloat162 x) { return {(float)x.x, (float)x.y}; }
static inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 x) { return x.x; }
static inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 x) { return x.y; }
static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x) { return x.bits; }
static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return hw5_bits<__nv_bfloat16>(bits); }
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

#define HW5_NAMED(name, op)                                                         \
    static inline __nv_bfloat16 name(__nv_bfloat16 a, __nv_bfloat16 b) { return a op b; }                       \
    static inline __nv_bfloat16 name##_rn(__nv_bfloat16 a, __nv_bfloat16 b) { return a op b; }                  \
    static inline __nv_bfloat162 name##2(__nv_bfloat162 a, __nv_bfloat162 b) { return a op b; }
HW5_NAMED(__hadd, +) HW5_NAMED(__hsub, -) HW5_NAMED(__hmul, *) HW5_NAMED(__hdiv, /)
#undef HW5_NAMED
#define HW5_NAMED(name, op) \
    static inline bool name(__nv_bfloat16 a, __nv_bfloat16 b) { return a op b; }
HW5_NAMED(__hlt, <) HW5_NAMED(__hgt, >) HW5_NAMED(__hle, <=) HW5_NAMED(__hge, >=) HW5_NAMED(__heq, ==) HW5_NAMED(__hne, !=)
#undef HW5_NAMED
static inline __nv_bfloat16 __hneg(__nv_bfloat16 x) { return -x; }
static inline __nv_bfloat162 __hneg2(__nv_bfloat162 x) { return {-x.x, -x.y}; }
static inline __nv_bfloat16 __habs(__nv_bfloat16 x) { return __nv_bfloat16(fabsf((float)x)); }
static inline bool __hisnan(__nv_bfloat16 x) { return (float)x != (float)x; }
static inline __nv_bfloat16 __hmax(__nv_bfloat16 a, __nv_bfloat16 b) { return __nv_bfloat16(fmaxf((float)a, (float)b)); }
static inline __nv_bfloat16 __hmin(__nv_bfloat16 a, __nv_bfloat16 b) { return __nv_bfloat16(fminf((float)a, (float)b)); }
static inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) { return __nv_bfloat16((double)(float)a * (float)b + (float)c); }
static inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
static inline __nv_bfloat16 hexp(__nv_bfloat16 x) { return __nv_bfloat16(expf((float)x)); }
static inline __nv_bfloat16 hlog(__nv_bfloat16 x) { return __nv_bfloat16(logf((float)x)); }
static inline __nv_bfloat16 hsqrt(__nv_bfloat16 x) { return __nv_bfloat16(sqrtf((float)x)); }
static inline __nv_bfloat16 hrsqrt(__nv_bfloat16 x) { return __nv_bfloat16(rsqrtf((float)x)); }
static inline __nv_bfloat16 hsin(__nv_bfloat16 x) { return __nv_bfloat16(sinf((float)x)); }
static inline __nv_bfloat16 hcos(__nv_bfloat16 x) { return __nv_bfloat16(cosf((float)x)); }
static inline __nv_bfloat16 hfloor(__nv_bfloat16 x) { return __nv_bfloat16(floorf((float)x)); }
static inline __nv_bfloat16 hceil(__nv_bfloat16 x) { return __nv_bfloat16(ceilf((float)x)); }
static inline HW5_UNCHECKED __nv_bfloat16 atomicAdd(__nv_bfloat16 *p, __nv_bfloat16 value) {
    HW5_ATOMIC_ACCESS(p, atomic);
    const __nv_bfloat16 old = *p;
    *p = old + value;
    return old;
}
