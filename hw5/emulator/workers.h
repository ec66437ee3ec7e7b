// The blocks of a launch, on several OS threads if it takes long, with the results of one.
//
// The launching OS thread begins alone, and others help it once the launch has taken longer than to wake them. Each takes
// the next block, so that the earliest one is always running.
//
// In fast mode, a block that does what can depend on other blocks, an atomic operation on global memory or printf, first
// waits until all earlier ones have ended. If blocks fail, the earliest of them is reported.
//
// In check mode, the launch is started again on one OS thread as soon as there is a fault or a conflict between blocks,
// with memory as it was before. So all reports are those of blocks that run one after another.
#pragma once
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "scheduler.h"
#include "setup.h"
#include "signals.h"

namespace hw5 {

// Whether it is another OS thread that ran blocks of the current launch.
inline bool helped(const Machine *m) { return m && m != mine && m->launch == grid.number; }

inline unsigned most_threads() {
    const unsigned asked = grid.launch->threads, most = max_machines;
    return asked < most ? (asked < grid.blocks ? asked : grid.blocks) : (most < grid.blocks ? most : grid.blocks);
}

inline void set_running(Machine &m, unsigned block) { __atomic_store_n(&m.running, block, __ATOMIC_SEQ_CST); }
inline bool is_running(const Machine *m) { return m && __atomic_load_n(&m->running, __ATOMIC_SEQ_CST) != no_block; }

inline bool is_first(const Machine &m) {
    for (const Machine *other : machines)
        if (other && other != &m && __atomic_load_n(&other->running, __ATOMIC_SEQ_CST) < m.block) return false;
    return true;
}

// Wait until all earlier blocks have ended.
inline void wait_for_earlier_blocks() {
    Machine &m = machine();
    if (m.is_first) return;
    constexpr int most_tries = 2000;
    const int64_t begin = nanoseconds();
    for (int tries = 0;; tries++) {
        const bool first = is_first(m);
        if (m.time_is_up || m.block > __atomic_load_n(&grid.failed, __ATOMIC_SEQ_CST)) {
            waits_at(m, {}, __builtin_frame_address(0));
            fail_timeout(party_of(m.current));  // what it says is of no interest if an earlier block has failed
        }
        if (first) break;
        if (tries >= most_tries) usleep(20);
#if defined(__x86_64__)
        else __builtin_ia32_pause();
#endif
    }
    m.waited += nanoseconds() - begin;
    m.is_first = true;
}

// Runtime::atomic
inline void before_atomic(const void *address) {
    Machine &m = machine();
    if (m.is_first && ++m.spins < patience) return;
    spin();
    if (!m.is_first && !grid.module->is_in_shared_memory(address, *m.shared)) wait_for_earlier_blocks();
}

// Before anything else that depends on the order of blocks.
inline void before_effect() {
    if (checking) checker().needs_order();
    else wait_for_earlier_blocks();
}

// Do not begin blocks after the one that has failed.
inline void begin_no_later_blocks(const Machine &m) {
    const unsigned failed = checking && m.fault.kind != FaultKind::timeout ? 0 : m.fault_block;
    unsigned known = __atomic_load_n(&grid.failed, __ATOMIC_SEQ_CST);
    while (failed < known &&
           !__atomic_compare_exchange_n(&grid.failed, &known, failed, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

// End those that are running.
inline void end_later_blocks() {
    for (bool more = true; more;) {
        more = false;
        for (Machine *other : machines) {
            if (!is_running(other) || other->running <= __atomic_load_n(&grid.failed, __ATOMIC_SEQ_CST)) continue;
            send_tick(*other);
            more = true;
        }
        if (more) usleep(1000);
    }
}

// Take blocks until there are none, or until it is clear that it is no help, since earlier blocks are waited for.
inline void run_next_blocks() {
    Machine &m = machine();
    const int64_t begin = nanoseconds();
    for (;;) {
        if (m.waited > 50 * 1000 && m.number != 0 && 2 * m.waited > nanoseconds() - begin) {
            grid.module->stays_alone(*grid.launch->kernel) = true;
            break;
        }
        set_running(m, __atomic_load_n(&grid.next, __ATOMIC_SEQ_CST));  // this one or a later one
        const unsigned block = __atomic_fetch_add(&grid.next, 1, __ATOMIC_SEQ_CST);
        if (block >= __atomic_load_n(&grid.failed, __ATOMIC_SEQ_CST)) break;
        set_running(m, block);
        m.is_first = false;
        run_block(block);
        if (m.faulted) break;
    }
    if (m.faulted) begin_no_later_blocks(m);
    set_running(m, no_block);
    if (m.faulted) end_later_blocks();
}

class Workers {
  public:
    static Workers &all() {
        static Workers workers;
        return workers;
    }

    // Run the blocks from grid.next on with the help of up to so many OS threads.
    void run(unsigned helpers) {
        start(helpers);
        grid.parallel = true;
        pthread_mutex_lock(&mutex_);
        open_ = helpers;
        round_++;
        pthread_cond_broadcast(&work_);
        pthread_mutex_unlock(&mutex_);
        run_next_blocks();
        pthread_mutex_lock(&mutex_);
        open_ = 0;
        while (busy_) pthread_cond_wait(&done_, &mutex_);
        pthread_mutex_unlock(&mutex_);
        grid.parallel = false;
        for (const Machine *m : machines)
            if (helped(m)) m->checker->leave(checker());
    }

  private:
    // The threads that are missing; after a fork, all.
    void start(unsigned count) {
        if (process_ != getpid()) {
            process_ = getpid();
            mutex_ = PTHREAD_MUTEX_INITIALIZER;
            work_ = done_ = PTHREAD_COND_INITIALIZER;
            started_ = 0;
        }
        sigset_t all, before;
        sigfillset(&all);
        for (const Handled &h : handled) sigdelset(&all, h.signal);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        for (; started_ < count; started_++) {
            Machine *&m = machines[started_ + 1];
            if (!m) m = new_machine((int)started_ + 1);
            pthread_t thread;
            if (pthread_create(&thread, nullptr, work, m)) break;
            pthread_detach(thread);
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    static void *work(void *m) {
        mine = (Machine *)m;
        mine->thread_id = (pid_t)syscall(SYS_gettid);
        Watchdog::use_signal_stack();
        for (uint64_t seen = 0;; all().help(seen)) {
        }
    }

    void help(uint64_t &seen) {
        pthread_mutex_lock(&mutex_);
        while (!open_ || round_ == seen) pthread_cond_wait(&work_, &mutex_);
        open_--, busy_++;
        seen = round_;
        pthread_mutex_unlock(&mutex_);
        if (get_ready(machine())) {
            checker().join(*machines[0]->checker);
            run_next_blocks();
        }
        pthread_mutex_lock(&mutex_);
        if (--busy_ == 0) pthread_cond_signal(&done_);
        pthread_mutex_unlock(&mutex_);
    }

    pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t work_ = PTHREAD_COND_INITIALIZER, done_ = PTHREAD_COND_INITIALIZER;
    pid_t process_ = 0;
    unsigned started_ = 0, open_ = 0, busy_ = 0;
    uint64_t round_ = 0;
};

}  // namespace hw5
