// Update with momentum and L1 and L2 penalties. (Plain SGD needs no kernel: it is part of the matrix product.)
//
//     g = G + l2 W + l1 sign(W),   V <- mu V + g            lecture 14, "Gradient descent", with penalties
//     W <- W - eta V               if nesterov is 0
//     W <- W - eta (g + mu V)      otherwise (Sutskever et al. 2013)
//
// W, V and G have n elements; G is the mean gradient of the minibatch.
//
// Launch: any one-dimensional grid; threads loop. Moves 20 n bytes.
#include "pack.cuh"
#include "sgd.cuh"

extern "C" __global__ void sgd_update(float *__restrict__ W, float *__restrict__ V, const float *__restrict__ G,
                                      float eta, float mu, float l1, float l2, int nesterov, long long n) {
    for_each_pack(n, aligned(W, V, G), [=](auto width, long long i) {
        constexpr int N = decltype(width)::value;
        auto w = load<N>(W + i), v = load<N>(V + i);
        const auto gradient = load<N>(G + i);
        for (int j = 0; j < N; ++j) sgd_step(w[j], v[j], gradient[j], eta, mu, l1, l2, nesterov);
        store(V + i, v);
        store(W + i, w);
    });
}
