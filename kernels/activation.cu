// Activation functions of the hidden layers.
//
//     NAME_forward    X = theta(Z + b)           in place of Z; lecture 14, "Examples of activation fns"
//     NAME_gradient   Delta = A o theta'(Z)      in place of A, given X = theta(Z); "Using minibatches"
//
// Z is (k, m), one example per row, and b is (m,); A and X have n = k m elements; a is the activation's parameter.
// theta and theta' are in activations.cuh.
//
// Launch: forward, any two-dimensional grid of blocks (columns, rows); gradient, any one-dimensional one. Threads loop.
// Moves 8 k m + 4 m bytes forward, 12 n bytes backward.
#include "pack.cuh"

// Each thread keeps the biases of its columns in registers and loops over the rows.
template <int N, class Theta>
__device__ void forward_columns(float *Z, const float *b, int k, int m, Theta theta) {
    const int columns = N * gridDim.x * blockDim.x, rows = gridDim.y * blockDim.y;
    for (int c = N * (blockIdx.x * blockDim.x + threadIdx.x); c < m; c += columns) {
        const auto bias = load<N>(b + c);
        for (int i = blockIdx.y * blockDim.y + threadIdx.y; i < k; i += rows) {
            float *at = Z + static_cast<size_t>(i) * m + c;
            auto z = load<N>(at);
            for (int j = 0; j < N; ++j) z[j] = theta(z[j] + bias[j]);
            store(at, z);
        }
    }
}

template <class Theta>
__device__ void forward(float *Z, const float *b, int k, int m, Theta theta) {
    if (m % 4 == 0 && aligned(Z, b))
        forward_columns<4>(Z, b, k, m, theta);
    else
        forward_columns<1>(Z, b, k, m, theta);
}

template <class Derivative>
__device__ void gradient(float *A, const float *X, long long n, Derivative derivative) {
    for_each_pack(n, aligned(A, X), [=](auto width, long long i) {
        constexpr int N = decltype(width)::value;
        auto a = load<N>(A + i);
        const auto x = load<N>(X + i);
        for (int j = 0; j < N; ++j) a[j] *= derivative(x[j]);
        store(A + i, a);
    });
}

#define ACTIVATION(NAME, THETA, DERIVATIVE)                                                                      \
    extern "C" __global__ void NAME##_forward(float *__restrict__ Z, const float *__restrict__ b, int k, int m,  \
                                              float a) {                                                         \
        (void)a;                                                                                                 \
        forward(Z, b, k, m, [=](float z) { return THETA; });                                                     \
    }                                                                                                            \
    extern "C" __global__ void NAME##_gradient(float *__restrict__ A, const float *__restrict__ X, long long n,  \
                                               float a) {                                                        \
        (void)a;                                                                                                 \
        gradient(A, X, n, [=](float x) { return DERIVATIVE; });                                                  \
    }

#include "activations.cuh"
