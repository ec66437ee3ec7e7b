// The step of stochastic gradient descent that a matrix product cannot hold: momentum, L1 and L2.
//
//     V <- V + l2 W + l1 sign(W),   W <- W - eta V          lecture 14, "Gradient descent", with penalties
//
// W and V are n numbers; V comes in as mu V + the mean gradient, which the gemm before has made.
//
// Launch: any one-dimensional grid. Moves 16 n bytes.
#include "pack.cuh"

extern "C" __global__ void sgd_update(float *__restrict__ W, float *__restrict__ V, float eta, float l1, float l2,
                                      long long n) {
    for_each_pack(n, aligned(W, V), [=](auto width, long long i) {
        constexpr int N = decltype(width)::value;
        auto w = load<N>(W + i), v = load<N>(V + i);
        for (int j = 0; j < N; ++j) {
            const float sign = static_cast<float>((w[j] > 0.0f) - (w[j] < 0.0f));
            v[j] += l2 * w[j] + l1 * sign;
            w[j] -= eta * v[j];
        }
        store(V + i, v);
        store(W + i, w);
    });
}
