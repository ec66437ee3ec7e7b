// (x - mean) * scale of N adjacent features.
#pragma once
#include "pack.cuh"

template <int N, class Element>
__device__ Pack<float, N> standardise(Pack<Element, N> x, Pack<float, N> mean, Pack<float, N> scale) {
    Pack<float, N> out;
    for (int j = 0; j < N; ++j) out[j] = (static_cast<float>(x[j]) - mean[j]) * scale[j];
    return out;
}
