// The compiled step on four threads, for ThreadSanitizer: networks with all kinds of phases, and minibatches smaller
// and larger than a chunk.
#include <cstdio>
#include <stdexcept>

#include "by_slices.h"
#include "step.cpp"

static void train_and_predict(const std::vector<int64_t> &sizes, int64_t batch_size, double momentum, bool adam,
                              int64_t pieces) {
    constexpr int64_t EXAMPLES = 700;
    const int64_t d = sizes.front(), m = sizes.back(), depth = int64_t(sizes.size()) - 1;
    std::vector<uint8_t> X(EXAMPLES * d);
    std::vector<int64_t> y(EXAMPLES), order(EXAMPLES);
    for (size_t i = 0; i < X.size(); i++) X[i] = uint8_t(i * i % 251);
    for (int64_t i = 0; i < EXAMPLES; i++) y[i] = i % m, order[i] = i * 3 % EXAMPLES;
    std::vector<float> mean(d, 125), scale(d, 0.01f), class_weights(m, 1);

    std::vector<std::vector<float>> arrays;
    auto array = [&](int64_t n, float most) {
        arrays.emplace_back(n);
        for (int64_t i = 0; i < n; i++) arrays.back()[i] = most * float(i * i % 201 - 100) / 100;
        return arrays.back().data();
    };
    std::vector<Layer> layers;
    for (int64_t l = 0; l < depth; l++) {
        int64_t of_layer = l + 1 < depth ? pieces : 1, of_b = sizes[l + 1] * of_layer, of_W = sizes[l] * of_b;
        layers.push_back({sizes[l], of_b, of_layer, array(of_W, 0.1f), array(of_b, 0), array(of_W, 0), array(of_b, 0),
                          array(of_W, 0), array(of_b, 0)});
    }
    std::vector<double> losses(batch_size), correct(batch_size);
    std::vector<float> Z(EXAMPLES * m);
    Job job{layers.data(), depth, 0, 0, 0, class_weights.data(), X.data(), 1, y.data(), 1, mean.data(),
            scale.data(), order.data(), EXAMPLES, batch_size, 0.01, momentum, 0, 0, 0, adam, 0.999, 1e-8, 0, 0,
            losses.data(), correct.data(), nullptr, 4};
    if (hw5_train(&job) != 0) throw std::runtime_error("out of memory");
    train_by_slices(job);
    job.Z = Z.data();
    if (hw5_predict(&job) != 0) throw std::runtime_error("out of memory");
}

int main() {
    for (const std::vector<int64_t> &sizes :
         {std::vector<int64_t>{784, 10}, {60, 200}, {60, 128, 10}, {50, 70, 100}, {40, 70, 60, 50, 5}})
        for (int64_t batch_size : {32, 300})
            for (double momentum : {0.0, 0.9})
                for (int64_t pieces : {1, 2})
                    for (bool adam : {false, true})
                        if (momentum || !adam) train_and_predict(sizes, batch_size, momentum, adam, pieces);
    std::puts("done");
}
