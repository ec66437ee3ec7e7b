// The weights of a layer, which the threads share, and their gradient over a minibatch. Its sums are made in an order
// that depends on the minibatch alone, so the bits do not depend on the number of threads.
#pragma once
#include <vector>

#include "lanes.h"
#include "rule.h"

constexpr int64_t MAX_PARTS = 16;  // of a minibatch, each a task

inline int64_t groups_of(int64_t k) { return (k + LANES - 1) / LANES; }
inline int64_t parts_of(int64_t k) { return std::min(groups_of(k), MAX_PARTS); }

// The examples of a minibatch, or of a slice of it, whose gradients are added up: n of them, from `offset` in the
// memory of the examples, and the first of their parts
struct Span {
    int64_t offset, n, part;
};

class Weights {
  public:
    Trainable W, b;
    const Layer layer;  // NumPy's arrays

    Weights(const Layer &layer, const Rule &rule)
        : W(layer.m, layer.d, rule, true), b(1, layer.m, rule, true), layer(layer) {}
    virtual ~Weights() = default;

    // The rows of a task of the update; the task of the first ones also updates the biases.
    virtual int64_t rows_per_task() const = 0;
    virtual void update(const Rule &rule, Range rows, int64_t k) const {
        gradient(rows, {0, k, 0});
        step(rule, rows);
    }
    // G of these rows, and of the biases if they are the first
    virtual void gradient(Range rows, Span) const = 0;
    // Along G
    void step(const Rule &rule, Range rows) const {
        W.step(rule, rows, {0, layer.d});
        if (rows.begin == 0) b.step(rule.without_penalties(), {0, 1}, {0, layer.m});
    }
    // Before the gradient of a part of the minibatch is added up
    virtual void clear(int64_t) const {}

    // copy(our array, NumPy's array, number of elements) for all parameters, velocities and squares
    template <class Copy>
    void for_each_array(const Rule &rule, bool has_b, Copy copy) const {
        auto copy_pair = [&](const Matrix &of_W, float *numpy_W, const Matrix &of_b, float *numpy_b) {
            for (int64_t row = 0; row < layer.m; row++) copy(of_W.row(row), numpy_W + row * layer.d, layer.d);
            if (has_b) copy(of_b.row(0), numpy_b, layer.m);
        };
        copy_pair(W.W, layer.W, b.W, layer.b);
        if (rule.keeps_velocity) copy_pair(W.V, layer.V, b.V, layer.Vb);
        if (rule.adam) copy_pair(W.S, layer.S, b.S, layer.Sb);
    }
};

// The gradient is the product of Delta and X, which have the examples of the whole minibatch.
class DenseWeights : public Weights {
  public:
    Matrix Delta, X;  // (m, k) and (k, d)

    DenseWeights(const Layer &layer, const Rule &rule, int64_t k)
        : Weights(layer, rule), Delta(layer.m, k), X(groups_of(k) * LANES, layer.d) {}

    int64_t rows_per_task() const override { return padded_to(NN_ROWS, (WEIGHTS_PER_TASK + layer.d - 1) / layer.d); }

    // Without velocities, the update of W is part of the product.
    void update(const Rule &rule, Range rows, int64_t k) const override {
        if (rule.keeps_velocity) return Weights::update(rule, rows, k);
        product(rows, {0, k, 0}, -rule.eta, 1 - rule.eta * rule.l2, W.W);
        if (rows.begin > 0) return;
        bias_gradient({0, k, 0});
        b.step(rule.without_penalties(), {0, 1}, {0, layer.m});
    }

    void gradient(Range rows, Span span) const override {
        product(rows, span, 1, 0, W.G);
        if (rows.begin == 0) bias_gradient(span);
    }

  private:
    static constexpr int64_t WEIGHTS_PER_TASK = 8192;
    static int64_t padded_to(int64_t size, int64_t n) { return (n + size - 1) / size * size; }

    void product(Range rows, Span span, float alpha, float beta, const Matrix &C) const {
        const StridedView its_Delta{Delta.row(rows.begin) + span.offset, Delta.stride(), 1};
        const View its_X = X.view().from(span.offset, 0);
        multiply_nn(rows.size(), span.n, layer.d, alpha, its_Delta, its_X, beta, C.view().from(rows.begin, 0));
    }

    void bias_gradient(Span span) const {
        for (int64_t row = 0; row < layer.m; row++) {
            Vector sums = {};
            for (int64_t r = 0; r < span.n; r += LANES) sums += load(Delta.row(row) + span.offset + r);
            b.G.row(0)[row] = sum(sums);
        }
    }
};

// The gradient is a sum over the parts of the minibatch, each of which one thread adds up.
class ConvolutionWeights : public Weights {
  public:
    std::vector<Matrix> parts;  // of W, (m, d)
    Matrix parts_of_b;          // (parts, m)

    ConvolutionWeights(const Layer &layer, const Rule &rule, int64_t parts)
        : Weights(layer, rule), parts_of_b(parts, layer.m) {
        for (int64_t part = 0; part < parts; part++) this->parts.emplace_back(layer.m, layer.d);
    }

    int64_t rows_per_task() const override { return (WEIGHTS_PER_TASK + layer.d - 1) / layer.d; }

    void clear(int64_t part) const override {
        for (int64_t row = 0; row < layer.m; row++) std::fill_n(parts[part].row(row), layer.d, 0.0f);
        std::fill_n(parts_of_b.row(part), layer.m, 0.0f);
    }

    void gradient(Range rows, Span span) const override {
        for (int64_t row = rows.begin; row < rows.end; row++)
            for (int64_t i = 0; i < layer.d; i += LANES)
                store(W.G.row(row) + i, sum_over(span, [&](int64_t p) { return parts[p].row(row) + i; }));
        if (rows.begin > 0) return;
        for (int64_t i = 0; i < layer.m; i += LANES)
            store(b.G.row(0) + i, sum_over(span, [&](int64_t p) { return parts_of_b.row(p) + i; }));
    }

  private:
    static constexpr int64_t WEIGHTS_PER_TASK = 2048;

    template <class At>
    static Vector sum_over(Span span, At at) {
        Vector sums = {};
        for (int64_t part = 0; part < parts_of(span.n); part++) sums += load(at(span.part + part));
        return sums;
    }
};
