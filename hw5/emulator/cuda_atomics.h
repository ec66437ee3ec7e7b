// Atomic operations. Blocks execute those on global memory in their order, and a thread yields only where it waits, so
// plain loads and stores are atomic. The checker is called because two atomic accesses are not a race.
#pragma once

#ifdef HW5_CHECK
#define HW5_ATOMIC_ACCESS(p, kind)                                                                     \
    hw5_link.runtime.access((uintptr_t)(p), sizeof *(p), hw5::AccessKind::kind, true,                      \
                        __builtin_return_address(0), __builtin_frame_address(0))
#else
#define HW5_ATOMIC_ACCESS(p, kind) hw5_link.runtime.atomic(p)
#endif

#define HW5_ATOMIC(T, name, new_value)                                      \
    static inline HW5_UNCHECKED T name(T *p, T value) {                     \
        HW5_ATOMIC_ACCESS(p, atomic);                                             \
        const T old = *p;                                                   \
        *p = new_value;                                                     \
        return old;                                                         \
    }
#define HW5_CAS(T)                                                          \
    static inline HW5_UNCHECKED T atomicCAS(T *p, T expected, T value) {    \
        HW5_ATOMIC_ACCESS(p, compare_and_swap);                             \
        const T old = *p;                                                   \
        if (old == expected) *p = value;                                    \
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
    HW5_CAS(T)
HW5_INTEGER_ATOMICS(int)
HW5_INTEGER_ATOMICS(unsigned)
HW5_INTEGER_ATOMICS(unsigned long long)
HW5_ATOMIC(long long, atomicMin, value < old ? value : old)
HW5_ATOMIC(long long, atomicMax, value > old ? value : old)
HW5_ATOMIC(long long, atomicAnd, old & value)
HW5_ATOMIC(long long, atomicOr, old | value)
HW5_ATOMIC(long long, atomicXor, old ^ value)
HW5_ATOMIC(int, atomicSub, old - value)
HW5_ATOMIC(unsigned, atomicSub, old - value)
HW5_ATOMIC(unsigned, atomicInc, old >= value ? 0 : old + 1)
HW5_ATOMIC(unsigned, atomicDec, old == 0 || old > value ? value : old - 1)
HW5_ATOMIC(float, atomicAdd, old + value)
HW5_ATOMIC(double, atomicAdd, old + value)
HW5_ATOMIC(float, atomicExch, value)
HW5_CAS(unsigned short)
#undef HW5_INTEGER_ATOMICS
#undef HW5_CAS
#undef HW5_ATOMIC

// The scope of an atomic operation, a block or the whole system, makes no difference.
#define HW5_SCOPES(name)                                                                                       \
    template <class T, class V> static inline T name##_block(T *p, V value) { return name(p, (T)value); }      \
    template <class T, class V> static inline T name##_system(T *p, V value) { return name(p, (T)value); }
HW5_SCOPES(atomicAdd) HW5_SCOPES(atomicSub) HW5_SCOPES(atomicMin) HW5_SCOPES(atomicMax) HW5_SCOPES(atomicAnd)
HW5_SCOPES(atomicOr) HW5_SCOPES(atomicXor) HW5_SCOPES(atomicExch) HW5_SCOPES(atomicInc) HW5_SCOPES(atomicDec)
#undef HW5_SCOPES
template <class T, class V, class W> static inline T atomicCAS_block(T *p, V expected, W value) {
    return atomicCAS(p, (T)expected, (T)value);
}
template <class T, class V, class W> static inline T atomicCAS_system(T *p, V expected, W value) {
    return atomicCAS(p, (T)expected, (T)value);
}
