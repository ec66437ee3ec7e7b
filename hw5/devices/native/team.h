// The threads of a stretch: parallel loops with work stealing.
#pragma once
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <thread>
#include <vector>

// The tasks of a repeated phase, which threads may do in any order. A task prefers the thread that did it last, whose
// cache has its data; a thread without tasks steals those that no other has started. So a slow core does less.
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
        std::atomic<uint32_t> phase{0};  // in which it was last started
    };
    std::vector<Task> tasks_;
};

// Synchronises the threads of a stretch. All go through the same phases, but the others may complete a phase before a
// thread that lost its core arrives.
class Team {
  public:
    struct Thread {
        int id;
        uint32_t phase = 0, goal = 0;  // its current phase, and done_ when that is complete
    };

    // work(i) for every task i, on this thread or others; returns when all are done.
    template <class Work>
    void parallel_for(Thread &self, Tasks &of_phase, Work work) {
        auto &tasks = of_phase.tasks_;
        self.phase++;
        self.goal += uint32_t(tasks.size());
        auto try_task = [&](size_t i) {
            uint32_t last = tasks[i].phase.load(std::memory_order_relaxed);
            if (!is_before(last, self.phase) || !tasks[i].phase.compare_exchange_strong(last, self.phase)) return;
            tasks[i].owner.store(self.id, std::memory_order_relaxed);
            work(int64_t(i));
            if (done_.fetch_add(1) + 1 == self.goal && sleepers_.load() > 0) wake();
        };
        for (size_t i = 0; i < tasks.size(); i++)
            if (tasks[i].owner.load(std::memory_order_relaxed) == self.id) try_task(i);
        for (size_t i = tasks.size(); i-- > 0 && !is_complete(self.goal);) try_task(i);
        wait(self.goal);
    }

    // work() on the first thread, which called; returns when it is done.
    template <class Work>
    void on_first_thread(Thread &self, Work work) {
        self.phase++;
        self.goal++;
        if (self.id == 0) {
            work();
            done_.fetch_add(1);
            if (sleepers_.load() > 0) wake();
        }
        wait(self.goal);
    }

  private:
    static constexpr int MAX_SPINS = 1000;  // about 20 microseconds

    static bool is_before(uint32_t a, uint32_t b) { return int32_t(a - b) < 0; }  // also after an overflow
    bool is_complete(uint32_t goal) const { return !is_before(done_.load(std::memory_order_acquire), goal); }

    // Spin for a moment, then sleep: if another program has the core of the last working thread, it can use this one.
    void wait(uint32_t goal) {
        for (int spins = 0; spins < MAX_SPINS; spins++) {
            if (is_complete(goal)) return;
            pause();
        }
        sleepers_.fetch_add(1);
        for (uint32_t done; is_before(done = done_.load(), goal);)
            syscall(SYS_futex, &done_, FUTEX_WAIT_PRIVATE, done, nullptr, nullptr, 0);  // returns if done_ has changed
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

    alignas(128) std::atomic<uint32_t> done_{0};  // number of tasks done in all phases
    alignas(128) std::atomic<int> sleepers_{0};
};

// work(thread) for 0 .. threads - 1, the first on this thread. If a thread cannot be created, no work starts, and
// std::system_error is thrown.
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
