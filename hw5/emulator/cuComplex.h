// Complex numbers.
#pragma once

typedef float2 cuFloatComplex;
typedef double2 cuDoubleComplex;
typedef cuFloatComplex cuComplex;

#define HW5_COMPLEX(T, Complex, f, suffix)                                                                             \
    static inline Complex make_##Complex(T re, T im) { return {re, im}; }                                              \
    static inline T cuCreal##suffix(Complex z) { return z.x; }                                                         \
    static inline T cuCimag##suffix(Complex z) { return z.y; }                                                         \
    static inline Complex cuConj##suffix(Complex z) { return {z.x, -z.y}; }                                            \
    static inline Complex cuCadd##suffix(Complex a, Complex b) { return {a.x + b.x, a.y + b.y}; }                      \
    static inline Complex cuCsub##suffix(Complex a, Complex b) { return {a.x - b.x, a.y - b.y}; }                      \
    static inline Complex cuCmul##suffix(Complex a, Complex b) {                                                       \
        return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x};                                                         \
    }                                                                                                                  \
    static inline Complex cuCfma##suffix(Complex a, Complex b, Complex c) { return cuCadd##suffix(cuCmul##suffix(a, b), c); } \
    static inline Complex cuCdiv##suffix(Complex a, Complex b) {                                                       \
        const T d = b.x * b.x + b.y * b.y;                                                                             \
        return {(a.x * b.x + a.y * b.y) / d, (a.y * b.x - a.x * b.y) / d};                                             \
    }                                                                                                                  \
    static inline T cuCabs##suffix(Complex z) { return hypot(z.x, z.y); }
HW5_COMPLEX(float, cuFloatComplex, f, f)
HW5_COMPLEX(double, cuDoubleComplex, , )
#undef HW5_COMPLEX
static inline cuComplex make_cuComplex(float re, float im) { return {re, im}; }
