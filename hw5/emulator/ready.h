// The threads of a block that are ready to run, and which of them is next.
#pragma once
#include "interface.h"

namespace hw5 {

// Xorshift, so that the same seed gives the same schedule on every machine.
class Random {
  public:
    void seed(uint64_t seed) { state_ = seed * 0x9E3779B97F4A7C15u + 0x2545F4914F6CDD1Du; }
    unsigned below(unsigned n) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return (unsigned)((state_ >> 32) * n >> 32);
    }

  private:
    uint64_t state_ = 1;
};

class Ready {
  public:
    // Make all lanes ready, for a new block or an opened barrier.
    void fill(const unsigned *lanes, int warps) {
        for (int w = 0; w < warps; w++) lanes_[w] = lanes[w];
        warps_ = ~0u >> (warp_size - warps);
    }
    void clear() { warps_ = 0; }
    void add(int warp, unsigned lanes) {
        // lanes_ of a warp outside warps_ is stale
        lanes_[warp] = (warps_ >> warp & 1 ? lanes_[warp] : 0) | lanes;
        warps_ |= 1u << warp;
    }
    void remove(int warp, unsigned lane_bit) {
        if (!(lanes_[warp] &= ~lane_bit)) warps_ &= ~(1u << warp);
    }

    void set_order(Order order, uint64_t seed) {
        order_ = order;
        random_.seed(seed);
    }
    // Whether a thread that need not wait continues, instead of a random thread.
    bool has_fixed_order() const { return order_ == Order::forward || order_ == Order::reverse; }
    Random &random() { return random_; }

    // Remove and return the next thread, given the warp that ran last; -1 if there is none.
    int take(int last_warp) {
        if (!warps_) return -1;
        const int warp = next_warp(last_warp);
        const int lane = next_lane(lanes_[warp]);
        remove(warp, 1u << lane);
        return warp * warp_size + lane;
    }

    // Remove and return a thread, of another warp if there is one, for a thread that waits actively; -1 if there is none.
    int take_other_warp(int thread) {
        if (!warps_) return -1;
        const int mine = thread / warp_size;
        const unsigned others = warps_ & ~(1u << mine);
        const unsigned after = others & (mine == warp_size - 1 ? 0 : ~0u << (mine + 1));
        const int warp = after ? lowest(after) : others ? lowest(others) : mine;
        const int lane = lowest(lanes_[warp]);
        remove(warp, 1u << lane);
        return warp * warp_size + lane;
    }

  private:
    // In a fixed order, a warp runs as long as it can, so that its lanes soon meet in their warp operations.
    int next_warp(int last) {
        if (order_ == Order::random) return nth_bit(warps_, random_.below(count(warps_)));
        if (order_ == Order::warps) return leading_warp(last);
        if (warps_ >> last & 1) return last;
        if (order_ == Order::reverse) return highest(warps_);
        const unsigned after = warps_ & (~0u << last);
        return lowest(after ? after : warps_);
    }
    int next_lane(unsigned lanes) {
        if (order_ == Order::forward) return lowest(lanes);
        if (order_ == Order::reverse) return highest(lanes);
        return nth_bit(lanes, random_.below(count(lanes)));
    }
    // One warp runs ahead of the others, until another one is chosen at random.
    int leading_warp(int last) {
        const bool stay = warps_ >> last & 1 && random_.below(64);
        return stay ? last : nth_bit(warps_, random_.below(count(warps_)));
    }

    static unsigned count(unsigned bits) { return (unsigned)__builtin_popcount(bits); }
    static int lowest(unsigned bits) { return __builtin_ctz(bits); }
    static int highest(unsigned bits) { return 31 - __builtin_clz(bits); }
    static int nth_bit(unsigned bits, unsigned n) {
        while (n--) bits &= bits - 1;
        return lowest(bits);
    }

    unsigned warps_ = 0;  // with lanes that are ready
    unsigned lanes_[max_block_threads / warp_size];
    Order order_ = Order::forward;
    Random random_;
};

}  // namespace hw5
