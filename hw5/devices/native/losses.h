// The losses of hw5/nn/losses.py for LANES examples at once, one a lane, in the lecture's letters.
//
// Z has a row for each of the m output units; in it z becomes Delta = s dJ/dz. y are labels, as floats, or targets. A
// NaN stays a NaN.
#pragma once
#include <cmath>

#include "products.h"

struct Outcome {
    Vector J, hit;  // the losses, and 1 where the class found is y
};

template <class F>
INLINE Vector each_lane(F f, Vector a) {
    for (int i = 0; i < LANES; i++) a[i] = f(a[i]);
    return a;
}

// P = softmax(Z), Delta = s (P - Y), J = -ln p_y. The class found is the lowest among the largest; a NaN is larger than
// any number.
static Outcome cross_entropy(View Z, int64_t m, Vector y, Vector s) {
    Vector most = load(Z.row(0)), found = {}, at_label = most, S = {};
    for (int64_t j = 1; j < m; j++) {
        Vector z = load(Z.row(j));
        Ints better = (z > most) | ((z != z) & (most == most));
        most = better ? z : most;
        found = better ? all(j) : found;
        at_label = y == float(j) ? z : at_label;
    }
    for (int64_t j = 0; j < m; j++) {
        Vector e = exponential(load(Z.row(j)) - most);
        S += e;
        store(Z.row(j), e);
    }
    Vector scale = s / S;
    for (int64_t j = 0; j < m; j++) store(Z.row(j), load(Z.row(j)) * scale - (y == float(j) ? s : Vector{}));
    Vector ln_S = each_lane([](float a) { return std::log(a); }, S);
    return {ln_S - (at_label - most), found == y ? all(1) : Vector{}};
}

// p = 1 / (1 + e^-z), Delta = s (p - y), J = -y ln p - (1 - y) ln(1 - p) = ln(1 + e^z) - y z. Class 1 is found where
// not z <= 0.
static Outcome binary_cross_entropy(View Z, int64_t, Vector y, Vector s) {
    Vector z = load(Z.row(0)), magnitude = z < 0 ? -z : z, e = exponential(-magnitude);
    Vector p = (z < 0 ? e : all(1)) / (1 + e), found = z <= 0 ? Vector{} : all(1);
    store(Z.row(0), s * (p - y));
    Vector ln = each_lane([](float a) { return std::log1p(a); }, e);
    return {ln + (z < 0 ? Vector{} : z) - y * z, found == y ? all(1) : Vector{}};
}

// Delta = s 2 (z - y), J = (z - y)^2
static Outcome squared(View Z, int64_t, Vector y, Vector s) {
    Vector error = load(Z.row(0)) - y;
    store(Z.row(0), s * 2 * error);
    return {error * error, Vector{}};
}
