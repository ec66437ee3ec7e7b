// The activations of hw5/devices/activations.py on vectors: X = theta(Z), and theta'(Z) as a function of X. A NaN stays a NaN.
#pragma once
#include "vectors.h"

struct Relu {
    Vector apply(Vector z) const { return z < 0 ? Vector{} : z; }
    Vector derivative(Vector x) const { return x > 0 ? all(1) : Vector{}; }
};

struct LeakyRelu {
    float slope;
    Vector apply(Vector z) const { return z < 0 ? slope * z : z; }
    Vector derivative(Vector x) const { return x > 0 ? all(1) : all(slope); }
};

struct Elu {
    float alpha;
    Vector apply(Vector z) const { return z < 0 ? alpha * exponential_less_one(z) : z; }
    Vector derivative(Vector x) const { return x < 0 ? x + alpha : all(1); }
};

struct Tanh {
    // e / (e + 2) with e = exp(2z) - 1; beyond 10 it is 1 to the last bit
    Vector apply(Vector z) const {
        z = z > 10 ? all(10) : z;
        Vector e = exponential_less_one(2 * z);
        return e / (e + 2);
    }
    Vector derivative(Vector x) const { return 1 - x * x; }
};

struct Sigmoid {
    Vector apply(Vector z) const { return 1 / (1 + exponential(-z)); }
    Vector derivative(Vector x) const { return x * (1 - x); }
};

struct Linear {
    Vector apply(Vector z) const { return z; }
    Vector derivative(Vector) const { return all(1); }
};

enum Activation : int64_t { RELU, LEAKY_RELU, ELU, TANH, SIGMOID, LINEAR };

// Calls f with the activation; alpha is its parameter.
template <class F>
INLINE void with_activation(int64_t activation, float alpha, F f) {
    switch (activation) {
        case RELU: return f(Relu{});
        case LEAKY_RELU: return f(LeakyRelu{alpha});
        case ELU: return f(Elu{alpha});
        case TANH: return f(Tanh{});
        case SIGMOID: return f(Sigmoid{});
        case LINEAR: return f(Linear{});
    }
}
