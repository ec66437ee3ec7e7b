// The activation of a layer: from Z, which contains the bias, to X = theta(Z) or the largest of some pieces of Z, and
// back; for n vectors of X.
#pragma once
#include "activations.h"
#include "job.h"
#include "lanes.h"

struct Theta {
    int64_t activation;  // index in ACTIVATION_NAMES; not used for maxout
    float alpha;
    int64_t pieces;  // of Z for each X

    bool is_maxout() const { return pieces > 1; }

    // largest becomes the number of the piece; only of maxout
    void forward(int64_t n, const Vector *Z, Vector *X, Ints *largest) const {
        if (is_maxout()) return maxout(n, Z, X, largest);
        with_activation(activation, alpha, [&](auto f) {
            for (int64_t i = 0; i < n; i++) X[i] = f.theta(Z[i]);
        });
    }

    // Delta = A o theta'(Z), or A at the largest piece and 0 at the others
    void backward(int64_t n, const Vector *A, const Vector *X, const Ints *largest, Vector *Delta) const {
        if (is_maxout()) return maxout_gradient(n, A, largest, Delta);
        with_activation(activation, alpha, [&](auto f) {
            for (int64_t i = 0; i < n; i++) Delta[i] = A[i] * f.derivative(X[i]);
        });
    }

  private:
    // Ties go to the first piece, and NaN is larger than any number.
    void maxout(int64_t n, const Vector *Z, Vector *X, Ints *largest) const {
        for (int64_t i = 0; i < n; i++, Z += pieces) {
            Vector max = Z[0];
            Ints argmax = {};
            for (int piece = 1; piece < pieces; piece++) {
                const Ints is_better = is_larger(Z[piece], max);
                max = is_better ? Z[piece] : max;
                argmax = is_better ? piece - Ints{} : argmax;
            }
            X[i] = max, largest[i] = argmax;
        }
    }

    void maxout_gradient(int64_t n, const Vector *A, const Ints *largest, Vector *Delta) const {
        for (int64_t i = 0; i < n; i++)
            for (int piece = 0; piece < pieces; piece++) *Delta++ = largest[i] == piece ? A[i] : Vector{};
    }
};
