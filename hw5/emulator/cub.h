// CUB: reductions, scans, loads and stores of a block, and reductions and scans of a warp. (Sorting: cub_sort.h)
//
// Reductions and scans of a warp, and reductions of a block, combine in the order of CUB's default algorithms; scans of a
// block combine in the order of the threads.
#pragma once

// Inlined, so that a report has the line of the kernel
#define HW5_CUB inline __attribute__((always_inline))

namespace cub {

enum BlockReduceAlgorithm { BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY, BLOCK_REDUCE_RAKING, BLOCK_REDUCE_WARP_REDUCTIONS };
enum BlockScanAlgorithm { BLOCK_SCAN_RAKING, BLOCK_SCAN_RAKING_MEMOIZE, BLOCK_SCAN_WARP_SCANS };
enum BlockLoadAlgorithm {
    BLOCK_LOAD_DIRECT, BLOCK_LOAD_STRIPED, BLOCK_LOAD_VECTORIZE, BLOCK_LOAD_TRANSPOSE, BLOCK_LOAD_WARP_TRANSPOSE,
    BLOCK_LOAD_WARP_TRANSPOSE_TIMESLICED
};
enum BlockStoreAlgorithm {
    BLOCK_STORE_DIRECT, BLOCK_STORE_STRIPED, BLOCK_STORE_VECTORIZE, BLOCK_STORE_TRANSPOSE, BLOCK_STORE_WARP_TRANSPOSE,
    BLOCK_STORE_WARP_TRANSPOSE_TIMESLICED
};

template <class K, class V> struct KeyValuePair {
    using Key = K;
    using Value = V;
    K key;
    V value;
};
#define HW5_FUNCTOR(name, expression) \
    struct name {                     \
        template <class T> T operator()(const T &a, const T &b) const { return expression; } \
    };
HW5_FUNCTOR(Sum, a + b)
HW5_FUNCTOR(Max, a < b ? b : a)
HW5_FUNCTOR(Min, b < a ? b : a)
HW5_FUNCTOR(ArgMax, b.value > a.value || (a.value == b.value && b.key < a.key) ? b : a)
HW5_FUNCTOR(ArgMin, b.value < a.value || (a.value == b.value && b.key < a.key) ? b : a)
#undef HW5_FUNCTOR

static inline int hw5_thread() {
    return (int)((HW5_threadIdx.z * HW5_blockDim.y + HW5_threadIdx.y) * HW5_blockDim.x + HW5_threadIdx.x);
}

// Space for n values in shared memory, whatever constructors they have
template <class T, int n> struct hw5_space {
    alignas(T) unsigned char bytes[n * sizeof(T)];
    HW5_CUB T &operator[](int i) { return reinterpret_cast<T *>(bytes)[i]; }
};
struct hw5_no_space {
    char unused;
};

template <class T, int n, class Op> static inline T hw5_combined(T (&items)[n], Op op) {
    T all = items[0];
    for (int i = 1; i < n; i++) all = op(all, items[i]);
    return all;
}

// Lanes of a warp, in groups of `width`: their numbers, and the mask of a group
template <int width> struct hw5_group {
    int lane() const { return hw5::position_here().lane & (width - 1); }
    unsigned mask(int threads) const {
        const int first = hw5::position_here().lane & ~(width - 1), size = threads < width ? threads : width;
        return (size == 32 ? ~0u : (1u << size) - 1) << first;
    }
};

// ---- warps

template <class T, int width = 32> class WarpReduce {
  public:
    using TempStorage = hw5_no_space;
    WarpReduce(TempStorage &) {}

    template <class Op> HW5_CUB T Reduce(T value, Op op, HW5_SITE) { return combine(value, op, width, width, file, line); }
    template <class Op> HW5_CUB T Reduce(T value, Op op, int valid, HW5_SITE) { return combine(value, op, valid, width, file, line); }
    HW5_CUB T Sum(T value, HW5_SITE) { return combine(value, cub::Sum(), width, width, file, line); }
    HW5_CUB T Sum(T value, int valid, HW5_SITE) { return combine(value, cub::Sum(), valid, width, file, line); }

    // threads: that take part, in the last warp of a block perhaps fewer than a warp
    template <class Op> HW5_CUB static T combine(T value, Op op, int valid, int threads, const char *file, int line) {
        const hw5_group<width> group;
        for (int by = 1; by < width; by *= 2) {
            const T other = __shfl_down_sync(group.mask(threads), value, group.lane() + by < threads ? by : 0, width, file, line);
            if (group.lane() + by < valid) value = op(value, other);
        }
        return value;
    }
};

template <class T, int width = 32> class WarpScan {
  public:
    using TempStorage = hw5_no_space;
    WarpScan(TempStorage &) {}

    template <class Op> HW5_CUB void InclusiveScan(T value, T &out, Op op, HW5_SITE) {
        const hw5_group<width> group;
        for (int by = 1; by < width; by *= 2) {
            const T other = __shfl_up_sync(group.mask(width), value, by, width, file, line);
            if (group.lane() >= by) value = op(other, value);
        }
        out = value;
    }
    template <class Op> HW5_CUB void InclusiveScan(T value, T &out, Op op, T &all, HW5_SITE) {
        InclusiveScan(value, out, op, file, line);
        all = Broadcast(out, width - 1, file, line);
    }
    template <class Op> HW5_CUB void ExclusiveScan(T value, T &out, T initial, Op op, T &all, HW5_SITE) {
        T inclusive;
        InclusiveScan(value, inclusive, op, all, file, line);
        const hw5_group<width> group;
        const T before = __shfl_up_sync(group.mask(width), inclusive, 1, width, file, line);
        out = group.lane() ? op(initial, before) : initial;
    }
    template <class Op> HW5_CUB void ExclusiveScan(T value, T &out, T initial, Op op, HW5_SITE) {
        T all;
        ExclusiveScan(value, out, initial, op, all, file, line);
    }
    HW5_CUB void InclusiveSum(T value, T &out, HW5_SITE) { InclusiveScan(value, out, cub::Sum(), file, line); }
    HW5_CUB void InclusiveSum(T value, T &out, T &all, HW5_SITE) { InclusiveScan(value, out, cub::Sum(), all, file, line); }
    HW5_CUB void ExclusiveSum(T value, T &out, HW5_SITE) { ExclusiveScan(value, out, T(0), cub::Sum(), file, line); }
    HW5_CUB void ExclusiveSum(T value, T &out, T &all, HW5_SITE) { ExclusiveScan(value, out, T(0), cub::Sum(), all, file, line); }

    HW5_CUB T Broadcast(T value, unsigned lane, HW5_SITE) {
        return __shfl_sync(hw5_group<width>().mask(width), value, (int)lane, width, file, line);
    }
};

// ---- blocks

template <class T, int x, BlockReduceAlgorithm = BLOCK_REDUCE_WARP_REDUCTIONS, int y = 1, int z = 1, int = 0> class BlockReduce {
    static constexpr int threads = x * y * z, warps = (threads + 31) / 32;

  public:
    using TempStorage = hw5_space<T, warps>;
    BlockReduce(TempStorage &space) : space_(space) {}

    // The result is that of the first thread.
    template <class Op> HW5_CUB T Reduce(T value, Op op, int valid, HW5_SITE) {
        const int first = hw5_thread() & ~31;
        value = WarpReduce<T>::combine(value, op, valid - first, threads - first, file, line);
        if (hw5_thread() == first) space_[first / 32] = value;
        __syncthreads(file, line);
        if (hw5_thread() == 0)
            for (int warp = 1; warp < warps && 32 * warp < valid; warp++) value = op(value, space_[warp]);
        return value;
    }
    template <class Op> HW5_CUB T Reduce(T value, Op op, HW5_SITE) { return Reduce(value, op, threads, file, line); }
    template <int n, class Op> HW5_CUB T Reduce(T (&items)[n], Op op, HW5_SITE) {
        return Reduce(hw5_combined(items, op), op, threads, file, line);
    }
    HW5_CUB T Sum(T value, HW5_SITE) { return Reduce(value, cub::Sum(), threads, file, line); }
    HW5_CUB T Sum(T value, int valid, HW5_SITE) { return Reduce(value, cub::Sum(), valid, file, line); }
    template <int n> HW5_CUB T Sum(T (&items)[n], HW5_SITE) { return Reduce(items, cub::Sum(), file, line); }

  private:
    TempStorage &space_;
};

template <class T, int x, BlockScanAlgorithm = BLOCK_SCAN_RAKING, int y = 1, int z = 1, int = 0> class BlockScan {
    static constexpr int threads = x * y * z;

  public:
    using TempStorage = hw5_space<T, threads + 1>;  // of each thread, and what the block begins with
    BlockScan(TempStorage &space) : space_(space) {}

    template <class Op> HW5_CUB void InclusiveScan(T value, T &out, Op op, T &all, HW5_SITE) {
        all = share(value, op, file, line);
        out = hw5_thread() ? op(before(), value) : value;
    }
    template <class Op> HW5_CUB void ExclusiveScan(T value, T &out, T initial, Op op, T &all, HW5_SITE) {
        all = share(value, op, file, line);
        out = hw5_thread() ? op(initial, before()) : initial;
    }
    template <int n, class Op> HW5_CUB void InclusiveScan(T (&items)[n], T (&out)[n], Op op, T &all, HW5_SITE) {
        all = share(hw5_combined(items, op), op, file, line);
        T sum = hw5_thread() ? op(before(), items[0]) : items[0];
        for (int i = 0; i < n; i++) out[i] = sum = i ? op(sum, items[i]) : sum;
    }
    template <int n, class Op> HW5_CUB void ExclusiveScan(T (&items)[n], T (&out)[n], T initial, Op op, T &all, HW5_SITE) {
        all = share(hw5_combined(items, op), op, file, line);
        T sum = hw5_thread() ? op(initial, before()) : initial;
        for (int i = 0; i < n; i++) {
            const T item = items[i];  // out may be the same array
            out[i] = sum;
            sum = op(sum, item);
        }
    }

    template <int n, class Op> HW5_CUB void InclusiveScan(T (&items)[n], T (&out)[n], Op op, HW5_SITE) {
        T all;
        InclusiveScan(items, out, op, all, file, line);
    }
    template <class Op> HW5_CUB void InclusiveScan(T value, T &out, Op op, HW5_SITE) {
        T all;
        InclusiveScan(value, out, op, all, file, line);
    }
    template <class Op> HW5_CUB void ExclusiveScan(T value, T &out, T initial, Op op, HW5_SITE) {
        T all;
        ExclusiveScan(value, out, initial, op, all, file, line);
    }
    template <int n, class Op> HW5_CUB void ExclusiveScan(T (&items)[n], T (&out)[n], T initial, Op op, HW5_SITE) {
        T all;
        ExclusiveScan(items, out, initial, op, all, file, line);
    }
    HW5_CUB void InclusiveSum(T value, T &out, HW5_SITE) { InclusiveScan(value, out, cub::Sum(), file, line); }
    HW5_CUB void InclusiveSum(T value, T &out, T &all, HW5_SITE) { InclusiveScan(value, out, cub::Sum(), all, file, line); }
    HW5_CUB void ExclusiveSum(T value, T &out, HW5_SITE) { ExclusiveScan(value, out, T(0), cub::Sum(), file, line); }
    HW5_CUB void ExclusiveSum(T value, T &out, T &all, HW5_SITE) { ExclusiveScan(value, out, T(0), cub::Sum(), all, file, line); }
    // prefix(the sum of the block), called by the first thread, is what the block begins with
    template <class Prefix> HW5_CUB void ExclusiveSum(T value, T &out, Prefix &prefix, HW5_SITE) {
        out = op_prefix(value, prefix, file, line);
    }
    template <class Prefix> HW5_CUB void InclusiveSum(T value, T &out, Prefix &prefix, HW5_SITE) {
        out = op_prefix(value, prefix, file, line) + value;
    }
    template <int n> HW5_CUB void InclusiveSum(T (&items)[n], T (&out)[n], HW5_SITE) {
        T all;
        InclusiveScan(items, out, cub::Sum(), all, file, line);
    }
    template <int n> HW5_CUB void InclusiveSum(T (&items)[n], T (&out)[n], T &all, HW5_SITE) {
        InclusiveScan(items, out, cub::Sum(), all, file, line);
    }
    template <int n> HW5_CUB void ExclusiveSum(T (&items)[n], T (&out)[n], HW5_SITE) {
        ExclusiveScan(items, out, T(0), cub::Sum(), file, line);
    }
    template <int n> HW5_CUB void ExclusiveSum(T (&items)[n], T (&out)[n], T &all, HW5_SITE) {
        ExclusiveScan(items, out, T(0), cub::Sum(), all, file, line);
    }

  private:
    // Put the results up to each thread into its place; return that of all threads. Check mode sees whether the storage
    // is used again without a barrier: the places that a thread reads belong to others.
    template <class Op> HW5_CUB T share(T value, Op op, const char *file, int line) {
        space_[hw5_thread()] = value;
        __syncthreads(file, line);
        if (hw5_thread() == 0)
            for (int i = 1; i < threads; i++) space_[i] = op(space_[i - 1], space_[i]);
        __syncthreads(file, line);
        return space_[threads - 1];
    }
    // The result of the threads before this one, which is not the first
    HW5_CUB T before() { return space_[hw5_thread() - 1]; }
    template <class Prefix> HW5_CUB T op_prefix(T value, Prefix &prefix, const char *file, int line) {
        const T all = share(value, cub::Sum(), file, line);
        if (hw5_thread() == 0) space_[threads] = prefix(all);
        __syncthreads(file, line);
        return hw5_thread() ? space_[threads] + before() : space_[threads];
    }

    TempStorage &space_;
};

// Each thread has n items in a row, or, with the algorithm `striped`, n that are as many apart as there are threads.
template <bool striped, int threads, int n> struct hw5_place {
    int operator()(int i) const { return striped ? i * threads + hw5_thread() : hw5_thread() * n + i; }
};

// Algorithms that transpose exchange items through the storage, in a block or a warp. Each thread writes its place here, and
// reads that of another, so check mode sees whether the storage is used again without a barrier.
template <bool exchanges, bool in_warp, int threads> struct hw5_transpose {
    using Storage = hw5_no_space;
    static void run(Storage *, const char *, int) {}
};
template <bool in_warp, int threads> struct hw5_transpose<true, in_warp, threads> {
    using Storage = hw5_space<int, threads>;
    HW5_CUB static void run(Storage *space, const char *file, int line) {
        const hw5_group<32> group;
        const int first = in_warp ? hw5_thread() & ~31 : 0, all = in_warp && threads - first > 32 ? 32 : threads - first;
        if (space) (*space)[hw5_thread()] = all;
        if (in_warp) __syncwarp(group.mask(threads - first), file, line);
        else __syncthreads(file, line);
        if (space) *(volatile int *)&(*space)[first + (hw5_thread() - first + 1) % all];
    }
};

template <class T, int x, int n, BlockLoadAlgorithm algorithm = BLOCK_LOAD_DIRECT, int y = 1, int z = 1, int = 0> class BlockLoad {
    static constexpr hw5_place<algorithm == BLOCK_LOAD_STRIPED, x * y * z, n> place = {};
    using Transpose = hw5_transpose<(algorithm >= BLOCK_LOAD_TRANSPOSE), algorithm == BLOCK_LOAD_WARP_TRANSPOSE, x * y * z>;

  public:
    using TempStorage = typename Transpose::Storage;
    BlockLoad() : space_(nullptr) {}
    BlockLoad(TempStorage &space) : space_(&space) {}
    template <class From> HW5_CUB void Load(From from, T (&items)[n], HW5_SITE) {
        for (int i = 0; i < n; i++) items[i] = from[place(i)];
        Transpose::run(space_, file, line);
    }
    template <class From> HW5_CUB void Load(From from, T (&items)[n], int valid, HW5_SITE) {
        for (int i = 0; i < n; i++)
            if (place(i) < valid) items[i] = from[place(i)];
        Transpose::run(space_, file, line);
    }
    template <class From, class Default> HW5_CUB void Load(From from, T (&items)[n], int valid, Default otherwise, HW5_SITE) {
        for (int i = 0; i < n; i++) items[i] = otherwise;
        Load(from, items, valid, file, line);
    }

  private:
    TempStorage *space_;
};

template <class T, int x, int n, BlockStoreAlgorithm algorithm = BLOCK_STORE_DIRECT, int y = 1, int z = 1, int = 0> class BlockStore {
    static constexpr hw5_place<algorithm == BLOCK_STORE_STRIPED, x * y * z, n> place = {};
    using Transpose = hw5_transpose<(algorithm >= BLOCK_STORE_TRANSPOSE), algorithm == BLOCK_STORE_WARP_TRANSPOSE, x * y * z>;

  public:
    using TempStorage = typename Transpose::Storage;
    BlockStore() : space_(nullptr) {}
    BlockStore(TempStorage &space) : space_(&space) {}
    template <class To> HW5_CUB void Store(To to, T (&items)[n], HW5_SITE) {
        Transpose::run(space_, file, line);
        for (int i = 0; i < n; i++) to[place(i)] = items[i];
    }
    template <class To> HW5_CUB void Store(To to, T (&items)[n], int valid, HW5_SITE) {
        Transpose::run(space_, file, line);
        for (int i = 0; i < n; i++)
            if (place(i) < valid) to[place(i)] = items[i];
    }

  private:
    TempStorage *space_;
};

}  // namespace cub
#include "cub_sort.h"
#undef HW5_CUB
