// The stacks of the fibers: one reservation, which takes memory only where it is used, with a guard below each stack.
#pragma once
#include <sys/mman.h>

#include "interface.h"

namespace hw5 {

class Stacks {
  public:
    static constexpr size_t size = 256 * 1024;

    // Free every stack, before the first launch and after a launch whose threads were abandoned. False if there is no
    // address space for them.
    bool reset() {
        if (!memory_ && !reserve()) return false;
        free_count_ = 0;
        for (int i = (int)max_block_threads; i-- > 0;) free_[free_count_++] = (short)i;
        return true;
    }
    int take() { return free_[--free_count_]; }
    void release(int stack) { free_[free_count_++] = (short)stack; }

    char *low(int stack) const { return memory_ + (size_t)stack * stride + guard; }
    // Tops at the same offset in a page would make 1024 threads compete for a few lines of the L1 cache.
    char *top(int stack) const { return low(stack) + size - (stack % 61) * 192; }

    bool in_guard(uintptr_t address) const {
        const uintptr_t offset = address - (uintptr_t)memory_;
        return memory_ && offset < stride * max_block_threads && offset % stride < guard;
    }

  private:
    static constexpr size_t guard = 64 * 1024;  // a multiple of every page size in use
    static constexpr size_t stride = size + guard;

    bool reserve() {
        void *pages = mmap(nullptr, stride * max_block_threads, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (pages == MAP_FAILED) return false;
        memory_ = (char *)pages;
        for (unsigned i = 0; i < max_block_threads; i++) mprotect(low((int)i) - guard, guard, PROT_NONE);
        return true;
    }

    char *memory_ = nullptr;
    short free_[max_block_threads];
    int free_count_ = 0;
};

}  // namespace hw5
