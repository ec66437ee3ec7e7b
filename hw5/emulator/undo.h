// What was in memory before a launch wrote to it, in check mode.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace hw5 {

class Undo {
  public:
    void clear() { count_ = 0; }
    void keep(uintptr_t address, uint64_t size) {
        if (count_ == capacity_) {
            capacity_ = 2 * capacity_ + 1024;
            kept_ = (Kept *)realloc(kept_, capacity_ * sizeof *kept_);
        }
        Kept &kept = kept_[count_++];
        kept.address = address;
        kept.size = (uint32_t)size;
        memcpy(kept.bytes, (void *)address, size);
    }
    void undo() const {
        for (uint64_t i = 0; i < count_; i++) memcpy((void *)kept_[i].address, kept_[i].bytes, kept_[i].size);
    }

  private:
    struct Kept {
        uintptr_t address;
        uint32_t size;  // up to 4
        unsigned char bytes[4];
    } *kept_ = nullptr;
    uint64_t count_ = 0, capacity_ = 0;
};

}  // namespace hw5
