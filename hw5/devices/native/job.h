// The arguments of a call from Python; hw5/devices/native/job.py has the same fields in the same order.
#pragma once
#include <cstdint>

// NumPy's arrays of a layer: W, V and S (m, d), b, Vb and Sb (m,)
struct Layer {
    int64_t d, m;
    int64_t pieces;  // rows of W per unit (maxout if above 1): the layer has m / pieces units
    float *W, *b, *V, *Vb, *S, *Sb;
};

// A window of i x j pixels that moves over images (h, w, c), rows of h w c numbers; rows x columns are its places.
struct Window {
    int64_t h, w, c, i, j, stride, padding, rows, columns;
};

// A layer of a network that has other layers than dense ones
enum Kind : int64_t {
    DENSE,
    CONVOLUTION,
    MAX_POOL,
    MEAN_POOL,
    DROPOUT,
};
struct ImageLayer {
    int64_t kind;
    Layer weights;      // of dense layers and convolutions
    Window window;      // without one, it is one pixel; of a dense layer, the image is one pixel of d channels
    double number;      // of dropout: the share that becomes 0
    int64_t key;        // of dropout's random numbers
};

struct Job {
    const Layer *layers;
    int64_t depth;  // the number of layers
    int64_t activation;  // index in ACTIVATION_NAMES; not used for maxout
    double alpha;        // the activation's parameter
    int64_t loss;        // index in LOSSES
    const float *class_weights;  // (m,), or (2,) for one output unit
    const void *X;               // (N, d)
    int64_t is_uint8;            // else X is float32
    const void *y;               // (N, y_columns) int64 labels; float32 targets of the squared error
    int64_t y_columns;           // m if each output unit has a label or target of its own, else 1
    const float *mean, *scale;   // (d,)
    const int64_t *order;        // (examples,): rows of X
    int64_t examples;
    int64_t batch_size;
    double eta, momentum, l1, l2;
    int64_t nesterov;
    int64_t adam;  // momentum is then beta1
    double beta2, epsilon, weight_decay;
    int64_t updates;  // before this call
    double *losses, *correct;  // (batch_size,): sums over the minibatches, by position in the minibatch
    float *Z;                  // (examples, m): Z^(L) without its bias, for the forward pass only
    int64_t threads;
    const ImageLayer *image_layers;  // instead of layers, for images.cpp

    // Training by slices (sliced.h), if slice is not 0; batch_size then divides examples.
    int64_t slice;                   // the number of its examples
    int64_t share_begin, share_end;  // the examples of each minibatch that this process takes
    const int64_t *additions, *depths;  // of each of its slices: as in Division.additions, and the sums below its own
    float *sums;                     // (height, stride): the stack of sums, each of all W and b as in NumPy
    int64_t stride;
    int (*exchange)();               // makes sums[0] the sum over all slices, or returns 1; null if it is that already
};
