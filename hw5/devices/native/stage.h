// A stage of the network: a layer, for LANES examples at once, with the memory of one thread.
#pragma once
#include <vector>

#include "job.h"
#include "lanes.h"

// At most LANES adjacent examples of a minibatch. A lane without an example has zeros for features, and Delta 0.
struct Group {
    const int64_t *rows;  // of the data
    int64_t examples;
    int64_t place;   // of the first in the minibatch
    int64_t k;       // the size of the minibatch
    int64_t offset;  // of the first in the memory of the examples: those of the minibatch, or of a share of it
    int64_t part;    // of these
    int64_t t;       // the number of updates before
    bool is_training;
};

class Stage {
  public:
    const Images X, A;   // X^(l) and dJ/dX^(l)
    const bool learns;   // whether it, or a stage below, has weights, so that A is needed

    virtual ~Stage() = default;
    // X from that of the stage below
    virtual void forward(const Group &) = 0;
    // From A, the gradient of the weights, and A of the stage below if that learns
    virtual void backward(const Group &) = 0;

  protected:
    const Stage *const below;

    Stage(const Stage *below, bool has_weights, Shape shape, Margins margins)
        : X(shape, margins), A(shape), learns(has_weights || (below && below->learns)), below(below) {}
};

// The standardised features
class Input : public Stage {
  public:
    Input(const Job &job, Shape shape, Margins margins)
        : Stage(nullptr, false, shape, margins), job(job), mean(1, shape.size()), scale(1, shape.size()) {
        std::copy_n(job.mean, shape.size(), mean.row(0));
        std::copy_n(job.scale, shape.size(), scale.row(0));
        for (int64_t y = 0; y < shape.h; y++)
            for (int64_t i = 0; i < X.row_size(); i++) places.push_back(X.at(y, 0) + i);
    }

    void forward(const Group &group) override {
        job.is_uint8 ? fetch(static_cast<const uint8_t *>(job.X), group)
                     : fetch(static_cast<const float *>(job.X), group);
    }

    void backward(const Group &) override {}

  private:
    const Job &job;
    const Matrix mean, scale;  // padded
    std::vector<Vector *> places;  // of the features in X

    template <class Feature>
    void fetch(const Feature *features, const Group &group) const {
        const int64_t d = X.shape.size();
        for (int64_t i = 0; i < d; i += LANES) {
            const int64_t n = std::min<int64_t>(LANES, d - i);
            Vector a[LANES] = {};
            for (int64_t e = 0; e < group.examples; e++) {
                const Vector x = load_some(features + group.rows[e] * d + i, n);
                a[e] = (x - load(mean.row(0) + i)) * load(scale.row(0) + i);
            }
            transpose(a);
            for (int64_t j = 0; j < n; j++) *places[i + j] = a[j];
        }
    }

    template <class Feature>
    static Vector load_some(const Feature *features, int64_t n) {
        alignas(64) float x[LANES] = {};
        for (int64_t i = 0; i < n; i++) x[i] = float(features[i]);
        return load(x);
    }
};
