// The perceptron's rule for several classes (slide "Training the Perceptron"; one unit for two classes is in unit.cu).
//
//     J = z_found - z_y,   dJ/dz = found - y: 1 at the class found, -1 at the label, and 0 where they are one
//
// Z is (k, m), one example a row, b is (m,), y (k,) holds labels; found is the argmax of z + b. Z becomes Delta = dJ/dz;
// loss[row] += J, and hits[row] += 1 where found is y.
//
// Launch: block (lanes, rows) as in reduce.cuh, lanes * rows a multiple of 32; grid.x * rows >= k.
// Moves 8 k m bytes.
#include "reduce.cuh"

extern "C" __global__ void perceptron(float *__restrict__ Z, const float *__restrict__ b, const int *__restrict__ y,
                                      double *__restrict__ loss, double *__restrict__ hits, int k, int m) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const bool exists = row < k;
    float *const z = Z + static_cast<size_t>(row) * m;
    Best best = Largest::identity();
    for (int c = threadIdx.x; exists && c < m; c += blockDim.x) best = Largest::combine(best, {z[c] + b[c], c});
    best = reduce_row<Largest>(best);
    if (!exists) return;

    const int label = y[row];
    for (int c = threadIdx.x; c < m; c += blockDim.x) {
        if (c == label) {  // one thread of the row comes here
            loss[row] += best.value - (z[c] + b[c]);
            hits[row] += best.index == label;
        }
        z[c] = static_cast<float>((c == best.index) - (c == label));
    }
}
