// The state of the current launch and of the OS threads that run its blocks, and how a fault ends a block.
#pragma once
#include <signal.h>
#include <time.h>

#include "copies.h"
#include "fiber.h"
#include "interface.h"
#include "loaded.h"
#include "memory.h"
#include "ready.h"
#include "stacks.h"

// Not inlined, so that those who call it need little of their stack: a block has many.
#define HW5_COLD __attribute__((noinline)) static

namespace hw5 {

// In one line of the cache.
struct alignas(64) Thread {
    Fiber fiber;
    int stack;
    // where the thread waits, if it waits
    Site site;
    const void *frame;
};

// What a lane brings to a warp operation, and takes from it.
struct Operands {
    WarpOp op[warp_size];
    unsigned mask[warp_size];
    int source[warp_size];
    uint64_t value[warp_size];  // the operand, then the result
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

class Checker;

// What the OS threads of a launch share.
struct Grid {
    const Launch *launch;
    LoadedModule *module;
    unsigned blocks;
    int threads, warps;              // of a block
    uint64_t number;                 // of the launch
    uint3 index[max_block_threads];  // threadIdx of each thread
    bool may_share;      // its blocks may run on several OS threads, see workers.h
    bool parallel;       // and do so
    unsigned next;       // block that no OS thread has taken
    unsigned failed;     // the first block with a fault, or the number of blocks
};
static Grid grid;
static Memory memory;  // of the device

constexpr unsigned no_block = ~0u;

// An OS thread that runs blocks, one at a time.
struct Machine {
    int number;
    Position *position;
    SharedMemory *shared;
    unsigned block;
    int exited;  // threads of the block
    int current;
    Warp warp[max_block_threads / warp_size];
    Operands operands[max_block_threads / warp_size];
    Thread thread[max_block_threads];
    Barrier barrier;
    Ready ready;
    Stacks stacks;
    Fiber host;  // the caller of the launch
    Checker *checker;
    Copies *copies;  // null until a kernel copies asynchronously
    Fault fault;
    bool faulted;
    unsigned fault_block;
    Fault deferred_fault;  // a read of uninitialised memory, see Checker::defer_uninitialised
    bool has_deferred_fault;
    Fault note;  // a race that is harmless
    bool has_note;
    unsigned note_block;
    bool parked;    // its block waits for the grid
    bool is_polling;  // or for what another block stores
    volatile bool in_kernel;
    volatile sig_atomic_t time_is_up;
    unsigned spins;  // calls of Runtime::spin since a thread last waited
    int turns;       // how often a thread yielded in it since then
    bool has_tick;   // that was sent to it and has not come
    pid_t thread_id;
    uint64_t launch;      // in which it took part last
    unsigned running;     // its block, or an earlier one if it is about to take one; no_block if it runs none
    bool is_first;        // no earlier block is running, see workers.h
    int64_t waited;       // for earlier blocks, in nanoseconds

    Thread &me() { return thread[current]; }
    Warp &my_warp() { return warp[current / warp_size]; }
    unsigned my_bit() const { return 1u << (current % warp_size); }
};

static Machine *machines[max_machines];

// Of the calling OS thread, if it runs blocks. A fiber stays in one OS thread.
static thread_local __attribute__((tls_model("initial-exec"))) Machine *mine = nullptr;
inline Machine &machine() { return *mine; }

inline int64_t nanoseconds() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ll + now.tv_nsec;
}

// blockIdx of a block number.
inline uint3 block_coordinates(unsigned number) {
    const unsigned *size = grid.launch->grid;
    return {number % size[0], number / size[0] % size[1], number / size[0] / size[1]};
}

inline bool same_site(Site a, Site b) {
    return a.line == b.line && (a.file == b.file || !strcmp(a.file, b.file));
}

inline uint64_t module_offset(const void *code) { return (uintptr_t)code - grid.module->base; }

// The trace of calls, innermost first: return addresses from the chain of frame pointers, which modules in check mode
// have. pc is in the innermost function; frame is that of the function it called.
inline void trace(Party &party, int thread, const void *pc, const void *frame) {
    party.frame_count = 0;
    if (pc) party.frames[party.frame_count++] = module_offset(pc) - 1;
    if (!checking || !frame) return;
    const uintptr_t low = (uintptr_t)machine().stacks.low(machine().thread[thread].stack), high = low + Stacks::size;
    for (auto link = (uintptr_t)frame; party.frame_count < max_frames;) {
        if (link < low || link + 16 > high) return;
        const void *return_address = ((void **)link)[1];
        if (!grid.module->contains((uintptr_t)return_address)) return;
        if (return_address != pc) party.frames[party.frame_count++] = module_offset(return_address) - 1;
        link = ((uintptr_t *)link)[0];
    }
}

// A waiting thread, or the current one.
inline Party party_of(int thread) {
    const Thread &t = machine().thread[thread];
    Party party = {};
    party.block = machine().position->block;
    party.thread = grid.index[thread];
    party.site = t.site;
    trace(party, thread, nullptr, t.frame);
    return party;
}

// The current thread at a code address.
inline Party current_party(const void *pc, const void *frame) {
    Party party = {};
    party.block = machine().position->block;
    party.thread = grid.index[machine().current];
    trace(party, machine().current, pc, frame);
    return party;
}

// A race explains a read of uninitialised memory; any other fault may be a consequence of it.
inline void record(const Fault &fault) {
    Machine &m = machine();
    m.fault = m.has_deferred_fault && fault.kind != FaultKind::race ? m.deferred_fault : fault;
    m.fault_block = m.block;
    m.faulted = true;
}

// End the block with a fault, and abandon all its threads.
[[noreturn]] inline void fail(const Fault &fault) {
    record(fault);
    machine().in_kernel = false;
    Fiber abandoned;
    switch_fiber(abandoned, machine().host);
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
