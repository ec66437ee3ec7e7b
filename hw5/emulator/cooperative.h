// Kernels whose blocks may wait for each other: a block that waits is parked, with its fibers and the content of its shared
// memory. At a barrier of the grid it is until all blocks wait; in a loop, it looks again when the others have run.
#pragma once
#include "order.h"
#include "scheduler.h"
#include "setup.h"

namespace hw5 {

// A machine for a block that may be parked. All are of the OS thread that launches.
class Resident {
  public:
    Machine *const machine = new_machine(0);

    // Become the one that runs, for a block of the current launch. False if there is no address space.
    bool begin(const Checker &first, uint64_t seed) {
        mine = machine;
        if (module_ != grid.module || epoch_ != Checker::epoch) forget();
        machine->faulted |= machine->parked;  // its threads were abandoned
        if (!get_ready(*machine)) return false;
        machine->shared = &module_->located(*shared_);
        machine->checker->join(first);
        machine->ready.set_order(grid.launch->order, seed);
        return true;
    }
    void park() {
        content_ = (char *)realloc(content_, shared_->size(grid.launch->shared) + 1);
        shared_->save(content_, grid.launch->shared);
    }
    void go_on() {
        mine = machine;
        shared_->restore(content_, grid.launch->shared);
        run_parked_block();
    }

  private:
    // Each block has its own history of shared memory.
    void forget() {
        if (shared_) shared_->drop_history();
        delete shared_;
        shared_ = new SharedMemory();
        module_ = grid.module;
        epoch_ = Checker::epoch;
    }

    LoadedModule *module_ = nullptr;
    uint64_t epoch_ = 0;
    SharedMemory *shared_ = nullptr;
    char *content_ = nullptr;
};

// Run the blocks of the current launch; its fault and its note are then those of the calling machine.
class Cooperative {
  public:
    void run() {
        caller_.ready.set_order(grid.launch->order, grid.launch->seed);
        // Too many blocks for a GPU begin in order, as there, so that each may wait for earlier ones.
        const BlockOrder order(is_too_large() ? Order::forward : grid.launch->order, grid.blocks, caller_.ready.random());
        for (unsigned i = 0; i < grid.blocks && !caller_.faulted; i++) {
            Resident &block = resident(waiting_);
            if (used_ <= waiting_) used_ = waiting_ + 1;
            if (block.begin(*caller_.checker, grid.launch->seed + i)) run_block(order[i]);
            else machine().faulted = true, machine().fault = no_address_space();
            settle(block);
            if (waiting_ && is_too_large()) fail_too_large();
        }
        while (waiting_ && !caller_.faulted) {
            if (any_polls()) look_again();
            else if (ended_ == no_block) open();
            else fail_incomplete();
        }
        for (unsigned i = most_kept; i < used_; i++) resident(i).machine->stacks.drop();
    }

  private:
    static constexpr unsigned most_threads = 132 * 2048;  // that an H100 can have at once
    static constexpr unsigned most_kept = 8;             // residents that keep their memory

    static Resident &resident(unsigned i) {
        static Resident **all = nullptr;
        static unsigned count = 0;
        if (i == count) {
            all = (Resident **)realloc(all, ++count * sizeof *all);
            all[i] = new Resident();
        }
        return *all[i];
    }

    static bool is_too_large() { return (uint64_t)grid.blocks * (unsigned)grid.threads > most_threads; }

    bool any_polls() const {
        for (unsigned i = 0; i < used_; i++)
            if (resident(i).machine->is_polling) return true;
        return false;
    }

    // Blocks that wait in a loop go on.
    void look_again() {
        for (unsigned i = 0; i < used_ && !caller_.faulted; i++) {
            if (!resident(i).machine->is_polling) continue;
            waiting_--;
            resident(i).go_on();
            settle(resident(i));
        }
    }

    // The block waits, or has ended, or failed.
    void settle(Resident &block) {
        Machine &m = *block.machine;
        mine = &caller_;
        if (m.has_note && !caller_.has_note) caller_.note = m.note, caller_.has_note = true;
        if (m.faulted) caller_.fault = m.fault, caller_.faulted = true;
        else if (m.parked) block.park(), waiting_++;
        else ended_ = m.block;
        m.checker->leave(*caller_.checker);
    }

    // All blocks wait, and go on.
    void open() {
        uint32_t time = 0;
        const unsigned count = waiting_;
        for (unsigned i = 0; i < count; i++)
            if (resident(i).machine->checker->latest() > time) time = resident(i).machine->checker->latest();
        for (unsigned i = 0; i < count; i++) resident(i).machine->checker->grid_opens(time + 1);
        waiting_ = 0;
        for (unsigned i = 0; i < count && !caller_.faulted; i++) {
            resident(i).go_on();
            settle(resident(i));
        }
    }

    void fail_incomplete() {
        unsigned i = 0;
        while (!resident(i).machine->parked) i++;
        mine = resident(i).machine;
        Fault fault = {};
        fault.kind = FaultKind::divergence;
        fault.divergence = Divergence::grid;
        fault.party = party_of(0);
        fault.other.block = block_coordinates(ended_);
        mine = &caller_;
        record(fault);
    }

    void fail_too_large() {
        Fault fault = {};
        fault.kind = FaultKind::launch;
        snprintf(fault.text, sizeof fault.text, "its blocks wait for each other, and no GPU has more than %u threads at once",
                 most_threads);
        record(fault);
    }

    Machine &caller_ = machine();
    unsigned waiting_ = 0;      // blocks, of the first residents
    unsigned ended_ = no_block;
    unsigned used_ = 0;  // residents
};

}  // namespace hw5
