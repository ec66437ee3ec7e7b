// Barriers, shuffles, votes and warp reductions. Each waits in the scheduler, and passes its line for reports.
#pragma once

// Default arguments are evaluated at the call, so they are the line of the kernel.
#define HW5_SITE const char *file = __builtin_FILE(), int line = __builtin_LINE()

static inline void __syncthreads(HW5_SITE) { hw5_link.runtime.barrier(false, {file, line}); }
static inline int __syncthreads_count(int predicate, HW5_SITE) {
    return hw5_link.runtime.barrier(predicate != 0, {file, line});
}
static inline int __syncthreads_or(int predicate, HW5_SITE) {
    return hw5_link.runtime.barrier(predicate != 0, {file, line}) > 0;
}
static inline int __syncthreads_and(int predicate, HW5_SITE) {
    return hw5_link.runtime.barrier(predicate == 0, {file, line}) == 0;
}

#define HW5_FULL_MASK 0xffffffffu
static inline void __syncwarp(unsigned mask = HW5_FULL_MASK, HW5_SITE) {
    hw5_link.runtime.warp(hw5::WarpOp::sync, mask, 0, 0, {file, line});
}
static inline unsigned __ballot_sync(unsigned mask, int predicate, HW5_SITE) {
    return (unsigned)hw5_link.runtime.warp(hw5::WarpOp::ballot, mask, predicate != 0, 0, {file, line});
}
static inline int __any_sync(unsigned mask, int predicate, HW5_SITE) {
    return hw5_link.runtime.warp(hw5::WarpOp::ballot, mask, predicate != 0, 0, {file, line}) != 0;
}
static inline int __all_sync(unsigned mask, int predicate, HW5_SITE) {
    return hw5_link.runtime.warp(hw5::WarpOp::ballot, mask, predicate == 0, 0, {file, line}) == 0;
}
// The lanes that arrive here together. On a GPU they may be fewer, so a result that depends on the mask is not certain.
static inline unsigned __activemask(HW5_SITE) { return hw5_link.runtime.converge({file, line}); }

template <class T> static inline T hw5_shuffle(unsigned mask, T value, int source, hw5::Site site) {
    unsigned char bytes[sizeof value];
    __builtin_memcpy(bytes, &value, sizeof value);
    for (size_t i = 0; i < sizeof value; i += 8) {  // a structure moves in pieces
        const size_t size = sizeof value - i < 8 ? sizeof value - i : 8;
        uint64_t bits = 0;
        __builtin_memcpy(&bits, bytes + i, size);
        bits = hw5_link.runtime.warp(hw5::WarpOp::shuffle, mask, bits, source, site);
        __builtin_memcpy(bytes + i, &bits, size);
    }
    __builtin_memcpy(&value, bytes, sizeof value);
    return value;
}
// Shuffles stay within groups of `width` lanes; a lane whose source is outside its group reads its own value.
template <class T> static inline T __shfl_sync(unsigned mask, T value, int lane, int width = 32, HW5_SITE) {
    const int group = hw5::position_here().lane & -width;
    return hw5_shuffle(mask, value, group + (lane & (width - 1)), {file, line});
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, HW5_SITE) {
    const int me = hw5::position_here().lane, source = me ^ bits;
    return hw5_shuffle(mask, value, source < (me & -width) + width ? source : me, {file, line});
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, HW5_SITE) {
    const int me = hw5::position_here().lane, source = me + (int)by;
    return hw5_shuffle(mask, value, source < (me & -width) + width ? source : me, {file, line});
}
template <class T> static inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, HW5_SITE) {
    const int me = hw5::position_here().lane, source = me - (int)by;
    return hw5_shuffle(mask, value, source >= (me & -width) ? source : me, {file, line});
}

// The lanes of the mask that have the same value
template <class T> static inline unsigned __match_any_sync(unsigned mask, T value, HW5_SITE) {
    uint64_t bits = 0;
    __builtin_memcpy(&bits, &value, sizeof value);
    return (unsigned)hw5_link.runtime.warp(hw5::WarpOp::match, mask, bits, 0, {file, line});
}
template <class T> static inline unsigned __match_all_sync(unsigned mask, T value, int *same, HW5_SITE) {
    *same = __match_any_sync(mask, value, file, line) == (mask & hw5_link.runtime.converged(mask));
    return *same ? mask : 0;
}

// Before CUDA 9, warp operations had no mask: they are of the lanes that arrive together.
#define HW5_OLD_SHUFFLE(name, By)                                                                    \
    template <class T> static inline T name(T value, By by, int width = 32, HW5_SITE) {              \
        return name##_sync(__activemask(file, line), value, by, width, file, line);                  \
    }
HW5_OLD_SHUFFLE(__shfl, int) HW5_OLD_SHUFFLE(__shfl_xor, int)
HW5_OLD_SHUFFLE(__shfl_down, unsigned) HW5_OLD_SHUFFLE(__shfl_up, unsigned)
#undef HW5_OLD_SHUFFLE
#define HW5_OLD_VOTE(name, T)                                                                        \
    static inline T name(int predicate, HW5_SITE) {                                                  \
        return name##_sync(__activemask(file, line), predicate, file, line);                         \
    }
HW5_OLD_VOTE(__any, int) HW5_OLD_VOTE(__all, int) HW5_OLD_VOTE(__ballot, unsigned)
#undef HW5_OLD_VOTE

#define HW5_REDUCE(name, T, op)                                                                  \
    static inline T __reduce_##name##_sync(unsigned mask, T value, HW5_SITE) {                   \
        return (T)hw5_link.runtime.warp(hw5::WarpOp::op, mask, (uint64_t)(int64_t)value, 0, {file, line});   \
    }
HW5_REDUCE(add, int, add)
HW5_REDUCE(add, unsigned, add)
HW5_REDUCE(min, int, min_signed)
HW5_REDUCE(max, int, max_signed)
HW5_REDUCE(min, unsigned, min)
HW5_REDUCE(max, unsigned, max)
HW5_REDUCE(and, unsigned, bit_and)
HW5_REDUCE(or, unsigned, bit_or)
HW5_REDUCE(xor, unsigned, bit_xor)
#undef HW5_REDUCE

static inline void __threadfence() { hw5_link.runtime.fence(); }
static inline void __threadfence_system() { hw5_link.runtime.fence(); }
static inline void __threadfence_block() { hw5_link.runtime.spin(); }
static inline void __nanosleep(unsigned) { hw5_link.runtime.spin(); }

static inline long long clock64() { return (long long)clock(); }
