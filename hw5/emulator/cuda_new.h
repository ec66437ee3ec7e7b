// new and delete in a kernel. The sizes of arrays are not checked, as on a GPU.
#pragma once

#ifdef __clang__  // which declares them visible; -Bsymbolic keeps calls in the module
#define HW5_NEW __attribute__((noinline, no_sanitize("thread")))
#define HW5_ALLOCATE __attribute__((always_inline))  // or it takes the array for a local variable, and reports no name
#else
#define HW5_NEW __attribute__((visibility("hidden"), noinline, no_sanitize("thread")))
#define HW5_ALLOCATE HW5_NEW
#endif
HW5_ALLOCATE void *operator new(size_t size) { return malloc(size); }
HW5_ALLOCATE void *operator new[](size_t size) { return malloc(size); }
HW5_NEW void operator delete(void *memory) noexcept { free(memory); }
HW5_NEW void operator delete[](void *memory) noexcept { free(memory); }
HW5_NEW void operator delete(void *memory, size_t) noexcept { free(memory); }
HW5_NEW void operator delete[](void *memory, size_t) noexcept { free(memory); }
#undef HW5_ALLOCATE
#undef HW5_NEW
