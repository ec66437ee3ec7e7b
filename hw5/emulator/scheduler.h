// Run a block, with a fiber for each thread, which yields only where it waits. A thread gets a stack when it first runs,
// and passes it on when it exits, so the threads of a kernel that never waits run as a plain loop.
#pragma once
#include "checker.h"
#include "machine.h"
#include "warp.h"

namespace hw5 {

inline void thread_main();

inline void make_current(Machine &m, int thread) {
    m.current = thread;
    m.position->thread = grid.index[thread];
    m.position->lane = thread % warp_size;
}

// Whether the thread runs for the first time; marks it as started.
inline bool first_run(Machine &m, int thread) {
    unsigned &unstarted = m.warp[thread / warp_size].unstarted;
    const unsigned bit = 1u << (thread % warp_size);
    const bool first = unstarted & bit;
    unstarted &= ~bit;
    return first;
}

inline void run(Machine &m, Fiber &from, int thread) {
    make_current(m, thread);
    Thread &next = m.thread[thread];
    if (first_run(m, thread)) {
        next.stack = m.stacks.take();
        prepare(next.fiber, m.stacks.low(next.stack), m.stacks.top(next.stack), thread_main);
    }
    if (checking) m.position->stack = (uintptr_t)m.stacks.low(next.stack);
    switch_fiber(from, next.fiber);
}

[[noreturn]] HW5_COLD void fail_timeout(const Party &party) {
    Fault fault = {};
    fault.kind = FaultKind::timeout;
    fault.party = party;
    fail(fault);
}

// All threads wait. If they wait at two barriers, the one with fewer threads is reported first, because it is in a
// branch that not all threads took.
[[noreturn]] HW5_COLD void fail_deadlock() {
    Fault fault = {};
    fault.kind = FaultKind::divergence;
    fault.threads = grid.threads;
    fault.exited = machine().exited;
    int first = -1, elsewhere = -1;
    for (int t = 0; t < grid.threads; t++) {
        const Warp &warp = machine().warp[t / warp_size];
        const unsigned bit = 1u << (t % warp_size);
        if (warp.in_operation & bit) {
            const unsigned absent = machine().operands[t / warp_size].mask[t % warp_size] & warp.members & ~warp.exited & ~warp.in_operation;
            fail_warp(Divergence::warp_incomplete, t, absent ? __builtin_ctz(absent) : 0);
        }
        if (!(warp.at_barrier & bit)) continue;
        if (first < 0) first = t;
        const bool same = same_site(machine().thread[t].site, machine().thread[first].site);
        if (!same && elsewhere < 0) elsewhere = t;
        ++(same ? fault.waiting : fault.waiting_elsewhere);
    }
    if (elsewhere >= 0 && fault.waiting_elsewhere < fault.waiting) {
        const int t = first, n = fault.waiting;
        first = elsewhere, elsewhere = t;
        fault.waiting = fault.waiting_elsewhere, fault.waiting_elsewhere = n;
    }
    fault.divergence = elsewhere < 0 ? Divergence::exited : Divergence::two_barriers;
    fault.party = party_of(first);
    if (elsewhere >= 0) fault.other = party_of(elsewhere);
    fail(fault);
}

// All threads wait: let those go on that wait only for others to join them at __activemask.
HW5_COLD bool open_converging() {
    bool opened = false;
    for (int w = 0; w < grid.warps; w++) {
        Warp &warp = machine().warp[w];
        while (warp.converging) {
            Thread *threads = machine().thread + w * warp_size;
            const Site site = threads[__builtin_ctz(warp.converging)].site;
            unsigned lanes = 0;
            for_each_lane(warp.converging, [&](int lane) {
                if (same_site(threads[lane].site, site)) lanes |= 1u << lane;
            });
            for_each_lane(lanes, [&](int lane) { machine().operands[w].value[lane] = lanes; });
            warp.converging &= ~lanes;
            machine().ready.add(w, lanes);
            opened = true;
        }
    }
    return opened;
}

// The next thread to run; -1 if all have exited or wait for what does not come.
inline int next_thread(Machine &m, int last_warp) {
    const int next = m.ready.take(last_warp);
    return next >= 0 || !open_converging() ? next : m.ready.take(last_warp);
}

// Where the current thread waits, for reports.
inline void waits_at(Machine &m, Site site, const void *frame) {
    Thread &me = m.me();
    me.site = site;
    if (checking) me.frame = frame;
}

// Yield until this thread is ready and chosen again.
inline void wait(Machine &m) {
    if (m.time_is_up) fail_timeout(party_of(m.current));
    m.spins = m.turns = 0;
    const int me = m.current, next = next_thread(m, me / warp_size);
    if (next < 0) fail_deadlock();
    if (next == me) return;
#ifndef HW5_UCONTEXT
    // The stack of the thread that runs after the next one.
    const char *soon = (const char *)m.thread[(next + 1) % max_block_threads].fiber.stack_pointer;
    __builtin_prefetch(soon);
    __builtin_prefetch(soon + 64);
    __builtin_prefetch(soon + 128);
#endif
    run(m, m.thread[me].fiber, next);
}

// The current thread is ready. In a fixed order it continues, otherwise another may be chosen first.
inline void proceed(Machine &m) {
    if (m.ready.has_fixed_order()) m.ready.remove(m.current / warp_size, m.my_bit());
    else wait(m);
}

HW5_COLD void open_barrier(Machine &m) {
    Barrier &barrier = m.barrier;
    barrier.result = barrier.true_count;
    barrier.arrived = barrier.true_count = 0;
    barrier.mixed = false;
    unsigned lanes[max_block_threads / warp_size];
    for (int w = 0; w < grid.warps; w++) {
        m.warp[w].at_barrier = 0;
        lanes[w] = m.warp[w].members;
    }
    m.ready.fill(lanes, grid.warps);
    checker().barrier_opened();
}

// All threads of the block wait for the other blocks: the caller of the launch runs them.
HW5_COLD void park(Machine &m) {
    m.parked = true;
    switch_fiber(m.me().fiber, m.host);
}

inline int wait_at_barrier(bool predicate, Site site, bool of_grid) {
    Machine &m = machine();
    checker().settle();
    Barrier &barrier = m.barrier;
    waits_at(m, site, __builtin_frame_address(0));
    m.my_warp().at_barrier |= m.my_bit();
    barrier.true_count += predicate;
    if (barrier.arrived++ == 0) barrier.site = site;
    else if (!same_site(site, barrier.site)) barrier.mixed = true;
    if (barrier.arrived < grid.threads) {
        wait(m);
    } else if (barrier.mixed) {
        fail_deadlock();
    } else if (of_grid) {
        park(m);
    } else {
        open_barrier(m);
        proceed(m);
    }
    return barrier.result;
}

// Runtime::barrier
inline int barrier(bool predicate, Site site) { return wait_at_barrier(predicate, site, false); }

// Runtime::grid_barrier
inline void grid_barrier(Site site) { wait_at_barrier(false, site, true); }

// Runtime::warp
inline uint64_t warp_operation(WarpOp op, unsigned mask, uint64_t value, int source, Site site) {
    Machine &m = machine();
    checker().settle();
    const int warp_number = m.current / warp_size, lane = m.current % warp_size;
    Operands &operands = m.operands[warp_number];
    operands.op[lane] = op;
    operands.mask[lane] = mask;
    operands.value[lane] = value;
    operands.source[lane] = source;
    waits_at(m, site, __builtin_frame_address(0));
    if (!(mask & m.my_bit())) fail_warp(Divergence::not_in_mask, m.current);
    m.warp[warp_number].in_operation |= m.my_bit();
    if (complete(m, warp_number, mask)) proceed(m);
    else wait(m);
    return operands.value[lane];
}

// Runtime::converge
inline unsigned converge(Site site) {
    Machine &m = machine();
    checker().settle();
    waits_at(m, site, __builtin_frame_address(0));
    m.my_warp().converging |= m.my_bit();
    const Operands &operands = m.operands[m.current / warp_size];
    const int lane = m.current % warp_size;
    wait(m);
    return (unsigned)operands.value[lane];
}

inline unsigned converged(unsigned mask) {
    const Warp &warp = machine().my_warp();
    return mask & warp.members & ~warp.exited;
}

// All threads that are ready wait for what another block stores.
HW5_COLD void park_polling(Machine &m) {
    if (!grid.launch->kernel->cooperative || grid.blocks == 1) return;
    m.turns = 0;
    m.is_polling = true;
    m.ready.add(m.current / warp_size, m.my_bit());
    park(m);
}

// Runtime::spin. A thread that repeats an atomic operation or a volatile read may wait for another thread of its block,
// so it yields now and then, but not so often that a thread which merely does a lot is slowed down. Once all have done so,
// they may wait for another block.
constexpr unsigned patience = 4096;
inline void spin() {
    Machine &m = machine();
    checker().settle();
    if (++m.spins < patience) return;
    m.spins = 0;
    waits_at(m, {}, __builtin_frame_address(0));
    if (m.time_is_up) fail_timeout(party_of(m.current));
    if (++m.turns > grid.threads) return park_polling(m);
    const int other = m.ready.take_other_warp(m.current);
    if (other < 0) return park_polling(m);
    m.ready.add(m.current / warp_size, m.my_bit());
    run(m, m.me().fiber, other);
}

inline void retire(Machine &m, int thread) {
    Warp &warp = m.warp[thread / warp_size];
    warp.exited |= 1u << (thread % warp_size);
    m.exited++;
    if (warp.in_operation) complete_without(m, thread);
}

// The function of every fiber: run a thread, then threads that have not started, on the same stack.
inline void thread_main() {
    const Kernel &kernel = *grid.launch->kernel;
    Machine &m = machine();
    const int stack = m.me().stack;
    for (;;) {
        kernel.run(grid.launch->arguments);
        const int me = m.current;
        checker().settle();
        retire(m, me);
        const int next = next_thread(m, me / warp_size);
        if (next >= 0 && first_run(m, next)) {
            m.thread[next].stack = stack;
            make_current(m, next);
            continue;
        }
        m.stacks.release(stack);
        Fiber finished;
        if (next >= 0) run(m, finished, next);
        if (m.exited < grid.threads) fail_deadlock();
        switch_fiber(finished, m.host);
    }
}

// Run threads until all have exited, or wait for the grid.
inline void run_ready(Machine &m) {
    m.in_kernel = true;
    run(m, m.host, m.ready.take(0));
    m.in_kernel = false;
    if (!m.parked) checker().block_ended();
}

// Run a block on this OS thread.
inline void run_block(unsigned number) {
    Machine &m = machine();
    m.block = number;
    m.position->block = block_coordinates(number);
    m.exited = 0;
    m.spins = m.turns = 0;
    m.barrier = {};
    unsigned lanes[max_block_threads / warp_size];
    for (int w = 0; w < grid.warps; w++) {
        const int left = grid.threads - w * warp_size;
        lanes[w] = left >= warp_size ? ~0u : (1u << left) - 1;
        m.warp[w] = {lanes[w], lanes[w], 0, 0, 0, 0};
    }
    m.ready.fill(lanes, grid.warps);
    m.shared->poison(grid.launch->shared);
    checker().block_begins();
    if (m.copies) m.copies->block_begins();
    run_ready(m);
}

// Resume a block: after a barrier of the grid, or to poll again.
inline void run_parked_block() {
    Machine &m = machine();
    m.parked = false;
    if (!m.is_polling) open_barrier(m);
    m.is_polling = false;
    run_ready(m);
}

}  // namespace hw5
