// Signals: the time limit, an invalid pointer, an integer division by zero, and a stack overflow. Each ends the launch
// with a report instead of the process.
#pragma once
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "machine.h"
#include "scheduler.h"

namespace hw5 {

struct Interrupted {
    const void *pc, *frame;
};

inline Interrupted interrupted(void *context) {
    const mcontext_t &state = ((ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
    return {(void *)state.gregs[REG_RIP], (void *)state.gregs[REG_RBP]};
#else
    return {(void *)state.pc, (void *)state.regs[29]};
#endif
}

// trace expects a return address, which is after the instruction, so 1 is added.
inline Party interrupted_party(Interrupted at) {
    const bool in_module = grid.module->contains((uintptr_t)at.pc);
    return current_party(in_module ? (const char *)at.pc + 1 : nullptr, at.frame);
}

inline int timer_signal() { return SIGRTMIN + 9; }

// The value of a tick that is sent to an OS thread of the current launch.
inline void *tick_value() { return (void *)(2 * (uintptr_t)grid.number + checking); }

// One at a time: those that wait would interrupt each other's handler, until the stack of signals is full.
inline void send_tick(Machine &m) {
    if (__atomic_exchange_n(&m.has_tick, true, __ATOMIC_SEQ_CST)) return;
    siginfo_t info = {};
    info.si_code = SI_QUEUE;
    info.si_value.sival_ptr = tick_value();
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), m.thread_id, timer_signal(), &info)) m.has_tick = false;
}
inline void tick_has_come(const siginfo_t *info) {
    const bool is_of_mode = ((uintptr_t)info->si_value.sival_ptr & 1) == checking;
    if (mine && info->si_code == SI_QUEUE && is_of_mode) __atomic_store_n(&mine->has_tick, false, __ATOMIC_SEQ_CST);
}

// The timer ticks in the OS thread that launches, which passes it on.
inline bool is_own_tick(const siginfo_t *info) {
    if (!mine) return false;
    if (info->si_code == SI_QUEUE) return info->si_value.sival_ptr == tick_value();
    return mine->number == 0;
}

// When a launch began: by the clock, and of the time that processors have spent on this program.
static struct {
    int64_t clock, processors;
} began;
inline int64_t processor_time() {
    timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}
// On a busy machine, a launch may take longer.
inline bool has_time_left() {
    const double limit = grid.launch->time_limit * 1e9;
    return (double)(processor_time() - began.processors) < 0.9 * limit && (double)(nanoseconds() - began.clock) < 20 * limit;
}

// At the first tick after the time limit, only time_is_up is set: the runtime reads it whenever the kernel waits or, in
// check mode, accesses memory, and can report the line. A loop that does neither is stopped by a later tick, but only
// in the kernel's own code, because the C library may hold a lock.
inline void on_tick(const siginfo_t *info, void *context) {
    Machine &m = machine();
    if (info->si_code != SI_QUEUE && !m.time_is_up && has_time_left()) return;
    if (info->si_code != SI_QUEUE)
        for (Machine *other : machines)
            if (other && other != &m && other->in_kernel) send_tick(*other);
    if (!m.in_kernel) return;
    if (!m.time_is_up) {
        m.time_is_up = 1;
        return;
    }
    const Interrupted at = interrupted(context);
    if (grid.module->contains((uintptr_t)at.pc)) fail_timeout(interrupted_party(at));
}

// clang++'s -fsanitize=bounds executes such an instruction instead of an access that it knows to be outside.
inline void outside_local(Fault &fault) {
    fault.kind = FaultKind::out_of_bounds;
    snprintf(fault.text, sizeof fault.text,
             "accesses memory outside the local variable that its pointer points to, or through a null pointer");
}

[[noreturn]] inline void on_trap(int signal, const siginfo_t *info, void *context) {
    const auto address = (uintptr_t)info->si_addr;
    checker().settle();  // of an index that is out of bounds, after which clang++ may trap
    Fault fault = {};
    if (signal == SIGFPE) fault.kind = FaultKind::arithmetic;
    else if (checking && (signal == SIGILL || signal == SIGTRAP)) outside_local(fault);
    else if (signal == SIGILL || signal == SIGTRAP || signal == SIGABRT) fault.kind = FaultKind::illegal;
    else if (machine().stacks.in_guard(address)) fault.kind = FaultKind::stack_overflow;
    else fault.kind = FaultKind::out_of_bounds;
    fault.address = address;
    fault.party = interrupted_party(interrupted(context));
    fail(fault);
}

// The previous handlers of these signals, of the other mode's runtime or of Python.
static struct Handled {
    int signal;
    struct sigaction previous;
} handled[] = {{SIGSEGV, {}}, {SIGBUS, {}}, {SIGFPE, {}}, {SIGILL, {}}, {SIGTRAP, {}}, {SIGABRT, {}}, {timer_signal(), {}}};

// The signal is not from a kernel: act as if this handler were not installed.
inline void call_previous_handler(int signal, siginfo_t *info, void *context) {
    for (const Handled &h : handled) {
        if (h.signal != signal) continue;
        if (h.previous.sa_flags & SA_SIGINFO) h.previous.sa_sigaction(signal, info, context);
        else if (signal != timer_signal()) sigaction(signal, &h.previous, nullptr);  // and let it be raised again
    }
}

inline void on_signal(int signal, siginfo_t *info, void *context) {
    if (signal == timer_signal()) tick_has_come(info);
    if (signal == timer_signal() && is_own_tick(info)) on_tick(info, context);
    else if (signal == timer_signal() || !mine || !mine->in_kernel) call_previous_handler(signal, info, context);
    else on_trap(signal, info, context);
}

class Watchdog {
  public:
    // Called once. The handlers have their own stack, because a fiber's may have overflowed. They do not change the
    // signal mask, because a handler that ends a launch does not return.
    static void install() {
        for (Handled &h : handled) {
            struct sigaction action = {};
            action.sa_sigaction = on_signal;
            action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
            sigaction(h.signal, &action, &h.previous);
        }
    }

    // Start the timer of the launching OS thread, if the launch has a time limit.
    void start(double seconds) {
        use_signal_stack();
        if (seconds <= 0) return;
        create_timer();
        began = {nanoseconds(), processor_time()};
        const auto whole = (time_t)seconds;
        set({{0, 20 * 1000 * 1000}, {whole, (long)((seconds - (double)whole) * 1e9) + 1}});
        running_ = true;
    }
    void stop() {
        if (running_) set({});
        running_ = false;
    }

    static void use_signal_stack() {
        static thread_local bool in_use = false;
        if (in_use) return;
        in_use = true;
        stack_t current;
        if (sigaltstack(nullptr, &current) == 0 && !(current.ss_flags & SS_DISABLE)) return;  // there is one already
        constexpr size_t size = 64 * 1024;
        stack_t stack = {};
        stack.ss_sp = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        stack.ss_size = size;
        sigaltstack(&stack, nullptr);
    }

  private:
    void create_timer() {
        const auto thread = (pid_t)syscall(SYS_gettid);
        if (thread == thread_) return;
        if (thread_) timer_delete(timer_);
        struct sigevent event = {};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = timer_signal();
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
        event.sigev_notify_thread_id = thread;
        timer_create(CLOCK_MONOTONIC, &event, &timer_);
        thread_ = thread;
    }
    void set(const struct itimerspec &time) { timer_settime(timer_, 0, &time, nullptr); }

    timer_t timer_;
    pid_t thread_ = 0;
    bool running_ = false;
};
static Watchdog watchdog;

}  // namespace hw5
