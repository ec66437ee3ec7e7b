// Check mode: -fsanitize=thread makes the compiler call __tsan_* before every load and store. These functions replace
// those of libtsan, which knows no blocks and barriers, and pass the calls to the runtime.
#pragma once

#define HW5_HOOK extern "C" __attribute__((visibility("hidden"), noinline, no_sanitize("thread"))) void

namespace hw5 {
// threadIdx and similar variables, and the functions of the runtime, belong to the emulator.
static inline __attribute__((always_inline)) bool is_own(const void *p) {
    return (uintptr_t)p - (uintptr_t)&position_here() < sizeof(Position) || (uintptr_t)p - (uintptr_t)&hw5_link < sizeof hw5_link;
}
// A local variable of the thread, which needs no call of the runtime.
static inline __attribute__((always_inline)) bool is_local(const void *p, size_t size) {
    return (uintptr_t)p - position_here().stack <= stack_size - size;
}
}  // namespace hw5

#define HW5_ACCESS(p, size, kind, aligned)                                                                 \
    hw5_link.runtime.access((uintptr_t)(p), size, hw5::AccessKind::kind, aligned, __builtin_return_address(0), \
                        __builtin_frame_address(0))
#define HW5_HOOKS(size)                                                                      \
    HW5_HOOK __tsan_read##size(void *p) {                                                    \
        if (!hw5::is_local(p, size) && !hw5::is_own(p)) HW5_ACCESS(p, size, read, true);     \
    }                                                                                        \
    HW5_HOOK __tsan_write##size(void *p) {                                                   \
        if (!hw5::is_local(p, size)) HW5_ACCESS(p, size, write, true);                       \
    }                                                                                        \
    HW5_HOOK __tsan_read_write##size(void *p) {                                              \
        if (hw5::is_local(p, size)) return;                                                  \
        HW5_ACCESS(p, size, read, true);                                                     \
        HW5_ACCESS(p, size, write, true);                                                    \
    }                                                                                        \
    /* accesses that the source declares as unaligned, by memcpy or a packed type */         \
    HW5_HOOK __tsan_unaligned_read##size(void *p) { HW5_ACCESS(p, size, read, false); }      \
    HW5_HOOK __tsan_unaligned_write##size(void *p) { HW5_ACCESS(p, size, write, false); }    \
    HW5_HOOK __tsan_unaligned_read_write##size(void *p) {                                    \
        HW5_ACCESS(p, size, read, false);                                                    \
        HW5_ACCESS(p, size, write, false);                                                   \
    }
#define HW5_VOLATILE_HOOKS(size)                                                                           \
    HW5_HOOK __tsan_volatile_read##size(void *p) { HW5_ACCESS(p, size, volatile_read, true); }             \
    HW5_HOOK __tsan_volatile_write##size(void *p) { HW5_ACCESS(p, size, volatile_write, true); }           \
    HW5_HOOK __tsan_unaligned_volatile_read##size(void *p) { HW5_ACCESS(p, size, volatile_read, false); }  \
    HW5_HOOK __tsan_unaligned_volatile_write##size(void *p) { HW5_ACCESS(p, size, volatile_write, false); }
HW5_VOLATILE_HOOKS(1) HW5_VOLATILE_HOOKS(2) HW5_VOLATILE_HOOKS(4) HW5_VOLATILE_HOOKS(8) HW5_VOLATILE_HOOKS(16)
#undef HW5_VOLATILE_HOOKS
HW5_HOOKS(1) HW5_HOOKS(2) HW5_HOOKS(4) HW5_HOOKS(8) HW5_HOOKS(16)
#undef HW5_HOOKS

HW5_HOOK __tsan_read_range(void *p, size_t size) {
    if (!hw5::is_own(p)) HW5_ACCESS(p, size, read, false);
}
HW5_HOOK __tsan_write_range(void *p, size_t size) { HW5_ACCESS(p, size, write, false); }
HW5_HOOK __tsan_vptr_read(void **p) { HW5_ACCESS(p, sizeof *p, read, true); }
HW5_HOOK __tsan_vptr_update(void **p, void *) { HW5_ACCESS(p, sizeof *p, write, true); }
HW5_HOOK __tsan_init() {}
HW5_HOOK __tsan_func_entry(void *) {}
HW5_HOOK __tsan_func_exit() {}

// Calls of these are not instrumented, so the module has its own versions. Some versions of clang++ rename them.
#define HW5_BULK(name, ...) \
    extern "C" __attribute__((noinline, no_sanitize("thread"))) void *name(__VA_ARGS__) noexcept
#define HW5_COPY(name)                                      \
    HW5_BULK(name, void *to, const void *from, size_t n) {  \
        HW5_ACCESS(from, n, read, false);                   \
        HW5_ACCESS(to, n, write, false);                    \
        return hw5_link.runtime.move(to, from, n);          \
    }
#define HW5_FILL(name)                                      \
    HW5_BULK(name, void *to, int byte, size_t n) {          \
        HW5_ACCESS(to, n, write, false);                    \
        return hw5_link.runtime.fill(to, byte, n);          \
    }
HW5_COPY(memcpy) HW5_COPY(memmove) HW5_FILL(memset)
HW5_COPY(__tsan_memcpy) HW5_COPY(__tsan_memmove) HW5_FILL(__tsan_memset)
// So that check mode sees small copies too, which the compiler would make without a call.
#define __builtin_memcpy memcpy
#define __builtin_memmove memmove
#define __builtin_memset memset
#undef HW5_COPY
#undef HW5_FILL
#undef HW5_BULK
#undef HW5_HOOK

// -fsanitize=bounds: an index is outside an array whose size the compiler knows, such as a local one.
namespace hw5 {
struct IndexType {
    uint16_t kind, info;  // of an integer: bit 0, whether it is signed; the rest, the logarithm of its bits
    char name[1];
};
struct IndexReport {
    const char *file;
    uint32_t line, column;
    const IndexType *array, *index;
};

// A kernel calls add_table<float[16][17]>() for its tables, in whose rows, which are [17], an index may be beyond the end.
static const char *tables[256];
static unsigned table_count;
template <class T> HW5_UNCHECKED void add_table() {
    static bool known;  // or another OS thread adds it too, which is harmless
    if (__atomic_load_n(&known, __ATOMIC_ACQUIRE)) return;
    tables[__atomic_fetch_add(&table_count, 1, __ATOMIC_RELAXED) % 256] = __PRETTY_FUNCTION__;  // ... [with T = float [16][17]]
    __atomic_store_n(&known, true, __ATOMIC_RELEASE);
}

// Whether a type such as 'float [17]' is that of a row.
HW5_UNCHECKED static bool is_row(const char *type) {
    const char *shape = strchr(type, '[');
    const size_t length = shape ? (size_t)(strrchr(type, ']') + 1 - shape) : 0;
    for (const char *table : tables) {
        if (!table || !shape) return false;
        const char *first = strchr(strchr(table, '='), '['), *end = strrchr(table, ']');
        for (const char *row = first; row && (row = strchr(row + 1, '['));)
            if (row + length == end && !strncmp(row, shape, length)) return true;
    }
    return false;
}
}  // namespace hw5
#define HW5_INDEX_HOOK(hook)                                                                                \
    extern "C" __attribute__((visibility("hidden"), noinline, no_sanitize("thread"))) void hook(            \
        const hw5::IndexReport *report, uintptr_t value) {                                                  \
        if (hw5::is_row(report->array->name)) return;                                                       \
        const int unused = 64 - (1 << (report->index->info >> 1));                                          \
        const int64_t index = report->index->info & 1 ? (int64_t)(value << unused) >> unused : (int64_t)value; \
        hw5_link.runtime.index({report->file, (int)report->line}, report->array->name, index,               \
                               __builtin_frame_address(0));                                                 \
    }
HW5_INDEX_HOOK(__ubsan_handle_out_of_bounds) HW5_INDEX_HOOK(__ubsan_handle_out_of_bounds_abort)
#undef HW5_INDEX_HOOK

// -fsanitize=alignment,object-size: a load or store is at an address that its type must not have, or outside the variable
// that the compiler knows its pointer to be in, such as a local array that a function was called with.
namespace hw5 {
struct PlaceReport {
    const char *file;
    uint32_t line, column;
    const IndexType *type;
    uint8_t alignment, kind;  // the logarithm; 0 for a load, 1 for a store
};
}  // namespace hw5
#define HW5_PLACE_HOOK(hook)                                                                                       \
    extern "C" __attribute__((visibility("hidden"), noinline, no_sanitize("thread"))) void hook(                 \
        const hw5::PlaceReport *report, uintptr_t address) {                                                     \
        if (report->kind > 1) return;                                                                            \
        hw5_link.runtime.place({report->file, (int)report->line}, address, (uintptr_t)1 << report->alignment,    \
                               __builtin_frame_address(0));                                                    \
    }
HW5_PLACE_HOOK(__ubsan_handle_type_mismatch_v1) HW5_PLACE_HOOK(__ubsan_handle_type_mismatch_v1_abort)
#undef HW5_PLACE_HOOK

// The compiler knows the size of a local array, which no access tells. Kernels call these instead of memcpy and so on.
#define HW5_BULK static inline __attribute__((always_inline, no_sanitize("thread"))) void *
#define HW5_WITHIN(p) \
    if (n > __builtin_object_size(p, 0)) hw5_link.runtime.place({file, line}, (uintptr_t)(p), 1, __builtin_frame_address(0))
HW5_BULK hw5_memcpy(void *to, const void *from, size_t n, HW5_SITE) {
    HW5_WITHIN(from);
    HW5_WITHIN(to);
    return memcpy(to, from, n);
}
HW5_BULK hw5_memmove(void *to, const void *from, size_t n, HW5_SITE) {
    HW5_WITHIN(from);
    HW5_WITHIN(to);
    return memmove(to, from, n);
}
HW5_BULK hw5_memset(void *to, int byte, size_t n, HW5_SITE) {
    HW5_WITHIN(to);
    return memset(to, byte, n);
}
#undef HW5_BULK
#undef HW5_WITHIN
namespace std {
using ::hw5_memcpy, ::hw5_memmove, ::hw5_memset;
}

// The heap of a kernel: each allocation is an array, whose bounds are checked.
#define HW5_HEAP extern "C" __attribute__((noinline, no_sanitize("thread")))
HW5_HEAP void *malloc(size_t size) noexcept { return hw5_link.runtime.allocate(size); }
HW5_HEAP void free(void *memory) noexcept { hw5_link.runtime.release(memory); }
#undef HW5_HEAP
