// A module in memory: the addresses of its code and variables, and of its __shared__ arrays in each OS thread.
#pragma once
#include <link.h>

#include "interface.h"
#include "memory.h"

namespace hw5 {

constexpr int max_module_arrays = 256;
constexpr int max_machines = 32;  // OS threads that run blocks

inline bool is_shared(Space space) { return space == Space::shared || space == Space::none; }

// The __shared__ arrays of a module in one OS thread, since __shared__ is thread_local.
struct SharedMemory {
    unsigned char *dynamic = nullptr;
    int count = 0;
    Region arrays[max_module_arrays];

    // Update the addresses if the OS thread has changed.
    void locate(unsigned char *mine, intptr_t from_dynamic, const Region *declared, const uint64_t *offsets, int n) {
        if (mine == dynamic && n == declared_) return;
        dynamic = mine;
        for (; declared_ < n; declared_++) {
            if (!is_shared(declared[declared_].space)) continue;
            arrays[count] = declared[declared_];
            offsets_[count++] = offsets[declared_];
        }
        for (int i = 0; i < count; i++) arrays[i].low = (uintptr_t)mine + (uintptr_t)from_dynamic + offsets_[i];
    }

    // Fill shared memory with NaN or -1, and the dynamic array only up to the size that the launch requests.
    void poison(unsigned dynamic_size) {
        memset(dynamic, poison_byte, dynamic_size);
        for (int i = 0; i < count; i++) memset((char *)arrays[i].low, poison_byte, arrays[i].size);
    }

    uint64_t size(unsigned dynamic_size) const {
        uint64_t sum = dynamic_size;
        for (int i = 0; i < count; i++) sum += arrays[i].size;
        return sum;
    }
    // Copy all of it to a buffer of that size, or back.
    void save(char *kept, unsigned dynamic_size) const {
        memcpy(kept, dynamic, dynamic_size), kept += dynamic_size;
        for (int i = 0; i < count; kept += arrays[i++].size) memcpy(kept, (char *)arrays[i].low, arrays[i].size);
    }
    void restore(const char *kept, unsigned dynamic_size) {
        memcpy(dynamic, kept, dynamic_size), kept += dynamic_size;
        for (int i = 0; i < count; kept += arrays[i++].size) memcpy((char *)arrays[i].low, kept, arrays[i].size);
    }
    void drop_history() {
        for (int i = 0; i < count; i++) arrays[i].shadow.release();
    }

  private:
    uint64_t offsets_[max_module_arrays];
    int declared_ = 0;
};

struct LoadedModule {
    const Module *module;
    uintptr_t base, low, high;  // load address, and the range of all segments
    // Arrays of the module, for the checker; offsets are from base, or from the start of thread-local storage. A
    // __shared__ array has no address here.
    Region arrays[max_module_arrays];
    uint64_t offsets[max_module_arrays];
    int array_count;
    LoadedModule *next;  // in the list of all modules, which are never unloaded
    static inline LoadedModule *first = nullptr;

    bool contains(uintptr_t address) const { return address >= low && address < high; }

    void declare(const char *name, Space space, uint64_t offset, uint64_t size, bool unset) {
        if (array_count == max_module_arrays) return;
        arrays[array_count] = make_region(is_shared(space) ? 0 : base + offset, size, space, name);
        arrays[array_count].unset = unset;
        offsets[array_count++] = offset;
    }

    // Whether the blocks of a kernel are run by one OS thread only, since more have been no gain.
    bool &stays_alone(const Kernel &kernel) {
        if (!alone_) alone_ = (bool *)calloc((size_t)module->kernel_count + 1, sizeof *alone_);
        return alone_[&kernel - module->kernels];
    }

    // The shared memory of the calling OS thread, which has this number.
    SharedMemory &shared(int machine) {
        if (!shared_[machine]) shared_[machine] = new SharedMemory();
        return located(*shared_[machine]);
    }
    SharedMemory &located(SharedMemory &memory) {
        memory.locate(module->dynamic_shared(), shared_from_dynamic_, arrays, offsets, array_count);
        return memory;
    }
    bool is_in_shared_memory(const void *address, const SharedMemory &shared) const {
        return (uintptr_t)address - ((uintptr_t)shared.dynamic + (uintptr_t)shared_from_dynamic_) < shared_size_;
    }
    void drop_shared_history() {
        for (SharedMemory *shared : shared_)
            if (shared) shared->drop_history();
    }

    // The __device__ or __constant__ variable at an address, or null.
    Region *variable_at(uintptr_t address) {
        for (int i = 0; i < array_count; i++)
            if (!is_shared(arrays[i].space) && arrays[i].contains(address)) return &arrays[i];
        return nullptr;
    }
    static Region *find_variable(uintptr_t address) {
        for (LoadedModule *module = first; module; module = module->next)
            if (Region *found = module->variable_at(address)) return found;
        return nullptr;
    }

    // A launch that fails leaves the variables as they were. Larger ones than this are not kept.
    static constexpr uint64_t most_saved = 16 * 1024 * 1024;
    void save_variables() {
        uint64_t size = 0;
        for (int i = 0; i < array_count; i++)
            if (arrays[i].space == Space::variable) size += arrays[i].size;
        if (size > most_saved) size = 0;
        if (size != saved_size_) saved_ = (char *)realloc(saved_, size + 1), saved_size_ = size;
        if (size) copy_variables([](char *kept, char *variable, uint64_t n) { memcpy(kept, variable, n); });
    }
    void restore_variables() {
        if (saved_size_) copy_variables([](char *kept, char *variable, uint64_t n) {
            if (memcmp(kept, variable, n)) memcpy(variable, kept, n);  // a constant table is not writable
        });
    }

    // Find the addresses, once.
    void locate() {
        const auto *mine = module->dynamic_shared();  // so that this OS thread has the thread-local storage
        dl_iterate_phdr(visit, this);
        shared_from_dynamic_ = shared_low_ - (intptr_t)mine;
    }

  private:
    // All thread-local storage of the module, including hw5_dynamic_shared: where it starts in the OS thread that loaded
    // the module, and from hw5_dynamic_shared in any OS thread.
    intptr_t shared_low_ = 0, shared_from_dynamic_ = 0;
    uint64_t shared_size_ = 0;
    SharedMemory *shared_[max_machines];
    bool *alone_ = nullptr;
    char *saved_ = nullptr;
    uint64_t saved_size_ = 0;

    template <class Copy> void copy_variables(Copy copy) {
        char *kept = saved_;
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
                shared_low_ = (intptr_t)info.dlpi_tls_data;
                shared_size_ = info.dlpi_phdr[i].p_memsz;
            }
        return true;
    }
};

}  // namespace hw5
