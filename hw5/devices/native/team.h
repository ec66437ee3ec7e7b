// The threads of a stretch, and how they share its work.
#pragma once
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <thread>
#include <vector>

// Tasks of a phase that comes again and again; any thread may do them, in any order. A task goes to the thread that had
// it the last time, in whose cache its numbers are; a thread that is done with its own takes what nobody has begun. So
// a core that is slow for a while gets less to do.
class Tasks {
  public:
    Tasks() = default;
    Tasks(int64_t count, int64_t threads) : tasks_(count) {
        for (int64_t i = 0; i < count; i++) tasks_[i].owner = int(i % threads);
    }

  private:
    friend class Team;
    struct alignas(64) Task {
        std::atomic<int> owner{0};
        std::atomic<uint32_t> phase{0};  // in which it was begun the last time
    };
    std::vector<Task> tasks_;
};

// What the threads of a stretch know of each other. Each of them goes through the same phases, but one that lost its
// core for a while may find some of them done without it.
class Team {
  public:
    // Where a thread is
    struct Place {
        int thread;
        uint32_t phase = 0, done_by_then = 0;
    };

    // work(i) for every task i, on this thread or on others; returns when all are done.
    template <class Work>
    void share(Place &place, Tasks &shared, Work work) {
        auto &tasks = shared.tasks_;
        place.phase++;
        place.done_by_then += uint32_t(tasks.size());
        auto try_task = [&](size_t i) {
            uint32_t last = tasks[i].phase.load(std::memory_order_relaxed);
            if (!is_before(last, place.phase) || !tasks[i].phase.compare_exchange_strong(last, place.phase)) return;
            tasks[i].owner.store(place.thread, std::memory_order_relaxed);
            work(int64_t(i));
            if (done_.fetch_add(1) + 1 == place.done_by_then && sleepers_.load() > 0) wake();
        };
        for (size_t i = 0; i < tasks.size(); i++)
            if (tasks[i].owner.load(std::memory_order_relaxed) == place.thread) try_task(i);
        for (size_t i = tasks.size(); i-- > 0 && !is_done(place);) try_task(i);
        wait(place);
    }

  private:
    static constexpr int MOST_SPINS = 1000;  // some 20 microseconds

    static bool is_before(uint32_t a, uint32_t b) { return int32_t(a - b) < 0; }  // where counts have run over, too
    bool is_done(const Place &place) const {
        return !is_before(done_.load(std::memory_order_acquire), place.done_by_then);
    }

    // Threads watch out for the last task for a moment, then sleep: where a neighbour holds the core of the one that is
    // waited for, those that wait leave theirs to whoever can use it, and are soon back on it.
    void wait(const Place &place) {
        for (int spins = 0; spins < MOST_SPINS; spins++) {
            if (is_done(place)) return;
            pause();
        }
        sleepers_.fetch_add(1);
        for (uint32_t done; is_before(done = done_.load(), place.done_by_then);)
            syscall(SYS_futex, &done_, FUTEX_WAIT_PRIVATE, done, nullptr, nullptr, 0);  // not once it is another one
        sleepers_.fetch_sub(1);
    }

    void wake() { syscall(SYS_futex, &done_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0); }

    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    alignas(128) std::atomic<uint32_t> done_{0};  // tasks, in all phases
    alignas(128) std::atomic<int> sleepers_{0};
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
