// The threads of a stretch, and how they wait for each other.
#pragma once
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <thread>
#include <vector>

// The last thread to come lets the others go. They watch out for it for a moment, then sleep: where a neighbour holds
// the core of the one that is waited for, those that wait leave theirs to whoever can use it, and are soon back on it.
class Barrier {
  public:
    explicit Barrier(int64_t threads) : threads_(threads) {}

    void wait() {
        const int round = round_.load();
        if (arrived_.fetch_add(1) + 1 == threads_) {
            arrived_.store(0);
            round_.store(round + 1);
            if (sleepers_.load() > 0) syscall(SYS_futex, &round_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
            return;
        }
        for (int spins = 0; spins < MOST_SPINS; spins++) {
            if (round_.load(std::memory_order_acquire) != round) return;
            pause();
        }
        sleepers_.fetch_add(1);
        while (round_.load() == round)
            syscall(SYS_futex, &round_, FUTEX_WAIT_PRIVATE, round, nullptr, nullptr, 0);  // not once it is another one
        sleepers_.fetch_sub(1);
    }

  private:
    static constexpr int MOST_SPINS = 1000;  // some 20 microseconds

    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    const int64_t threads_;
    alignas(128) std::atomic<int64_t> arrived_{0};
    alignas(128) std::atomic<int> round_{0}, sleepers_{0};
};

// work(thread) on every thread of 0 .. threads - 1, the first of which is this one. No work is begun where a thread
// cannot be had: std::system_error.
template <class Work>
void on_threads(int64_t threads, Work work) {
    enum { WAIT, GO, LEAVE };
    std::atomic<int> gate{WAIT};
    std::vector<std::thread> others;
    auto open = [&](int how) {
        gate.store(how, std::memory_order_release);
        if (how == GO) work(0);
        for (auto &other : others) other.join();
    };
    try {
        others.reserve(threads);
        for (int64_t thread = 1; thread < threads; thread++)
            others.emplace_back([&, thread] {
                int how;
                while ((how = gate.load(std::memory_order_acquire)) == WAIT) std::this_thread::yield();
                if (how == GO) work(thread);
            });
    } catch (...) {
        open(LEAVE);
        throw;
    }
    open(GO);
}
