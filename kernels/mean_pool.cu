// Mean pooling: the mean of the window's pixels, by channel.
//
//     mean_pool            out[n, u, v, :] = mean_ij X[n, u stride - padding + i, v stride - padding + j, :]
//     mean_pool_gradient   A[n, r, s, :] = the sum of Delta[n, u, v, :] / |window (u, v)| over those that cover (r, s)
//
// X and A are (k, h w c), one image per row; out and Delta are (k, h' w' c). window.cuh has the letters. Only pixels in
// the image count: |window (u, v)| is their number. No atomics: each thread sums over the windows that cover its pixel,
// in the order of their pixels.
//
// Launch: any two-dimensional grid of blocks (columns, rows) over what is written; threads loop.
// Moves 4 k (h w c + h' w' c) bytes.
#include "window.cuh"

static __device__ float pixels_inside(const Window &window, int u, int v) {
    const int rows = window.rows.end_inside(u) - window.rows.first_inside(u);
    return static_cast<float>(rows * (window.columns.end_inside(v) - window.columns.first_inside(v)));
}

extern "C" __global__ void mean_pool(const float *__restrict__ X, float *__restrict__ out, int k, int h, int w, int c,
                                     int rows, int columns, int stride, int padding) {
    const Window window(h, w, c, rows, columns, stride, padding);
    const int m = window.places() * c;
    for_each_in_rows(k, m, c % 4 == 0 && aligned(X, out), [=](auto width, int n, int q) {
        constexpr int N = decltype(width)::value;
        const Spot at(q, window.columns.places, c);
        const float *image = X + static_cast<size_t>(n) * h * w * c + at.channel;
        Pack<float, N> sum{};
        window.for_each_inside(at.row, at.column, [&](int, int pixel) {
            const auto x = load<N>(image + pixel);
            for (int j = 0; j < N; ++j) sum[j] += x[j];
        });
        for (int j = 0; j < N; ++j) sum[j] /= pixels_inside(window, at.row, at.column);
        store(out + static_cast<size_t>(n) * m + q, sum);
    });
}

extern "C" __global__ void mean_pool_gradient(const float *__restrict__ Delta, float *__restrict__ A, int k, int h,
                                              int w, int c, int rows, int columns, int stride, int padding) {
    const Window window(h, w, c, rows, columns, stride, padding);
    for_each_in_rows(k, h * w * c, c % 4 == 0 && aligned(Delta, A), [=](auto width, int n, int q) {
        constexpr int N = decltype(width)::value;
        const Spot at(q, w, c);
        const float *of_image = Delta + static_cast<size_t>(n) * window.places() * c + at.channel;
        Pack<float, N> sum{};
        window.for_each_covering(at.row, at.column, [&](int, int u, int v) {
            const auto delta = load<N>(of_image + (u * window.columns.places + v) * c);
            for (int j = 0; j < N; ++j) sum[j] += delta[j] / pixels_inside(window, u, v);
        });
        store(A + static_cast<size_t>(n) * h * w * c + q, sum);
    });
}
