// Dropout: a random share of the numbers becomes 0, and the others grow (Srivastava et al. 2014). The same in both
// directions.
//
//     out_i = scale X_i   if pcg3d(first + i, *t, key) >= threshold,   else 0 X_i
//
// X and out have n elements, of which the first is number `first` of a minibatch: a part of it has the same mask as in
// the whole. With threshold = share 2^32 and scale = 1 / (1 - share), the mean stays. The random numbers depend on the
// element, the step *t and the key of the layer only, and need no memory: pcg3d is of Jarzynski and Olano, "Hash
// Functions for GPU Rendering", JCGT 9 (3), 2020. *t is in device memory, so that a recorded launch can be replayed.
//
// Launch: any one-dimensional grid; threads loop. Moves 8 n bytes.
#include "pack.cuh"

static __device__ unsigned linear_congruential(unsigned x) { return x * 1664525u + 1013904223u; }

// The first of its three random numbers.
static __device__ unsigned pcg3d(unsigned x, unsigned y, unsigned z) {
    x = linear_congruential(x);
    y = linear_congruential(y);
    z = linear_congruential(z);
    x += y * z;
    y += z * x;
    z += x * y;
    x ^= x >> 16;
    y ^= y >> 16;
    z ^= z >> 16;
    return x + y * z;
}

extern "C" __global__ void dropout(const float *__restrict__ X, float *__restrict__ out, const int *__restrict__ t,
                                   unsigned key, unsigned threshold, float scale, unsigned first, long long n) {
    const unsigned step = *t;
    for_each_pack(n, aligned(X, out), [=](auto width, long long i) {
        constexpr int N = decltype(width)::value;
        auto x = load<N>(X + i);
        for (int j = 0; j < N; ++j) {
            const bool stays = pcg3d(first + static_cast<unsigned>(i + j), step, key) >= threshold;
            x[j] *= stays ? scale : 0.0f;
        }
        store(out + i, x);
    });
}
