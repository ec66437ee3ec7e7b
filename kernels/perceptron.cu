// Multiclass perceptron rule (slide "Training the Perceptron"; unit.cu has the rule for one unit).
//
//     J = z_p - z_y,   dJ/dz: 1 at the predicted class p, -1 at the label y, 0 elsewhere and if p = y
//
// Z is (k, m), one example per row, b is (m,), y (k,) has the labels; p is the argmax of z + b. Z becomes dJ/dz;
// loss[row] += J; correct[row] += 1 if p = y.
//
// Launch: block (lanes, rows) as in reduce.cuh, lanes * rows a multiple of 32; grid.x * rows >= k.
// Moves 8 k m bytes.
#include "reduce.cuh"

extern "C" __global__ void perceptron(float *__restrict__ Z, const float *__restrict__ b, const int *__restrict__ y,
                                      double *__restrict__ loss, double *__restrict__ correct, int k, int m) {
    const int row = blockIdx.x * blockDim.y + threadIdx.y;
    const bool exists = row < k;
    float *const z = Z + static_cast<size_t>(row) * m;
    Best best = Largest::identity();
    for (int c = threadIdx.x; exists && c < m; c += blockDim.x) best = Largest::combine(best, {z[c] + b[c], c});
    best = reduce_row<Largest>(best);
    if (!exists) return;

    const int label = y[row];
    for (int c = threadIdx.x; c < m; c += blockDim.x) {
        if (c == label) {  // one thread per row
            loss[row] += best.value - (z[c] + b[c]);
            correct[row] += best.index == label;
        }
        z[c] = static_cast<float>((c == best.index) - (c == label));
    }
}
