// Dense layers as stages: the hidden ones, and the top one with its loss.
#pragma once
#include "losses.h"
#include "stage.h"
#include "theta.h"
#include "weights.h"

// C (m, LANES) = A (m, n) B (n, LANES) + beta C
static void multiply_lanes(int64_t m, int64_t n, StridedView A, View B, float beta, View C) {
    constexpr int ROWS = 8;  // as many chains of multiply-adds as a core can overlap
    in_groups<ROWS>(0, m, [&](int64_t r, auto P) { block_nn<P, 1>(n, 1, A.from(r), B, beta, C.from(r, 0)); });
}

// What both have in common. The stage below has no margins, so its X are d adjacent vectors. Delta and X of the whole
// minibatch are left for the update.
class AnyDense : public Stage {
  protected:
    const DenseWeights &weights;
    const int64_t m, d;

    AnyDense(const Stage *below, const DenseWeights &weights)
        : Stage(below, true, {1, 1, weights.layer.m / weights.layer.pieces}, {}), weights(weights), m(weights.layer.m),
          d(weights.layer.d) {}

    // Z (m, LANES) = W X + b, or without b
    void product(Vector *Z, bool with_b) const {
        const float *b = weights.b.W.row(0);
        if (with_b)
            for (int64_t i = 0; i < m; i++) Z[i] = broadcast(b[i]);
        const Matrix &W = weights.W.W;
        multiply_lanes(m, d, {W.row(0), W.stride(), 1}, below->X.view(), with_b,
                       {reinterpret_cast<float *>(Z), LANES});
    }

    void propagate(const Group &group, const Vector *Delta) const {
        for (int64_t i = 0; i < m; i++) store(weights.Delta.row(i) + group.offset, Delta[i]);
        to_rows(below->X.all(), d, weights.X.view().from(group.offset, 0));
        const Matrix &W = weights.W.W;
        if (below->learns)
            multiply_lanes(d, m, {W.row(0), 1, W.stride()},
                           {const_cast<float *>(reinterpret_cast<const float *>(Delta)), LANES}, 0, below->A.view());
    }
};

class Dense : public AnyDense {
  public:
    Dense(const Stage *below, const DenseWeights &weights, Theta theta)
        : AnyDense(below, weights), theta(theta), Z(m), largest(X.shape.size()) {}

    void forward(const Group &) override {
        product(Z.at(), true);
        theta.forward(X.shape.size(), Z.at(), X.all(), largest.integers());
    }

    void backward(const Group &group) override {
        theta.backward(X.shape.size(), A.all(), X.all(), largest.integers(), Z.at());
        propagate(group, Z.at());
    }

  private:
    const Theta theta;
    const Vectors Z, largest;  // Z becomes Delta
};

class Top : public AnyDense {
  public:
    Top(const Stage *below, const DenseWeights &weights, const Job &job) : AnyDense(below, weights), job(job) {}

    // X = Z^(L), which has its bias in training only
    void forward(const Group &group) override {
        product(X.all(), group.is_training);
        if (!group.is_training)
            for (int64_t e = 0; e < group.examples; e++)
                for (int64_t j = 0; j < m; j++) job.Z[(group.place + e) * m + j] = X.all()[j][e];
    }

    void backward(const Group &group) override {
        const Outcome outcome = outcome_of(job, group.rows, group.examples, group.k, X.view(), m);
        for (int64_t e = 0; e < group.examples; e++) {
            job.losses[group.place + e] += outcome.J[e];
            job.correct[group.place + e] += outcome.correct[e];
        }
        propagate(group, X.all());
    }

  private:
    const Job &job;
};
