// The state of the current launch, and how a fault ends it.
#pragma once
#include <signal.h>

#include "fiber.h"
#include "interface.h"
#include "loaded.h"
#include "memory.h"
#include "ready.h"
#include "stacks.h"

namespace hw5 {

struct Thread {
    Fiber fiber;
    int stack;
    // what the thread waits for, if it waits
    Site site;
    const void *frame;
    WarpOp op;
    unsigned mask;
    int source;
    uint64_t value;  // the operand of a warp operation, then the result
};

// Each member is a set of lanes.
struct Warp {
    unsigned members;
    unsigned unstarted;
    unsigned exited;
    unsigned at_barrier;
    unsigned in_operation;
    unsigned converging;  // waiting for __activemask
};

struct Barrier {
    int arrived;
    int true_count;  // of those, threads whose predicate is true
    int result;  // of the last barrier that opened
    Site site;
    bool mixed;  // threads wait at different sites
};

struct Machine {
    const Launch *launch;
    LoadedModule *module;
    Position *position;
    unsigned block_index;
    int threads, warps, exited;  // of the block
    int current;
    Warp warp[max_block_threads / warp_size];
    Thread thread[max_block_threads];
    uint3 index[max_block_threads];  // threadIdx of each thread
    Barrier barrier;
    Ready ready;
    Stacks stacks;
    Fiber host;  // the caller of the launch
    Memory memory;
    Fault fault;
    bool faulted;
    Fault deferred_fault;  // a read of uninitialised memory, see Checker::defer_uninitialised
    bool has_deferred_fault;
    Fault note;  // a race that is harmless
    bool has_note;
    bool in_kernel;
    volatile sig_atomic_t time_is_up;
    unsigned spins;  // calls of Runtime::spin since a thread last waited
    FILE *output;  // of printf

    Thread &me() { return thread[current]; }
    Warp &my_warp() { return warp[current / warp_size]; }
    unsigned my_bit() const { return 1u << (current % warp_size); }
};

static Machine machine;

// blockIdx of a block number.
inline uint3 block_coordinates(unsigned number) {
    const unsigned *grid = machine.launch->grid;
    return {number % grid[0], number / grid[0] % grid[1], number / grid[0] / grid[1]};
}

inline bool same_site(Site a, Site b) {
    return a.line == b.line && (a.file == b.file || !strcmp(a.file, b.file));
}

inline uint64_t module_offset(const void *code) { return (uintptr_t)code - machine.module->base; }

// The trace of calls, innermost first: return addresses from the chain of frame pointers, which modules in check mode
// have. pc is in the innermost function; frame is that of the function it called.
inline void trace(Party &party, int thread, const void *pc, const void *frame) {
    party.frame_count = 0;
    if (pc) party.frames[party.frame_count++] = module_offset(pc) - 1;
    if (!checking || !frame) return;
    const uintptr_t low = (uintptr_t)machine.stacks.low(machine.thread[thread].stack), high = low + Stacks::size;
    for (auto link = (uintptr_t)frame; party.frame_count < max_frames;) {
        if (link < low || link + 16 > high) return;
        const void *return_address = ((void **)link)[1];
        if (!machine.module->contains((uintptr_t)return_address)) return;
        if (return_address != pc) party.frames[party.frame_count++] = module_offset(return_address) - 1;
        link = ((uintptr_t *)link)[0];
    }
}

// A waiting thread, or the current one.
inline Party party_of(int thread) {
    const Thread &t = machine.thread[thread];
    Party party = {};
    party.block = machine.position->block;
    party.thread = machine.index[thread];
    party.site = t.site;
    trace(party, thread, nullptr, t.frame);
    return party;
}

// The current thread at a code address.
inline Party current_party(const void *pc, const void *frame) {
    Party party = {};
    party.block = machine.position->block;
    party.thread = machine.index[machine.current];
    trace(party, machine.current, pc, frame);
    return party;
}

// A race explains a read of uninitialised memory; any other fault may be a consequence of it.
inline void record(const Fault &fault) {
    machine.fault = machine.has_deferred_fault && fault.kind != FaultKind::race ? machine.deferred_fault : fault;
    machine.faulted = true;
}

// End the launch with a fault, and abandon all threads.
[[noreturn]] inline void fail(const Fault &fault) {
    record(fault);
    machine.in_kernel = false;
    Fiber abandoned;
    switch_fiber(abandoned, machine.host);
    __builtin_unreachable();
}

inline Fault no_address_space() {
    Fault fault = {};
    fault.kind = FaultKind::launch;
    snprintf(fault.text, sizeof fault.text, "the emulator needs more address space than this process may have; raise the "
                                            "limit (ulimit -v)");
    return fault;
}
[[noreturn]] inline void fail_without_address_space() { fail(no_address_space()); }

}  // namespace hw5
