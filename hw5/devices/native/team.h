// The threads of a stretch, and how they wait for each other.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

// A thread says that it has come by counting up on a line of the cache of its own, and watches the others' lines.
class Barrier {
  public:
    explicit Barrier(int64_t threads) : threads_(threads), arrivals_(new Arrivals[threads]) {}

    void wait(int64_t thread) {
        int64_t mine = arrivals_[thread].count.load(std::memory_order_relaxed) + 1;
        arrivals_[thread].count.store(mine, std::memory_order_release);
        for (int64_t other = 0; other < threads_; other++)
            for (int spins = 0; arrivals_[other].count.load(std::memory_order_acquire) < mine; spins++)
                spins < MOST_SPINS ? pause() : std::this_thread::yield();
    }

  private:
    static constexpr int MOST_SPINS = 2000;  // some 30 microseconds: who is later than that has lost its core for a while

    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    struct alignas(128) Arrivals {
        std::atomic<int64_t> count{0};
    };
    int64_t threads_;
    std::unique_ptr<Arrivals[]> arrivals_;
};

// work(thread) on every thread of 0 .. threads - 1, the first of which is this one. No work is begun where a thread cannot
// be had: std::system_error.
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
