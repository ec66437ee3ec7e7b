// Update by Adam (Kingma and Ba 2015) with L1 and L2 penalties, and AdamW's weight decay (Loshchilov and Hutter 2019).
//
//     g = G + l2 W + l1 sign(W),   V <- V + share1 (g - V),   S <- S + share2 (g^2 - S)
//     W <- W - eta decay W - eta V / (1 - beta1^t) / (sqrt(S / (1 - beta2^t)) + epsilon)
//
// W, V, S and G have n elements; G is the mean gradient of the minibatch, and *t >= 1 counts the updates. V and S are
// running means of g and g^2: share1 = 1 - beta1 and share2 = 1 - beta2 are the shares of the latest. *t is in device
// memory, so that a recorded launch can be replayed.
//
// Launch: any one-dimensional grid; threads loop. Moves 28 n bytes.
#include "adam.cuh"
#include "pack.cuh"

extern "C" __global__ void adam_update(float *__restrict__ W, float *__restrict__ V, float *__restrict__ S,
                                       const float *__restrict__ G, const int *__restrict__ t, float eta, float share1,
                                       float share2, float epsilon, float l1, float l2, float decay, long long n) {
    const adam::Rates rates{eta, share1, share2, epsilon, l1, l2, decay};
    __shared__ adam::Correction by;
    if (threadIdx.x == 0) by = adam::correction(rates, *t);
    __syncthreads();
    for_each_pack(n, aligned(W, V, S, G), [=](auto width, long long i) {
        constexpr int N = decltype(width)::value;
        auto w = load<N>(W + i), v = load<N>(V + i), s = load<N>(S + i);
        const auto g = load<N>(G + i);
        for (int j = 0; j < N; ++j) adam::step(w[j], v[j], s[j], g[j], rates, by);
        store(V + i, v);
        store(S + i, s);
        store(W + i, w);
    });
}
