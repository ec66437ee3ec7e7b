// What a compiled .cu file (a module), the runtime and Python agree on. runtime.py mirrors Fault, Launch and Module.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "cuda_types.h"

namespace hw5 {

constexpr int warp_size = 32;
constexpr unsigned max_block_threads = 1024;
constexpr unsigned max_dynamic_shared = 48 * 1024;
constexpr int max_arguments = 64;

// Where the running thread stands. The scheduler rewrites it whenever another thread runs.
struct Position {
    uint3 thread, block;
    dim3 block_size, grid_size;
};

// A place in the source, as __builtin_FILE and __builtin_LINE give it.
struct Site {
    const char *file;
    int line;
};

enum class WarpOp : int { sync, shuffle, ballot, add, min_signed, max_signed, min, max, bit_and, bit_or, bit_xor };
enum class AccessKind : int { read, write, atomic };

// What kernel code asks of the runtime. A module is given these functions, not linked to them: no symbol is shared
// between libraries, and a checking and a fast emulator live side by side in one process.
struct Runtime {
    // Wait for the whole block; return for how many threads the predicate was true.
    int (*barrier)(bool predicate, Site site);
    // Wait for the lanes of the mask; return this lane's result. source is the lane that a shuffle reads.
    uint64_t (*warp)(WarpOp op, unsigned mask, uint64_t value, int source, Site site);
    int (*lane)();
    // Check mode: a load or a store is about to happen at pc. A load or store of vector size must be aligned to it.
    void (*access)(uintptr_t address, size_t size, AccessKind kind, bool aligned, const void *pc, const void *frame);
    void (*fence)();
    void (*assertion)(const char *expression, Site site);
    void *(*move)(void *to, const void *from, size_t size);  // C's memmove and memset
    void *(*fill)(void *to, int byte, size_t size);
};

// What each module holds and the runtime fills in
struct Link {
    Position position;
    Runtime runtime;
};

// One argument of a kernel, whatever its type.
struct alignas(8) Slot {
    unsigned char bytes[8];
};

struct Kernel {
    const char *name;
    const char *signature;  // one character a parameter: a format character of Python's struct module
    Site site;              // where its body begins
    void (*run)(const Slot *arguments);  // the kernel's body, for the thread that is current
};

// The one symbol that a module exports.
struct Module {
    const Kernel *kernels;
    int kernel_count;
    Link *link;
    unsigned char *(*dynamic_shared)();  // of the calling OS thread
};

enum class Order : int { forward, reverse, random, warps };

struct Launch {
    void *module;  // what hw5_load returned
    const Kernel *kernel;
    uint64_t seed;
    double time_limit;  // seconds; 0 is none
    Order order;
    unsigned shared;
    unsigned grid[3], block[3];
    Slot arguments[max_arguments];
};

enum class FaultKind : int {
    launch, race, out_of_bounds, uninitialised, misaligned, divergence, timeout, assertion, arithmetic, stack_overflow
};
// Which of the ways to diverge: faults.py has a sentence for each.
enum class Divergence : int { exited, two_barriers, warp_incomplete, warp_mixed, not_in_mask, source_exited };
enum class Space : int { none, device, shared, dynamic_shared, variable };

constexpr int max_frames = 8;

// One side of a fault: who did what where. Code addresses are offsets in the module's file.
struct Party {
    uint3 block, thread;
    AccessKind access;
    Site site;
    int frame_count;
    uint64_t frames[max_frames];  // innermost first
};

struct Fault {
    FaultKind kind;
    Divergence divergence;
    Party party, other;
    // of an access
    uint64_t address, size;
    Space space;
    char array[64];
    int64_t offset;       // of the access in the array; negative before it
    uint64_t array_size;  // bytes
    // of a divergence
    int waiting, waiting_elsewhere, exited, threads;
    unsigned mask;
    int lane;
    char text[256];  // a failed assertion, or what is wrong with a launch
};

}  // namespace hw5
