// The memory of an OS thread that runs blocks: the position of the current thread, and the stacks of its fibers. It is
// one reservation, which takes memory only where it is used, with a guard below each stack that was ever used, up to a number.
#pragma once
#include <sys/mman.h>

#include "interface.h"

namespace hw5 {

class Stacks {
  public:
    static constexpr size_t size = stack_size;

    // Free every stack, before the first launch and after a launch whose threads were abandoned. False if there is no
    // address space for them.
    bool reset() {
        if (!memory_ && !reserve()) return false;
        free_count_ = 0;
        for (int i = (int)max_block_threads; i-- > 0;) free_[free_count_++] = (short)i;
        return true;
    }
    int take() {
        const int stack = free_[--free_count_];
        for (; guarded_ <= stack && guards_ < most_guards; guards_++) mprotect(low(guarded_++) - guard, guard, PROT_NONE);
        return stack;
    }
    // Give the memory back.
    void drop() { madvise(memory_, stacks_size, MADV_DONTNEED); }
    void release(int stack) { free_[free_count_++] = (short)stack; }

    Position &position() const { return *(Position *)memory_; }
    char *low(int stack) const { return memory_ + guard + (size_t)stack * stride + guard; }
    // Tops at the same offset in a page would make 1024 threads compete for a few lines of the L1 cache.
    char *top(int stack) const { return low(stack) + size - (stack % 61) * 192; }

    bool in_guard(uintptr_t address) const {
        const uintptr_t offset = address - (uintptr_t)low(0) + guard;
        return memory_ && offset < stride * max_block_threads && offset % stride < guard;
    }

  private:
    static constexpr size_t guard = 64 * 1024;  // a multiple of every page size in use
    static constexpr size_t stride = size + guard;
    static_assert(guard + stride * max_block_threads <= stacks_size, "");

    // An aligned part of twice the size.
    bool reserve() {
        char *pages = (char *)mmap(nullptr, 2 * stacks_size, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (pages == MAP_FAILED) return false;
        memory_ = (char *)(((uintptr_t)pages + stacks_size - 1) & ~(stacks_size - 1));
        munmap(pages, (size_t)(memory_ - pages));
        munmap(memory_ + stacks_size, (size_t)(pages + stacks_size - memory_));
        return true;
    }

    char *memory_ = nullptr;
    short free_[max_block_threads];
    int free_count_ = 0, guarded_ = 0;
    // A guard makes two mappings, and Linux allows a process 65,530 of them, for all modules that it loads.
    static constexpr int most_guards = 4 * 1024;
    static inline int guards_ = 0;
};

}  // namespace hw5
