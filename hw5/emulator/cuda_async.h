// Asynchronous copies from global to shared memory, and the addresses of shared memory that PTX has.
#pragma once

#ifdef HW5_CHECK
#define HW5_CALLER __builtin_return_address(0), __builtin_frame_address(0)
#else
#define HW5_CALLER nullptr, nullptr
#endif

static inline HW5_UNCHECKED void hw5_copy_async(void *to, const void *from, size_t size, size_t from_size, HW5_SITE) {
    if (size != 4 && size != 8 && size != 16)
        hw5_fail(hw5::FaultKind::illegal, "copies asynchronously, but not 4, 8 or 16 bytes", {file, line});
    if (from_size > size)
        hw5_fail(hw5::FaultKind::illegal, "copies asynchronously, with more zeros than bytes", {file, line});
    hw5_link.runtime.copy(to, from, (unsigned)size, (unsigned)from_size, HW5_CALLER);
}

// Shared memory has addresses of 32 bits, whose last 16 bits are those of the pointer.
static inline size_t __cvta_generic_to_shared(const void *p) {
    return (uint32_t)((uintptr_t)p - (uintptr_t)hw5_dynamic_shared);
}
static inline void *__cvta_shared_to_generic(size_t address) {
    return (void *)((uintptr_t)hw5_dynamic_shared + (uintptr_t)(int32_t)address);
}
static inline size_t __cvta_generic_to_global(const void *p) { return (size_t)p; }
static inline void *__cvta_global_to_generic(size_t address) { return (void *)address; }
