// Maxout: the maximum of the p linear pieces of each unit (lecture 14, "More activation functions").
//
//     maxout            X_j = max_q (z_jq + b_jq); Z becomes the derivative: 1 at the largest piece, 0 elsewhere
//     maxout_gradient   Delta_jq = A_j where Delta_jq is not 0
//
// Z and Delta are (k, m p), one example per row, the pieces of a unit adjacent; b is (m p,); X and A are (k, m). n is k m
// for maxout and k m p for maxout_gradient. Ties and NaN as in argmax.
//
// Launch: any one-dimensional grid; threads loop. Moves (8 p + 4) k m bytes.

extern "C" __global__ void maxout(float *__restrict__ Z, const float *__restrict__ b, float *__restrict__ X, int m, int p,
                                  long long n) {
    const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += threads) {
        float *const z = Z + i * p;
        const float *const bias = b + (i % m) * p;
        float largest = z[0] + bias[0];
        int best = 0;
        z[0] = 0.0f;
        for (int q = 1; q < p; ++q) {
            const float next = z[q] + bias[q];
            z[q] = 0.0f;
            if (!(next <= largest) && !isnan(largest)) {  // greater, or the first NaN
                largest = next;
                best = q;
            }
        }
        z[best] = 1.0f;
        X[i] = largest;
    }
}

extern "C" __global__ void maxout_gradient(const float *__restrict__ A, float *__restrict__ Delta, int p, long long n) {
    const long long threads = static_cast<long long>(gridDim.x) * blockDim.x;
    for (long long i = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += threads)
        if (Delta[i] != 0.0f) Delta[i] = A[i / p];
}
