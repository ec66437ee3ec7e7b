// The order in which blocks run.
#pragma once
#include "ready.h"

namespace hw5 {

// The order of blocks, which is undefined on a GPU. The random order steps through them by a stride that is coprime to
// their number, and so visits each once.
class BlockOrder {
  public:
    BlockOrder(Order order, unsigned count, Random &random) : order_(order), count_(count) {
        if (order < Order::random) return;
        start_ = random.below(count);
        do stride_ = 1 + random.below(count);
        while (gcd(stride_, count) != 1);
    }
    unsigned operator[](unsigned i) const {
        if (order_ == Order::reverse) return count_ - 1 - i;
        return (unsigned)((start_ + (uint64_t)i * stride_) % count_);
    }

  private:
    static unsigned gcd(unsigned a, unsigned b) { return b ? gcd(b, a % b) : a; }
    Order order_;
    unsigned count_, start_ = 0, stride_ = 1;
};

}  // namespace hw5
