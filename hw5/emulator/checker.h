// Check mode examines every access: its bounds, alignment, initialisation and races.
//
// Two accesses to the same address race if at least one writes, they are not both atomic, and nothing orders them. They
// are ordered by the sequence of a thread, barriers, __syncwarp, fences (fences.h), and the end of a launch, but never
// by the schedule, so a race is reported in any order of threads. Other warp operations exchange values, but do not
// order memory accesses, as on a GPU.
#pragma once
#include "fences.h"
#include "machine.h"
#include "undo.h"

namespace hw5 {

#define HW5_COLD_MEMBER __attribute__((noinline))  // as HW5_COLD
constexpr int max_warps = max_block_threads / warp_size;

// Volatile accesses are kept as atomic operations, or become plain ones, see Checker::as_is.
inline bool is_atomic(AccessKind kind) { return kind >= AccessKind::atomic; }
inline bool is_volatile(AccessKind kind) { return kind >= AccessKind::volatile_read; }
inline bool is_update(AccessKind kind) { return is_atomic(kind) && !is_volatile(kind); }

#ifndef HW5_CHECK

class Checker {
  public:
    void block_begins() {}
    void block_ended() {}
    void barrier_opened() {}
    void warp_synchronised(int, unsigned) {}
    void settle() {}
    void launch_begins() {}
    void launch_ended() {}
    void join(const Checker &) {}
    void leave(Checker &) {}
    void needs_order() {}
    bool has_open_race() const { return false; }
    static constexpr bool is_recording() { return false; }
    static constexpr uint64_t epoch = 0;
    uint32_t latest() const { return 0; }
    void grid_opens(uint32_t) {}
    void undo() {}
    void copy_begins(const Copy &, const void *) {}
    void copy_arrives(const Copy &) {}
};
inline Checker &checker() { return *machine().checker; }

#else

class Checker {
  public:
    // Where accesses are recorded for a profile, or null; counted beyond the capacity too.
    static inline Record *records = nullptr;
    static inline uint64_t record_capacity = 0, record_count = 0, barriers = 0;

    static inline uint64_t epoch = 0;  // how often the clock was started again

    // The OS thread that launches determines the time; those that help it join and leave.
    void launch_begins() {
        if (latest_ > 0xF0000000u || touched_ > most_touched) drop_history();
        begin(latest_ + 1);
    }
    void join(const Checker &first) { begin(first.launch_time_); }
    void leave(Checker &first) {
        first.advance(latest_);
        first.touched_ += touched_;
        touched_ = 0;
        for (int i = 0; i < read_race_count_; i++) first.defer_read_race(read_race_[i], read_race_pc_[i]);
        for (int i = 0; i < swap_count_; i++) first.add_swap(swap_reads_[i]);
    }

    uint32_t latest() const { return latest_; }
    // All blocks have waited for each other, until after the latest time of all of them.
    void grid_opens(uint32_t time) {
        settled_time_ = barrier_time_ = latest_ = time;
        for (int t = 0; t < grid.threads; t++) clock_[t] = time;
    }

  private:
    void begin(uint32_t time) {
        launch_time_ = settled_time_ = latest_ = time;
        if (epoch_ != epoch) dynamic_.shadow.release();
        epoch_ = epoch;
        launch_ = 1 + (uint32_t)(grid.number % 0xFFFFFF);
        forget_regions();
        dynamic_.low = (uintptr_t)machine().shared->dynamic;
        dynamic_.size = grid.launch->shared;
        pending_ = Pending::nothing;
        read_race_count_ = swap_count_ = 0;
        if (grid.module->module->swaps) memset(recent_, 0, sizeof recent_);
        undo_.clear();
    }

  public:
    // A plain read before a compare-and-swap of the same word by the same thread is harmless, even if another thread has
    // changed the word: the swap fails, and the thread tries again. So reads that race with atomic operations are judged
    // at the end, when it is known which lines read for such a swap.
    void launch_ended() {
        if (machine().faulted && machine().fault.kind != FaultKind::timeout) return;
        if (const Fault *race = open_race()) record(*race);
    }
    bool has_open_race() const { return open_race(); }
    static bool is_recording() { return records; }

    // What the last access left open is decided by what has happened since: called before anything else happens.
    void settle() {
        if (pending_ != Pending::nothing) close();
    }
    HW5_COLD_MEMBER void close() {
        const Pending was = pending_;
        pending_ = Pending::nothing;
        if (was == Pending::store && !memcmp((void *)stored_low_, stored_, stored_high_ - stored_low_)) {
            Machine &m = machine();
            if (!m.has_note) m.note = open_, m.note_block = m.block;
            m.has_note = true;
            return;
        }
        fail(open_);
    }

    // An index is outside the array in its type. If the array is in shared or global memory, its access reports more.
    void index_outside(Site site, const char *type, int64_t index, const void *frame) {
        leave_open(site, frame);
        open_.offset = index;
        snprintf(open_.text, sizeof open_.text, "uses index %lld of an array %s", (long long)index, type);
    }
    void leave_open(Site site, const void *frame) {
        settle();
        open_ = {};
        open_.kind = FaultKind::out_of_bounds;
        open_.party = current_party(nullptr, frame);
        open_.party.site = site;
        pending_ = Pending::outside;
    }

    // An access is not aligned, or outside a variable. If it is in shared or global memory, it reports more itself; of a
    // null pointer, too, but clang++ may trap instead.
    void misplaced(Site site, uintptr_t address, uintptr_t alignment, const void *frame) {
        if (address & (alignment - 1)) misaligned_ = address;
        else if (is_on_stack(address, 1)) outside_local(site, frame);
        else if (address < page) leave_open(site, frame), open_.address = address;
    }
    [[noreturn]] HW5_COLD_MEMBER void outside_local(Site site, const void *frame) {
        settle();
        Fault fault = {};
        fault.kind = FaultKind::out_of_bounds;
        fault.party = current_party(nullptr, frame);
        fault.party.site = site;
        snprintf(fault.text, sizeof fault.text, "accesses memory outside the local variable that its pointer points to");
        fail(fault);
    }

    void block_begins() {
        for (int t = 0; t < grid.threads; t++) clock_[t] = launch_time_;
        memset(knows_, 0, sizeof knows_);
        memset(fenced_at_, 0, (size_t)grid.threads * sizeof fenced_at_[0]);
        barrier_time_ = launch_time_;
        fences_.block_begins();
    }

    // The arrays have changed.
    void forget_regions() { memset(regions_, 0, sizeof regions_); }

    // Restore the memory that the launch has written to.
    void undo() { undo_.undo(); }

    // What comes is not independent of other blocks: end this way of running them, or do not begin it.
    void needs_order() {
        if (grid.parallel) {
            unlock();
            fail({});
        }
        grid.may_share = false;
    }

    void block_ended() {
        if (machine().has_deferred_fault && !machine().faulted) record(machine().deferred_fault);
    }

    void barrier_opened() {
        if (records) barriers++;
        for (int t = 0; t < grid.threads; t++)
            if (clock_[t] > barrier_time_) barrier_time_ = clock_[t];
        advance(++barrier_time_);
        for (int t = 0; t < grid.threads; t++) clock_[t] = barrier_time_;
    }

    // What happened before one of the lanes has now happened before all of them.
    void warp_synchronised(int first, unsigned lanes) {
        uint32_t joint[warp_size] = {};
        if (!knows_[first / warp_size]) memset(known_[first], 0, warp_size * sizeof known_[0]);
        knows_[first / warp_size] = true;
        for (int lane = 0; lane < warp_size; lane++) {
            if (!(lanes >> lane & 1)) continue;
            advance(++clock_[first + lane]);
            for (int k = 0; k < warp_size; k++)
                if (known_[first + lane][k] > joint[k]) joint[k] = known_[first + lane][k];
        }
        for (int lane = 0; lane < warp_size; lane++)
            if (lanes >> lane & 1) joint[lane] = clock_[first + lane];
        for (int lane = 0; lane < warp_size; lane++)
            if (lanes >> lane & 1) memcpy(known_[first + lane], joint, sizeof joint);
    }

    // __threadfence: earlier accesses of the thread happen before its next atomic operation.
    void fence() {
        fenced_at_[machine().current] = clock_[machine().current];
        advance(++clock_[machine().current]);
    }

    void access(uintptr_t address, uint64_t size, AccessKind as_written, bool aligned, const void *pc, const void *frame) {
        if (size == 0 || is_on_stack(address, size)) return;
        pc_ = pc, frame_ = frame;
        if (pending_ == Pending::store) settle();
        Region *region = region_of(address);
        const AccessKind kind = is_volatile(as_written) ? as_is(as_written, region) : as_written;
        if (!region && kind == AccessKind::read && is_literal(address)) return;
        if (region && region->space == Space::none) return;
        if (!region || address + size > region->low + region->size) fail_bounds(address, size, kind);
        if ((aligned || address == misaligned_) && address & (size - 1)) fail_access(FaultKind::misaligned, *region, address, size, kind);
        settle();
        if (is_atomic(kind) && !in_shared(*region)) needs_order();
        if (records) profile(address, size, plain(kind), region->space);
        if (region->unset && kind == AccessKind::read) fail_access(FaultKind::uninitialised, *region, address, size, kind);
        if (grid.module->module->swaps) note_swap(address, kind);
        access_low_ = address, access_high_ = address + size;
        const uintptr_t origin = region->low & ~(uintptr_t)3, end = address + size;
        for (uintptr_t word = address & ~(uintptr_t)3; word < end; word += 4) {
            const uintptr_t from = word < address ? address : word, to = end < word + 4 ? end : word + 4;
            access_word(*region, (word - origin) / 4, word, from, to, kind);
        }
    }

    // An access to bytes that an asynchronous copy writes, which its thread has not waited for.
    HW5_COLD_MEMBER void check_copies(uintptr_t address, uint64_t size, AccessKind kind, const void *pc, const void *frame) {
        if (const Copy *copy = machine().copies->find(address, size)) fail_unawaited(address, size, kind, *copy, pc, frame);
    }
    void copy_begins(const Copy &copy, const void *frame) {
        if (copy.from_size) access(copy.from, copy.from_size, AccessKind::read, copy.from_size == copy.size, copy.pc, frame);
        access(copy.to, copy.size, AccessKind::write, true, copy.pc, frame);
        const Copy *other = machine().copies->find(copy.to, copy.size);
        if (other && !other->is_same(copy)) fail_unawaited(copy.to, copy.size, AccessKind::copy, *other, copy.pc, frame);
    }
    void copy_arrives(const Copy &copy) {
        Record *const recording = records;
        records = nullptr;
        access(copy.to, copy.size, AccessKind::write, false, copy.pc, nullptr);
        records = recording;
    }

  private:
    [[noreturn]] HW5_COLD_MEMBER void fail_unawaited(uintptr_t address, uint64_t size, AccessKind kind, const Copy &copy,
                                                     const void *pc, const void *frame) {
        settle();
        pc_ = pc, frame_ = frame;
        const uintptr_t first = address > copy.to ? address : copy.to;
        const Access past = {machine().block * max_block_threads + (uint32_t)copy.thread, 0,
                             (uint32_t)(module_offset(copy.pc) - 1)};
        fail(race_fault(*region_of(first), first, size, kind, past, AccessKind::copy));
    }
    static AccessKind plain(AccessKind kind) {
        return kind == AccessKind::volatile_read ? AccessKind::read : kind == AccessKind::volatile_write ? AccessKind::write : kind;
    }
    // A block may tell another by a volatile variable, as by an atomic one. Data needs a fence before that, and threads of a
    // block need a barrier. So a volatile store without a fence before it is that of data.
    AccessKind as_is(AccessKind kind, const Region *region) const {
        const bool is_flag = kind == AccessKind::volatile_read || fenced_at_[machine().current];
        return region && !in_shared(*region) && is_flag ? kind : plain(kind);
    }

    const Fault *open_race() const {
        for (int i = 0; i < read_race_count_; i++) {
            bool for_swap = false;
            for (int k = 0; k < swap_count_; k++) for_swap |= swap_reads_[k] == read_race_pc_[i];
            if (!for_swap) return &read_race_[i];
        }
        return nullptr;
    }

    HW5_COLD_MEMBER void profile(uintptr_t address, uint64_t size, AccessKind kind, Space space) {
        if (record_count < record_capacity)
            records[record_count] = {address, (uint32_t)(module_offset(pc_) - 1), thread_id(), (uint16_t)size,
                                     (uint8_t)kind, (uint8_t)space, 0};
        record_count++;
    }

    enum class Pending { nothing, store, outside };
    static constexpr int kept_reads = 4, most_read_races = 16, most_swaps = 64;
    static constexpr uintptr_t page = 4096;  // the alignment of variables in check mode, see source.py

    // A string or another unnamed constant. What follows a variable on its page is none.
    HW5_COLD_MEMBER bool is_literal(uintptr_t address) const {
        LoadedModule &module = *grid.module;
        if (!module.contains(address)) return false;
        for (int i = 0; i < module.array_count; i++) {
            const Region &variable = module.arrays[i];
            if (is_shared(variable.space) || variable.low % page) continue;
            if (address >= variable.low && address < (variable.low + variable.size + page - 1) / page * page) return false;
        }
        return true;
    }

    // Remember the reads of each thread, and which of them were followed by a compare-and-swap of the same address.
    HW5_COLD_MEMBER void note_swap(uintptr_t address, AccessKind kind) {
        auto &recent = recent_[machine().current];
        const auto pc = (uint32_t)(module_offset(pc_) - 1);
        if (kind == AccessKind::read) recent.reads[recent.next++ % kept_reads] = {address, pc};
        if (kind != AccessKind::compare_and_swap) return;
        for (const auto &read : recent.reads) {
            if (read.address == address) add_swap(read.pc);
        }
    }
    void add_swap(uint32_t read_pc) {
        bool known = false;
        for (int k = 0; k < swap_count_; k++) known |= swap_reads_[k] == read_pc;
        if (!known && swap_count_ < most_swaps) swap_reads_[swap_count_++] = read_pc;
    }

    static constexpr uint64_t most_touched = 256 * 1024 * 1024 / sizeof(Cell);

    static bool is_on_stack(uintptr_t address, uint64_t size) {
        return size <= Stacks::size && address - machine().position->stack <= Stacks::size - size;
    }

    // No two arrays have a page in common in check mode.
    Region *region_of(uintptr_t address) {
        Region *&known = regions_[address / page % most_regions];
        if (known && known->contains(address)) return known;
        Region *region = find_region(address);
        if (region) known = region;
        return region;
    }
    HW5_COLD_MEMBER Region *find_region(uintptr_t address) {
        if (dynamic_.contains(address)) return &dynamic_;
        SharedMemory &shared = *machine().shared;
        for (int i = 0; i < shared.count; i++)
            if (shared.arrays[i].contains(address)) return &shared.arrays[i];
        Region *region = grid.module->variable_at(address);
        return region ? region : memory.find(address);
    }

    // ---- one word of memory

    void access_word(Region &region, uint64_t index, uintptr_t word, uintptr_t from, uintptr_t to, AccessKind kind) {
        Cell &cell = *region.shadow.word(index);
        if (!grid.parallel || in_shared(region)) return access_word(region, cell, index, word, from, to, kind);
        if (kind == AccessKind::read && to - from == 4 && is_read_by_blocks(cell)) return;
        lock(cell);
        access_word(region, cell, index, word, from, to, kind);
        unlock();
    }

    void access_word(Region &region, Cell &cell, uint64_t index, uintptr_t word, uintptr_t from, uintptr_t to,
                     AccessKind kind) {
        const bool is_split = cell.is_split(launch_);
        if (!is_split && to - from == 4) return access_cell(region, cell, from, 4, kind);
        Cell *bytes = region.shadow.bytes_of_word(index);
        if (!is_split) {
            for (int i = 0; i < 4; i++) bytes[i] = cell;
            cell.split(launch_);
        }
        for (uintptr_t byte = from; byte < to; byte++) access_cell(region, bytes[byte - word], byte, 1, kind);
    }

    void access_cell(Region &region, Cell &cell, uintptr_t address, uint64_t size, AccessKind kind) {
        const bool shared = in_shared(region);
        const Access now = {thread_id(), clock_[machine().current], (uint32_t)(module_offset(pc_) - 1)};
        const auto check = [&](const Access &past, AccessKind past_kind) {
            if (!happened_before(past, now.thread, shared)) conflict(region, address, size, kind, past, past_kind);
        };
        check(cell.write, AccessKind::write);
        if (!is_atomic(kind) && (cell.atomics[0].time | cell.atomics[1].time))
            for (const Access &past : cell.atomics) check(past, AccessKind::atomic);
        if (kind != AccessKind::read && kind != AccessKind::volatile_read)
            for (const Access &past : cell.reads) check(past, AccessKind::read);
        if (shared && kind != AccessKind::write && !written_by_this_block(cell))
            defer_uninitialised(region, address, size, kind);

        if (cell.write.time < launch_time_ && cell.reads[0].time < launch_time_) touched_++;
        if (grid.may_share && !shared && kind != AccessKind::read) keep(cell, address, size);
        if (is_atomic(kind) && !shared) pass_fence(address, now, kind);
        if (kind == AccessKind::read) remember(cell.reads, now, shared);
        else if (is_atomic(kind)) remember(cell.atomics, now, shared);
        else cell.write = now, memset(cell.atomics, 0, sizeof cell.atomics + sizeof cell.reads);
    }

    // Nothing orders the access of the current thread and a past one. It may be harmless yet.
    HW5_COLD_MEMBER void conflict(Region &region, uintptr_t address, uint64_t size, AccessKind kind, const Access &past,
                                  AccessKind past_kind) {
        if (block_of(past.thread) != machine().block) needs_order();
        if (kind == AccessKind::write && past_kind == AccessKind::write) return open_store(region, address, size, past);
        if (kind == AccessKind::write && is_atomic(past_kind) && has_acquired(address)) return;
        const Fault fault = race_fault(region, address, size, kind, past, past_kind);
        const bool read_and_atomic = kind == AccessKind::read ? is_atomic(past_kind) : past_kind == AccessKind::read;
        if (read_and_atomic && kind != AccessKind::write)
            return defer_read_race(fault, kind == AccessKind::read ? (uint32_t)(module_offset(pc_) - 1) : past.pc);
        unlock();
        fail(fault);
    }

    HW5_COLD_MEMBER void pass_fence(uintptr_t address, const Access &now, AccessKind kind) {
        if (kind != AccessKind::volatile_write) fences_.acquire(address, now);
        const Access fence = {now.thread, fenced_at_[machine().current], 0};
        if (!fence.time || kind == AccessKind::volatile_read) return;
        uint32_t known_now[warp_size];
        for (uint32_t lane = 0; lane < warp_size; lane++) known_now[lane] = known(lane);
        fences_.release(address, fence, barrier_time_, known_now);
    }

    static uint32_t thread_id() { return machine().block * max_block_threads + (uint32_t)machine().current; }
    static uint32_t block_of(uint32_t thread) { return thread / max_block_threads; }
    static bool in_shared(const Region &region) {
        return region.space == Space::shared || region.space == Space::dynamic_shared;
    }
    static bool same_warp(uint32_t a, uint32_t b) { return a / warp_size == b / warp_size; }

    // Did the past access happen before what the current thread, `me`, does now, by the rules of CUDA?
    inline __attribute__((always_inline)) bool happened_before(const Access &past, uint32_t me, bool shared) const {
        if (past.time < settled_time_ || past.thread == me) return true;
        if (block_of(past.thread) != block_of(me))  // each block has its own shared memory
            return shared || fences_.orders(past, me, launch_time_, barrier_time_);
        if (past.time < barrier_time_) return true;
        return same_warp(past.thread, me) && knows_[me / warp_size % max_warps] && past.time < known(past.thread % warp_size);
    }
    // Older accesses of a lane of its warp happened before what the current thread does now.
    uint32_t known(uint32_t lane) const {
        const int thread = machine().current;
        return knows_[thread / warp_size] ? known_[thread][lane] : 0;
    }

    // Keep a new access, and older ones that are still needed. An access that happened before the new one is not: what
    // is ordered after the new one is ordered after it too. Two unordered accesses are enough, from different warps if
    // possible: a later access without a barrier is in another warp than one of them, or in the warp of both and
    // unordered with one. (A __syncwarp of some lanes can leave a third access that this misses.)
    void remember(Access (&kept)[2], const Access &now, bool shared) {
        if (grid.parallel && !shared && remember_block(kept, now)) return;
        if (happened_before(kept[0], now.thread, shared)) {
            kept[0] = now;
            if (happened_before(kept[1], now.thread, shared)) kept[1] = {};
        } else if (happened_before(kept[1], now.thread, shared)) {
            kept[1] = now;
        } else if (same_warp(kept[0].thread, kept[1].thread) && !same_warp(kept[0].thread, now.thread)) {
            kept[1] = now;
        }
    }

    // ---- several OS threads, see workers.h

    // If the accesses are of two blocks, a later one that conflicts is in another block than one of them.
    bool remember_block(Access (&kept)[2], const Access &now) const {
        if (kept[0].time < launch_time_ || block_of(kept[0].thread) == block_of(now.thread)) return false;
        if (kept[1].time < launch_time_ || block_of(kept[1].thread) == block_of(kept[0].thread)) kept[1] = now;
        return true;
    }
    bool is_read_by_blocks(const Cell &cell) const {
        const uint32_t state = __atomic_load_n(&cell.state, __ATOMIC_ACQUIRE);
        if (state & 1 || state >> 8 == launch_) return false;
        const auto recent = [&](const uint32_t &time) { return __atomic_load_n(&time, __ATOMIC_RELAXED) >= launch_time_; };
        const auto block = [](const Access &access) { return block_of(__atomic_load_n(&access.thread, __ATOMIC_RELAXED)); };
        const Access &a = cell.reads[0], &b = cell.reads[1];
        const bool known = recent(a.time) && recent(b.time) && block(a) != block(b) && !recent(cell.write.time) &&
                           !recent(cell.atomics[0].time);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        return known && __atomic_load_n(&cell.state, __ATOMIC_RELAXED) == state;
    }

    void lock(Cell &cell) {
        for (;;) {
            uint32_t state = __atomic_load_n(&cell.state, __ATOMIC_RELAXED) & ~1u;
            if (__atomic_compare_exchange_n(&cell.state, &state, state + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) break;
            if (machine().time_is_up) fail({});  // the other failed meanwhile
        }
        locked_ = &cell;
    }
    void unlock() {
        if (locked_) __atomic_store_n(&locked_->state, (locked_->state & ~0xFFu) | ((locked_->state + 1) & 0xFF), __ATOMIC_RELEASE);
        locked_ = nullptr;
    }

    // Keep what is in memory before the first write to it.
    void keep(const Cell &cell, uintptr_t address, uint64_t size) {
        if (cell.write.time < launch_time_ && cell.atomics[0].time < launch_time_) undo_.keep(address, size);
    }

    bool written_by_this_block(const Cell &cell) const {
        return cell.write.time >= launch_time_ && block_of(cell.write.thread) == block_of(thread_id());
    }

    // ---- time

    void advance(uint32_t time) {
        if (time > latest_) latest_ = time;
    }

    // Only accesses of the current launch matter, so drop the rest when it takes too much memory or the clock
    // overflows.
    void drop_history() {
        for (Region &region : memory) region.shadow.release();
        if (latest_ > 0xF0000000u) restart_clock();
        touched_ = 0;
    }
    void restart_clock() {
        epoch++;
        for (LoadedModule *module = LoadedModule::first; module; module = module->next) {
            module->drop_shared_history();
            for (int i = 0; i < module->array_count; i++) module->arrays[i].shadow.release();
        }
        latest_ = 0;
    }

    // ---- faults

    Fault access_fault(FaultKind fault_kind, const Region *region, uintptr_t address, uint64_t size, AccessKind kind) {
        Fault fault = {};
        fault.kind = fault_kind;
        fault.party = current_party(pc_, frame_);
        fault.party.access = kind;
        fault.address = address;
        fault.size = size;
        if (region) {
            fault.space = region->space;
            memcpy(fault.array, region->name, sizeof fault.array);
            fault.offset = (int64_t)(address - region->low);
            fault.array_size = region->size;
        }
        return fault;
    }
    [[noreturn]] HW5_COLD_MEMBER void fail_access(FaultKind fault_kind, const Region &region, uintptr_t address, uint64_t size,
                                  AccessKind kind) {
        fail(access_fault(fault_kind, &region, address, size, kind));
    }

    Fault race_fault(const Region &region, uintptr_t address, uint64_t size, AccessKind kind,
                     const Access &past, AccessKind past_kind) {
        Fault fault = access_fault(FaultKind::race, &region, address, size, kind);
        fault.other.block = block_coordinates(block_of(past.thread));
        fault.other.thread = grid.index[past.thread % max_block_threads];
        fault.other.access = past_kind;
        fault.other.frames[fault.other.frame_count++] = past.pc;
        return fault;
    }

    // Two threads store to one place. It is harmless if they store the same value, which the store will show.
    HW5_COLD_MEMBER void open_store(const Region &region, uintptr_t address, uint64_t size, const Access &past) {
        const Fault fault = race_fault(region, address, size, AccessKind::write, past, AccessKind::write);
        if (access_high_ - access_low_ > sizeof stored_) {
            unlock();
            fail(fault);
        }
        if (pending_ == Pending::nothing) {
            open_ = fault;
            stored_low_ = stored_high_ = address;
        }
        pending_ = Pending::store;
        memcpy(stored_ + (stored_high_ - stored_low_), (void *)stored_high_, address + size - stored_high_);
        stored_high_ = address + size;
    }

    // Has the thread, or its block before the last barrier, executed an atomic operation on the address? Earlier ones of
    // others precede it, and so whatever the thread does next there.
    bool has_acquired(uintptr_t address) const { return fences_.has_acquired(address, thread_id(), barrier_time_); }

    HW5_COLD_MEMBER void defer_read_race(const Fault &fault, uint32_t read_pc) {
        for (int i = 0; i < read_race_count_; i++)
            if (read_race_pc_[i] == read_pc) return;
        if (read_race_count_ == most_read_races) return;
        read_race_pc_[read_race_count_] = read_pc;
        read_race_[read_race_count_++] = fault;
    }

    static bool is_poisoned(const unsigned char *bytes, uint64_t size) {
        while (size && *bytes == poison_byte) bytes++, size--;
        return size == 0;
    }

    // No thread has written this yet. A later write without a barrier is a race, which explains more, so the report
    // is deferred to the end of the block. What does not hold the byte that shared memory is filled with has been written
    // after all: of a structure that is returned by a function, called by a pointer, the store is not seen.
    HW5_COLD_MEMBER void defer_uninitialised(const Region &region, uintptr_t address, uint64_t size, AccessKind kind) {
        if (machine().has_deferred_fault || !is_poisoned((const unsigned char *)address, size)) return;
        machine().deferred_fault = access_fault(FaultKind::uninitialised, &region, address, size, kind);
        machine().has_deferred_fault = true;
    }

    // The access is in no array, or across the end of one; report the nearest array.
    [[noreturn]] HW5_COLD_MEMBER void fail_bounds(uintptr_t address, uint64_t size, AccessKind kind) {
        const Region *nearest = nullptr;
        const auto consider = [&](const Region &region) {
            if (region.size && (!nearest || region.distance(address) < nearest->distance(address))) nearest = &region;
        };
        for (const Region &region : memory) consider(region);
        for (int i = 0; i < machine().shared->count; i++) consider(machine().shared->arrays[i]);
        for (int i = 0; i < grid.module->array_count; i++)
            if (!is_shared(grid.module->arrays[i].space)) consider(grid.module->arrays[i]);
        consider(dynamic_);
        fail(access_fault(FaultKind::out_of_bounds, nearest, address, size, kind));
    }

    uint64_t epoch_ = 0;
    uint32_t latest_ = 0;        // the maximum of all clocks so far
    uint32_t launch_ = 0;
    uint32_t launch_time_ = 0;   // older accesses are of an earlier launch
    uint32_t settled_time_ = 0;  // older accesses are of an earlier launch, or before a barrier of the grid
    uint32_t barrier_time_ = 0;  // older accesses happened before the block's last barrier
    uint32_t clock_[max_block_threads];
    bool knows_[max_block_threads / warp_size];     // warps that have executed __syncwarp, for which this is set:
    uint32_t known_[max_block_threads][warp_size];  // by thread and lane: older accesses of the lane happened before
    uint32_t fenced_at_[max_block_threads];         // time of a thread's last fence in this block, or 0
    Fences fences_;
    uint64_t touched_ = 0;                          // cells
    Cell *locked_ = nullptr;
    Undo undo_;
    Region dynamic_ = make_dynamic_region();
    static constexpr int most_regions = 64;
    Region *regions_[most_regions];  // by page, as far as known
    const void *pc_, *frame_;
    uintptr_t access_low_, access_high_;  // the current access
    uintptr_t misaligned_ = 0;            // where the compiler expects an aligned access next

    Pending pending_ = Pending::nothing;
    Fault open_;
    uintptr_t stored_low_, stored_high_;
    unsigned char stored_[48 * 1024];  // what was there before the store: at most all static __shared__ arrays

    struct Recent {
        struct {
            uintptr_t address;
            uint32_t pc;
        } reads[kept_reads];
        unsigned next;
    } recent_[max_block_threads];
    uint32_t swap_reads_[most_swaps];  // code addresses of reads before a compare-and-swap
    int swap_count_ = 0;
    Fault read_race_[most_read_races];
    uint32_t read_race_pc_[most_read_races];
    int read_race_count_ = 0;

    static Region make_dynamic_region() {
        return make_region(0, max_dynamic_shared, Space::dynamic_shared, "");
    }
};
inline Checker &checker() { return *machine().checker; }

// Runtime::fence
inline void check_fence() { checker().fence(); }

// Runtime::index
inline void check_index(Site site, const char *type, int64_t index, const void *frame) {
    checker().index_outside(site, type, index, frame);
}

// Runtime::place
inline void check_place(Site site, uintptr_t address, uintptr_t alignment, const void *frame) {
    checker().misplaced(site, address, alignment, frame);
}

inline void spin();  // scheduler.h

[[noreturn]] HW5_COLD void fail_timeout_at(const void *pc, const void *frame) {
    Fault fault = {};
    fault.kind = FaultKind::timeout;
    fault.party = current_party(pc, frame);
    fail(fault);
}

// Runtime::access
inline void check_access(uintptr_t address, size_t size, AccessKind kind, bool aligned, const void *pc,
                         const void *frame) {
    if (machine().time_is_up) fail_timeout_at(pc, frame);
    if (is_update(kind)) spin();
    if (machine().copies && machine().copies->any()) checker().check_copies(address, size, kind, pc, frame);
    checker().access(address, size, kind, aligned, pc, frame);
}

#endif

}  // namespace hw5
