// What Python asks for; hw5/devices/native/__init__.py has the same fields in the same order.
#pragma once
#include <cstdint>

// NumPy's arrays of a layer: W and V (m, d), b and Vb (m,)
struct Layer {
    int64_t d, m;
    int64_t pieces;  // rows of W for each of the m / pieces units: above 1, the layer is maxout
    float *W, *b, *V, *Vb;
};

struct Job {
    const Layer *layers;
    int64_t depth;  // the number of layers
    int64_t activation;  // its number among ACTIVATION_NAMES; maxout has none
    double alpha;        // the activation's parameter
    int64_t loss;        // its number among LOSSES
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
    double *losses, *correct;  // (batch_size,): sums over the minibatches, by place in the minibatch
    float *Z;               // (examples, m): only asked for the forward pass, Z^(L) without its bias
    int64_t threads;
};
