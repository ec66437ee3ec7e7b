// The runtime of the emulator, called by Python and by modules; one library for each mode, fast and check.
//
// There is one launch at a time, since Python holds its global interpreter lock during calls.
#include <stdarg.h>
#include <stdio.h>

#include "blocks.h"

namespace hw5 {

static FILE *output;  // of printf

__attribute__((format(printf, 4, 5))) static void fail_at(FaultKind kind, Site site, const void *frame, const char *format, ...) {
    checker().settle();
    Fault fault = {};
    fault.kind = kind;
    fault.party = current_party(nullptr, frame);
    fault.party.site = site;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    fail(fault);
}
static void fail_assertion_at(const char *expression, Site site, const void *frame) {
    fail_at(FaultKind::assertion, site, frame, "%s", expression);
}

// Check mode sees a copy twice, because the bytes may arrive at any time from its line to that of the wait.
static void copy(void *to, const void *from, unsigned size, unsigned from_size, const void *pc, const void *frame) {
    Machine &m = machine();
    if (!m.copies) m.copies = new Copies();
    const Copy copy = {(uintptr_t)to, (uintptr_t)from, size, from_size, 0, m.current, pc, 0};
    checker().copy_begins(copy, frame);
    m.copies->add(copy);
}
static void commit() {
    if (machine().copies) machine().copies->commit(machine().current);
}
static void await(unsigned groups_left, bool all) {
    Machine &m = machine();
    Copy copy;
    while (m.copies && m.copies->take(m.current, groups_left, all, copy)) {
        checker().copy_arrives(copy);
        copy.arrive();
    }
}

#ifdef HW5_CHECK
static void *allocate(size_t size) {
    before_effect();
    checker().forget_regions();
    return memory.allocate(size, "malloc", grid.number + 1);
}
static void release(void *address) {
    if (!address) return;
    before_effect();
    checker().forget_regions();
    const Region *region = memory.find((uintptr_t)address);
    if (!region || !region->heap || region->low != (uintptr_t)address)
        fail_at(FaultKind::illegal, {}, __builtin_frame_address(0),
                "frees memory that is freed already, or that malloc and new have not returned");
    memory.release(address);
}
#else
static void *allocate(size_t size) { return malloc(size); }
static void release(void *address) { free(address); }
static void check_index(Site, const char *, int64_t, const void *) {}
static void check_place(Site, uintptr_t, uintptr_t, const void *) {}
static void check_access(uintptr_t, size_t, AccessKind, bool, const void *, const void *) {}
static void check_fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
#endif

static void fail_assertion(const char *expression, Site site) {
    fail_assertion_at(expression, site, __builtin_frame_address(0));
}

// %n would write to memory without a check, and CUDA does not have it.
static bool has_n(const char *format) {
    for (const char *at = strchr(format, '%'); at; at = strchr(at, '%')) {
        at++;
        at += strspn(at, "-+ #0123456789.*hlLqjzt");
        if (*at == 'n') return true;
        if (*at) at++;
    }
    return false;
}

// Into a buffer first: a wild pointer for %s ends the launch here, where the C library holds no lock of the stream.
static int print(const char *format, va_list arguments) {
    if (has_n(format)) fail_assertion_at("printf with %n", {nullptr, 0}, __builtin_frame_address(0));
    char text[4096];
    const int size = vsnprintf(text, sizeof text, format, arguments);
    before_effect();
    fputs(text, output ? output : stdout);
    return size;
}

static const Runtime runtime = {barrier, grid_barrier, warp_operation, check_access, check_fence, converge, converged,   spin,    before_atomic,
                                print,   fail_assertion, memmove,      memset,      check_index, check_place, allocate, release, fail_at, copy, commit, await};

__attribute__((format(printf, 1, 2))) static bool reject(const char *format, ...) {
    Fault fault = {};
    fault.kind = FaultKind::launch;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    record(fault);
    return false;
}

// Check the limits of a GPU.
static bool is_launchable(const Launch &launch) {
    const unsigned *grid = launch.grid, *block = launch.block;
    const uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    const uint64_t blocks = (uint64_t)grid[0] * grid[1] * grid[2];
    if (blocks == 0) return reject("the grid (%u,%u,%u) has no blocks", grid[0], grid[1], grid[2]);
    if (threads == 0) return reject("the block (%u,%u,%u) has no threads", block[0], block[1], block[2]);
    if (block[0] > 1024 || block[1] > 1024 || block[2] > 64 || threads > max_block_threads)
        return reject("the block (%u,%u,%u) is too large; the limits are 1024 threads and (1024,1024,64) per dimension",
                      block[0], block[1], block[2]);
    if (grid[0] > 0x7FFFFFFF || grid[1] > 65535 || grid[2] > 65535 || blocks > 0x7FFFFFFF)
        return reject("the grid (%u,%u,%u) is too large; the limits are (2147483647,65535,65535) blocks", grid[0],
                      grid[1], grid[2]);
    if (launch.shared > max_dynamic_shared)
        return reject("%u bytes of dynamic shared memory exceed the limit of %u", launch.shared, max_dynamic_shared);
    return true;
}

static void run(const Launch &launch, const Machine &m) {
    watchdog.start(launch.time_limit);
    grid.module->save_variables();
    run_grid();
    if (m.faulted) {
        grid.module->restore_variables();
        memory.release_heap(grid.number + 1);
    }
    watchdog.stop();
    fflush(output ? output : stdout);
}

}  // namespace hw5

using namespace hw5;
#define HW5_EXPORT extern "C" __attribute__((visibility("default")))

// Register a module; Python passes the result in Launch.
HW5_EXPORT LoadedModule *hw5_load(const Module *module) {
    static const bool installed = (Watchdog::install(), true);
    (void)installed;
    auto *loaded = new LoadedModule();
    loaded->module = module;
    loaded->locate();
    loaded->next = LoadedModule::first;
    LoadedModule::first = loaded;
    module->link->runtime = runtime;
    return loaded;
}

// Register a __shared__, __device__ or __constant__ array of a module with the checker.
// Returns its address, unless it is __shared__. space: 0 __shared__, 1 __device__, 2 __constant__, 3 __constant__ that has
// no value yet, 4 the compiler's own in shared memory: it says that constructors have run, since a GPU runs none.
HW5_EXPORT uint64_t hw5_declare(LoadedModule *module, const char *name, int space, uint64_t offset, uint64_t size) {
    const Space spaces[] = {Space::shared, Space::variable, Space::constant, Space::constant, Space::none};
    module->declare(name, spaces[space], offset, size, space == 3);
    return module->base + offset;
}

// The host has written to an address.
HW5_EXPORT void hw5_written(uintptr_t address) {
    if (Region *variable = LoadedModule::find_variable(address)) variable->unset = false;
}

// Send the output of printf to standard error, or back to standard output.
HW5_EXPORT void hw5_print_to_stderr(int yes) { output = yes ? stderr : stdout; }

HW5_EXPORT void *hw5_allocate(uint64_t size, const char *name) { return memory.allocate(size, name); }
HW5_EXPORT void hw5_release(void *address) { memory.release(address); }

// Is the range within allocated memory?
HW5_EXPORT int hw5_contains(uintptr_t address, uint64_t size) {
    const Region *region = memory.find(address);
    if (!region) region = LoadedModule::find_variable(address);
    return size == 0 || (region && size <= region->low + region->size - address);
}

// A race of the last launch that is harmless, because all threads store the same value; or null.
HW5_EXPORT const Fault *hw5_note() { return machines[0] && machines[0]->has_note ? &machines[0]->note : nullptr; }

// Record the accesses of launches from now on, in check mode; null ends it. Returns 0 in fast mode.
HW5_EXPORT int hw5_profile(Record *records, uint64_t capacity) {
#ifdef HW5_CHECK
    Checker::records = records, Checker::record_capacity = capacity;
    Checker::record_count = Checker::barriers = 0;
#endif
    return checking;
}

// The number of accesses recorded, and of barriers that blocks passed.
HW5_EXPORT void hw5_profiled(uint64_t *counts) {
#ifdef HW5_CHECK
    counts[0] = Checker::record_count, counts[1] = Checker::barriers;
#else
    counts[0] = counts[1] = 0;
#endif
}

// Run a kernel to its end; return the fault, or null.
HW5_EXPORT const Fault *hw5_launch(const Launch *launch) {
    Machine &m = first_machine();
    mine = &m;
    m.has_deferred_fault = m.has_note = false;
    if (is_launchable(*launch)) {
        set_up(*launch);
        if (get_ready(m)) run(*launch, m);
        else record(no_address_space());
    }
    mine = nullptr;
    return m.faulted ? &m.fault : nullptr;
}
