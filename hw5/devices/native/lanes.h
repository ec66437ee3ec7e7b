// LANES examples side by side: one number of each is a vector, so a network computes with vectors as with numbers.
#pragma once
#include "products.h"

// Zeros, at first
class Vectors {
  public:
    Vectors() = default;
    explicit Vectors(int64_t n) : memory_(1, n * LANES) {}
    Vector *at() const { return reinterpret_cast<Vector *>(memory_.row(0)); }
    Ints *integers() const { return reinterpret_cast<Ints *>(memory_.row(0)); }
    View view() const { return {memory_.row(0), LANES}; }  // a row per vector

  private:
    Matrix memory_;
};

struct Shape {
    int64_t h, w, c;
    int64_t size() const { return h * w * c; }
};

// Rows and columns of zeros around an image
struct Margins {
    int64_t rows = 0, left = 0, right = 0;
};

// Images (h, w, c) of LANES examples. Without margins, all numbers are adjacent.
class Images {
  public:
    const Shape shape;

    explicit Images(Shape shape, Margins margins = {})
        : shape(shape), row_((margins.left + shape.w + margins.right) * shape.c),
          first_(margins.rows * row_ + margins.left * shape.c), size_((shape.h + 2 * margins.rows) * row_),
          vectors_(size_) {}
    Vector *at(int64_t y, int64_t x) const { return vectors_.at() + first_ + y * row_ + x * shape.c; }
    Vector *all() const { return at(0, 0); }
    View view() const { return {reinterpret_cast<float *>(all()), LANES}; }
    int64_t row() const { return row_; }  // vectors from a pixel to the one below
    int64_t row_size() const { return shape.w * shape.c; }

    // All vectors, with those of the margins
    int64_t size() const { return size_; }
    const Vector *begin() const { return vectors_.at(); }

  private:
    int64_t row_, first_, size_;
    Vectors vectors_;
};

// Vectors of a group of examples become those of its features, and back. With the vectors in a row, every pass rotates
// the bits of all indices by one.
INLINE void transpose(Vector (&a)[LANES]) {
    UNROLLED for (int pass = 1; pass < LANES; pass *= 2) {
        Vector b[LANES];
        UNROLLED for (int i = 0; i < LANES / 2; i++) {
            b[i] = SHUFFLE(a[2 * i], a[2 * i + 1], EVEN_LANES);
            b[LANES / 2 + i] = SHUFFLE(a[2 * i], a[2 * i + 1], ODD_LANES);
        }
        UNROLLED for (int i = 0; i < LANES; i++) a[i] = b[i];
    }
}

// The first n vectors (n, LANES) as rows (LANES, n) of a matrix; its padding is overwritten with zeros.
static void to_rows(const Vector *vectors, int64_t n, View rows) {
    for (int64_t i = 0; i < n; i += LANES) {
        Vector a[LANES];
        for (int j = 0; j < LANES; j++) a[j] = i + j < n ? vectors[i + j] : Vector{};
        transpose(a);
        for (int e = 0; e < LANES; e++) store(rows.row(e) + i, a[e]);
    }
}
