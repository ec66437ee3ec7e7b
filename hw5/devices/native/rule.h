// The update rule, and the parameters that it updates.
#pragma once
#include "functions.h"
#include "job.h"
#include "products.h"

struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
};

// Update of a weight W with the mean gradient G of the minibatch, g = G + l2 W + l1 sign(W):
//     SGD    V <- mu V + g,   W <- W - eta V,   or with nesterov W <- W - eta (g + mu V)
//     Adam   V <- V + share1 (g - V),   S <- S + share2 (g^2 - S),   with share1 = 1 - mu, share2 = 1 - beta2
//            W <- W - eta decay W - rate V / (sqrt(S) root + epsilon)
struct Rule {
    float eta, mu, l1, l2;
    bool nesterov, keeps_velocity;  // V is only needed for momentum, L1 and Adam
    bool adam = false;
    float share1 = 0, share2 = 0, epsilon = 0, decay = 0;
    float rate = 0, root = 0;  // eta / (1 - mu^t) and 1 / sqrt(1 - beta2^t)

    static Rule of(const Job &job) {
        return {float(job.eta), float(job.momentum), float(job.l1), float(job.l2), job.nesterov != 0,
                job.momentum != 0 || job.l1 != 0, job.adam != 0, float(1 - job.momentum), float(1 - job.beta2),
                float(job.epsilon), float(job.weight_decay)};
    }
    Rule without_penalties() const {
        Rule rule = *this;
        rule.l1 = rule.l2 = rule.decay = 0;
        return rule;
    }
    // The rule of the t-th update. V and S start at 0, which rate and root correct.
    Rule at(const Job &job, int64_t t) const {
        Rule rule = *this;
        if (!adam) return rule;
        rule.rate = float(job.eta / (1 - std::pow(job.momentum, double(t))));
        rule.root = float(1 / std::sqrt(1 - std::pow(job.beta2, double(t))));
        return rule;
    }
};

// Parameters W with their velocities, squares and gradient, if needed
struct Trainable {
    Matrix W, V, S, G;

    Trainable(int64_t rows, int64_t columns, const Rule &rule, bool keeps_gradient) : W(rows, columns) {
        if (rule.keeps_velocity) V = Matrix(rows, columns);
        if (rule.adam) S = Matrix(rows, columns);
        if (keeps_gradient) G = Matrix(rows, columns);
    }

    void step(const Rule &rule, Range rows, Range columns) const {
        for (int64_t r = rows.begin; r < rows.end; r++)
            for (int64_t i = columns.begin; i < columns.end; i += LANES) {
                Vector w = load(W.row(r) + i), g = load(G.row(r) + i) + rule.l2 * w;
                if (rule.keeps_velocity) g += rule.l1 * __builtin_convertvector((w < 0) - (w > 0), Vector);
                if (rule.adam) {
                    Vector v = load(V.row(r) + i), s = load(S.row(r) + i);
                    v += rule.share1 * (g - v);
                    s += rule.share2 * (g * g - s);
                    store(V.row(r) + i, v);
                    store(S.row(r) + i, s);
                    w -= rule.eta * rule.decay * w;
                    store(W.row(r) + i, w - rule.rate * v / (sqrtf(s) * rule.root + rule.epsilon));
                    continue;
                }
                if (rule.keeps_velocity) {
                    Vector v = rule.mu * load(V.row(r) + i) + g;
                    store(V.row(r) + i, v);
                    g = rule.nesterov ? g + rule.mu * v : v;
                }
                store(W.row(r) + i, w - rule.eta * g);
            }
    }
};
