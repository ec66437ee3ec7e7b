// The update of one weight w with the gradient G and the velocity v (sgd_update.cu has the formulas).
#pragma once

__device__ inline void sgd_step(float &w, float &v, float G, float eta, float mu, float l1, float l2, int nesterov) {
    const float sign = static_cast<float>((w > 0.0f) - (w < 0.0f));
    const float g = G + l2 * w + l1 * sign;
    v = mu * v + g;
    w -= eta * (nesterov ? g + mu * v : v);
}
