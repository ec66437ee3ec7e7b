// Dropout: in training, a random share of the numbers becomes 0, and the others grow by 1 / (1 - share).
#pragma once
#include "stage.h"

typedef uint32_t UnsignedInts __attribute__((vector_size(LANES * sizeof(uint32_t))));

// The random numbers of hw5/devices/cpu_images.py: pcg3d of (element, step, key), for LANES elements
INLINE UnsignedInts pcg3d(UnsignedInts element, uint32_t step, uint32_t key) {
    UnsignedInts x = element * 1664525u + 1013904223u, y = step * 1664525u + 1013904223u - UnsignedInts{},
                 z = key * 1664525u + 1013904223u - UnsignedInts{};
    x += y * z, y += z * x, z += x * y;
    x ^= x >> 16, y ^= y >> 16, z ^= z >> 16;
    return x + y * z;
}

class Dropout : public Stage {
  public:
    Dropout(const Stage *below, const ImageLayer &layer, Margins margins)
        : Stage(below, false, {layer.window.h, layer.window.w, layer.window.c}, margins),
          least(uint32_t(layer.number * 4294967296.0)), key(uint32_t(layer.key)), kept(1 / float(1 - layer.number)) {}

    void forward(const Group &group) override { apply(group, below->X, X); }

    void backward(const Group &group) override {
        if (learns) apply(group, A, below->A);
    }

  private:
    const uint32_t least, key;  // an element with a smaller random number becomes 0
    const float kept;           // the factor of the others

    void apply(const Group &group, const Images &from, const Images &to) const {
        UnsignedInts element;  // the index in the arrays (k, n) of NumPy
        for (int e = 0; e < LANES; e++) element[e] = uint32_t((group.place + e) * X.shape.size());
        for (int64_t y = 0; y < X.shape.h; y++)
            for (int64_t i = 0; i < X.row_size(); i++, element += 1u) {
                const Vector x = from.at(y, 0)[i];
                to.at(y, 0)[i] = group.is_training ? x * factor(element, uint32_t(group.t)) : x;
            }
    }

    Vector factor(UnsignedInts element, uint32_t step) const {
        return pcg3d(element, step, key) >= least ? broadcast(kept) : Vector{};
    }
};
