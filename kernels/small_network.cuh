// What the kernels for small networks share: the inputs of a layer, activations by number, and the rule of an update.
#pragma once
#include "adam.cuh"
#include "reduce.cuh"
#include "sgd.cuh"
#include "standardise.cuh"

namespace small_network {

// -- the inputs of a layer: examples of the data, gathered and standardised, or the outputs of the layer below
//
// row(i) is the address of example i, columns<N>(c)(row) are its columns c .. c + N - 1, column(c)(i) one of them.

template <class Element>
struct Gathered {
    const Element *X;
    const float *mean, *scale;
    const int *order;  // of this minibatch
    int d;

    __device__ const Element *row(int i) const { return X + static_cast<size_t>(order[i]) * d; }
    template <int N>
    __device__ auto columns(int c) const {
        return [m = load<N>(mean + c), s = load<N>(scale + c), c](const Element *row) {
            return standardise(load<N>(row + c), m, s);
        };
    }
    __device__ auto column(int c) const {
        return [at = columns<1>(c), *this](int i) { return at(row(i))[0]; };
    }
    __device__ bool packs_of_four() const { return d % 4 == 0 && aligned(X, mean, scale); }
};

struct Outputs {
    const float *H;
    int d;

    __device__ const float *row(int i) const { return H + static_cast<size_t>(i) * d; }
    template <int N>
    __device__ auto columns(int c) const {
        return [c](const float *row) { return load<N>(row + c); };
    }
    __device__ auto column(int c) const {
        return [c, *this](int i) { return row(i)[c]; };
    }
    __device__ bool packs_of_four() const { return d % 4 == 0 && aligned(H); }
};

// -- products, whose terms the lanes of a warp share

// The sums over the warp of N numbers in each lane. A lane gets number lane / (32 / N) of them.
template <int N>
__device__ float sum_over_lanes(float (&v)[N]) {
    int distance = 16;
#pragma unroll
    for (int half = N / 2; half > 0; half /= 2, distance /= 2) {
        const bool upper = threadIdx.x & distance;
        for (int q = 0; q < half; ++q) {
            const float mine = upper ? v[q + half] : v[q], other = upper ? v[q] : v[q + half];
            v[q] = mine + __shfl_xor_sync(ALL_LANES, other, distance);
        }
    }
    float sum = v[0];
    for (; distance > 0; distance /= 2) sum += __shfl_xor_sync(ALL_LANES, sum, distance);
    return sum;
}

// -- activations, by the number of their row

#undef ACTIVATION
#define ACTIVATION(NAME, THETA, DERIVATIVE) NAME,
enum Activation {
#include "activations.cuh"
};

#undef ACTIVATION
#define ACTIVATION(NAME, THETA, DERIVATIVE) \
    case NAME:                              \
        return THETA;
__device__ float theta_of(int theta, float z, float a) {
    switch (theta) {
#include "activations.cuh"
    }
    return a;
}

#undef ACTIVATION
#define ACTIVATION(NAME, THETA, DERIVATIVE) \
    case NAME:                              \
        return DERIVATIVE;
__device__ float derivative_of(int theta, float x, float a) {
    switch (theta) {
#include "activations.cuh"
    }
    return a;
}
#undef ACTIVATION

// -- the update of a weight

struct Rule {
    float eta, mu, l1, l2;
    int nesterov;
    bool is_adam;
    adam::Rates of_adam;

    __device__ void step(float *w, float *v, float *s, float g, const adam::Correction &by) const {
        if (is_adam)
            adam::step(*w, *v, *s, g, of_adam, by);
        else if (mu == 0.0f && l1 == 0.0f)
            *w = (1.0f - eta * l2) * *w - eta * g;
        else
            sgd_step(*w, *v, g, eta, mu, l1, l2, nesterov);
    }
    __device__ Rule without_penalties() const { return of(true); }
    __device__ Rule of(bool is_bias) const {
        Rule rule = *this;
        if (is_bias) rule.l1 = rule.l2 = rule.of_adam.l1 = rule.of_adam.l2 = rule.of_adam.decay = 0.0f;
        return rule;
    }
};

}  // namespace small_network
