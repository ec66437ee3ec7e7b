// The rows of kernels/activations.cuh as vector code: X = theta(Z), and theta'(Z) as a function of X.
#pragma once
#include "functions.h"

#define ACTIVATION(NAME, THETA, DERIVATIVE)                           \
    struct NAME##_activation {                                        \
        float a;                                                      \
        Vector theta(Vector z) const { return vector(THETA); }        \
        Vector derivative([[maybe_unused]] Vector x) const { return vector(DERIVATIVE); } \
    };
#include "activations.cuh"
#undef ACTIVATION

// The names in numerical order, each followed by a space
#define ACTIVATION(NAME, THETA, DERIVATIVE) #NAME " "
static const char ACTIVATION_NAMES[] =
#include "activations.cuh"
    ;
#undef ACTIVATION

// Call f with the activation of this number and the parameter a.
template <class F>
INLINE void with_activation(int64_t number, float a, F f) {
    int64_t i = 0;
#define ACTIVATION(NAME, THETA, DERIVATIVE) \
    if (number == i++) return f(NAME##_activation{a});
#include "activations.cuh"
#undef ACTIVATION
}
