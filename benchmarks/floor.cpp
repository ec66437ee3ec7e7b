// Upper bounds of a machine: multiply-adds from registers, and reading the rows of a table in random order.
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "vectors.h"

template <class Work>
static double seconds_on_threads(int64_t threads, Work work) {
    auto began = std::chrono::steady_clock::now();
    std::vector<std::thread> others;
    for (int64_t t = 1; t < threads; t++) others.emplace_back(work, t);
    work(0);
    for (auto &other : others) other.join();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

#define EXPORTED extern "C" __attribute__((visibility("default")))

// Seconds for `flops` floating-point operations, as fused multiply-adds in 12 independent chains.
EXPORTED double seconds_of_products(double flops, int64_t threads) {
    constexpr int CHAINS = 12;
    std::vector<float> results(threads * LANES);
    const int64_t rounds = int64_t(flops / double(threads * 2 * LANES * CHAINS));
    return seconds_on_threads(threads, [&results, rounds](int64_t t) {
        Vector a[CHAINS] = {}, x = broadcast(1.0f - 1e-6f), y = broadcast(1e-6f);
        for (int64_t round = 0; round < rounds; round++)
            UNROLLED for (int i = 0; i < CHAINS; i++) {
                a[i] = a[i] * x + y;
                keep_in_register(a[i]);
            }
        UNROLLED for (int i = 1; i < CHAINS; i++) a[0] += a[i];
        results[t * LANES] = sum(a[0]);
    });
}

// Seconds to read n rows, each cache line once.
EXPORTED double seconds_of_reading(const uint8_t *X, int64_t row_bytes, const int64_t *rows, int64_t n, int64_t threads) {
    std::vector<int64_t> results(threads * 16);
    return seconds_on_threads(threads, [&](int64_t t) {
        int64_t total = 0;
        for (int64_t r = n * t / threads; r < n * (t + 1) / threads; r++)
            for (int64_t i = 0; i < row_bytes; i += 64) total += X[rows[r] * row_bytes + i];
        results[t * 16] = total;
    });
}
