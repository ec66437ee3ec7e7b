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
    fault.mask = machine().thread[thread].mask;
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
inline uint64_t shuffled(int first, unsigned lanes, int lane, const uint64_t *values) {
    const int source = machine().thread[first + lane].source & (warp_size - 1);
    if (lanes >> source & 1) return values[source];
    const Warp &warp = machine().warp[first / warp_size];
    const unsigned exited = machine().thread[first + lane].mask & warp.exited;
    if (exited >> source & 1) fail_warp(Divergence::source_exited, first + lane, source);
    return ~(uint64_t)0;
}

inline void exchange(int first, unsigned lanes) {
    Thread *threads = machine().thread + first;
    const int leader = __builtin_ctz(lanes);
    const WarpOp op = threads[leader].op;
    if (op == WarpOp::shuffle) {
        uint64_t values[warp_size];
        for_each_lane(lanes, [&](int lane) { values[lane] = threads[lane].value; });
        for_each_lane(lanes, [&](int lane) { threads[lane].value = shuffled(first, lanes, lane, values); });
        return;
    }
    if (op == WarpOp::match) {
        uint64_t equal[warp_size] = {};
        for_each_lane(lanes, [&](int lane) {
            for_each_lane(lanes, [&](int other) {
                if (threads[other].value == threads[lane].value) equal[lane] |= 1u << other;
            });
        });
        for_each_lane(lanes, [&](int lane) { threads[lane].value = equal[lane]; });
        return;
    }
    if (op == WarpOp::sync) return checker().warp_synchronised(first, lanes);
    uint64_t result = 0;
    if (op == WarpOp::ballot) {
        for_each_lane(lanes, [&](int lane) { result |= threads[lane].value << lane; });
    } else {
        result = threads[leader].value;
        for_each_lane(lanes & (lanes - 1), [&](int lane) { result = fold(op, result, threads[lane].value); });
    }
    for_each_lane(lanes, [&](int lane) { threads[lane].value = result; });
}

// If all lanes of the mask that have not exited have arrived, exchange values and make them ready.
inline bool complete(int warp_number, unsigned mask) {
    Warp &warp = machine().warp[warp_number];
    const unsigned lanes = mask & warp.members & ~warp.exited;
    if (!lanes || (warp.in_operation & lanes) != lanes) return false;
    const int first = warp_number * warp_size;
    const Thread &leader = machine().thread[first + __builtin_ctz(lanes)];
    for_each_lane(lanes, [&](int lane) {
        const Thread &thread = machine().thread[first + lane];
        if (thread.op != leader.op || thread.mask != leader.mask) fail_warp(Divergence::warp_mixed, first + lane);
    });
    exchange(first, lanes);
    warp.in_operation &= ~lanes;
    machine().ready.add(warp_number, lanes);
    return true;
}

// A thread has exited: complete an operation in which all other lanes have arrived.
inline void complete_without(int thread) {
    const int warp_number = thread / warp_size;
    for (unsigned waiting = machine().warp[warp_number].in_operation; waiting; waiting &= waiting - 1) {
        const unsigned mask = machine().thread[warp_number * warp_size + __builtin_ctz(waiting)].mask;
        if (mask >> (thread % warp_size) & 1) {
            complete(warp_number, mask);
            return;
        }
    }
}

}  // namespace hw5
