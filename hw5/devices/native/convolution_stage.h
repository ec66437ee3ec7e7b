// Convolutions as stages: alone, or together with the max pooling above.
#pragma once
#include "convolution.h"
#include "pooling.h"
#include "sparse_gradient.h"
#include "theta.h"
#include "weights.h"

// What all have in common. Z is computed some rows at a time, so that it stays in the L1 cache until it is X.
class AnyConvolution : public Stage {
  public:
    void backward(const Group &group) override {
        fill_Delta(group.part);
        add_weight_gradient(weights.parts[group.part].view());
        if (below->learns) propagate(window, Delta, weights.W.W, below->A);
    }

  protected:
    const Window window;
    const ConvolutionWeights &weights;
    const Theta theta;
    const Images Z, Delta;

    AnyConvolution(const Stage *below, const Window &window, const ConvolutionWeights &weights, Theta theta,
                   Shape shape, Margins margins, int64_t rows_of_Z)
        : Stage(below, true, shape, margins), window(window), weights(weights), theta(theta),
          Z({rows_of_Z, window.columns, weights.layer.m}),
          Delta({window.rows, window.columns, weights.layer.m}, margins_of_Delta(window)) {}

    // Delta from A, and its sums over the places for the biases
    virtual void fill_Delta(int64_t part) = 0;

    virtual void add_weight_gradient(View G) { add_gradient(window, below->X, Delta, G); }

    void convolve(int64_t y, Vector *Z) const {
        convolve_row(window, below->X, weights.W.W, weights.b.W.row(0), y, Z);
    }

    // Add n vectors of each of m channels, lane by lane
    void add_bias_gradient(int64_t part, int64_t n, int64_t m, const Vector *Delta) const {
        float *G = weights.parts_of_b.row(part);
        for (int64_t f = 0; f < m; f++) {
            Vector sums = {};
            for (int64_t i = 0; i < n; i++) sums += Delta[i * m + f];
            G[f] += sum(sums);
        }
    }
};

class Convolution : public AnyConvolution {
  public:
    Convolution(const Stage *below, const Window &window, const ConvolutionWeights &weights, Theta theta,
                Margins margins)
        : AnyConvolution(below, window, weights, theta, shape_of(window, weights.layer), margins, 1),
          largest(theta.is_maxout() ? X.shape.size() : 0) {}

    void forward(const Group &) override {
        for (int64_t y = 0; y < window.rows; y++) {
            convolve(y, Z.all());
            theta.forward(X.row_size(), Z.all(), X.at(y, 0), largest.integers() + y * X.row_size());
        }
    }

    static Shape shape_of(const Window &window, const Layer &layer) {
        return {window.rows, window.columns, layer.m / layer.pieces};
    }

  private:
    const Vectors largest;  // the pieces of maxout

    void fill_Delta(int64_t part) override {
        for (int64_t y = 0; y < window.rows; y++) {
            theta.backward(X.row_size(), A.at(y, 0), X.at(y, 0), largest.integers() + y * X.row_size(), Delta.at(y, 0));
            add_bias_gradient(part, window.columns, weights.layer.m, Delta.at(y, 0));
        }
    }
};

// A convolution and max pooling whose windows do not overlap. Only the largest pixels are kept: theta' of the others is
// not needed. A and X are those of the pooling.
class PooledConvolution : public AnyConvolution {
  public:
    PooledConvolution(const Stage *below, const Window &window, const Window &pool, const ConvolutionWeights &weights,
                      Theta theta, Margins margins)
        : AnyConvolution(below, window, weights, theta, {pool.rows, pool.columns, pool.c}, margins, pool.i), pool(pool),
          is_sparse(is_sparse_faster(window, pool)), needs_Delta(!is_sparse || below->learns),
          largest(X.shape.size()), examples(LANES, is_sparse ? below->X.size() + LANES : 0) {}

    static bool covers(const Layer &layer, const Window &pool) {
        return layer.pieces == 1 && pool.stride >= std::max(pool.i, pool.j) && pool.padding == 0;
    }

    void forward(const Group &) override {
        for (int64_t y = 0; y < pool.rows; y++) {
            for (int64_t i = 0; i < pool.i; i++) convolve(y * pool.stride + i, Z.at(i, 0));
            theta.forward(Z.shape.size(), Z.all(), Z.all(), nullptr);
            with_size(pool, [&](auto rows, auto columns) {
                for (int64_t x = 0; x < pool.columns; x++)
                    max_of_pixels(Z.at(0, x * pool.stride), Z.row(), {{0, rows}, {0, columns}}, numbers_at(y, x),
                                  pool.c, X.at(y, x), largest_at(y, x));
            });
        }
    }

  private:
    const Window pool;
    const bool is_sparse, needs_Delta;
    const Vectors largest;  // where their patches begin in an example of X of the stage below
    const Matrix examples;  // X of the stage below, with a row for each example

    Ints *largest_at(int64_t y, int64_t x) const { return largest.integers() + (y * pool.columns + x) * pool.c; }

    Numbers numbers_at(int64_t y, int64_t x) const {
        const int64_t row = window.stride * below->X.row(), column = window.stride * window.c;
        return {y * pool.stride * row + x * pool.stride * column, row, column};
    }

    void fill_Delta(int64_t part) override {
        for (int64_t y = 0; y < pool.rows; y++)
            theta.backward(A.row_size(), A.at(y, 0), X.at(y, 0), nullptr, A.at(y, 0));
        add_bias_gradient(part, pool.rows * pool.columns, pool.c, A.all());
        if (!needs_Delta) return;
        with_size(pool, [&](auto rows, auto columns) {
            for (int64_t y = 0; y < pool.rows; y++)
                for (int64_t x = 0; x < pool.columns; x++)
                    spread(A.at(y, x), largest_at(y, x), rows, columns, numbers_at(y, x), pool.c,
                           Delta.at(y * pool.stride, x * pool.stride), Delta.row());
        });
    }

    void add_weight_gradient(View G) override {
        if (!is_sparse) return AnyConvolution::add_weight_gradient(G);
        to_rows(below->X.begin(), below->X.size(), examples.view());
        add_sparse_gradient(window, examples, below->X.row(), A, largest.integers(), G);
    }
};
