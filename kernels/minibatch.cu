// Assemble a shuffled minibatch from the data on the device, and standardise it.
//
//     X_out[i, :] = (X[row, :] - mean) * scale,   y_out[i, :] = y[row, :],   row = order[*first + offset + i]
//
// for i = 0 .. k-1. X is (N, d), uint8 (minibatch_uint8) or float32 (minibatch_float32); y is (N, q), with q = 1 for
// classes, and has elements of 4 bytes; mean and scale are (d,); order has row numbers below N; X_out is (k, d)
// float32, y_out is (k, q). *first is in device memory, so that recorded launches can be replayed for later
// minibatches: advance adds `by` to it.
//
// Launch: any block (columns, rows) with grid.x * rows >= k; threads loop over the columns. advance: one thread.
// Moves (s + 4) k d + 8 k q + 4 k bytes, where s is the element size of X; mean and scale come from cache.
#include "standardise.cuh"

template <int N, class Element>
__device__ void standardise_row(const Element *from, const float *mean, const float *scale, float *to, int d) {
    for (int c = N * threadIdx.x; c < d; c += N * blockDim.x)
        store(to + c, standardise(load<N>(from + c), load<N>(mean + c), load<N>(scale + c)));
}

template <class Element>
__device__ void assemble(const Element *X, const int *y, const float *mean, const float *scale, const int *order,
                         const int *first, int offset, float *X_out, int *y_out, int k, int d, int q) {
    const int i = blockIdx.x * blockDim.y + threadIdx.y;
    if (i >= k) return;
    const int row = order[*first + offset + i];
    const Element *from = X + static_cast<size_t>(row) * d;
    float *to = X_out + static_cast<size_t>(i) * d;
    if (d % 4 == 0 && aligned(X, mean, scale, X_out))
        standardise_row<4>(from, mean, scale, to, d);
    else
        standardise_row<1>(from, mean, scale, to, d);
    for (int c = threadIdx.x; c < q; c += blockDim.x)
        y_out[static_cast<size_t>(i) * q + c] = y[static_cast<size_t>(row) * q + c];
}

#define MINIBATCH(NAME, ELEMENT)                                                                                   \
    extern "C" __global__ void NAME(const ELEMENT *__restrict__ X, const int *__restrict__ y,                      \
                                    const float *__restrict__ mean, const float *__restrict__ scale,               \
                                    const int *__restrict__ order, const int *__restrict__ first, int offset,      \
                                    float *__restrict__ X_out, int *__restrict__ y_out, int k, int d, int q) {     \
        assemble(X, y, mean, scale, order, first, offset, X_out, y_out, k, d, q);                                  \
    }

MINIBATCH(minibatch_uint8, unsigned char)
MINIBATCH(minibatch_float32, float)

extern "C" __global__ void advance(int *first, int by) { *first += by; }
