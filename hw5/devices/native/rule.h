// The update rule, and the parameters that it updates.
#pragma once
#include "job.h"
#include "products.h"

struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
};

// Update of a weight W with the mean gradient G of the minibatch:
//     g = G + l2 W + l1 sign(W),   V <- mu V + g,   W <- W - eta V,   or with nesterov W <- W - eta (g + mu V)
struct Rule {
    float eta, mu, l1, l2;
    bool nesterov, keeps_velocity;  // V is only needed for momentum or L1

    static Rule of(const Job &job) {
        return {float(job.eta), float(job.momentum), float(job.l1), float(job.l2), job.nesterov != 0,
                job.momentum != 0 || job.l1 != 0};
    }
    Rule without_penalties() const { return {eta, mu, 0, 0, nesterov, keeps_velocity}; }
};

// Parameters W with their velocities and gradient, if needed
struct Trainable {
    Matrix W, V, G;

    Trainable(int64_t rows, int64_t columns, bool keeps_velocity, bool keeps_gradient) : W(rows, columns) {
        if (keeps_velocity) V = Matrix(rows, columns);
        if (keeps_gradient) G = Matrix(rows, columns);
    }

    void step(const Rule &rule, Range rows, Range columns) const {
        for (int64_t r = rows.begin; r < rows.end; r++)
            for (int64_t i = columns.begin; i < columns.end; i += LANES) {
                Vector w = load(W.row(r) + i), g = load(G.row(r) + i) + rule.l2 * w;
                if (rule.keeps_velocity) {
                    g += rule.l1 * __builtin_convertvector((w < 0) - (w > 0), Vector);
                    Vector v = rule.mu * load(V.row(r) + i) + g;
                    store(V.row(r) + i, v);
                    g = rule.nesterov ? g + rule.mu * v : v;
                }
                store(W.row(r) + i, w - rule.eta * g);
            }
    }
};
