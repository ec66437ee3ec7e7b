// Order between blocks. There is one way to have it: a block writes, executes __threadfence and then an atomic
// operation; another block executes an atomic operation on the same place later, and may then read what was written.
// That is how the last block to finish adds up the results of all.
#pragma once
#include <string.h>

#include "interface.h"
#include "shadow.h"

namespace hw5 {

class Fences {
  public:
    void block_begins() { acquired_count_ = 0; }

    // An atomic operation of a thread makes known what the thread did up to its fence, what its block did before the
    // last barrier, and what it knows of its warp. The last release of a block counts.
    void release(uintptr_t address, Access fence, uint32_t barrier_time, const uint32_t (&known)[warp_size]) {
        if (!released_) released_ = reserve();
        Release &release = released_[block_of(fence)];
        release = {address, fence, barrier_time, {}};
        memcpy(release.known, known, sizeof known);
    }

    // A thread of the block that runs now looked at a place where others may have released. The oldest of too many
    // places is forgotten.
    void acquire(uintptr_t address, Access now) {
        for (int i = 0; i < acquired_count_ && i < kept; i++)
            if (acquired_[i].address == address) return;
        acquired_[acquired_count_++ % kept] = {address, now};
    }

    // Did an access by another block happen before what thread `who` does now?
    bool orders(const Access &past, uint32_t who, uint32_t launch_time, uint32_t barrier_time) const {
        if (!released_) return false;
        const Release &release = released_[block_of(past)];
        if (release.fence.when < launch_time || !release.covers(past)) return false;
        for (int i = 0; i < acquired_count_ && i < kept; i++) {
            const Acquisition &a = acquired_[i];
            if (a.address == release.address && (a.by.who == who || a.by.when < barrier_time)) return true;
        }
        return false;
    }

  private:
    struct Release {
        uintptr_t address;
        Access fence;
        uint32_t barrier_time, known[warp_size];

        bool covers(const Access &past) const {
            if (past.when < barrier_time) return true;
            if (past.who == fence.who) return past.when <= fence.when;
            return past.who / warp_size == fence.who / warp_size && past.when < known[past.who % warp_size];
        }
    };
    struct Acquisition {
        uintptr_t address;
        Access by;
    };
    static constexpr int kept = 8;

    static uint32_t block_of(const Access &access) { return access.who / max_block_threads; }
    // one for each block that `who` can tell apart: address space, and memory only where it is used
    static Release *reserve() {
        return (Release *)mmap(nullptr, (1ull << 22) * sizeof(Release), PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }

    Release *released_ = nullptr;  // the last of each block
    Acquisition acquired_[kept];   // by the block that runs now
    int acquired_count_ = 0;
};

}  // namespace hw5
