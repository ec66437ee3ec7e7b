// CUDA's vector types and dim3.
#pragma once

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

#ifdef HW5_CHECK
#define HW5_INLINE static inline __attribute__((always_inline))  // so that the copy of the result is seen
#else
#define HW5_INLINE static inline
#endif

// Vectors of 2 and 4 are aligned to their size, up to 16 bytes; a GPU moves them with one instruction.
#define HW5_VECTORS(T, name)                                                                     \
    struct name##1 { T x; };                                                                     \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                           \
    struct name##3 { T x, y, z; };                                                               \
    struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { T x, y, z, w; };           \
    HW5_INLINE name##1 make_##name##1(T x) { return {x}; }                                    \
    HW5_INLINE name##2 make_##name##2(T x, T y) { return {x, y}; }                            \
    HW5_INLINE name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                    \
    HW5_INLINE name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

HW5_VECTORS(signed char, char)
HW5_VECTORS(unsigned char, uchar)
HW5_VECTORS(short, short)
HW5_VECTORS(unsigned short, ushort)
HW5_VECTORS(int, int)
HW5_VECTORS(unsigned, uint)
HW5_VECTORS(long, long)
HW5_VECTORS(unsigned long, ulong)
HW5_VECTORS(long long, longlong)
HW5_VECTORS(unsigned long long, ulonglong)
HW5_VECTORS(float, float)
HW5_VECTORS(double, double)
