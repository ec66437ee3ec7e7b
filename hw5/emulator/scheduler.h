// Run blocks one after another, with a fiber for each thread, which yields only where it waits. A thread gets a stack
// when it first runs, and passes it on when it exits, so the threads of a kernel that never waits run as a plain loop.
#pragma once
#include "checker.h"
#include "machine.h"
#include "warp.h"

namespace hw5 {

inline void thread_main();

inline void make_current(int thread) {
    machine.current = thread;
    machine.position->thread = machine.index[thread];
}

// Whether the thread runs for the first time; marks it as started.
inline bool first_run(int thread) {
    unsigned &unstarted = machine.warp[thread / warp_size].unstarted;
    const unsigned bit = 1u << (thread % warp_size);
    const bool first = unstarted & bit;
    unstarted &= ~bit;
    return first;
}

inline void run(Fiber &from, int thread) {
    make_current(thread);
    Thread &next = machine.thread[thread];
    if (first_run(thread)) {
        next.stack = machine.stacks.take();
        prepare(next.fiber, machine.stacks.low(next.stack), machine.stacks.top(next.stack), thread_main);
    }
    switch_fiber(from, next.fiber);
}

[[noreturn]] inline void fail_timeout(const Party &party) {
    Fault fault = {};
    fault.kind = FaultKind::timeout;
    fault.party = party;
    fail(fault);
}

// All threads wait. If they wait at two barriers, the one with fewer threads is reported first, because it is in a
// branch that not all threads took.
[[noreturn]] inline void fail_deadlock() {
    Fault fault = {};
    fault.kind = FaultKind::divergence;
    fault.threads = machine.threads;
    fault.exited = machine.exited;
    int first = -1, elsewhere = -1;
    for (int t = 0; t < machine.threads; t++) {
        const Warp &warp = machine.warp[t / warp_size];
        const unsigned bit = 1u << (t % warp_size);
        if (warp.in_operation & bit) {
            const unsigned absent = machine.thread[t].mask & warp.members & ~warp.exited & ~warp.in_operation;
            fail_warp(Divergence::warp_incomplete, t, absent ? __builtin_ctz(absent) : 0);
        }
        if (!(warp.at_barrier & bit)) continue;
        if (first < 0) first = t;
        const bool same = same_site(machine.thread[t].site, machine.thread[first].site);
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
inline bool open_converging() {
    bool opened = false;
    for (int w = 0; w < machine.warps; w++) {
        Warp &warp = machine.warp[w];
        while (warp.converging) {
            Thread *threads = machine.thread + w * warp_size;
            const Site site = threads[__builtin_ctz(warp.converging)].site;
            unsigned lanes = 0;
            for_each_lane(warp.converging, [&](int lane) {
                if (same_site(threads[lane].site, site)) lanes |= 1u << lane;
            });
            for_each_lane(lanes, [&](int lane) { threads[lane].value = lanes; });
            warp.converging &= ~lanes;
            machine.ready.add(w, lanes);
            opened = true;
        }
    }
    return opened;
}

// The next thread to run; -1 if all have exited or wait for what does not come.
inline int next_thread(int last_warp) {
    const int next = machine.ready.take(last_warp);
    return next >= 0 || !open_converging() ? next : machine.ready.take(last_warp);
}

// Yield until this thread is ready and chosen again.
inline void wait() {
    if (machine.time_is_up) fail_timeout(party_of(machine.current));
    machine.spins = 0;
    const int me = machine.current, next = next_thread(me / warp_size);
    if (next < 0) fail_deadlock();
    if (next != me) run(machine.thread[me].fiber, next);
}

// The current thread is ready. In a fixed order it continues, otherwise another may be chosen first.
inline void proceed() {
    if (machine.ready.has_fixed_order()) machine.ready.remove(machine.current / warp_size, machine.my_bit());
    else wait();
}

inline void open_barrier() {
    Barrier &barrier = machine.barrier;
    barrier.result = barrier.true_count;
    barrier.arrived = barrier.true_count = 0;
    barrier.mixed = false;
    unsigned lanes[max_block_threads / warp_size];
    for (int w = 0; w < machine.warps; w++) {
        machine.warp[w].at_barrier = 0;
        lanes[w] = machine.warp[w].members;
    }
    machine.ready.fill(lanes, machine.warps);
    checker.barrier_opened();
}

// Runtime::barrier
inline int barrier(bool predicate, Site site) {
    checker.settle();
    Barrier &barrier = machine.barrier;
    Thread &me = machine.me();
    me.site = site;
    me.frame = __builtin_frame_address(0);
    machine.my_warp().at_barrier |= machine.my_bit();
    barrier.true_count += predicate;
    if (barrier.arrived++ == 0) barrier.site = site;
    else if (!same_site(site, barrier.site)) barrier.mixed = true;
    if (barrier.arrived < machine.threads) {
        wait();
    } else if (barrier.mixed) {
        fail_deadlock();
    } else {
        open_barrier();
        proceed();
    }
    return machine.barrier.result;
}

// Runtime::warp
inline uint64_t warp_operation(WarpOp op, unsigned mask, uint64_t value, int source, Site site) {
    checker.settle();
    Thread &me = machine.me();
    me.op = op;
    me.mask = mask;
    me.value = value;
    me.source = source;
    me.site = site;
    me.frame = __builtin_frame_address(0);
    if (!(mask & machine.my_bit())) fail_warp(Divergence::not_in_mask, machine.current);
    machine.my_warp().in_operation |= machine.my_bit();
    if (complete(machine.current / warp_size, mask)) proceed();
    else wait();
    return me.value;
}

// Runtime::converge
inline unsigned converge(Site site) {
    checker.settle();
    Thread &me = machine.me();
    me.site = site;
    me.frame = __builtin_frame_address(0);
    machine.my_warp().converging |= machine.my_bit();
    wait();
    return (unsigned)me.value;
}

inline unsigned converged(unsigned mask) {
    const Warp &warp = machine.my_warp();
    return mask & warp.members & ~warp.exited;
}

// Runtime::spin. A thread that repeats an atomic operation or a volatile read may wait for another thread of its block,
// so it yields now and then, but not so often that a thread which merely does a lot is slowed down.
inline void spin() {
    checker.settle();
    constexpr unsigned patience = 4096;
    if (++machine.spins < patience) return;
    machine.spins = 0;
    Thread &me = machine.me();
    me.site = {};
    me.frame = __builtin_frame_address(0);
    if (machine.time_is_up) fail_timeout(party_of(machine.current));
    const int mine = machine.current, other = machine.ready.take_other_warp(mine);
    machine.ready.add(mine / warp_size, machine.my_bit());
    if (other >= 0) run(machine.thread[mine].fiber, other);
}

inline void retire(int thread) {
    Warp &warp = machine.warp[thread / warp_size];
    warp.exited |= 1u << (thread % warp_size);
    machine.exited++;
    if (warp.in_operation) complete_without(thread);
}

// The function of every fiber: run a thread, then threads that have not started, on the same stack.
inline void thread_main() {
    const Kernel &kernel = *machine.launch->kernel;
    const int stack = machine.me().stack;
    for (;;) {
        kernel.run(machine.launch->arguments);
        const int me = machine.current;
        checker.settle();
        retire(me);
        const int next = next_thread(me / warp_size);
        if (next >= 0 && first_run(next)) {
            machine.thread[next].stack = stack;
            make_current(next);
            continue;
        }
        machine.stacks.release(stack);
        Fiber finished;
        if (next >= 0) run(finished, next);
        if (machine.exited < machine.threads) fail_deadlock();
        switch_fiber(finished, machine.host);
    }
}

inline void run_block(unsigned number) {
    machine.block_index = number;
    machine.position->block = block_coordinates(number);
    machine.exited = 0;
    machine.barrier = {};
    unsigned lanes[max_block_threads / warp_size];
    for (int w = 0; w < machine.warps; w++) {
        const int left = machine.threads - w * warp_size;
        lanes[w] = left >= warp_size ? ~0u : (1u << left) - 1;
        machine.warp[w] = {lanes[w], lanes[w], 0, 0, 0, 0};
    }
    machine.ready.fill(lanes, machine.warps);
    machine.module->poison_shared(machine.launch->shared);
    checker.block_begins();
    run(machine.host, machine.ready.take(0));
}

// The order of blocks, which is undefined on a GPU. The random order steps through them by a stride that is coprime to
// their number, and so visits each once.
class BlockOrder {
  public:
    BlockOrder(Order order, unsigned count, Random &random) : order_(order), count_(count) {
        if (order < Order::random) return;
        start_ = random.below(count);
        do stride_ = 1 + random.below(count);
        while (gcd(stride_, count) != 1);
    }
    unsigned operator[](unsigned i) const {
        if (order_ == Order::reverse) return count_ - 1 - i;
        return (unsigned)((start_ + (uint64_t)i * stride_) % count_);
    }

  private:
    static unsigned gcd(unsigned a, unsigned b) { return b ? gcd(b, a % b) : a; }
    Order order_;
    unsigned count_, start_ = 0, stride_ = 1;
};

inline void run_grid() {
    const Launch &launch = *machine.launch;
    machine.ready.set_order(launch.order, launch.seed);
    const unsigned blocks = launch.grid[0] * launch.grid[1] * launch.grid[2];
    const BlockOrder order(launch.order, blocks, machine.ready.random());
    for (unsigned i = 0; i < blocks && !machine.faulted; i++) {
        run_block(order[i]);
        checker.block_ended();
    }
}

}  // namespace hw5
