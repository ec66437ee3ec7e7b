// Atomic operations. Kernels run on one OS thread, and a kernel's thread yields only where it waits, so plain loads and
// stores are atomic. The checker is called because two atomic accesses are not a race.
#pragma once

#ifdef HW5_CHECK
#define HW5_ATOMIC_ACCESS(p)                                                                           \
    hw5_link.runtime.access((uintptr_t)(p), sizeof *(p), hw5::AccessKind::atomic, true,                    \
                        __builtin_return_address(0), __builtin_frame_address(0))
#else
#define HW5_ATOMIC_ACCESS(p) ((void)0)
#endif

#define HW5_ATOMIC(T, name, new_value)                                      \
    static inline HW5_UNCHECKED T name(T *p, T value) {                     \
        HW5_ATOMIC_ACCESS(p);                                               \
        const T old = *p;                                                   \
        *p = new_value;                                                     \
        return old;                                                         \
    }
#define HW5_INTEGER_ATOMICS(T)                                              \
    HW5_ATOMIC(T, atomicAdd, old + value)                                   \
    HW5_ATOMIC(T, atomicMin, value < old ? value : old)                     \
    HW5_ATOMIC(T, atomicMax, value > old ? value : old)                     \
    HW5_ATOMIC(T, atomicAnd, old & value)                                   \
    HW5_ATOMIC(T, atomicOr, old | value)                                    \
    HW5_ATOMIC(T, atomicXor, old ^ value)                                   \
    HW5_ATOMIC(T, atomicExch, value)                                        \
    static inline HW5_UNCHECKED T atomicCAS(T *p, T expected, T value) {    \
        HW5_ATOMIC_ACCESS(p);                                               \
        const T old = *p;                                                   \
        if (old == expected) *p = value;                                    \
        return old;                                                         \
    }
HW5_INTEGER_ATOMICS(int)
HW5_INTEGER_ATOMICS(unsigned)
HW5_INTEGER_ATOMICS(unsigned long long)
HW5_ATOMIC(int, atomicSub, old - value)
HW5_ATOMIC(unsigned, atomicSub, old - value)
HW5_ATOMIC(unsigned, atomicInc, old >= value ? 0 : old + 1)
HW5_ATOMIC(unsigned, atomicDec, old == 0 || old > value ? value : old - 1)
HW5_ATOMIC(float, atomicAdd, old + value)
HW5_ATOMIC(double, atomicAdd, old + value)
HW5_ATOMIC(float, atomicExch, value)
#undef HW5_INTEGER_ATOMICS
#undef HW5_ATOMIC
