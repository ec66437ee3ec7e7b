// Half precision: 1 bit for the sign, 5 for the exponent and 10 for the fraction.
//
// Arithmetic is in float, rounded after each operation, which gives the same result as rounding once.
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

struct __align__(2) __half {
    unsigned short bits;

    __half() = default;
    __half(float x) : bits(hw5_float_to_half(x)) {}
    __half(double x) : __half((float)x) {}
    __half(int x) : __half((float)x) {}
    __half(unsigned x) : __half((float)x) {}
    __half(long long x) : __half((float)x) {}
    __half(unsigned long long x) : __half((float)x) {}
    operator float() const { return hw5_half_to_float(bits); }
};
struct __align__(4) __half2 {
    __half x, y;

    __half2() = default;
    __half2(__half x, __half y) : x(x), y(y) {}
};

#define HW5_OP(op)                                                                             \
    static inline __half operator op(__half a, __half b) { return __half((float)a op(float) b); }        \
    static inline __half &operator op##=(__half &a, __half b) { return a = a op b; }                   \
    static inline __half2 operator op(__half2 a, __half2 b) { return {a.x op b.x, a.y op b.y}; }        \
    static inline __half2 &operator op##=(__half2 &a, __half2 b) { return a = a op b; }
HW5_OP(+) HW5_OP(-) HW5_OP(*) HW5_OP(/)
#undef HW5_OP
static inline __half operator-(__half a) { return __half(-(float)a); }
#define HW5_COMPARE(op) \
    static inline bool operator op(__half a, __half b) { return (float)a op(float) b; }
HW5_COMPARE(<) HW5_COMPARE(>) HW5_COMPARE(<=) HW5_COMPARE(>=) HW5_COMPARE(==) HW5_COMPARE(!=)
#undef HW5_COMPARE

static inline __half __float2half(float x) { return __half(x); }
static inline __half __float2half_rn(float x) { return __half(x); }
static inline float __half2float(__half x) { return x; }
static inline __half __double2half(double x) { return __half(x); }
static inline __half2 __float2half2_rn(float x) { return {__half(x), __half(x)}; }
static inline __half2 __floats2half2_rn(float x, float y) { return {__half(x), __half(y)}; }
static inline __half2 __float22half2_rn(float2 x) { return {__half(x.x), __half(x.y)}; }
static inline float2 __half22float2(__half2 x) { return {(float)x.x, (float)x.y}; }
static inline float __low2float(__half2 x) { return x.x; }
static inline float __high2float(__half2 x) { return x.y; }
static inline __half __low2half(__half2 x) { return x.x; }
static inline __half __high2half(__half2 x) { return x.y; }
static inline __half2 __half2half2(__half x) { return {x, x}; }
static inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
static inline __half2 make_half2(__half x, __half y) { return {x, y}; }
static inline __half __int2half_rn(int x) { return __half(x); }
static inline __half __uint2half_rn(unsigned x) { return __half(x); }
static inline __half __short2half_rn(short x) { return __half((int)x); }
static inline int __half2int_rn(__half x) { return __float2int_rn(x); }
static inline int __half2int_rz(__half x) { return __float2int_rz(x); }
static inline unsigned short __half_as_ushort(__half x) { return x.bits; }
static inline short __half_as_short(__half x) { return (short)x.bits; }
static inline __half __ushort_as_half(unsigned short bits) { return hw5_bits<__half>(bits); }
static inline __half __short_as_half(short bits) { return hw5_bits<__half>(bits); }
#define CUDART_INF_FP16 __ushort_as_half((unsigned short)0x7c00)
typedef __half half;
typedef __half2 half2;
typedef __half __nv_half;
typedef __half2 __nv_half2;

#define HW5_NAMED(name, op)                                                         \
    static inline __half name(__half a, __half b) { return a op b; }                       \
    static inline __half name##_rn(__half a, __half b) { return a op b; }                  \
    static inline __half2 name##2(__half2 a, __half2 b) { return a op b; }
HW5_NAMED(__hadd, +) HW5_NAMED(__hsub, -) HW5_NAMED(__hmul, *) HW5_NAMED(__hdiv, /)
#undef HW5_NAMED
#define HW5_NAMED(name, op) \
    static inline bool name(__half a, __half b) { return a op b; }
HW5_NAMED(__hlt, <) HW5_NAMED(__hgt, >) HW5_NAMED(__hle, <=) HW5_NAMED(__hge, >=) HW5_NAMED(__heq, ==) HW5_NAMED(__hne, !=)
#undef HW5_NAMED
static inline __half __hneg(__half x) { return -x; }
static inline __half2 __hneg2(__half2 x) { return {-x.x, -x.y}; }
static inline __half __habs(__half x) { return __half(fabsf((float)x)); }
static inline bool __hisnan(__half x) { return (float)x != (float)x; }
static inline __half __hmax(__half a, __half b) { return __half(fmaxf((float)a, (float)b)); }
static inline __half __hmin(__half a, __half b) { return __half(fminf((float)a, (float)b)); }
static inline __half __hfma(__half a, __half b, __half c) { return __half((double)(float)a * (float)b + (float)c); }
static inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }
static inline __half hexp(__half x) { return __half(expf((float)x)); }
static inline __half hlog(__half x) { return __half(logf((float)x)); }
static inline __half hsqrt(__half x) { return __half(sqrtf((float)x)); }
static inline __half hrsqrt(__half x) { return __half(rsqrtf((float)x)); }
static inline __half hsin(__half x) { return __half(sinf((float)x)); }
static inline __half hcos(__half x) { return __half(cosf((float)x)); }
static inline __half hfloor(__half x) { return __half(floorf((float)x)); }
static inline __half hceil(__half x) { return __half(ceilf((float)x)); }
static inline HW5_UNCHECKED __half atomicAdd(__half *p, __half value) {
    HW5_ATOMIC_ACCESS(p, atomic);
    const __half old = *p;
    *p = old + value;
    return old;
}
