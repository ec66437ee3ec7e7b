// The operations of a 16-bit floating-point type HW5_H, and of pairs of it, HW5_H2: cuda_fp16.h and cuda_bf16.h include this.
//
// Arithmetic is in float, rounded after each operation, which gives the same result as rounding once.

// Each function of one number, f, has a twin for pairs.
#define HW5_TWIN(f, f2) \
    static inline HW5_H2 f2(HW5_H2 a) { return {f(a.x), f(a.y)}; }
#define HW5_TWINS(f, f2) \
    static inline HW5_H2 f2(HW5_H2 a, HW5_H2 b) { return {f(a.x, b.x), f(a.y, b.y)}; }
#define HW5_TRIPLETS(f, f2) \
    static inline HW5_H2 f2(HW5_H2 a, HW5_H2 b, HW5_H2 c) { return {f(a.x, b.x, c.x), f(a.y, b.y, c.y)}; }

static inline HW5_H hw5_saturated(HW5_H x) { return HW5_H(__saturatef((float)x)); }
static inline HW5_H hw5_positive(HW5_H x) { return (float)x < 0 ? HW5_H(0.0f) : x; }

#define HW5_ARITHMETIC(op, name, name2)                                                        \
    static inline HW5_H operator op(HW5_H a, HW5_H b) { return HW5_H((float)a op(float) b); }  \
    static inline HW5_H &operator op##=(HW5_H &a, HW5_H b) { return a = a op b; }              \
    static inline HW5_H2 operator op(HW5_H2 a, HW5_H2 b) { return {a.x op b.x, a.y op b.y}; }  \
    static inline HW5_H2 &operator op##=(HW5_H2 &a, HW5_H2 b) { return a = a op b; }           \
    static inline HW5_H name(HW5_H a, HW5_H b) { return a op b; }                              \
    static inline HW5_H name##_rn(HW5_H a, HW5_H b) { return a op b; }                         \
    static inline HW5_H name##_sat(HW5_H a, HW5_H b) { return hw5_saturated(a op b); }         \
    HW5_TWINS(name, name2) HW5_TWINS(name, name2##_rn) HW5_TWINS(name##_sat, name2##_sat)
HW5_ARITHMETIC(+, __hadd, __hadd2) HW5_ARITHMETIC(-, __hsub, __hsub2) HW5_ARITHMETIC(*, __hmul, __hmul2)
HW5_ARITHMETIC(/, __hdiv, __h2div)
#undef HW5_ARITHMETIC
static inline HW5_H operator-(HW5_H a) { return HW5_H(-(float)a); }
static inline HW5_H2 operator-(HW5_H2 a) { return {-a.x, -a.y}; }
static inline HW5_H operator+(HW5_H a) { return a; }
static inline HW5_H &operator++(HW5_H &a) { return a += HW5_H(1.0f); }
static inline HW5_H &operator--(HW5_H &a) { return a -= HW5_H(1.0f); }

static inline bool __hisnan(HW5_H x) { return (float)x != (float)x; }
static inline int __hisinf(HW5_H x) { return __builtin_isinf((float)x) ? ((float)x > 0 ? 1 : -1) : 0; }

// A comparison with NaN is false, and true if its name has a u. Of pairs: 1 or 0 for each, or with a b, whether both hold.
#define HW5_COMPARED(name, name2, both2, value)                                                        \
    static inline bool name(HW5_H a, HW5_H b) { return value; }                                        \
    static inline HW5_H2 name2(HW5_H2 a, HW5_H2 b) {                                                   \
        return {HW5_H((float)name(a.x, b.x)), HW5_H((float)name(a.y, b.y))};                           \
    }                                                                                                  \
    static inline bool both2(HW5_H2 a, HW5_H2 b) { return name(a.x, b.x) && name(a.y, b.y); }
#define HW5_COMPARISON(op, name)                                                                       \
    static inline bool operator op(HW5_H a, HW5_H b) { return (float)a op(float) b; }                  \
    static inline bool operator op(HW5_H2 a, HW5_H2 b) { return a.x op b.x && a.y op b.y; }            \
    HW5_COMPARED(__h##name, __h##name##2, __hb##name##2, a op b && !__hisnan(a) && !__hisnan(b))       \
    HW5_COMPARED(__h##name##u, __h##name##u2, __hb##name##u2, a op b || __hisnan(a) || __hisnan(b))
HW5_COMPARISON(<, lt) HW5_COMPARISON(>, gt) HW5_COMPARISON(<=, le) HW5_COMPARISON(>=, ge)
HW5_COMPARISON(==, eq) HW5_COMPARISON(!=, ne)
#undef HW5_COMPARED
#undef HW5_COMPARISON
HW5_TWIN(hw5_saturated, hw5_saturated)

static inline HW5_H __hneg(HW5_H x) { return -x; }
static inline HW5_H __habs(HW5_H x) { return HW5_H(fabsf((float)x)); }
static inline HW5_H __hmax(HW5_H a, HW5_H b) { return HW5_H(fmaxf((float)a, (float)b)); }
static inline HW5_H __hmin(HW5_H a, HW5_H b) { return HW5_H(fminf((float)a, (float)b)); }
static inline HW5_H __hmax_nan(HW5_H a, HW5_H b) { return __hisnan(a) || __hisnan(b) ? HW5_H(NAN) : __hmax(a, b); }
static inline HW5_H __hmin_nan(HW5_H a, HW5_H b) { return __hisnan(a) || __hisnan(b) ? HW5_H(NAN) : __hmin(a, b); }
static inline HW5_H __hfma(HW5_H a, HW5_H b, HW5_H c) { return HW5_H((double)(float)a * (float)b + (float)c); }
static inline HW5_H __hfma_sat(HW5_H a, HW5_H b, HW5_H c) { return hw5_saturated(__hfma(a, b, c)); }
static inline HW5_H __hfma_relu(HW5_H a, HW5_H b, HW5_H c) { return hw5_positive(__hfma(a, b, c)); }
HW5_TWIN(__hneg, __hneg2) HW5_TWIN(__habs, __habs2)
HW5_TWINS(__hmax, __hmax2) HW5_TWINS(__hmin, __hmin2) HW5_TWINS(__hmax_nan, __hmax2_nan) HW5_TWINS(__hmin_nan, __hmin2_nan)
HW5_TRIPLETS(__hfma, __hfma2) HW5_TRIPLETS(__hfma_sat, __hfma2_sat) HW5_TRIPLETS(__hfma_relu, __hfma2_relu)
static inline HW5_H2 __hisnan2(HW5_H2 a) { return {HW5_H((float)__hisnan(a.x)), HW5_H((float)__hisnan(a.y))}; }

#define HW5_FUNCTION(name, value)                                 \
    static inline HW5_H h##name(HW5_H h) {                        \
        const float x = (float)h;                                 \
        return HW5_H(value);                                      \
    }                                                             \
    HW5_TWIN(h##name, h2##name)
HW5_FUNCTION(exp, expf(x)) HW5_FUNCTION(exp2, exp2f(x)) HW5_FUNCTION(exp10, exp10f(x))
HW5_FUNCTION(log, logf(x)) HW5_FUNCTION(log2, log2f(x)) HW5_FUNCTION(log10, log10f(x))
HW5_FUNCTION(sqrt, sqrtf(x)) HW5_FUNCTION(rsqrt, rsqrtf(x)) HW5_FUNCTION(rcp, 1.0f / x)
HW5_FUNCTION(sin, sinf(x)) HW5_FUNCTION(cos, cosf(x)) HW5_FUNCTION(tanh, tanhf(x)) HW5_FUNCTION(tanh_approx, tanhf(x))
HW5_FUNCTION(floor, floorf(x)) HW5_FUNCTION(ceil, ceilf(x)) HW5_FUNCTION(trunc, truncf(x)) HW5_FUNCTION(rint, rintf(x))
#undef HW5_FUNCTION
#undef HW5_TWIN
#undef HW5_TWINS
#undef HW5_TRIPLETS

// An addition to a pair is two atomic additions, in no order.
static inline HW5_UNCHECKED HW5_H atomicAdd(HW5_H *p, HW5_H value) {
    HW5_ATOMIC_ACCESS(p, atomic);
    const HW5_H old = *p;
    *p = old + value;
    return old;
}
static inline HW5_UNCHECKED HW5_H2 atomicAdd(HW5_H2 *p, HW5_H2 value) {
    HW5_ATOMIC_ACCESS(p, atomic);
    const HW5_H2 old = *p;
    *p = old + value;
    return old;
}

#undef HW5_H
#undef HW5_H2
