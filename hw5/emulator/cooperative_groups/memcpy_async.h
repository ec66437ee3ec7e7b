// Copies by a group, asynchronous ones to shared memory: each call is a group of copies, as of __pipeline_commit.
#pragma once
#include "../cooperative_groups.h"

namespace cooperative_groups {

// Pieces as large as the addresses and the size allow
template <class Group>
static HW5_UNCHECKED void hw5_copy(const Group &group, char *to, const char *from, size_t bytes) {
    const size_t all = (size_t)to | (size_t)from | bytes, piece = all % 4 ? 1 : all % 8 ? 4 : all % 16 ? 8 : 16;
    for (size_t i = group.thread_rank() * piece; i < bytes; i += group.size() * piece)
        hw5_link.runtime.copy(to + i, from + i, (unsigned)piece, (unsigned)piece, HW5_CALLER);
}
template <class Group, class T, class Size>
static inline __attribute__((always_inline)) void memcpy_async(const Group &group, T *to, const T *from, const Size &bytes) {
    hw5_copy(group, (char *)to, (const char *)from, (size_t)bytes);
    hw5_link.runtime.commit();
}
template <class Group, class T, class ToSize, class FromSize>
static inline __attribute__((always_inline)) void memcpy_async(const Group &group, T *to, const ToSize &to_count, const T *from,
                                                               const FromSize &from_count) {
    const size_t a = to_count, b = from_count;
    hw5_copy(group, (char *)to, (const char *)from, (a < b ? a : b) * sizeof(T));
    hw5_link.runtime.commit();
}

template <class Group> static inline void wait(const Group &group, HW5_SITE) {
    hw5_link.runtime.await(0, true);
    group.sync(file, line);
}
template <unsigned groups, class Group> static inline void wait_prior(const Group &group, HW5_SITE) {
    hw5_link.runtime.await(groups, false);
    group.sync(file, line);
}

}  // namespace cooperative_groups
