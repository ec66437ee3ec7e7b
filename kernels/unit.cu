// Losses and predictions of output units that are by themselves, z = Z[i, j] + b[j] for example i.
//
//     sigmoid_cross_entropy   J = w ln(1 + exp(s)),       Z becomes w (p - y), p = 1 / (1 + exp(-z)), w = weights[y]
//     squared_error           J = (z - y)^2,              Z becomes 2 (z - y)
//     perceptron_unit         J = z (predicted - y),      Z becomes predicted - y
//     threshold               out = predicted, the class: 1 if z > 0 or z is NaN, else 0
//
// Slides "Binary cross-entropy loss", "Quiz break: ReLU, square loss" and "Training the Perceptron". loss[i] += the sum
// of J over the units, and correct[i] += 1 if all predicted are y (not in squared_error). -y ln p - (1 - y) ln(1 - p)
// is ln(1 + exp(s)) with s = -z for y = 1 and s = z for y = 0, which does not cancel; written with exp(-|s|), it does
// not overflow.
//
// Z and y are (k, m), with m = 1 in the last two; y has labels 0 or 1 (targets for squared_error); b is (m,), weights
// is (2,); loss, correct and out are (k,).
//
// Launch: one-dimensional, at least k threads. Moves 8 to 12 bytes per z, and 32 per example for loss and correct.

static __device__ int example() { return blockIdx.x * blockDim.x + threadIdx.x; }

static __device__ int class_of(float z) { return z <= 0.0f ? 0 : 1; }

extern "C" __global__ void sigmoid_cross_entropy(float *__restrict__ Z, const float *__restrict__ b,
                                                 const int *__restrict__ y, const float *__restrict__ weights,
                                                 double *__restrict__ loss, double *__restrict__ correct, int k,
                                                 int m) {
    const int i = example();
    if (i >= k) return;
    Z += static_cast<size_t>(i) * m, y += static_cast<size_t>(i) * m;
    float J = 0.0f;
    bool is_correct = true;
    for (int j = 0; j < m; ++j) {
        const float z = Z[j] + b[j], s = y[j] ? -z : z, w = weights[y[j]];
        J += w * (fmaxf(s, 0.0f) + log1pf(expf(-fabsf(s))));
        is_correct &= class_of(z) == y[j];
        Z[j] = w * (1.0f / (1.0f + expf(-z)) - y[j]);
    }
    loss[i] += J;
    correct[i] += is_correct;
}

extern "C" __global__ void squared_error(float *__restrict__ Z, const float *__restrict__ b,
                                         const float *__restrict__ y, double *__restrict__ loss, int k, int m) {
    const int i = example();
    if (i >= k) return;
    Z += static_cast<size_t>(i) * m, y += static_cast<size_t>(i) * m;
    float J = 0.0f;
    for (int j = 0; j < m; ++j) {
        const float error = Z[j] + b[j] - y[j];
        J += error * error;
        Z[j] = 2.0f * error;
    }
    loss[i] += J;
}

extern "C" __global__ void perceptron_unit(float *__restrict__ Z, const float *__restrict__ b,
                                           const int *__restrict__ y, double *__restrict__ loss,
                                           double *__restrict__ correct, int k) {
    const int i = example();
    if (i >= k) return;
    const float z = Z[i] + b[0];
    const int predicted = class_of(z);
    loss[i] += z * (predicted - y[i]);
    correct[i] += predicted == y[i];
    Z[i] = predicted - y[i];
}

extern "C" __global__ void threshold(const float *__restrict__ Z, const float *__restrict__ b, int *__restrict__ out,
                                     int k) {
    const int i = example();
    if (i < k) out[i] = class_of(Z[i] + b[0]);
}
