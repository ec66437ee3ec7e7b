// A module in memory: the addresses of its code, and of its __shared__ arrays in this OS thread.
#pragma once
#include <link.h>

#include "interface.h"
#include "memory.h"

namespace hw5 {

constexpr int max_module_arrays = 256;

struct LoadedModule {
    const Module *module;
    uintptr_t base, low, high;  // load address, and the range of all segments
    char *shared_low, *shared_high;  // all thread-local storage of the module, including hw5_dynamic_shared
    char *dynamic_shared;
    // Arrays of the module, for the checker; offsets are from base, or from shared_low.
    Region arrays[max_module_arrays];
    uint64_t offsets[max_module_arrays];
    int array_count;
    LoadedModule *next;  // in the list of all modules, which are never unloaded
    static inline LoadedModule *first = nullptr;

    bool contains(uintptr_t address) const { return address >= low && address < high; }

    void declare(const char *name, Space space, uint64_t offset, uint64_t size) {
        if (array_count == max_module_arrays) return;
        arrays[array_count] = make_region(0, size, space, name);
        offsets[array_count++] = offset;
    }

    // Update the addresses if the OS thread has changed, since __shared__ is thread_local.
    void locate() {
        char *mine = (char *)module->dynamic_shared();
        if (mine == dynamic_shared) return;
        dynamic_shared = mine;
        dl_iterate_phdr(visit, this);
        for (int i = 0; i < array_count; i++)
            arrays[i].low = offsets[i] + (arrays[i].space == Space::variable ? base : (uintptr_t)shared_low);
    }

    // Fill shared memory with NaN or -1, and the dynamic array only up to the size that the launch requests.
    void poison_shared(unsigned dynamic_size) {
        char *after = dynamic_shared + max_dynamic_shared;
        memset(shared_low, 0xFF, (size_t)(dynamic_shared - shared_low));
        memset(dynamic_shared, 0xFF, dynamic_size);
        memset(after, 0xFF, (size_t)(shared_high - after));
    }

  private:
    static int visit(dl_phdr_info *info, size_t, void *self) { return ((LoadedModule *)self)->match(*info); }

    bool match(const dl_phdr_info &info) {
        uintptr_t from = UINTPTR_MAX, to = 0;
        for (int i = 0; i < info.dlpi_phnum; i++) {
            const auto &header = info.dlpi_phdr[i];
            if (header.p_type != PT_LOAD) continue;
            const uintptr_t start = info.dlpi_addr + header.p_vaddr;
            if (start < from) from = start;
            if (start + header.p_memsz > to) to = start + header.p_memsz;
        }
        if ((uintptr_t)module < from || (uintptr_t)module >= to) return false;
        base = info.dlpi_addr, low = from, high = to;
        for (int i = 0; i < info.dlpi_phnum; i++)
            if (info.dlpi_phdr[i].p_type == PT_TLS) {
                shared_low = (char *)info.dlpi_tls_data;
                shared_high = shared_low + info.dlpi_phdr[i].p_memsz;
            }
        return true;
    }
};

}  // namespace hw5
