// Losses and predictions of an output layer with one unit, z = Z[i] + b[0] for example i.
//
//     sigmoid_cross_entropy   J = w ln(1 + exp(s)),       Z becomes w (p - y), p = 1 / (1 + exp(-z)), w = weights[y]
//     squared_error           J = (z - y)^2,              Z becomes 2 (z - y)
//     perceptron_unit         J = z (predicted - y),      Z becomes predicted - y
//     threshold               out = predicted, the class: 1 if z > 0 or z is NaN, else 0
//
// Slides "Binary cross-entropy loss", "Quiz break: ReLU, square loss" and "Training the Perceptron". loss[i] += J, and
// correct[i] += 1 if predicted is y (not in squared_error). -y ln p - (1 - y) ln(1 - p) is ln(1 + exp(s)) with s = -z
// for y = 1 and s = z for y = 0, which does not cancel; written with exp(-|s|), it does not overflow.
//
// Z is (k, 1); y (k,) has labels 0 or 1 (targets for squared_error); weights is (2,); loss, correct and out are (k,).
//
// Launch: one-dimensional, at least k threads. Moves 8 to 12 bytes per example, and 32 for loss and correct.

static __device__ int example() { return blockIdx.x * blockDim.x + threadIdx.x; }

static __device__ int class_of(float z) { return z <= 0.0f ? 0 : 1; }

extern "C" __global__ void sigmoid_cross_entropy(float *__restrict__ Z, const float *__restrict__ b,
                                                 const int *__restrict__ y, const float *__restrict__ weights,
                                                 double *__restrict__ loss, double *__restrict__ correct, int k) {
    const int i = example();
    if (i >= k) return;
    const float z = Z[i] + b[0], s = y[i] ? -z : z, w = weights[y[i]];
    loss[i] += w * (fmaxf(s, 0.0f) + log1pf(expf(-fabsf(s))));
    correct[i] += class_of(z) == y[i];
    Z[i] = w * (1.0f / (1.0f + expf(-z)) - y[i]);
}

extern "C" __global__ void squared_error(float *__restrict__ Z, const float *__restrict__ b,
                                         const float *__restrict__ y, double *__restrict__ loss, int k) {
    const int i = example();
    if (i >= k) return;
    const float error = Z[i] + b[0] - y[i];
    loss[i] += error * error;
    Z[i] = 2.0f * error;
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
