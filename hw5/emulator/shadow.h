// The history that check mode keeps for every four bytes: which threads last wrote and read them, and when.
#pragma once
#include <stdint.h>
#include <sys/mman.h>

namespace hw5 {

#ifdef HW5_CHECK
constexpr bool checking = true;
#else
constexpr bool checking = false;
#endif

// A past access. Time is the checker's, which never decreases; 0 is before the first launch.
struct Access {
    uint32_t thread;  // block * 1024 + thread
    uint32_t time;    // on the thread's clock
    uint32_t pc;      // offset in the module
};

// As large as a line of the cache.
struct Cell {
    Access write;
    Access atomics[2], reads[2];  // two are enough, see Checker::remember
    // The lower byte counts changes if several OS threads run blocks; it is odd during a change. The rest is the launch in
    // which the four bytes got separate cells.
    uint32_t state;

    bool is_split(uint32_t launch) const { return state >> 8 == launch; }
    void split(uint32_t launch) { state = (state & 0xFF) | launch << 8; }
};
static_assert(sizeof(Cell) == 64, "");

// Large pages are faster, but where few bytes of a very large array are used they would take too much memory.
constexpr uint64_t least_in_large_pages = 4 << 20, most_in_large_pages = 256 << 20;  // bytes

// Reserved address space, which takes memory only where it is used. Ends the launch if there is none.
[[noreturn]] inline void fail_without_address_space();
inline void *reserve_for_check(uint64_t bytes) {
    void *pages =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) fail_without_address_space();
    if (bytes >= least_in_large_pages && bytes <= most_in_large_pages) madvise(pages, bytes, MADV_HUGEPAGE);
    return pages;
}

// A cell for each word, and for each byte of a word once its bytes are accessed separately.
class Shadow {
  public:
    explicit Shadow(uint64_t bytes = 0) : words_count_(bytes / 4 + 2) {}

    Cell *word(uint64_t index) { return cells(words_, words_count_) + index; }
    Cell *bytes_of_word(uint64_t index) { return cells(bytes_, 4 * words_count_) + 4 * index; }
    // Clear the history, and free its memory.
    void release() {
        if (words_) munmap(words_, words_count_ * sizeof(Cell));
        if (bytes_) munmap(bytes_, 4 * words_count_ * sizeof(Cell));
        words_ = bytes_ = nullptr;
    }

  private:
    // Reserved by the first OS thread that needs them.
    static Cell *cells(Cell *&first, uint64_t count) {
        Cell *known = __atomic_load_n(&first, __ATOMIC_ACQUIRE);
        if (known) return known;
        Cell *reserved = (Cell *)reserve_for_check(count * sizeof(Cell));
        if (__atomic_compare_exchange_n(&first, &known, reserved, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return reserved;
        munmap(reserved, count * sizeof(Cell));
        return known;
    }
    uint64_t words_count_;
    Cell *words_ = nullptr, *bytes_ = nullptr;
};

}  // namespace hw5
