// Max pooling: the largest pixel of the window, by channel.
//
//     max_pool            out[n, u, v, :] = max_ij X[n, u stride - padding + i, v stride - padding + j, :],
//                         largest[n, u, v, :] = i columns + j of it, over the pixels in the image
//     max_pool_gradient   A[n, r, s, :] = the sum of Delta[n, u, v, :] over the windows whose largest pixel (r, s) is
//
// X and A are (k, h w c), one image per row; out, Delta and largest (int32) are (k, h' w' c). window.cuh has the
// letters. Ties go to the first pixel, and NaN is larger than any number, as in argmax. No atomics: each thread sums
// what the windows that cover its pixel have for it, in the order of (i, j).
//
// Launch: any two-dimensional grid of blocks (columns, rows) over what is written; threads loop.
// Moves 4 k h w c + 8 k h' w' c bytes.
#include "window.cuh"

extern "C" __global__ void max_pool(const float *__restrict__ X, float *__restrict__ out, int *__restrict__ largest,
                                    int k, int h, int w, int c, int rows, int columns, int stride, int padding) {
    const Window window(h, w, c, rows, columns, stride, padding);
    const int m = window.places() * c;
    for_each_in_rows(k, m, c % 4 == 0 && aligned(X, out, largest), [=](auto width, int n, int q) {
        constexpr int N = decltype(width)::value;
        const Spot at(q, window.columns.places, c);
        const float *image = X + static_cast<size_t>(n) * h * w * c + at.channel;
        const int first = window.rows.first_inside(at.row) * columns + window.columns.first_inside(at.column);
        Pack<float, N> best;
        Pack<int, N> chosen;
        for (int j = 0; j < N; ++j) {
            best[j] = -INFINITY;
            chosen[j] = first;
        }
        window.for_each_inside(at.row, at.column, [&](int i, int pixel) {
            const auto x = load<N>(image + pixel);
            for (int j = 0; j < N; ++j)
                if (!(x[j] <= best[j]) && !isnan(best[j])) {  // greater, or the first NaN
                    best[j] = x[j];
                    chosen[j] = i;
                }
        });
        store(out + static_cast<size_t>(n) * m + q, best);
        store(largest + static_cast<size_t>(n) * m + q, chosen);
    });
}

extern "C" __global__ void max_pool_gradient(const float *__restrict__ Delta, const int *__restrict__ largest,
                                             float *__restrict__ A, int k, int h, int w, int c, int rows, int columns,
                                             int stride, int padding) {
    const Window window(h, w, c, rows, columns, stride, padding);
    for_each_in_rows(k, h * w * c, c % 4 == 0 && aligned(Delta, largest, A), [=](auto width, int n, int q) {
        constexpr int N = decltype(width)::value;
        const Spot at(q, w, c);
        const size_t of_image = static_cast<size_t>(n) * window.places() * c + at.channel;
        Pack<float, N> sum{};
        window.for_each_covering(at.row, at.column, [&](int i, int u, int v) {
            const size_t place = of_image + (u * window.columns.places + v) * c;
            const auto delta = load<N>(Delta + place);
            const auto chosen = load<N>(largest + place);
            for (int j = 0; j < N; ++j) sum[j] += chosen[j] == i ? delta[j] : 0.0f;
        });
        store(A + static_cast<size_t>(n) * h * w * c + q, sum);
    });
}
