// Asynchronous copies in groups, for which the thread waits in order.
#pragma once

static inline __attribute__((always_inline)) void __pipeline_memcpy_async(void *to, const void *from, size_t size, size_t zeros = 0,
                                                                          HW5_SITE) {
    hw5_copy_async(to, from, size, size - zeros, file, line);
}
static inline void __pipeline_commit() { hw5_link.runtime.commit(); }
static inline void __pipeline_wait_prior(size_t groups) { hw5_link.runtime.await((unsigned)groups, false); }
