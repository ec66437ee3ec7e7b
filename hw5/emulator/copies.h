// Asynchronous copies to shared memory. The bytes arrive when the thread that copies waits for them, as late as on any
// GPU, so that a kernel that does not wait has wrong results.
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "shadow.h"

namespace hw5 {

struct Copy {
    uintptr_t to, from;
    unsigned size, from_size;  // the rest becomes zero
    unsigned group;            // of the thread that copies, which waits for groups in order
    int thread;
    const void *pc;
    int next;  // of the thread, or free

    void arrive() const {
        memmove((void *)to, (const void *)from, from_size);
        memset((char *)to + from_size, 0, size - from_size);
    }
    bool overlaps(uintptr_t address, uint64_t bytes) const { return address < to + size && to < address + bytes; }
    bool is_same(const Copy &other) const {
        return to == other.to && from == other.from && size == other.size && from_size == other.from_size;
    }
};

// The copies of a block that no thread has waited for.
class Copies {
  public:
    bool any() const { return count_; }

    void block_begins() {
        memset(queues_, 0, sizeof queues_);
        if (count_) memset(marks_, 0, sizeof marks_);
        used_ = count_ = free_ = 0;
        low_ = UINTPTR_MAX, high_ = 0;
    }

    void add(Copy copy) {
        Queue &queue = queues_[copy.thread];
        copy.group = queue.groups;
        copy.next = 0;
        const int number = free_ ? free_ : ++used_;
        if (number >= capacity_) copies_ = (Copy *)realloc(copies_, (capacity_ = 2 * number + 256) * sizeof(Copy));
        if (free_) free_ = copies_[number].next;
        copies_[number] = copy;
        (queue.last ? copies_[queue.last].next : queue.first) = number;
        queue.last = number;
        count_++;
        mark(copy, 1);
    }
    void commit(int thread) { queues_[thread].groups++; }

    // Remove the first copy of a thread that is in none of its `left` last groups, or, with all, in any.
    bool take(int thread, unsigned left, bool all, Copy &copy) {
        Queue &queue = queues_[thread];
        const int number = queue.first;
        if (!number || (!all && copies_[number].group + left >= queue.groups)) return false;
        copy = copies_[number];
        queue.first = copy.next;
        if (!copy.next) queue.last = 0;
        copies_[number].next = free_;
        free_ = number;
        count_--;
        mark(copy, -1);
        return true;
    }

    // A copy to one of these bytes, or null
    const Copy *find(uintptr_t address, uint64_t size) const {
        if (!size || address >= high_ || address + size <= low_ || !is_marked(address, size)) return nullptr;
        for (const Queue &queue : queues_)
            for (int i = queue.first; i; i = copies_[i].next)
                if (copies_[i].overlaps(address, size)) return &copies_[i];
        return nullptr;
    }

  private:
    struct Queue {
        int first, last;  // numbers of copies, from 1
        unsigned groups;  // that have been committed
    };
    static constexpr uintptr_t most_marks = 1 << 18;

    void mark(const Copy &copy, int by) {
        if (!checking) return;
        if (copy.to < low_) low_ = copy.to;
        if (copy.to + copy.size > high_) high_ = copy.to + copy.size;
        for (uintptr_t word = copy.to / 4; word <= (copy.to + copy.size - 1) / 4; word++)
            marks_[word % most_marks] = (uint16_t)(marks_[word % most_marks] + by);
    }
    bool is_marked(uintptr_t address, uint64_t size) const {
        for (uintptr_t word = address / 4; word <= (address + size - 1) / 4; word++)
            if (marks_[word % most_marks]) return true;
        return false;
    }

    Copy *copies_ = nullptr;
    int capacity_ = 0, used_ = 0, count_ = 0, free_ = 0;
    uintptr_t low_ = UINTPTR_MAX, high_ = 0;  // of all bytes to which the block has copied
    Queue queues_[max_block_threads] = {};
    uint16_t marks_[most_marks] = {};  // copies by word, modulo their number
};

}  // namespace hw5
