// The patches of images, as the rows of a matrix, whose product with the filters is the convolution.
//
//     out[(n, u, v), (i, j, :)] = X[n, u stride - padding + i, v stride - padding + j, :], or 0 outside of the image
//
// X is (k, h w c), one image per row; out is (k h' w', rows columns c), one patch per row. window.cuh has the letters.
//
// Launch: any two-dimensional grid of blocks (columns, rows) over out; threads loop.
// Moves 4 k (h w c + h' w' rows columns c) bytes: neighbours in a patch are neighbours in a row of the image.
#include "window.cuh"

extern "C" __global__ void unfold(const float *__restrict__ X, float *__restrict__ out, int k, int h, int w, int c,
                                  int rows, int columns, int stride, int padding) {
    const Window window(h, w, c, rows, columns, stride, padding);
    const int patch = window.pixels() * c, places = k * window.places();
    for_each_in_rows(places, patch, c % 4 == 0 && aligned(X, out), [=](auto width, int place, int q) {
        constexpr int N = decltype(width)::value;
        const Spot in_window(q, columns, c), at(place, window.columns.places, 1);  // at.row: u of all images
        const int n = at.row / window.rows.places, u = at.row % window.rows.places;
        const int row = window.rows.start(u) + in_window.row;
        const int column = window.columns.start(at.column) + in_window.column;
        Pack<float, N> x{};
        if (row >= 0 && row < h && column >= 0 && column < w)
            x = load<N>(X + static_cast<size_t>(n) * h * w * c + window.pixel(row, column) + in_window.channel);
        store(out + static_cast<size_t>(place) * patch + q, x);
    });
}
