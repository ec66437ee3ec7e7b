// What Python asks for; hw5/devices/native/__init__.py has the same fields in the same order.
#pragma once
#include <cstdint>

enum Loss : int64_t { CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED };

// NumPy's arrays of a layer: W and V (m, d), b and Vb (m,)
struct Layer {
    int64_t d, m;
    float *W, *b, *V, *Vb;
};

struct Job {
    const Layer *layers;
    int64_t depth;  // the number of layers
    int64_t activation;
    double alpha;  // the activation's parameter
    int64_t loss;
    const float *class_weights;  // (m,), or of one output unit (2,)
    const void *X;               // (N, d)
    int64_t is_uint8;            // else X is float32
    const void *y;               // (N,) int64 labels; float32 targets of the squared error
    const float *mean, *scale;   // (d,)
    const int64_t *order;        // the rows of X to take
    int64_t examples;            // how many
    int64_t batch_size;
    double eta, momentum, l1, l2;
    int64_t nesterov;
    double *losses, *hits;  // (batch_size,): sums over the minibatches, by place in the minibatch
    float *Z;               // (examples, m): only asked for the forward pass, Z^(L) without its bias
    int64_t threads;
};
