// Device memory, and the array that an address belongs to.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "interface.h"
#include "shadow.h"

namespace hw5 {

// An array that kernels may access: allocated memory, a __shared__ array or a __device__ variable.
struct Region {
    uintptr_t low;
    uint64_t size;
    Space space;
    char name[64];
    Shadow shadow;
    bool unset;    // a __constant__ that nobody has written
    uint64_t gap;  // the inaccessible bytes on both sides of allocated memory
    uint64_t heap;  // the launch in which malloc allocated it, from 1, or 0

    bool contains(uintptr_t address) const { return address - low < size; }
    uint64_t distance(uintptr_t address) const {
        return address < low ? low - address : address < low + size ? 0 : address - (low + size);
    }
};

inline Region make_region(uintptr_t low, uint64_t size, Space space, const char *name) {
    Region region = {low, size, space, {}, Shadow(size), false, 0, 0};
    snprintf(region.name, sizeof region.name, "%s", name);
    return region;
}

class Memory {
  public:
    // Allocate memory filled with 0xFF bytes (NaN in any floating-point type); null if there is none left. Inaccessible
    // pages on both sides catch accesses far out of bounds in both modes.
    void *allocate(uint64_t size, const char *name, uint64_t heap = 0) {
        const uint64_t gap = gap_size(size), whole = padded(size) + 2 * gap;
        char *pages = (char *)mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (pages == MAP_FAILED) return nullptr;
        char *low = pages + gap;
        if (mprotect(low, padded(size), PROT_READ | PROT_WRITE)) {
            munmap(pages, whole);
            return nullptr;
        }
        memset(low, 0xFF, size);
        Region region = make_region((uintptr_t)low, size, Space::device, name);
        region.gap = gap;
        region.heap = heap;
        insert(region);
        return low;
    }

    void release(void *low) {
        const int i = first_above((uintptr_t)low) - 1;
        const uint64_t size = regions_[i].size, gap = regions_[i].gap;
        regions_[i].shadow.release();
        memmove(regions_ + i, regions_ + i + 1, (size_t)(--count_ - i) * sizeof(Region));
        munmap((char *)low - gap, padded(size) + 2 * gap);
    }

    void release_heap(uint64_t launch) {
        for (int i = count_; i-- > 0;)
            if (regions_[i].heap == launch) release((void *)regions_[i].low);
    }

    Region *find(uintptr_t address) {
        const int i = first_above(address) - 1;
        return i >= 0 && regions_[i].contains(address) ? &regions_[i] : nullptr;
    }
    Region *begin() { return regions_; }
    Region *end() { return regions_ + count_; }

  private:
    static constexpr uint64_t page = 64 * 1024;  // a multiple of every page size in use

    static uint64_t padded(uint64_t size) { return (size + page) / page * page; }
    // In check mode, an index that is off by millions should not be in another array. A gap takes address space, not memory.
    static constexpr uint64_t wide = 256 * 1024 * 1024, narrow = 1024 * 1024;
    static uint64_t gap_size(uint64_t size) { return checking ? padded(size) + (is_limited() ? narrow : wide) : page; }
    static bool is_limited() {
        rlimit space;
        return getrlimit(RLIMIT_AS, &space) || space.rlim_cur != RLIM_INFINITY;
    }

    // The position of the first region that starts above the address.
    int first_above(uintptr_t address) const {
        int low = 0, high = count_;
        while (low < high) {
            const int middle = (low + high) / 2;
            if (regions_[middle].low > address) high = middle;
            else low = middle + 1;
        }
        return low;
    }

    void insert(const Region &region) {
        if (count_ == capacity_) {
            capacity_ = 2 * capacity_ + 16;
            regions_ = (Region *)realloc(regions_, (size_t)capacity_ * sizeof(Region));
        }
        const int i = first_above(region.low);
        memmove(regions_ + i + 1, regions_ + i, (size_t)(count_ - i) * sizeof(Region));
        regions_[i] = region;
        count_++;
    }

    Region *regions_ = nullptr;  // by address
    int count_ = 0, capacity_ = 0;
};

}  // namespace hw5
