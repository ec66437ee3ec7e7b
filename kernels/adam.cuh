// The update of one weight by Adam (adam_update.cu has the formulas).
#pragma once

namespace adam {

struct Rates {
    float eta, share1, share2, epsilon, l1, l2, decay;
};

// V and S start at 0, which these factors correct: eta / (1 - beta1^t) and 1 / sqrt(1 - beta2^t)
struct Correction {
    float rate, root;
};

// 1 - (1 - share)^t, without the difference of two numbers near 1
__device__ inline double weight_of_gradients(float share, int t) {
    return -expm1(t * log1p(-static_cast<double>(share)));
}

__device__ inline Correction correction(const Rates &rates, int t) {
    return {static_cast<float>(rates.eta / weight_of_gradients(rates.share1, t)),
            static_cast<float>(1.0 / sqrt(weight_of_gradients(rates.share2, t)))};
}

__device__ inline void step(float &w, float &v, float &s, float G, const Rates &rates, const Correction &by) {
    const float sign = static_cast<float>((w > 0.0f) - (w < 0.0f));
    const float g = G + rates.l2 * w + rates.l1 * sign;
    v += rates.share1 * (g - v);
    s += rates.share2 * (g * g - s);
    w -= rates.eta * rates.decay * w + by.rate * v / (sqrtf(s) * by.root + rates.epsilon);
}

}  // namespace adam
