// Cooperative groups: the grid, the thread block, tiles of a warp, and the lanes that arrive together.
#pragma once

namespace cooperative_groups {

#define HW5_RANK(expression) \
    unsigned thread_rank() const { return expression; }
#define HW5_SIZE(expression)                          \
    unsigned size() const { return expression; }      \
    unsigned num_threads() const { return expression; }

static inline unsigned hw5_thread_number() {
    return (HW5_threadIdx.z * HW5_blockDim.y + HW5_threadIdx.y) * HW5_blockDim.x + HW5_threadIdx.x;
}

struct thread_block {
    void sync(HW5_SITE) const { __syncthreads(file, line); }
    static dim3 group_index() { return dim3(HW5_blockIdx.x, HW5_blockIdx.y, HW5_blockIdx.z); }
    static dim3 thread_index() { return dim3(HW5_threadIdx.x, HW5_threadIdx.y, HW5_threadIdx.z); }
    static dim3 group_dim() { return HW5_blockDim; }
    static dim3 dim_threads() { return HW5_blockDim; }
    HW5_RANK(hw5_thread_number())
    HW5_SIZE(HW5_blockDim.x *HW5_blockDim.y *HW5_blockDim.z)
};
static inline thread_block this_thread_block() { return {}; }

struct grid_group {
    void sync(HW5_SITE) const { hw5_link.runtime.grid_barrier({file, line}); }
    bool is_valid() const { return true; }
    unsigned long long thread_rank() const {
        const unsigned long long block = (HW5_blockIdx.z * HW5_gridDim.y + HW5_blockIdx.y) * HW5_gridDim.x + HW5_blockIdx.x;
        return block * (HW5_blockDim.x * HW5_blockDim.y * HW5_blockDim.z) + hw5_thread_number();
    }
    unsigned long long size() const {
        return (unsigned long long)HW5_gridDim.x * HW5_gridDim.y * HW5_gridDim.z * HW5_blockDim.x * HW5_blockDim.y * HW5_blockDim.z;
    }
    unsigned long long num_threads() const { return size(); }
    unsigned long long num_blocks() const { return (unsigned long long)HW5_gridDim.x * HW5_gridDim.y * HW5_gridDim.z; }
    unsigned long long block_rank() const { return (HW5_blockIdx.z * HW5_gridDim.y + HW5_blockIdx.y) * HW5_gridDim.x + HW5_blockIdx.x; }
    static dim3 group_dim() { return HW5_gridDim; }
    static dim3 dim_blocks() { return HW5_gridDim; }
};
static inline grid_group this_grid() { return {}; }

// Lanes of a warp: the mask, and the width and first lane of an aligned tile.
struct hw5_lanes {
    unsigned mask;

    void sync(HW5_SITE) const { __syncwarp(mask, file, line); }
    int any(int predicate, HW5_SITE) const { return __any_sync(mask, predicate, file, line); }
    int all(int predicate, HW5_SITE) const { return __all_sync(mask, predicate, file, line); }

  protected:
    static unsigned lane() { return (unsigned)hw5::position_here().lane; }
};

struct hw5_tile : hw5_lanes {
    unsigned width;

    unsigned first() const { return lane() & ~(width - 1); }
    HW5_RANK(lane() & (width - 1))
    HW5_SIZE(width)
    unsigned meta_group_rank() const { return hw5_thread_number() / width; }
    unsigned meta_group_size() const { return (HW5_blockDim.x * HW5_blockDim.y * HW5_blockDim.z + width - 1) / width; }
    unsigned ballot(int predicate, HW5_SITE) const {
        const unsigned bits = __ballot_sync(mask, predicate, file, line) >> first();
        return width == 32 ? bits : bits & ((1u << width) - 1);
    }
    template <class T> T shfl(T value, int rank, HW5_SITE) const {
        return __shfl_sync(mask, value, rank, (int)width, file, line);
    }
    template <class T> T shfl_down(T value, unsigned by, HW5_SITE) const {
        return __shfl_down_sync(mask, value, by, (int)width, file, line);
    }
    template <class T> T shfl_up(T value, unsigned by, HW5_SITE) const {
        return __shfl_up_sync(mask, value, by, (int)width, file, line);
    }
    template <class T> T shfl_xor(T value, int bits, HW5_SITE) const {
        return __shfl_xor_sync(mask, value, bits, (int)width, file, line);
    }
    template <class T> unsigned match_any(T value, HW5_SITE) const {
        return __match_any_sync(mask, value, file, line) >> first();
    }
};

struct coalesced_group : hw5_lanes {
    HW5_RANK((unsigned)__popc(mask & ((1u << lane()) - 1)))
    HW5_SIZE((unsigned)__popc(mask))
    unsigned ballot(int predicate, HW5_SITE) const {
        unsigned bits = __ballot_sync(mask, predicate, file, line), packed = 0;
        for (int rank = 0; rank < __popc(mask); rank++) packed |= (bits >> lane_of(rank) & 1) << rank;
        return packed;
    }
    template <class T> T shfl(T value, int rank, HW5_SITE) const {
        return __shfl_sync(mask, value, lane_of(rank), 32, file, line);
    }
    template <class T> T shfl_down(T value, unsigned by, HW5_SITE) const {
        const unsigned rank = thread_rank() + by;
        return __shfl_sync(mask, value, lane_of((int)(rank < size() ? rank : thread_rank())), 32, file, line);
    }
    template <class T> T shfl_up(T value, unsigned by, HW5_SITE) const {
        const unsigned rank = thread_rank();
        return __shfl_sync(mask, value, lane_of((int)(rank >= by ? rank - by : rank)), 32, file, line);
    }

  private:
    int lane_of(int rank) const {
        unsigned rest = mask;
        while (rank-- > 0) rest &= rest - 1;
        return __ffs((int)rest) - 1;
    }
};
static inline coalesced_group coalesced_threads(HW5_SITE) { return {{__activemask(file, line)}}; }

template <unsigned n, class Parent = void> struct thread_block_tile : hw5_tile {
    thread_block_tile() = default;
    thread_block_tile(const hw5_tile &tile) : hw5_tile(tile) {}
    static constexpr unsigned num = n;
};

// Any group: a tile or coalesced lanes, or the block if the mask is 0.
struct thread_group {
    unsigned mask, ranks, count;
    thread_group(const thread_block &block) : mask(0), ranks(block.thread_rank()), count(block.size()) {}
    thread_group(const hw5_tile &tile) : mask(tile.mask), ranks(tile.thread_rank()), count(tile.size()) {}
    thread_group(const coalesced_group &group) : mask(group.mask), ranks(group.thread_rank()), count(group.size()) {}
    void sync(HW5_SITE) const { mask ? __syncwarp(mask, file, line) : __syncthreads(file, line); }
    HW5_RANK(ranks)
    HW5_SIZE(count)
};

static inline hw5_tile hw5_tile_of(unsigned width) {
    const unsigned lane = (unsigned)hw5::position_here().lane, all = width >= 32 ? ~0u : (1u << width) - 1;
    return {{all << (lane & ~(width - 1))}, width};
}
template <unsigned n, class Parent> static inline thread_block_tile<n> tiled_partition(const Parent &) {
    static_assert(n <= 32 && (n & (n - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");
    return hw5_tile_of(n);
}
template <class Group, class Label> static inline coalesced_group labeled_partition(const Group &group, Label label, HW5_SITE) {
    return {{__match_any_sync(group.mask, label, file, line)}};
}
template <class Group> static inline coalesced_group binary_partition(const Group &group, bool label, HW5_SITE) {
    return labeled_partition(group, (int)label, file, line);
}
template <class Parent> static inline hw5_tile tiled_partition(const Parent &, unsigned n) { return hw5_tile_of(n); }

template <class T> struct plus { T operator()(T a, T b) const { return a + b; } };
template <class T> struct less { T operator()(T a, T b) const { return b < a ? b : a; } };
template <class T> struct greater { T operator()(T a, T b) const { return a < b ? b : a; } };
template <class T> struct bit_and { T operator()(T a, T b) const { return a & b; } };
template <class T> struct bit_or { T operator()(T a, T b) const { return a | b; } };
template <class T> struct bit_xor { T operator()(T a, T b) const { return a ^ b; } };

// The values of all threads of a tile, combined pairwise.
template <class T, class Combine> using hw5_combined = decltype((*(Combine *)nullptr)(T(), T()));
template <class Tile, class T, class Combine, class = hw5_combined<T, Combine>>
static inline T reduce(const Tile &tile, T value, Combine combine, HW5_SITE) {
    for (unsigned by = tile.size() / 2; by > 0; by /= 2) value = combine(value, tile.shfl_xor(value, (int)by, file, line));
    return value;
}
template <class T, class Combine, class = hw5_combined<T, Combine>>
static inline T reduce(const coalesced_group &group, T value, Combine combine, HW5_SITE) {
    T result = group.shfl(value, 0, file, line);
    for (unsigned rank = 1; rank < group.size(); rank++)
        result = combine(result, group.shfl(value, (int)rank, file, line));
    return result;
}
template <class Tile, class T, class Combine>
static inline T inclusive_scan(const Tile &tile, T value, Combine combine, HW5_SITE) {
    for (unsigned by = 1; by < tile.size(); by *= 2) {
        const T before = tile.shfl_up(value, by, file, line);
        if (tile.thread_rank() >= by) value = combine(before, value);
    }
    return value;
}
template <class Tile, class T> static inline T inclusive_scan(const Tile &tile, T value, HW5_SITE) {
    return inclusive_scan(tile, value, plus<T>(), file, line);
}
template <class Tile, class T> static inline T exclusive_scan(const Tile &tile, T value, HW5_SITE) {
    return inclusive_scan(tile, value, plus<T>(), file, line) - value;
}

template <class Group> static inline void sync(const Group &group, HW5_SITE) { group.sync(file, line); }

#undef HW5_RANK
#undef HW5_SIZE

}  // namespace cooperative_groups
