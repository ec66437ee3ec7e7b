// The losses of hw5/nn/losses.py for LANES examples at once, one per lane.
//
// Z has a row for each of the m output units. z becomes Delta = s dJ/dz. NaN stays NaN.
#pragma once
#include "functions.h"
#include "job.h"
#include "products.h"

constexpr int64_t SQUARED = 2;  // the index of the loss whose y are targets

struct Outcome {
    Vector J, correct;  // the losses, and 1 where the predicted class is y
};

// y of the examples with these rows of the data, at most LANES, one per lane: labels, as floats, or targets
struct Truth {
    const Job &job;
    const int64_t *rows;
    int64_t examples;
    Vector first;  // of the first output unit, and for classes the only one

    // That of the output unit j, if each has its own
    Vector of(int64_t j) const {
        Vector y = first;
        for (int i = 0; j > 0 && i < examples; i++) {
            const int64_t at = rows[i] * job.y_columns + j;
            y[i] = job.loss == SQUARED ? static_cast<const float *>(job.y)[at]
                                       : float(static_cast<const int64_t *>(job.y)[at]);
        }
        return y;
    }
};

// The predicted class of each example, its z, and z at the label
struct Prediction {
    Vector z, label, at_y;
};

// The class with the largest z; ties go to the lowest class, and NaN is larger than any number.
INLINE Prediction predict(View Z, int64_t m, Vector y) {
    Prediction best{load(Z.row(0)), {}, load(Z.row(0))};
    for (int64_t j = 1; j < m; j++) {
        Vector z = load(Z.row(j));
        const Ints is_better = is_larger(z, best.z);
        best.z = is_better ? z : best.z;
        best.label = is_better ? broadcast(j) : best.label;
        best.at_y = y == float(j) ? z : best.at_y;
    }
    return best;
}

// P = softmax(Z), Delta = s (P - Y), J = -ln p_y
static Outcome cross_entropy(View Z, int64_t m, const Truth &truth, Vector s) {
    const Vector y = truth.first;
    const Prediction predicted = predict(Z, m, y);
    Vector S = {};
    for (int64_t j = 0; j < m; j++) {
        Vector e = exponential(load(Z.row(j)) - predicted.z);
        S += e;
        store(Z.row(j), e);
    }
    Vector scale = s / S;
    for (int64_t j = 0; j < m; j++) store(Z.row(j), load(Z.row(j)) * scale - (y == float(j) ? s : Vector{}));
    return {logf(S) - (predicted.at_y - predicted.z), predicted.label == y ? broadcast(1) : Vector{}};
}

// p = 1 / (1 + e^-z), Delta = s (p - y), J = the sum of -y ln p - (1 - y) ln(1 - p) = ln(1 + e^z) - y z over the units.
// 1 is predicted unless z <= 0.
static Outcome binary_cross_entropy(View Z, int64_t m, const Truth &truth, Vector s) {
    Outcome outcome = {{}, broadcast(1)};
    for (int64_t j = 0; j < m; j++) {
        Vector y = truth.of(j), z = load(Z.row(j)), magnitude = z < 0 ? -z : z, e = exponential(-magnitude);
        Vector p = (z < 0 ? e : broadcast(1)) / (1 + e), predicted = z <= 0 ? Vector{} : broadcast(1);
        store(Z.row(j), s * (p - y));
        outcome.J += log1pf(e) + (z < 0 ? Vector{} : z) - y * z;
        outcome.correct = predicted == y ? outcome.correct : Vector{};
    }
    return outcome;
}

// Delta = s 2 (z - y), J = the sum of (z - y)^2 over the units
static Outcome squared(View Z, int64_t m, const Truth &truth, Vector s) {
    Outcome outcome = {};
    for (int64_t j = 0; j < m; j++) {
        Vector error = load(Z.row(j)) - truth.of(j);
        store(Z.row(j), s * 2 * error);
        outcome.J += error * error;
    }
    return outcome;
}

// Delta = s (predicted - y), both as vectors that are 1 at a class; J = z_predicted - z_y. One unit stands for the
// logits (0, z), and class 1 is predicted unless z <= 0.
static Outcome perceptron(View Z, int64_t m, const Truth &truth, Vector s) {
    const Vector y = truth.first;
    if (m == 1) {
        Vector z = load(Z.row(0)), predicted = z <= 0 ? Vector{} : broadcast(1), mistake = predicted - y;
        store(Z.row(0), s * mistake);
        return {z * mistake, predicted == y ? broadcast(1) : Vector{}};
    }
    const Prediction predicted = predict(Z, m, y);
    for (int64_t j = 0; j < m; j++)
        store(Z.row(j), (predicted.label == float(j) ? s : Vector{}) - (y == float(j) ? s : Vector{}));
    return {predicted.z - predicted.at_y, predicted.label == y ? broadcast(1) : Vector{}};
}

// The losses by index
static constexpr decltype(&squared) LOSSES[] = {cross_entropy, binary_cross_entropy, squared, perceptron,
                                                binary_cross_entropy};
static const char LOSS_NAMES[] = "cross-entropy binary-cross-entropy squared perceptron multilabel-cross-entropy";

// Delta / k, J, and whether the predictions are correct, of the examples with these rows of the data, at most LANES,
// one per lane; Z contains the bias, and becomes Delta. Lanes without an example have weight 0. Several labels of an
// example have weights of 1.
INLINE Outcome outcome_of(const Job &job, const int64_t *rows, int64_t examples, int64_t k, View Z, int64_t m) {
    Vector y = {}, weight = {};
    for (int i = 0; i < examples; i++) {
        const int64_t at = rows[i] * job.y_columns;
        y[i] = job.loss == SQUARED ? static_cast<const float *>(job.y)[at]
                                   : float(static_cast<const int64_t *>(job.y)[at]);
        weight[i] = job.loss == SQUARED ? 1 : job.class_weights[int64_t(y[i])];
    }
    Outcome outcome = LOSSES[job.loss](Z, m, {job, rows, examples, y}, weight / float(k));
    return {weight * outcome.J, outcome.correct};
}
