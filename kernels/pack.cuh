// Packs: N neighbouring values that travel in one load or store, 16 bytes for four floats.
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

// Whether packs of four may be loaded from all of these; the same for the whole grid.
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

// Calls body(Width<N>, i) so that every index below n is in one pack i .. i + N - 1: packs of four where they may be,
// and single elements at the end or where alignment forbids. Any one-dimensional grid will do.
template <class Body>
__device__ void for_each_pack(long long n, bool packs_of_four, Body body) {
    const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
    const long long packed = packs_of_four ? n / 4 * 4 : 0;
    for (long long i = 4 * thread; i < packed; i += 4 * threads) body(Width<4>(), i);
    for (long long i = packed + thread; i < n; i += threads) body(Width<1>(), i);
}
