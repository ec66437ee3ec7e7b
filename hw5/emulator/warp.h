// Warp operations: the lanes of a mask wait for each other, then exchange values.
#pragma once
#include "checker.h"
#include "machine.h"

namespace hw5 {

[[noreturn]] inline void fail_warp(Divergence divergence, int thread, int lane = 0) {
    Fault fault = {};
    fault.kind = FaultKind::divergence;
    fault.divergence = divergence;
    fault.party = party_of(thread);
    fault.mask = machine().operands[thread / warp_size].mask[thread % warp_size];
    fault.lane = lane;
    fail(fault);
}

inline uint64_t fold(WarpOp op, uint64_t a, uint64_t b) {
    switch (op) {
        case WarpOp::add: return a + b;
        case WarpOp::min_signed: return (int64_t)a < (int64_t)b ? a : b;
        case WarpOp::max_signed: return (int64_t)a > (int64_t)b ? a : b;
        case WarpOp::min: return (uint32_t)a < (uint32_t)b ? a : b;
        case WarpOp::max: return (uint32_t)a > (uint32_t)b ? a : b;
        case WarpOp::bit_and: return a & b;
        case WarpOp::bit_or: return a | b;
        default: return a ^ b;
    }
}

template <class Visit> inline void for_each_lane(unsigned lanes, Visit visit) {
    for (; lanes; lanes &= lanes - 1) visit(__builtin_ctz(lanes));
}

// The result of a shuffle for a lane: NaN, which the lane may ignore, if the source does not take part. If the source
// is in the mask but has exited, the shuffle is divergent.
inline uint64_t shuffled(int warp_number, unsigned lanes, int lane, int source, const uint64_t *values) {
    if (lanes >> source & 1) return values[source];
    const unsigned exited = machine().operands[warp_number].mask[lane] & machine().warp[warp_number].exited;
    if (exited >> source & 1) fail_warp(Divergence::source_exited, warp_number * warp_size + lane, source);
    return ~(uint64_t)0;
}

inline void shuffle(int warp_number, unsigned lanes, Operands &operands) {
    uint64_t values[warp_size];
    memcpy(values, operands.value, sizeof values);
    if (lanes == ~0u) {
        for (int lane = 0; lane < warp_size; lane++) operands.value[lane] = values[operands.source[lane] & (warp_size - 1)];
        return;
    }
    for_each_lane(lanes, [&](int lane) {
        operands.value[lane] = shuffled(warp_number, lanes, lane, operands.source[lane] & (warp_size - 1), values);
    });
}

inline void match(unsigned lanes, uint64_t *value) {
    uint64_t equal[warp_size] = {};
    for_each_lane(lanes, [&](int lane) {
        for_each_lane(lanes, [&](int other) {
            if (value[other] == value[lane]) equal[lane] |= 1u << other;
        });
    });
    for_each_lane(lanes, [&](int lane) { value[lane] = equal[lane]; });
}

inline void run_collective(int warp_number, unsigned lanes, Collective *const *operands) {
    const int leader = __builtin_ctz(lanes), thread = warp_number * warp_size + leader;
    if (lanes != ~0u) fail_warp(Divergence::lane_missing, thread, __builtin_ctz(~lanes));
    for_each_lane(lanes, [&](int lane) {
        if (operands[lane]->run != operands[leader]->run) fail_warp(Divergence::warp_mixed, warp_number * warp_size + lane);
    });
    operands[leader]->run(operands, machine().thread[thread].site);
}

inline void exchange(int warp_number, unsigned lanes) {
    Operands &operands = machine().operands[warp_number];
    uint64_t *value = operands.value;
    const int leader = __builtin_ctz(lanes);
    const WarpOp op = operands.op[leader];
    if (op == WarpOp::shuffle) return shuffle(warp_number, lanes, operands);
    if (op == WarpOp::match) return match(lanes, value);
    if (op == WarpOp::collective) return run_collective(warp_number, lanes, (Collective *const *)value);
    if (op == WarpOp::sync) return checker().warp_synchronised(warp_number * warp_size, lanes);
    uint64_t result = 0;
    if (op == WarpOp::ballot) {
        for_each_lane(lanes, [&](int lane) { result |= value[lane] << lane; });
    } else {
        result = value[leader];
        for_each_lane(lanes & (lanes - 1), [&](int lane) { result = fold(op, result, value[lane]); });
    }
    for_each_lane(lanes, [&](int lane) { value[lane] = result; });
}

// If all lanes of the mask that have not exited have arrived, exchange values and make them ready.
inline bool complete(Machine &m, int warp_number, unsigned mask) {
    Warp &warp = m.warp[warp_number];
    const unsigned lanes = mask & warp.members & ~warp.exited;
    if (!lanes || (warp.in_operation & lanes) != lanes) return false;
    const Operands &operands = m.operands[warp_number];
    const int leader = __builtin_ctz(lanes);
    for_each_lane(lanes, [&](int lane) {
        if (operands.op[lane] != operands.op[leader] || operands.mask[lane] != operands.mask[leader])
            fail_warp(Divergence::warp_mixed, warp_number * warp_size + lane);
    });
    exchange(warp_number, lanes);
    warp.in_operation &= ~lanes;
    m.ready.add(warp_number, lanes);
    return true;
}

// A thread has exited: complete an operation in which all other lanes have arrived.
inline void complete_without(Machine &m, int thread) {
    const int warp_number = thread / warp_size;
    for (unsigned waiting = m.warp[warp_number].in_operation; waiting; waiting &= waiting - 1) {
        const unsigned mask = m.operands[warp_number].mask[__builtin_ctz(waiting)];
        if (mask >> (thread % warp_size) & 1) {
            complete(m, warp_number, mask);
            return;
        }
    }
}

}  // namespace hw5
