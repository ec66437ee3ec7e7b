// Order between blocks. The only way to order accesses: one block writes, executes __threadfence, then an atomic
// operation; another block later executes an atomic operation on the same address, and may then read what was written.
// A volatile store or read serves as well.
// The last block to finish can so add up the results of all blocks.
#pragma once
#include <string.h>

#include "interface.h"
#include "shadow.h"

namespace hw5 {

class Fences {
  public:
    void block_begins() { acquired_count_ = 0; }

    // An atomic operation releases what the thread did up to its fence, what its block did before the last barrier, and
    // what the thread knows of its warp. Only a block's last releases are kept, one for an address.
    void release(uintptr_t address, Access fence, uint32_t barrier_time, const uint32_t (&known)[warp_size]) {
        if (!released_) released_ = reserve();
        Released &of_block = released_[block_of(fence)];
        int i = 0;
        while (i < kept_releases && of_block.last[i].address != address) i++;
        Release &release = of_block.last[i < kept_releases ? i : of_block.next++ % kept_releases];
        release = {address, fence, barrier_time, {}};
        memcpy(release.known, known, sizeof known);
    }

    // A thread of the current block executed an atomic operation on an address that others may have released. Only the
    // last few addresses are kept.
    void acquire(uintptr_t address, Access now) {
        for (int i = 0; i < acquired_count_ && i < kept; i++)
            if (acquired_[i].address == address) return;
        acquired_[acquired_count_++ % kept] = {address, now};
    }

    bool has_acquired(uintptr_t address, uint32_t thread, uint32_t barrier_time) const {
        for (int i = 0; i < acquired_count_ && i < kept; i++) {
            const Acquisition &a = acquired_[i];
            if (a.address == address && (a.by.thread == thread || a.by.time < barrier_time)) return true;
        }
        return false;
    }

    // Did an access of another block happen before what `thread` does now?
    bool orders(const Access &past, uint32_t thread, uint32_t launch_time, uint32_t barrier_time) const {
        if (!released_) return false;
        for (const Release &release : released_[block_of(past)].last)
            if (release.fence.time >= launch_time && release.covers(past) &&
                has_acquired(release.address, thread, barrier_time))
                return true;
        return false;
    }

  private:
    struct Release {
        uintptr_t address;
        Access fence;
        uint32_t barrier_time, known[warp_size];

        bool covers(const Access &past) const {
            if (past.time < barrier_time) return true;
            if (past.thread == fence.thread) return past.time <= fence.time;
            return past.thread / warp_size == fence.thread / warp_size && past.time < known[past.thread % warp_size];
        }
    };
    struct Acquisition {
        uintptr_t address;
        Access by;
    };
    static constexpr int kept = 8, kept_releases = 8;
    struct Released {
        Release last[kept_releases];
        unsigned next;
    };

    static uint32_t block_of(const Access &access) { return access.thread / max_block_threads; }
    // One for each block number that fits into `thread`.
    static Released *reserve() {
        return (Released *)reserve_for_check((1ull << 22) * sizeof(Released));
    }

    static inline Released *released_ = nullptr;  // by block
    Acquisition acquired_[kept];   // by the current block
    int acquired_count_ = 0;
};

}  // namespace hw5
