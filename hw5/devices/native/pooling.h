// Max and mean pooling, channel by channel.
#pragma once
#include "rule.h"
#include "stage.h"

// The pixels of a window that are in the image
struct Inside {
    Range i, j;
    int64_t size() const { return i.size() * j.size(); }
};

inline Range inside(int64_t first, int64_t size, int64_t n) {
    return {std::max<int64_t>(0, -first), std::min(size, n - first)};
}

// The numbers of a window's pixels: first, and so much more for every row and column
struct Numbers {
    int64_t first, row, column;
    int operator()(int64_t i, int64_t j) const { return int(first + i * row + j * column); }
};

// The largest pixels x under a window, and their numbers. Ties go to the first, and NaN is larger than any number.
INLINE void max_of_pixels(const Vector *x, int64_t row, Inside inside, Numbers number, int64_t channels, Vector *max,
                          Ints *argmax) {
    for (int64_t c = 0; c < channels; c++) {
        Vector best = x[inside.i.begin * row + inside.j.begin * channels + c];
        Ints at = number(inside.i.begin, inside.j.begin) - Ints{};
        for (int64_t i = inside.i.begin; i < inside.i.end; i++)
            for (int64_t j = inside.j.begin; j < inside.j.end; j++) {
                const Vector pixel = x[i * row + j * channels + c];
                const Ints is_better = is_larger(pixel, best);
                best = is_better ? pixel : best;
                at = is_better ? number(i, j) - Ints{} : at;
            }
        max[c] = best, argmax[c] = at;
    }
}

// The pixels Delta under a window of rows x columns: A at the largest, 0 at the others
INLINE void spread(const Vector *A, const Ints *argmax, int64_t rows, int64_t columns, Numbers number,
                   int64_t channels, Vector *Delta, int64_t row) {
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++)
                Delta[i * row + j * channels + c] = argmax[c] == number(i, j) ? A[c] : Vector{};
}

// f(rows, columns) of a window, as constants if it is the usual one of 2 x 2
template <class F>
INLINE void with_size(const Window &window, F f) {
    constexpr std::integral_constant<int64_t, 2> two;
    window.i == 2 && window.j == 2 ? f(two, two) : f(window.i, window.j);
}

// What both kinds have in common
class Pooling : public Stage {
  public:
    Pooling(const Stage *below, const Window &window, Margins margins)
        : Stage(below, false, {window.rows, window.columns, window.c}, margins), window(window) {}

  protected:
    const Window window;

    // work(y, x, the window's pixels inside, its first pixel in the image) for each place; that one may be outside
    template <class Work>
    void for_each_place(const Images &images, Work work) const {
        for (int64_t y = 0; y < window.rows; y++)
            for (int64_t x = 0; x < window.columns; x++) {
                const int64_t row = y * window.stride - window.padding, column = x * window.stride - window.padding;
                work(y, x, Inside{inside(row, window.i, window.h), inside(column, window.j, window.w)},
                     images.at(row, column));
            }
    }

    // work(i, j, the pixel's first channel) for the window's pixels inside, given its first pixel
    template <class Work>
    void for_each_pixel(Inside inside, Vector *first, int64_t row, Work work) const {
        for (int64_t i = inside.i.begin; i < inside.i.end; i++)
            for (int64_t j = inside.j.begin; j < inside.j.end; j++) work(i, j, first + i * row + j * window.c);
    }

    void clear(const Images &images) const { std::fill_n(images.all(), images.shape.size(), Vector{}); }
};

class MaxPooling : public Pooling {
  public:
    MaxPooling(const Stage *below, const Window &window, Margins margins)
        : Pooling(below, window, margins), number{0, window.j, 1}, largest(X.shape.size()) {}

    void forward(const Group &) override {
        for_each_place(below->X, [&](int64_t y, int64_t x, Inside inside, const Vector *pixels) {
            max_of_pixels(pixels, below->X.row(), inside, number, window.c, X.at(y, x), largest_at(y, x));
        });
    }

    void backward(const Group &) override {
        if (!learns) return;
        clear(below->A);
        for_each_place(below->A, [&](int64_t y, int64_t x, Inside inside, Vector *first) {
            const Vector *delta = A.at(y, x);
            const Ints *argmax = largest_at(y, x);
            for_each_pixel(inside, first, below->A.row(), [&](int64_t i, int64_t j, Vector *pixel) {
                for (int64_t c = 0; c < window.c; c++) pixel[c] += argmax[c] == number(i, j) ? delta[c] : Vector{};
            });
        });
    }

  private:
    const Numbers number;
    const Vectors largest;

    Ints *largest_at(int64_t y, int64_t x) const { return largest.integers() + (y * window.columns + x) * window.c; }
};

// Of the pixels in the image
class MeanPooling : public Pooling {
  public:
    using Pooling::Pooling;

    void forward(const Group &) override {
        for_each_place(below->X, [&](int64_t y, int64_t x, Inside inside, Vector *first) {
            Vector *mean = X.at(y, x);
            std::fill_n(mean, window.c, Vector{});
            for_each_pixel(inside, first, below->X.row(), [&](int64_t, int64_t, const Vector *pixel) {
                for (int64_t c = 0; c < window.c; c++) mean[c] += pixel[c];
            });
            for (int64_t c = 0; c < window.c; c++) mean[c] /= float(inside.size());
        });
    }

    void backward(const Group &) override {
        if (!learns) return;
        clear(below->A);
        for_each_place(below->A, [&](int64_t y, int64_t x, Inside inside, Vector *first) {
            const Vector *delta = A.at(y, x);
            for_each_pixel(inside, first, below->A.row(), [&](int64_t, int64_t, Vector *pixel) {
                for (int64_t c = 0; c < window.c; c++) pixel[c] += delta[c] / float(inside.size());
            });
        });
    }
};
