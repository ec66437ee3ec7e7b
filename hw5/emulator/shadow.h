// What check mode remembers of every four bytes that kernels touched: who wrote and who read them last, and when.
#pragma once
#include <stdint.h>
#include <sys/mman.h>

namespace hw5 {

#ifdef HW5_CHECK
constexpr bool checking = true;
#else
constexpr bool checking = false;
#endif

// One access of the past. Time is the checker's: it grows from launch to launch, and 0 is before all of them.
struct Access {
    uint32_t who;   // block * 1024 + thread
    uint32_t when;  // by the thread's clock
    uint32_t pc;    // of the module's code
};

struct Cell {
    Access write;
    Access atomics[2], reads[2];  // two suffice: see Checker::remember
    uint32_t split;               // time at which the four bytes got cells of their own
};

// A cell a word, and once threads touch single bytes of a word, a cell for each of its bytes. All of it is reserved
// address space, which costs memory only where it is touched.
class Shadow {
  public:
    explicit Shadow(uint64_t bytes = 0) : words_count_(bytes / 4 + 2) {}

    Cell *word(uint64_t index) {
        if (!words_) words_ = reserve(words_count_);
        return words_ + index;
    }
    Cell *bytes_of_word(uint64_t index) {
        if (!bytes_) bytes_ = reserve(4 * words_count_);
        return bytes_ + 4 * index;
    }
    // Forget everything, and give the memory back.
    void release() {
        if (words_) munmap(words_, words_count_ * sizeof(Cell));
        if (bytes_) munmap(bytes_, 4 * words_count_ * sizeof(Cell));
        words_ = bytes_ = nullptr;
    }

  private:
    static Cell *reserve(uint64_t cells) {
        return (Cell *)mmap(nullptr, cells * sizeof(Cell), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    }
    uint64_t words_count_;
    Cell *words_ = nullptr, *bytes_ = nullptr;
};

}  // namespace hw5
