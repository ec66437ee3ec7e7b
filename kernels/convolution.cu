// A convolution with few filters on small images, without the patches of unfold.cu in memory: "2-D Convolution Layer".
//
//     convolution            Z[(n, u, v), f] = sum_ijc W[f, (i, j, c)] X[n, r, s, c]
//     convolution_gradient   out[p, f, (i, j, c)] = sum_nuv Delta[(n, u, v), f] X[n, r, s, c],
//                            over the images n = p, p + gridDim.x, ...
//
// over the pixels (r, s) = (u stride - padding + i, v stride - padding + j) in the image. X is (k, h w c), one image
// per row; W is (m, rows columns c), one filter per row; Z and Delta are (k h' w', m), one place per row. window.cuh
// has the letters. An image is copied into shared memory, since a pixel is in up to rows x columns patches, and each
// thread sums for 8 filters at once, with one load of a pixel. No atomics: the order of additions depends on the shape
// and the grid. gradient_mean adds the rows of out.
//
// Launch of convolution: one-dimensional blocks of at least groups = ceil(m / 8) threads; grid.x blocks for the images,
// grid.y for the places; threads loop. Dynamic shared memory: 8 (groups rows columns c + blockDim.x) + h w c floats.
// Launch of convolution_gradient: block (columns, parts), grid.x rows of out, grid.y for its columns; threads loop.
// Dynamic shared memory: 8 (groups h' w' + columns parts) + h w c floats.
// Moves 4 (k h w c + m rows columns c + k h' w' m) bytes; the gradient for each of grid.y.
#include "window.cuh"

constexpr int FILTERS = 8;  // for which a thread sums at once
using OfFilters = Pack<float, FILTERS>;  // a number for each

__device__ static int groups_of(int filters) { return (filters + FILTERS - 1) / FILTERS; }

// Call body(i) for i below n, by all threads of the block.
template <class Body>
__device__ static void for_each_of_block(int n, Body body) {
    const int thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
    for (int i = thread; i < n; i += threads) body(i);
}

extern "C" __global__ void convolution(const float *__restrict__ X, const float *__restrict__ W, float *__restrict__ Z,
                                       int m, int k, int h, int w, int c, int rows, int columns, int stride,
                                       int padding) {
    extern __shared__ OfFilters of_block[];
    const Window window(h, w, c, rows, columns, stride, padding);
    const int numbers = window.numbers_of_image(), patch = window.pixels() * c, places = window.places();
    const int groups = groups_of(m), at_once = blockDim.x / groups;
    const int mine = threadIdx.x / groups, group = threadIdx.x % groups;
    OfFilters *weights = of_block;  // (patch, groups)
    float *tile = &weights[patch * groups][0], *image = tile + FILTERS * blockDim.x;
    for_each_of_block(FILTERS * groups * patch, [=](int i) {
        const int f = i / patch, q = i % patch;
        weights[q * groups + f / FILTERS][f % FILTERS] = f < m ? W[i] : 0.0f;
    });
    for (int n = blockIdx.x; n < k; n += gridDim.x) {
        for_each_of_block(numbers, [=](int i) { image[i] = X[static_cast<size_t>(n) * numbers + i]; });
        for (int first = blockIdx.y * at_once; first < places; first += gridDim.y * at_once) {
            __syncthreads();
            const int count = min(at_once, places - first), place = first + mine;
            if (mine < count) {
                OfFilters z{};
                const int u = place / window.columns.places, v = place % window.columns.places;
                window.for_each_inside(u, v, [&](int i, int pixel) {
                    for (int channel = 0; channel < c; ++channel) {
                        const auto filters = weights[(i * c + channel) * groups + group];
                        for (int f = 0; f < FILTERS; ++f) z[f] += filters[f] * image[pixel + channel];
                    }
                });
                for (int f = 0; f < min(FILTERS, m - FILTERS * group); ++f) tile[mine * m + FILTERS * group + f] = z[f];
            }
            __syncthreads();
            float *out = Z + (static_cast<size_t>(n) * places + first) * m;
            for_each_of_block(count * m, [=](int i) { out[i] = tile[i]; });  // adjacent threads store adjacent numbers
        }
    }
}

extern "C" __global__ void convolution_gradient(const float *__restrict__ X, const float *__restrict__ Delta,
                                                float *__restrict__ out, int m, int k, int h, int w, int c, int rows,
                                                int columns, int stride, int padding) {
    extern __shared__ OfFilters of_block[];
    const Window window(h, w, c, rows, columns, stride, padding);
    const int numbers = window.numbers_of_image(), patch = window.pixels() * c, places = window.places();
    const int groups = groups_of(m), threads = blockDim.x * blockDim.y, thread = threadIdx.y * blockDim.x + threadIdx.x;
    OfFilters *delta = of_block, *sums = delta + places * groups;  // (places, groups) and (parts, columns of the block)
    float *image = &sums[threads][0];
    for (int first = blockIdx.y * blockDim.x; first < groups * patch; first += gridDim.y * blockDim.x) {
        const int item = first + threadIdx.x, group = item / patch, q = item % patch;
        const Spot in_window(q, columns, c);
        OfFilters sum{};
        for (int n = blockIdx.x; n < k; n += gridDim.x) {
            __syncthreads();
            for_each_of_block(numbers, [=](int i) { image[i] = X[static_cast<size_t>(n) * numbers + i]; });
            for_each_of_block(FILTERS * groups * places, [=](int i) {
                const int place = i / (FILTERS * groups), f = i % (FILTERS * groups);
                const size_t at = (static_cast<size_t>(n) * places + place) * m + f;
                delta[place * groups + f / FILTERS][f % FILTERS] = f < m ? Delta[at] : 0.0f;
            });
            __syncthreads();
            if (group < groups)
                window.for_each_place_of(
                    in_window.row, in_window.column, threadIdx.y, blockDim.y, [&](int place, int pixel) {
                        const float x = image[pixel + in_window.channel];
                        const auto of_place = delta[place * groups + group];
                        for (int f = 0; f < FILTERS; ++f) sum[f] += of_place[f] * x;
                    });
        }
        sums[thread] = sum;
        __syncthreads();
        if (group < groups)
            for (int f = threadIdx.y; f < min(FILTERS, m - FILTERS * group); f += blockDim.y) {
                float total = 0.0f;
                for (int part = 0; part < blockDim.y; ++part) total += sums[part * blockDim.x + threadIdx.x][f];
                out[(static_cast<size_t>(blockIdx.x) * m + FILTERS * group + f) * patch + q] = total;
            }
        __syncthreads();
    }
}
