// The compiled step of networks with convolutions on four threads, for sanitizers: all kinds of layers, and minibatches
// of fewer and more groups than threads.
#include <cstdio>
#include <list>
#include <stdexcept>

#include "by_slices.h"
#include "images.cpp"

namespace {

// Arrays of arbitrary values, which live as long as the program
template <class Number>
Number *array(int64_t n, Number most) {
    static std::list<std::vector<Number>> arrays;
    std::vector<Number> &values = arrays.emplace_back(n);
    for (int64_t i = 0; i < n; i++) values[i] = Number(double(most) * double(i * i % 201 - 100) / 100);
    return values.data();
}

// A network from the features up
struct Layers {
    std::vector<ImageLayer> all;
    int64_t h, w, c;

    void add(int64_t kind, int64_t m, int64_t pieces, int64_t i, int64_t j, int64_t stride, int64_t padding) {
        if (kind == DENSE) c *= h * w, h = w = 1;
        const Window window{h, w, c, i, j, stride, padding, (h - i + 2 * padding + stride) / stride,
                            (w - j + 2 * padding + stride) / stride};
        const int64_t d = i * j * c;
        Layer weights{d, m, pieces, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
        if (m > 0)
            weights = {d, m, pieces, array<float>(d * m, 0.1f), array<float>(m, 0), array<float>(d * m, 0),
                       array<float>(m, 0), array<float>(d * m, 0), array<float>(m, 0)};
        all.push_back({kind, weights, window, 0.3, 12345});
        h = window.rows, w = window.columns, c = m > 0 ? m / pieces : c;
    }
};

void train_and_predict(const Layers &layers, Shape image, int64_t batch_size, bool adam) {
    constexpr int64_t EXAMPLES = 330;
    const int64_t d = image.size(), m = layers.c;
    uint8_t *X = array<uint8_t>(EXAMPLES * d, 0);
    int64_t *y = array<int64_t>(EXAMPLES, 0), *order = array<int64_t>(EXAMPLES, 0);
    for (int64_t i = 0; i < EXAMPLES * d; i++) X[i] = uint8_t(i * i % 251);
    for (int64_t i = 0; i < EXAMPLES; i++) y[i] = i % m, order[i] = i * 7 % EXAMPLES;
    float *scale = array<float>(d, 0.01f);
    Job job{nullptr, int64_t(layers.all.size()), 0, 0, 0, array<float>(m, 1), X, 1, y, 1, array<float>(d, 100), scale,
            order, EXAMPLES, batch_size, 0.01, adam ? 0.9 : 0.0, 0, 0, 0, adam, 0.999, 1e-8, 0, 0,
            array<double>(batch_size, 0), array<double>(batch_size, 0), nullptr, 4, layers.all.data()};
    if (hw5_train(&job) != 0) throw std::runtime_error("out of memory");
    train_by_slices(job);
    job.Z = array<float>(EXAMPLES * m, 0);
    if (hw5_predict(&job) != 0) throw std::runtime_error("out of memory");
}

}  // namespace

int main() {
    for (int64_t batch_size : {20, 300})
        for (bool adam : {false, true})
            for (int64_t pieces : {1, 2}) {
                const Shape image{9, 11, 5};  // whose pooled convolution has the sparse gradient
                Layers layers{{}, image.h, image.w, image.c};
                layers.add(DROPOUT, 0, 1, 1, 1, 1, 0);
                layers.add(CONVOLUTION, 5 * pieces, pieces, 3, 2, 1, 1);
                layers.add(MAX_POOL, 0, 1, 2, 2, 2, 0);
                layers.add(CONVOLUTION, 7 * pieces, pieces, 3, 3, 2, 2);
                layers.add(MAX_POOL, 0, 1, 3, 3, 2, 1);
                layers.add(MEAN_POOL, 0, 1, 2, 1, 1, 0);
                layers.add(DENSE, 150 * pieces, pieces, 1, 1, 1, 0);
                layers.add(DROPOUT, 0, 1, 1, 1, 1, 0);
                layers.add(DENSE, 3, 1, 1, 1, 1, 0);
                train_and_predict(layers, image, batch_size, adam);
            }
    std::puts("done");
}
