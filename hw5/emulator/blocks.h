// The blocks of a launch, in the order that it asks for; in the usual order, on several OS threads.
#pragma once
#include "cooperative.h"
#include "workers.h"

namespace hw5 {

// Whether help is worth its time, after some blocks, which took this many nanoseconds: others need about 50 us to begin.
inline bool is_long(unsigned done, int64_t taken) {
    constexpr int64_t to_begin = 50 * 1000;
    return taken > to_begin && taken / done * (grid.blocks - done) > 2 * to_begin;
}

// Run the blocks in an order, or the first of them; return how many have run when they may be shared.
inline unsigned run_alone() {
    Machine &m = machine();
    m.ready.set_order(grid.launch->order, grid.launch->seed);
    const BlockOrder order(grid.launch->order, grid.blocks, m.ready.random());
    const int64_t begin = grid.may_share ? nanoseconds() : 0;
    for (unsigned i = 0; i < grid.blocks && !m.faulted; i++) {
        run_block(order[i]);
        if (grid.may_share && is_long(i + 1, nanoseconds() - begin)) return i + 1;
    }
    return grid.blocks;
}

// After a launch on several OS threads: its first fault, and its first note.
inline void gather() {
    Machine &m = machine();
    for (const Machine *other : machines) {
        if (!helped(other)) continue;
        if (other->faulted && (!m.faulted || other->fault_block < m.fault_block)) {
            m.fault = other->fault;
            m.fault_block = other->fault_block;
            m.faulted = true;
        }
        if (other->has_note && (!m.has_note || other->note_block < m.note_block)) {
            m.note = other->note;
            m.has_note = true;
        }
    }
}

// Whether the blocks were not independent, or failed, so that the launch must be run again on one OS thread.
inline bool is_void() {
    bool found = checking && grid.failed == 0;
    for (const Machine *m : machines)
        if (m && m->launch == grid.number) found |= m->checker->has_open_race();
    return found;
}

inline bool start_again() {
    for (const Machine *m : machines)
        if (m && m->launch == grid.number) m->checker->undo();
    grid.module->restore_variables();
    grid.module->stays_alone(*grid.launch->kernel) = true;
    grid.may_share = false;
    grid.number++;  // a tick that is under way is not for what comes
    watchdog.start(grid.launch->time_limit);
    Machine &m = machine();
    m.faulted = true;  // so that its stacks are free again
    return get_ready(m);
}

// Run the blocks of the current launch; the fault, if there is one, is in machines[0].
inline void run_grid() {
    checker().launch_begins();
    if (grid.launch->kernel->cooperative) {
        Cooperative().run();
        return checker().launch_ended();
    }
    const unsigned done = run_alone();
    if (done < grid.blocks && !machine().faulted) {
        grid.next = done;
        grid.failed = grid.blocks;
        Workers::all().run(most_threads() - 1);
        if (is_void() && start_again()) {
            checker().launch_begins();
            run_alone();
        } else {
            gather();
        }
    }
    checker().launch_ended();
}

}  // namespace hw5
