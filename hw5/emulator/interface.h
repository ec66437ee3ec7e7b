// The interface between a compiled .cu file (a module), the runtime, and Python (runtime.py mirrors it).
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "cuda_types.h"

namespace hw5 {

constexpr int warp_size = 32;
constexpr unsigned max_block_threads = 1024;
constexpr unsigned max_dynamic_shared = 227 * 1024;  // of an H100
constexpr unsigned char poison_byte = 0xFF;  // in shared memory when a block begins: NaN or -1
constexpr int max_arguments = 4095;  // slots of 8 bytes, CUDA's limit

// The indices of the current thread, updated by the scheduler at every switch. Each OS thread that runs blocks has one,
// at the beginning of the memory that has its stacks, which is aligned to its size: a kernel finds it from its stack.
struct Position {
    uint3 thread;
    int lane;
    uint3 block;
    dim3 block_size, grid_size;
    uintptr_t stack;  // the lowest address of its stack, in check mode
};
constexpr uintptr_t stack_size = 256 * 1024, stacks_size = 512 * 1024 * 1024;
inline __attribute__((always_inline)) const Position &position_here() {
    uintptr_t here;
#if defined(__x86_64__)
    asm("movq %%rsp, %0" : "=r"(here));
#else
    asm("mov %0, sp" : "=r"(here));
#endif
    return *(const Position *)(here & ~(stacks_size - 1));
}

// A source location from __builtin_FILE and __builtin_LINE.
struct Site {
    const char *file;
    int line;
};

enum class WarpOp : int {
    sync, shuffle, ballot, add, min_signed, max_signed, min, max, bit_and, bit_or, bit_xor, match, collective
};
enum class AccessKind : int { read, write, atomic, compare_and_swap, volatile_read, volatile_write, copy };

// What a lane brings to a collective operation, by address: the last of the 32 lanes to arrive runs it for all.
struct Collective {
    void (*run)(Collective *const *lanes, Site site);
};

enum class FaultKind : int {
    launch, race, out_of_bounds, uninitialised, misaligned, divergence, timeout, assertion, arithmetic, stack_overflow,
    illegal
};

// The functions of the runtime that a module calls. They are passed as pointers instead of linked, so that the
// libraries share no symbols, and a fast and a checking emulator can be in the same process.
struct Runtime {
    // Wait for the whole block; return the number of threads whose predicate is true.
    int (*barrier)(bool predicate, Site site);
    void (*grid_barrier)(Site site);  // wait for all blocks
    // Wait for the lanes of the mask; return the result for this lane. A shuffle reads lane `source`.
    uint64_t (*warp)(WarpOp op, unsigned mask, uint64_t value, int source, Site site);
    // Check mode: called before a load or store at pc. `aligned`: the address must be a multiple of the size.
    void (*access)(uintptr_t address, size_t size, AccessKind kind, bool aligned, const void *pc, const void *frame);
    void (*fence)();
    // Wait for the other lanes of the warp that can arrive at the site; return those that do.
    unsigned (*converge)(Site site);
    unsigned (*converged)(unsigned mask);  // without lanes that have exited, or that the block does not have
    void (*spin)();  // called by what a waiting loop repeats: let other threads run from time to time
    // Fast mode: called before an atomic operation. Blocks execute those on global memory in their order.
    void (*atomic)(const void *address);
    int (*print)(const char *format, va_list arguments);
    void (*assertion)(const char *expression, Site site);
    void *(*move)(void *to, const void *from, size_t size);  // memmove and memset
    void *(*fill)(void *to, int byte, size_t size);
    // Check mode: an index is outside an array of this type, such as 'float [4]'.
    void (*index)(Site site, const char *type, int64_t index, const void *frame);
    // Check mode: called before an access outside the variable that its pointer is to, or not aligned.
    void (*place)(Site site, uintptr_t address, uintptr_t alignment, const void *frame);
    void *(*allocate)(size_t size);  // malloc and free in check mode
    void (*release)(void *memory);
    // A fault that a function of the headers found, with the rest of the sentence on it, as printf's.
    void (*fault)(FaultKind kind, Site site, const void *frame, const char *format, ...);
    // Copy bytes to shared memory, and zeros after the first from_size of them, when the thread waits: for all of its
    // copies, or for those that are not in the last groups that it has committed.
    void (*copy)(void *to, const void *from, unsigned size, unsigned from_size, const void *pc, const void *frame);
    void (*commit)();
    void (*await)(unsigned groups_left, bool all);
};

// A part of each module that the runtime fills in.
struct Link {
    Runtime runtime;
};

// An argument of any type.
struct alignas(8) Slot {
    unsigned char bytes[8];
};

struct Kernel {
    const char *name;
    const char *signature;  // a format character of Python's struct module for each parameter, or s for a structure, T texture, S surface
    const char *targets;    // of each pointer, the format character of what it points to; else a space
    const unsigned *sizes, *offsets;  // of each parameter, in bytes; from the first slot
    Site site;              // the beginning of its body
    void (*run)(const Slot *arguments);  // run the body as the current thread
    bool cooperative;       // its blocks may wait for each other
};

// The only symbol that a module exports.
struct Module {
    const Kernel *kernels;
    int kernel_count;
    bool swaps;  // whether it has atomicCAS
    const char *about;  // JSON, for Python: what build.py knows of the module
    Link *link;
    unsigned char *(*dynamic_shared)();  // in the calling OS thread
};

enum class Order : uint16_t { forward, reverse, random, warps };

struct Launch {
    void *module;  // from hw5_load
    const Kernel *kernel;
    uint64_t seed;
    double time_limit;  // seconds; 0 for no limit
    Order order;
    uint16_t threads;  // of the operating system: the most that may run blocks
    unsigned shared;
    unsigned grid[3], block[3];
    alignas(16) Slot arguments[max_arguments];
};

// The kinds of divergence; faults.py has a message for each.
enum class Divergence : int { exited, two_barriers, warp_incomplete, warp_mixed, not_in_mask, source_exited, grid, lane_missing };
enum class Space : int { none, device, shared, dynamic_shared, variable, constant };

// An access that is recorded for a profile.
struct Record {
    uint64_t address;
    uint32_t pc;      // offset in the module
    uint32_t thread;  // block * 1024 + thread
    uint16_t size;
    uint8_t kind, space;
    uint32_t unused;
};

constexpr int max_frames = 8;

// A thread that takes part in a fault, and where it was. Code addresses are offsets in the module's file.
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
    // for an access
    uint64_t address, size;
    Space space;
    char array[64];
    int64_t offset;       // of the access from the start of the array
    uint64_t array_size;  // bytes
    // for a divergence
    int waiting, waiting_elsewhere, exited, threads;
    unsigned mask;
    int lane;
    char text[256];  // a failed assertion, why a launch is invalid, or what the thread does
};

}  // namespace hw5
