// Machines, and the launch that they take part in.
#pragma once
#include "checker.h"

namespace hw5 {

inline Machine *new_machine(int number) {
    auto *m = new Machine();
    m->checker = new Checker();
    m->number = number;
    m->running = no_block;
    m->faulted = true;  // the stacks are not there yet
    return m;
}

// Prepare the calling OS thread for the current launch; false if there is no address space.
inline bool get_ready(Machine &m) {
    if (m.faulted && !m.stacks.reset()) return false;
    m.faulted = m.has_deferred_fault = m.has_note = false;
    m.time_is_up = 0;
    m.parked = m.is_polling = m.in_kernel = false;
    m.waited = 0;
    m.is_first = true;
    m.shared = &grid.module->shared(m.number);
    m.position = &m.stacks.position();
    const unsigned *block = grid.launch->block, *blocks = grid.launch->grid;
    m.position->block_size = dim3(block[0], block[1], block[2]);
    m.position->grid_size = dim3(blocks[0], blocks[1], blocks[2]);
    m.launch = grid.number;
    return true;
}

inline Machine &first_machine() {
    if (!machines[0]) machines[0] = new_machine(0);
    return *machines[0];
}

inline void number_threads(const unsigned *block) {
    int t = 0;
    for (unsigned z = 0; z < block[2]; z++)
        for (unsigned y = 0; y < block[1]; y++)
            for (unsigned x = 0; x < block[0]; x++) grid.index[t++] = {x, y, z};
    grid.threads = t;
    grid.warps = (t + warp_size - 1) / warp_size;
}

inline void set_up(const Launch &launch) {
    grid.launch = &launch;
    grid.module = (LoadedModule *)launch.module;
    grid.number++;
    grid.blocks = launch.grid[0] * launch.grid[1] * launch.grid[2];
    static unsigned block[3];
    if (memcmp(block, launch.block, sizeof block)) number_threads(launch.block);
    memcpy(block, launch.block, sizeof block);
    grid.may_share = !launch.kernel->cooperative && launch.order == Order::forward && launch.threads > 1 && grid.blocks > 1 &&
                     !Checker::is_recording() && !grid.module->stays_alone(*launch.kernel);
}

}  // namespace hw5
