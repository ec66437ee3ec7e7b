// The sum of patches by pixel: from the gradient of the patches to that of the images. The adjoint of unfold.
//
//     out[n, r, s, :] = sum_ij patches[(n, u, v), (i, j, :)]
//
// over the (u, v) and (i, j) with (r, s) = (u stride - padding + i, v stride - padding + j).
//
// patches is (k h' w', rows columns c), one patch per row; out is (k, h w c), one image per row. window.cuh has the
// letters. No atomics: each thread sums what the windows that cover its pixel have of it, in the order of (i, j).
//
// Launch: any two-dimensional grid of blocks (columns, rows) over out; threads loop.
// Moves 4 k (h w c + h' w' rows columns c) bytes.
#include "window.cuh"

extern "C" __global__ void fold(const float *__restrict__ patches, float *__restrict__ out, int k, int h, int w, int c,
                                int rows, int columns, int stride, int padding) {
    const Window window(h, w, c, rows, columns, stride, padding);
    const int patch = window.pixels() * c;
    for_each_in_rows(k, h * w * c, c % 4 == 0 && aligned(patches, out), [=](auto width, int n, int q) {
        constexpr int N = decltype(width)::value;
        const Spot at(q, w, c);
        const float *of_image = patches + static_cast<size_t>(n) * window.places() * patch + at.channel;
        Pack<float, N> sum{};
        window.for_each_covering(at.row, at.column, [&](int i, int u, int v) {
            const size_t place = u * window.columns.places + v;
            const auto x = load<N>(of_image + place * patch + i * c);
            for (int j = 0; j < N; ++j) sum[j] += x[j];
        });
        store(out + static_cast<size_t>(n) * h * w * c + q, sum);
    });
}
