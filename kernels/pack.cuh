// Packs: N adjacent values that are loaded or stored together, 16 bytes for four floats.
#pragma once
#include <climits>

template <class T, int N>
struct alignas(N * sizeof(T)) Pack {
    T value[N];
    __device__ T &operator[](int i) { return value[i]; }
    __device__ const T &operator[](int i) const { return value[i]; }
};

template <int N, class T>
__device__ Pack<T, N> load(const T *from) {
    return *reinterpret_cast<const Pack<T, N> *>(from);
}

template <class T, int N>
__device__ void store(T *to, const Pack<T, N> &pack) {
    *reinterpret_cast<Pack<T, N> *>(to) = pack;
}

// Whether packs of four can be loaded from all these arrays. The same for the whole grid.
template <class T>
__device__ bool aligned(const T *array) {
    return reinterpret_cast<size_t>(array) % (4 * sizeof(T)) == 0;
}
template <class T, class... More>
__device__ bool aligned(const T *array, const More *...more) {
    return aligned(array) && aligned(more...);
}

template <int N>
struct Width {
    static constexpr int value = N;
};

// Call body(Width<N>, i) for packs i .. i + N - 1 that cover each index below n once: packs of four if packs_of_four,
// then single elements. Works with any one-dimensional grid.
template <class Body>
__device__ void for_each_pack(long long n, bool packs_of_four, Body body) {
    const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
    const long long packed = packs_of_four ? n / 4 * 4 : 0;
    for (long long i = 4 * thread; i < packed; i += 4 * threads) body(Width<4>(), i);
    for (long long i = packed + thread; i < n; i += threads) body(Width<1>(), i);
}

// Call body(Width<N>, i, j) for packs (i, j) .. (i, j + N - 1) that cover each element of a (k, m) matrix once: packs
// of four, which m must be a multiple of, or single elements. Works with any two-dimensional grid of blocks (columns,
// rows). What body computes of j alone, a thread computes once for all its rows.
template <int N, class Body>
__device__ void for_each_in_rows_of(int k, int m, Body body) {
    const long long columns = static_cast<long long>(gridDim.x) * blockDim.x, rows = gridDim.y * blockDim.y;
    const long long column = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (long long j = N * column; j < m; j += N * columns)
        for (long long i = blockIdx.y * blockDim.y + threadIdx.y; i < k; i += rows)
            body(Width<N>(), static_cast<int>(i), static_cast<int>(j));
}

template <class Body>
__device__ void for_each_in_rows(int k, int m, bool packs_of_four, Body body) {
    if (packs_of_four)
        for_each_in_rows_of<4>(k, m, body);
    else
        for_each_in_rows_of<1>(k, m, body);
}
