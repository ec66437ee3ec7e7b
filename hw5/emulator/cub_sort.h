// CUB's BlockRadixSort. Items with equal keys stay in order.
#pragma once

namespace cub {

struct NullType {};

template <int bytes> struct hw5_unsigned;
template <> struct hw5_unsigned<1> { using type = uint8_t; };
template <> struct hw5_unsigned<2> { using type = uint16_t; };
template <> struct hw5_unsigned<4> { using type = uint32_t; };
template <> struct hw5_unsigned<8> { using type = uint64_t; };

// The bits of a key, which compare as the key does
template <class Key, class Bits> static inline Bits hw5_sortable(Key key) {
    const Bits bits = hw5_bits<Bits>(key), sign = (Bits)((Bits)1 << (8 * sizeof(Bits) - 1));
    const bool is_signed = (float)(Key)-1 < 0, is_integer = (float)(Key)0.5f == 0;
    return is_signed ? (Bits)(is_integer || !(bits & sign) ? bits ^ sign : ~bits) : bits;
}

// How many items come before one: lower ones, and equal ones that are before it. Check mode sees the exchange of items.
template <class Bits> static inline HW5_UNCHECKED int hw5_rank(const Bits *all, int count, int mine, bool descending) {
    int rank = 0;
    for (int i = 0; i < count; i++)
        rank += (descending ? all[i] > all[mine] : all[i] < all[mine]) || (all[i] == all[mine] && i < mine);
    return rank;
}

template <class Key, int x, int n, class Value = NullType, int = 4, bool = true, BlockScanAlgorithm = BLOCK_SCAN_WARP_SCANS,
          int = 0, int y = 1, int z = 1, int = 0>
class BlockRadixSort {
    static constexpr int threads = x * y * z, bits = 8 * sizeof(Key);
    static constexpr hw5_place<false, threads, n> from = {};
    using Bits = typename hw5_unsigned<sizeof(Key)>::type;

  public:
    union TempStorage {
        hw5_space<Bits, threads * n> digits;
        hw5_space<Key, threads * n> keys;
        hw5_space<Value, threads * n> values;
    };
    BlockRadixSort(TempStorage &space) : space_(space) {}

#define HW5_SORT(name, descending, striped)                                                                      \
    HW5_CUB void name(Key (&keys)[n], int first_bit = 0, int end_bit = bits, HW5_SITE) {                         \
        int ranks[n];                                                                                            \
        rank(keys, ranks, descending, first_bit, end_bit, file, line);                                           \
        exchange<striped>(space_.keys, keys, ranks, file, line);                                                 \
    }                                                                                                            \
    HW5_CUB void name(Key (&keys)[n], Value (&values)[n], int first_bit = 0, int end_bit = bits, HW5_SITE) {     \
        int ranks[n];                                                                                            \
        rank(keys, ranks, descending, first_bit, end_bit, file, line);                                           \
        exchange<striped>(space_.keys, keys, ranks, file, line);                                                 \
        __syncthreads(file, line);                                                                               \
        exchange<striped>(space_.values, values, ranks, file, line);                                             \
    }
    HW5_SORT(Sort, false, false) HW5_SORT(SortDescending, true, false)
    HW5_SORT(SortBlockedToStriped, false, true) HW5_SORT(SortDescendingBlockedToStriped, true, true)
#undef HW5_SORT

  private:
    // The places of a thread's items in the order of the bits of their keys from first_bit to end_bit
    HW5_CUB void rank(const Key (&keys)[n], int (&ranks)[n], bool descending, int first_bit, int end_bit, const char *file, int line) {
        const Bits digits = (Bits)((Bits)((Bits)~(Bits)0 >> (bits - (end_bit - first_bit))) << first_bit);
        for (int i = 0; i < n; i++) space_.digits[from(i)] = (Bits)(hw5_sortable<Key, Bits>(keys[i]) & digits);
        __syncthreads(file, line);
        for (int i = 0; i < n; i++) ranks[i] = hw5_rank(&space_.digits[0], threads * n, from(i), descending);
        __syncthreads(file, line);
    }
    // A thread reads where the next one writes, so check mode sees whether the storage is used again without a barrier.
    static int shifted(int place) { return (place + n) % (threads * n); }
    template <bool striped, class Space, class T>
    HW5_CUB void exchange(Space &space, T (&items)[n], const int (&ranks)[n], const char *file, int line) {
        const hw5_place<striped, threads, n> to;
        for (int i = 0; i < n; i++) space[shifted(ranks[i])] = items[i];
        __syncthreads(file, line);
        for (int i = 0; i < n; i++) items[i] = space[shifted(to(i))];
    }

    TempStorage &space_;
};

}  // namespace cub
