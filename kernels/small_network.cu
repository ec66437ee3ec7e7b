// A training step of a small softmax classifier, with at most one hidden layer, in three launches.
//
//     hidden   X1 = theta(W1^T x + b1)                       lecture 14, "Using minibatches", for a whole minibatch
//     output   Delta2 = w (softmax(W2^T X1 + b2) - Y),   Delta1 = (W2 Delta2) o theta'(X1)
//     update   W <- W - eta/k X Delta^T in both layers, by the rule of sgd_update.cu or adam_update.cu; the 1
//              of x' = (1, x) makes b a column
//
// A linear classifier has no hidden layer: output_uint8 and update_uint8 with m2 = 0 are its step, in two launches. The
// gather of minibatch.cu, the matrix products and what follows them are fused, because in a small network the launches
// take longer than the arithmetic. No atomics, and sums in an order that depends on the shape only.
//
// X (N, d) is uint8 or float32; order, first, offset, mean, scale and y are as in minibatch.cu; H is X1 (k, m1) and W
// (m, d), as everywhere. theta is the number of a row of activations.cuh, and a its parameter. weights, loss and correct
// are as in softmax.cu. *eta is the learning rate. With is_adam, *t is the number
// of the update, and mu is not used.
//
// Launch:
//     hidden   block (32, u, e): a warp has 4 units and 4 examples; grid (x, y) with 4 e x >= k, 4 u y >= m
//     output   block (32, 4), grid.x * 4 >= k, dynamic shared memory for 4 m floats
//     update   block 512; a block has 32 units and 32 columns of (x, 1); grid: tiles(d1, m1) + tiles(d2, m2), with
//              tiles(d, m) = ceil(m / 32) ceil((d + 1) / 32)
#include "small_network.cuh"
#include "softmax.cuh"

namespace small_network {

// -- products: a warp has the 16 of 4 examples and 4 units; its lanes share the d terms of each

constexpr int SIDE = 4, PRODUCTS = SIDE * SIDE;

// The sums over the warp of PRODUCTS numbers in each lane: lane 2 q and lane 2 q + 1 get the q-th.
__device__ float sum_over_lanes(float (&v)[PRODUCTS]) {
    for (int half = PRODUCTS / 2, distance = 16; half > 0; half /= 2, distance /= 2) {
        const bool upper = threadIdx.x & distance;
        for (int q = 0; q < half; ++q) {
            const float mine = upper ? v[q + half] : v[q], other = upper ? v[q] : v[q + half];
            v[q] = mine + __shfl_xor_sync(ALL_LANES, other, distance);
        }
    }
    return v[0] + __shfl_xor_sync(ALL_LANES, v[0], 1);
}

__device__ int example_of_lane() { return threadIdx.x / 2 / SIDE; }
__device__ int unit_of_lane() { return threadIdx.x / 2 % SIDE; }

template <int N, class Inputs>
__device__ float products_of(Inputs inputs, const float *W, int i, int j, int k, int m) {
    const int d = inputs.d;
    decltype(inputs.row(0)) x[SIDE];
    const float *w[SIDE];
    for (int r = 0; r < SIDE; ++r) {  // those beyond the last repeat it, and are not used
        x[r] = inputs.row(min(i + r, k - 1));
        w[r] = W + static_cast<size_t>(min(j + r, m - 1)) * d;
    }
    float sums[PRODUCTS] = {};
#pragma unroll 2  // so that the next loads do not wait for these sums
    for (int c = N * threadIdx.x; c < d; c += N * 32) {
        Pack<float, N> xs[SIDE], ws[SIDE];
        const auto columns = inputs.template columns<N>(c);
        for (int r = 0; r < SIDE; ++r) xs[r] = columns(x[r]);
        for (int r = 0; r < SIDE; ++r) ws[r] = load<N>(w[r] + c);
        for (int q = 0; q < PRODUCTS; ++q)
            for (int n = 0; n < N; ++n) sums[q] += xs[q / SIDE][n] * ws[q % SIDE][n];
    }
    return sum_over_lanes(sums);
}

// W^T x of example i + example_of_lane() and unit j + unit_of_lane().
template <class Inputs>
__device__ float products(Inputs inputs, const float *W, int i, int j, int k, int m) {
    return inputs.packs_of_four() && aligned(W) ? products_of<4>(inputs, W, i, j, k, m)
                                                : products_of<1>(inputs, W, i, j, k, m);
}

// -- the three parts of a step

template <class Inputs>
__device__ void hidden(Inputs inputs, const float *W, const float *b, float *H, int k, int m, int theta, float a) {
    const int i = SIDE * (blockIdx.x * blockDim.z + threadIdx.z), j = SIDE * (blockIdx.y * blockDim.y + threadIdx.y);
    if (i >= k || j >= m) return;  // the whole warp
    const float z = products(inputs, W, i, j, k, m);
    const int example = i + example_of_lane(), unit = j + unit_of_lane();
    if (threadIdx.x % 2 == 0 && example < k && unit < m)
        H[static_cast<size_t>(example) * m + unit] = theta_of(theta, z + b[unit], a);
}

// Z of the block's 4 examples, into shared memory (4, m).
template <class Inputs>
__device__ void outputs(Inputs inputs, const float *W, float *Z, int k, int m) {
    for (int j = SIDE * threadIdx.y; j < m; j += SIDE * blockDim.y) {
        const float z = products(inputs, W, SIDE * blockIdx.x, j, k, m);
        const int unit = j + unit_of_lane();
        if (threadIdx.x % 2 == 0 && unit < m) Z[example_of_lane() * m + unit] = z;
    }
    __syncthreads();
}

struct Target {
    int y;
    float weight;
};

template <class Inputs>
__device__ void output(Inputs inputs, Target target, const float *W, const float *b, double *loss, double *correct,
                       float *Delta, float *Z, int i, int k, int m) {
    outputs(inputs, W, Z, k, m);
    float *z = Z + threadIdx.y * m;  // a warp has an example: Z becomes Delta
    softmax_rows::softmax_cross_entropy<1>({z, b, i < k ? m : 0}, target.y, target.weight, loss + i, correct + i);
    __syncwarp();
    if (i < k)
        for (int j = threadIdx.x; j < m; j += 32) Delta[static_cast<size_t>(i) * m + j] = z[j];
}

// The example of this warp, and its class with its weight.
__device__ int example() { return SIDE * blockIdx.x + threadIdx.y; }
__device__ Target target_of(int i, int k, const int *order, const int *y, const float *weights) {
    const int label = i < k ? y[order[i]] : 0;
    return {label, weights[label]};
}

// A = W2 Delta2 and Delta1 = A o theta'(X1) of an example: a warp.
template <int N>
__device__ void delta_below(const float *W, const float *Delta2, const float *x, float *Delta1, int d, int m, int theta,
                            float a) {
    for (int c = N * threadIdx.x; c < d; c += N * 32) {
        Pack<float, N> A = {};
        const auto h = load<N>(x + c);
        for (int j = 0; j < m; ++j) {
            const auto w = load<N>(W + static_cast<size_t>(j) * d + c);
            for (int n = 0; n < N; ++n) A[n] += w[n] * Delta2[j];
        }
        for (int n = 0; n < N; ++n) A[n] *= derivative_of(theta, h[n], a);
        store(Delta1 + c, A);
    }
}

// -- the update

constexpr int TILE = 32;      // units and columns of (x, 1) of a block
constexpr int ROWS = 128;     // examples at a time
constexpr int THREADS = 512;  // of a block, in GROUPS of 64 that take turns with the examples
constexpr int GROUPS = THREADS / 64;

struct Layer {
    float *W, *V, *S, *b, *Vb, *Sb;
    const float *Delta;
    int m;
};

__device__ int tiles_across(int d) { return (d + TILE) / TILE; }  // of d + 1 columns

// Copy `rows` examples from the start-th on, the tile's units of Delta and its columns of (x, 1), into shared memory.
template <class Inputs>
__device__ void load_tiles(Inputs inputs, const float *Delta, int start, int rows, int unit, int column, int m,
                           float (*deltas)[TILE], float (*xs)[TILE]) {
    constexpr int IN_FLIGHT = ROWS * TILE / THREADS;  // loads of a thread, none of which waits for another
    const int lane = threadIdx.x % TILE, c = column + lane, u = unit + lane;
    const auto x_of = inputs.column(min(c, inputs.d - 1));
    const float beyond = c == inputs.d ? 1.0f : 0.0f;
    float delta[IN_FLIGHT], x[IN_FLIGHT];
    for (int q = 0; q < IN_FLIGHT; ++q) {
        const int i = start + min(q * (THREADS / TILE) + static_cast<int>(threadIdx.x) / TILE, rows - 1);
        delta[q] = Delta[static_cast<size_t>(i) * m + min(u, m - 1)];
        x[q] = x_of(i);
    }
    for (int q = 0; q < IN_FLIGHT; ++q) {
        const int row = q * (THREADS / TILE) + threadIdx.x / TILE;
        deltas[row][lane] = u < m ? delta[q] : 0.0f;
        xs[row][lane] = c < inputs.d ? x[q] : beyond;
    }
}

// Delta^T (x, 1) for the units and columns of a tile, summed over the examples: groups of 64 threads take turns with the
// examples, and a thread has 4 x 4 of the sums. sums[group] becomes the group's (TILE, TILE).
template <class Inputs>
__device__ void sum_products(Inputs inputs, const float *Delta, int unit, int column, int k, int m,
                             float (*sums)[TILE][TILE], float (*deltas)[TILE], float (*xs)[TILE]) {
    const int group = threadIdx.x / 64, u = threadIdx.x % 64 / 8 * 4, c = threadIdx.x % 8 * 4;
    float sum[4][4] = {};
    for (int start = 0; start < k; start += ROWS) {
        const int rows = min(k - start, ROWS);
        __syncthreads();  // the last examples may still be read
        load_tiles(inputs, Delta, start, rows, unit, column, m, deltas, xs);
        __syncthreads();
        for (int row = group; row < rows; row += GROUPS) {
            const auto delta = load<4>(&deltas[row][u]), x = load<4>(&xs[row][c]);
            for (int q = 0; q < PRODUCTS; ++q) sum[q / 4][q % 4] += delta[q / 4] * x[q % 4];
        }
    }
    __syncthreads();  // sums may share the memory of deltas
    for (int q = 0; q < PRODUCTS; ++q) sums[group][u + q / 4][c + q % 4] = sum[q / 4][q % 4];
    __syncthreads();
}

template <class Inputs>
__device__ void update(Inputs inputs, Layer layer, Rule rule, const adam::Correction &by, int tile, int k,
                       float (*memory)[TILE]) {
    const auto sums = reinterpret_cast<float(*)[TILE][TILE]>(memory);
    const int d = inputs.d, column = tile % tiles_across(d) * TILE, unit = tile / tiles_across(d) * TILE;
    sum_products(inputs, layer.Delta, unit, column, k, layer.m, sums, memory, memory + ROWS);
    const Rule of_bias = rule.without_penalties();
    for (int at = threadIdx.x; at < TILE * TILE; at += THREADS) {
        const int u = at / TILE, j = unit + u, c = column + at % TILE;
        float g = 0.0f;
        for (int group = 0; group < GROUPS; ++group) g += sums[group][u][at % TILE];
        g /= static_cast<float>(k);
        if (j >= layer.m || c > d) continue;
        const size_t i = static_cast<size_t>(j) * d + c;
        if (c == d)
            of_bias.step(layer.b + j, layer.Vb + j, layer.Sb + j, g, by);
        else
            rule.step(layer.W + i, layer.V + i, layer.S + i, g, by);
    }
}

}  // namespace small_network

#define SMALL_NETWORK(ELEMENT, NAME)                                                                                   \
    extern "C" __global__ void hidden_##NAME(const ELEMENT *__restrict__ X, const float *__restrict__ mean,            \
                                             const float *__restrict__ scale, const int *__restrict__ order,           \
                                             const int *__restrict__ first, int offset, const float *__restrict__ W,   \
                                             const float *__restrict__ b, float *__restrict__ H, int k, int d, int m,  \
                                             int theta, float a) {                                                     \
        small_network::Gathered<ELEMENT> inputs{X, mean, scale, order + *first + offset, d};                           \
        small_network::hidden(inputs, W, b, H, k, m, theta, a);                                                        \
    }                                                                                                                  \
    extern "C" __global__ void output_##NAME(                                                                          \
        const ELEMENT *__restrict__ X, const float *__restrict__ mean, const float *__restrict__ scale,                \
        const int *__restrict__ order, const int *__restrict__ first, int offset, const int *__restrict__ y,           \
        const float *__restrict__ W, const float *__restrict__ b, const float *__restrict__ weights,                   \
        double *__restrict__ loss, double *__restrict__ correct, float *__restrict__ Delta, int k, int d, int m) {     \
        using namespace small_network;                                                                                 \
        extern __shared__ float Z[];                                                                                   \
        const Gathered<ELEMENT> inputs{X, mean, scale, order + *first + offset, d};                                    \
        const int i = example();                                                                                       \
        output(inputs, target_of(i, k, inputs.order, y, weights), W, b, loss, correct, Delta, Z, i, k, m);             \
    }                                                                                                                  \
    extern "C" __global__ void update_##NAME(                                                                          \
        const ELEMENT *__restrict__ X, const float *__restrict__ mean, const float *__restrict__ scale,                \
        const int *__restrict__ order, const int *__restrict__ first, int offset, float *__restrict__ W1,              \
        float *__restrict__ V1, float *__restrict__ S1, float *__restrict__ b1, float *__restrict__ Vb1,               \
        float *__restrict__ Sb1, const float *__restrict__ Delta1, const float *__restrict__ H,                        \
        float *__restrict__ W2, float *__restrict__ V2, float *__restrict__ S2, float *__restrict__ b2,                \
        float *__restrict__ Vb2, float *__restrict__ Sb2, const float *__restrict__ Delta2, int k, int d, int m1,      \
        int m2, const float *__restrict__ eta, float mu, float l1, float l2, int nesterov, int is_adam,                \
        const int *__restrict__ t, float share1, float share2, float epsilon, float decay) {                           \
        using namespace small_network;                                                                                 \
        alignas(16) __shared__ float memory[2 * ROWS][TILE];                                                           \
        __shared__ adam::Correction by;                                                                                \
        const int tiles = tiles_across(d) * ((m1 + TILE - 1) / TILE), tile = blockIdx.x;                               \
        const Rule rule{*eta, mu, l1, l2, nesterov, is_adam != 0, {*eta, share1, share2, epsilon, l1, l2, decay}};     \
        if (threadIdx.x == 0) by = is_adam ? adam::correction(rule.of_adam, *t) : adam::Correction{};                  \
        if (tile < tiles)                                                                                              \
            update(Gathered<ELEMENT>{X, mean, scale, order + *first + offset, d},                                      \
                   {W1, V1, S1, b1, Vb1, Sb1, Delta1, m1}, rule, by, tile, k, memory);                                 \
        else                                                                                                           \
            update(Outputs{H, m1}, {W2, V2, S2, b2, Vb2, Sb2, Delta2, m2}, rule, by, tile - tiles, k, memory);         \
    }

SMALL_NETWORK(unsigned char, uint8)
SMALL_NETWORK(float, float32)

extern "C" __global__ void output_hidden(const float *__restrict__ H, const int *__restrict__ order,
                                         const int *__restrict__ first, int offset, const int *__restrict__ y,
                                         const float *__restrict__ W, const float *__restrict__ b,
                                         const float *__restrict__ weights, double *__restrict__ loss,
                                         double *__restrict__ correct, float *__restrict__ Delta,
                                         float *__restrict__ Delta1, int k, int d, int m, int theta, float a) {
    using namespace small_network;
    extern __shared__ float Z[];  // (4, m)
    const int i = example();
    const Target target = target_of(i, k, order + *first + offset, y, weights);
    output(Outputs{H, d}, target, W, b, loss, correct, Delta, Z, i, k, m);
    if (i >= k) return;
    const size_t at = static_cast<size_t>(i) * d;
    const float *Delta2 = Z + threadIdx.y * m;
    if (d % 4 == 0 && aligned(W, H, Delta1))
        delta_below<4>(W, Delta2, H + at, Delta1 + at, d, m, theta, a);
    else
        delta_below<1>(W, Delta2, H + at, Delta1 + at, d, m, theta, a);
}
