// Maxout: every unit is the largest of its linear pieces (lecture 14, "More activation functions").
//
//     maxout            x_j = max over q of z_jq + b_jq; Z keeps the derivative: 1 at the largest piece, 0 elsewhere
//     maxout_gradient   Delta_jq = a_j where Z kept a 1, else 0, in the place of Z
//
// Z and Delta are (k, m p) with one example a row and the p pieces of a unit side by side, b is (m p,); X and A are (k, m).
// The first of several largest pieces counts, and a NaN as larger than any number, as in argmax.
//
// Launch: any one-dimensional grid, a thread a unit. Moves (8 p + 4) k m bytes each way.

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
