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

    void declare(const char *name, Space space, uint64_t offset, uint64_t size, bool unset) {
        if (array_count == max_module_arrays) return;
        arrays[array_count] = make_region(0, size, space, name);
        arrays[array_count].unset = unset;
        arrays[array_count].low = offset + (is_shared(space) ? (uintptr_t)shared_low : base);
        offsets[array_count++] = offset;
    }
    static bool is_shared(Space space) { return space == Space::shared || space == Space::none; }

    // The __device__ or __constant__ variable of any module at an address, or null.
    static Region *find_variable(uintptr_t address) {
        for (LoadedModule *module = first; module; module = module->next)
            for (int i = 0; i < module->array_count; i++)
                if (!is_shared(module->arrays[i].space) && module->arrays[i].contains(address)) return &module->arrays[i];
        return nullptr;
    }

    // A launch that fails leaves the variables as they were. Larger ones than this are not kept.
    static constexpr uint64_t most_saved = 16 * 1024 * 1024;
    void save_variables() {
        uint64_t size = 0;
        for (int i = 0; i < array_count; i++)
            if (arrays[i].space == Space::variable) size += arrays[i].size;
        if (size > most_saved) size = 0;
        if (size != saved_size) saved = (char *)realloc(saved, size + 1), saved_size = size;
        if (size) copy_variables([](char *kept, char *variable, uint64_t n) { memcpy(kept, variable, n); });
    }
    void restore_variables() {
        if (saved_size) copy_variables([](char *kept, char *variable, uint64_t n) {
            if (memcmp(kept, variable, n)) memcpy(variable, kept, n);  // a constant table is not writable
        });
    }

    // Update the addresses if the OS thread has changed, since __shared__ is thread_local.
    void locate() {
        char *mine = (char *)module->dynamic_shared();
        if (mine == dynamic_shared) return;
        dynamic_shared = mine;
        dl_iterate_phdr(visit, this);
        for (int i = 0; i < array_count; i++)
            arrays[i].low = offsets[i] + (is_shared(arrays[i].space) ? (uintptr_t)shared_low : base);
    }

    // Fill shared memory with NaN or -1, and the dynamic array only up to the size that the launch requests.
    void poison_shared(unsigned dynamic_size) {
        memset(dynamic_shared, 0xFF, dynamic_size);
        for (int i = 0; i < array_count; i++)
            if (is_shared(arrays[i].space)) memset((char *)arrays[i].low, 0xFF, arrays[i].size);
    }

  private:
    char *saved = nullptr;
    uint64_t saved_size = 0;

    template <class Copy> void copy_variables(Copy copy) {
        char *kept = saved;
        for (int i = 0; i < array_count; i++) {
            if (arrays[i].space != Space::variable) continue;
            copy(kept, (char *)arrays[i].low, arrays[i].size);
            kept += arrays[i].size;
        }
    }

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
