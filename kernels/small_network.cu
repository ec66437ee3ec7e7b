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
// (m, d), as everywhere. theta is the number of a row of activations.cuh, and a its parameter. weights, loss and
// correct are as in softmax.cu. *eta is the learning rate. output adds `updates` to *t. With is_adam, *t is the number
// of the update, and mu is not used.
//
// Launch:
//     hidden   block (32, u, e) of at most 256 threads: a warp has 4 units and 4 examples; grid (x, y) with 4 e x >= k,
//              4 u y >= m
//     hidden_large   the same with 8 examples, for which a warp loads units once
//     output   block (32, 4, parts) of at most 512 threads, grid.x = k, dynamic shared memory for (parts + 1) m floats
//     update   block 512; a block has a tile of 32 units and 32 columns of (x, 1); grid: tiles(d1, m1) + tiles(d2, m2),
//              with tiles(d, m) = ceil(m / 32) ceil((d + 1) / 32)
//     update_large   the same with block 256 and 64 instead of 32, for networks with many tiles
//
// Moves, where an element of the inputs has s bytes (1 for uint8, 4 for float32 and X1):
//     hidden   s k d + 4 (m d + m + k m)
//     output   s k d + 4 (m d + m + k m), and output_hidden another 4 k d for Delta1
//     update   s k d + 4 k m + 8 m (d + 1) for each layer, and another 8 m (d + 1) for V and for S where they are used
#include "small_network.cuh"
#include "softmax.cuh"

namespace small_network {

// -- products: a warp has those of EXAMPLES examples and 4 units; its lanes share the d terms of each

constexpr int UNITS = 4;

// The product of a lane, of which the first of its lanes is_first.
template <int EXAMPLES>
struct OfLane {
    static constexpr int LANES = 32 / (EXAMPLES * UNITS);
    int example = threadIdx.x / LANES / UNITS, unit = threadIdx.x / LANES % UNITS;
    bool is_first = threadIdx.x % LANES == 0;
};

// The part-th of `parts` parts of the terms of W^T x, for the examples from i on and the units from j on.
template <int EXAMPLES, int N, class Inputs>
__device__ float products_of(Inputs inputs, const float *W, int i, int j, int k, int m, int part, int parts) {
    const int d = inputs.d;
    decltype(inputs.row(0)) x[EXAMPLES];
    const float *w[UNITS];  // those beyond the last repeat it, and are not used
    for (int r = 0; r < EXAMPLES; ++r) x[r] = inputs.row(min(i + r, k - 1));
    for (int r = 0; r < UNITS; ++r) w[r] = W + static_cast<size_t>(min(j + r, m - 1)) * d;
    float sums[EXAMPLES * UNITS] = {};
#pragma unroll(EXAMPLES > 4 ? 1 : 2)  // so that the next loads do not wait for these sums, with registers for both
    for (int c = N * (32 * part + threadIdx.x); c < d; c += N * 32 * parts) {
        Pack<float, N> xs[EXAMPLES], ws[UNITS];
        const auto columns = inputs.template columns<N>(c);
        for (int r = 0; r < EXAMPLES; ++r) xs[r] = columns(x[r]);
        for (int r = 0; r < UNITS; ++r) ws[r] = load<N>(w[r] + c);
        for (int q = 0; q < EXAMPLES * UNITS; ++q)
            for (int n = 0; n < N; ++n) sums[q] += xs[q / UNITS][n] * ws[q % UNITS][n];
    }
    return sum_over_lanes(sums);
}

// The part of the product OfLane.
template <int EXAMPLES, class Inputs>
__device__ float products(Inputs inputs, const float *W, int i, int j, int k, int m, int part = 0, int parts = 1) {
    return inputs.packs_of_four() && aligned(W) ? products_of<EXAMPLES, 4>(inputs, W, i, j, k, m, part, parts)
                                                : products_of<EXAMPLES, 1>(inputs, W, i, j, k, m, part, parts);
}

// -- the three parts of a step

template <int EXAMPLES, class Inputs>
__device__ void hidden(Inputs inputs, const float *W, const float *b, float *H, int k, int m, int theta, float a) {
    const int i = EXAMPLES * (blockIdx.x * blockDim.z + threadIdx.z),
              j = UNITS * (blockIdx.y * blockDim.y + threadIdx.y);
    if (i >= k || j >= m) return;  // the whole warp
    const float z = products<EXAMPLES>(inputs, W, i, j, k, m);
    const OfLane<EXAMPLES> lane;
    const int example = i + lane.example, unit = j + lane.unit;
    if (lane.is_first && example < k && unit < m)
        H[static_cast<size_t>(example) * m + unit] = theta_of(theta, z + b[unit], a);
}

// The label of an example, its weight, and its sums.
struct Target {
    int y;
    float weight;
    double loss, correct;
};

// Delta of the block's example, also in shared memory: Z has the parts of z, and after them b. While a warp waits for
// the label, and then for its weight, the others multiply.
template <class Inputs>
__device__ void output(Inputs inputs, const int *order, const int *y, const float *W, const float *b,
                       const float *weights, double *loss, double *correct, float *Delta, int *t, int updates, float *Z,
                       int k, int m) {
    __shared__ Target target;
    const int i = blockIdx.x, part = threadIdx.z, parts = blockDim.z;
    float *const bias = Z + parts * m;
    if (threadIdx.y == blockDim.y - 1 && part == parts - 1) {
        const bool counts = i == 0 && threadIdx.x == 0;
        const int before = counts ? *t : 0;  // while the label is loaded, too
        for (int j = threadIdx.x; j < m; j += 32) bias[j] = b[j];
        const int label = y[order[i]];
        if (threadIdx.x == 0) target = {label, weights[label], loss[i], correct[i]};
        if (counts) *t = before + updates;
    }
    for (int j = UNITS * threadIdx.y; j < m; j += UNITS * blockDim.y) {
        const float z = products<1>(inputs, W, i, j, k, m, part, parts);
        const OfLane<1> lane;
        if (lane.is_first && j + lane.unit < m) Z[part * m + j + lane.unit] = z;
    }
    __syncthreads();
    if (threadIdx.y > 0 || part > 0) return;  // one warp is enough for the rest
    for (int j = threadIdx.x; j < m; j += 32)
        for (int other = 1; other < parts; ++other) Z[j] += Z[other * m + j];
    softmax_rows::softmax_cross_entropy<1>({Z, bias, m}, target.y, target.weight, &target.loss, &target.correct);
    __syncwarp();
    for (int j = threadIdx.x; j < m; j += 32) Delta[static_cast<size_t>(i) * m + j] = Z[j];
    if (threadIdx.x == 0) loss[i] = target.loss, correct[i] = target.correct;
}

// A = W2 Delta2 and Delta1 = A o theta'(X1) of the block's example.
template <int N>
__device__ void delta_below(const float *W, const float *Delta2, const float *x, float *Delta1, int d, int m, int theta,
                            float a) {
    const int thread = (threadIdx.z * blockDim.y + threadIdx.y) * 32 + threadIdx.x,
              threads = 32 * blockDim.y * blockDim.z;
    for (int c = N * thread; c < d; c += N * threads) {
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

// A block sums Delta^T (x, 1) over the examples, for a tile of SIDE units and SIDE columns. A group of 64 threads has
// 32 x 32 of the sums, a thread 4 x 4. In a large tile four groups have a quarter each. Where there are few tiles, they
// are small, and eight groups take turns with the examples.
template <int SIDE_, int GROUPS, int ROWS_>
struct Tiles {
    static constexpr int SIDE = SIDE_, ROWS = ROWS_;  // ROWS: examples in shared memory at a time
    static constexpr int ACROSS = SIDE / 32, TURNS = GROUPS / (ACROSS * ACROSS);
    static constexpr int THREADS = GROUPS * 64, LOADERS = THREADS / 2;  // half of the threads load Delta, half (x, 1)
    static constexpr int FLOATS = (2 * ROWS > TURNS * SIDE ? 2 * ROWS : TURNS * SIDE) * SIDE;  // of shared memory
    static constexpr int BLOCKS = 512 / THREADS;  // of a multiprocessor at once, with at most 128 registers a thread

    __device__ static int across(int d) { return (d + SIDE) / SIDE; }  // tiles that cover d + 1 columns
};
using Small = Tiles<32, 8, 128>;
using Large = Tiles<64, 4, 64>;

struct Layer {
    float *W, *V, *S, *b, *Vb, *Sb;
    const float *Delta;
    int m;
};

// Copy a tile's columns of (x, 1) of `rows` examples from the start-th on into shared memory (ROWS, SIDE). Delta gets a
// 1 too, where there is no unit: the sums of that are not used.
template <class Tile, int N, class Inputs>
__device__ void load_columns(Inputs inputs, int start, int rows, int column, float *tile) {
    constexpr int LANES = Tile::SIDE / N, AT_ONCE = Tile::LOADERS / LANES;
    constexpr int IN_FLIGHT = N == 1 ? 8 : 4;  // loads of a thread, none of which waits for another
    const int at = N * (threadIdx.x % LANES), c = column + at;
    const auto columns = inputs.template columns<N>(min(c, inputs.d - N));
#pragma unroll 1
    for (int first = threadIdx.x % Tile::LOADERS / LANES; first < rows; first += IN_FLIGHT * AT_ONCE) {
        Pack<float, N> x[IN_FLIGHT];
        for (int q = 0; q < IN_FLIGHT; ++q) x[q] = columns(inputs.row(start + min(first + q * AT_ONCE, rows - 1)));
        for (int q = 0; q < IN_FLIGHT; ++q)
            if (first + q * AT_ONCE < rows)
                store(tile + (first + q * AT_ONCE) * Tile::SIDE + at,
                      c < inputs.d ? x[q] : Pack<float, N>{c == inputs.d ? 1.0f : 0.0f});
    }
}

// Delta^T (x, 1) of a tile, into shared memory (TURNS, SIDE, SIDE): the sums over the examples of each turn.
template <class Tile, int N, class Inputs>
__device__ void sum_products(Inputs inputs, Outputs deltas, int unit, int column, int k, float *memory) {
    constexpr int SIDE = Tile::SIDE, PARTS = Tile::ACROSS * Tile::ACROSS;
    const int group = threadIdx.x / 64, part = group % PARTS, turn = group / PARTS;
    const int u = part / Tile::ACROSS * 32 + threadIdx.x % 64 / 8 * 4;
    const int c = part % Tile::ACROSS * 32 + threadIdx.x % 8 * 4;
    float *const xs = memory + Tile::ROWS * SIDE;
    Pack<float, 4> sums[4] = {};
    for (int start = 0; start < k; start += Tile::ROWS) {
        const int rows = min(k - start, Tile::ROWS);
        __syncthreads();  // the last examples may still be read
        if (threadIdx.x >= Tile::LOADERS)
            load_columns<Tile, N>(inputs, start, rows, column, xs);
        else if (deltas.packs_of_four())
            load_columns<Tile, 4>(deltas, start, rows, unit, memory);
        else
            load_columns<Tile, 1>(deltas, start, rows, unit, memory);
        __syncthreads();
#pragma unroll 4
        for (int row = turn; row < rows; row += Tile::TURNS) {
            const auto delta = load<4>(memory + row * SIDE + u), x = load<4>(xs + row * SIDE + c);
            for (int q = 0; q < 16; ++q) sums[q / 4][q % 4] += delta[q / 4] * x[q % 4];
        }
    }
    __syncthreads();  // the sums take the memory of the examples
    for (int q = 0; q < 4; ++q) store(memory + (turn * SIDE + u + q) * SIDE + c, sums[q]);
    __syncthreads();
}

// The sum of the turns' sums.
template <class Tile, int N>
__device__ Pack<float, N> sum_of_turns(const float *sums) {
    Pack<float, N> total = {};
    for (int turn = 0; turn < Tile::TURNS; ++turn) {
        const auto of_turn = load<N>(sums + turn * Tile::SIDE * Tile::SIDE);
        for (int n = 0; n < N; ++n) total[n] += of_turn[n];
    }
    return total;
}

template <class Tile, int N, class Inputs>
__device__ void update_tile(Inputs inputs, Layer layer, Rule rule, const adam::Correction &by, int tile, int k,
                            float *memory) {
    constexpr int SIDE = Tile::SIDE, AT_ONCE = N * Tile::THREADS / SIDE, EACH = (SIDE + AT_ONCE - 1) / AT_ONCE;
    const int d = inputs.d, column = tile % Tile::across(d) * SIDE, unit = tile / Tile::across(d) * SIDE;
    const int first = N * threadIdx.x / SIDE, lane = N * threadIdx.x % SIDE;
    const bool uses_v = rule.is_adam || rule.mu != 0.0f || rule.l1 != 0.0f;
    const auto for_each = [&](auto body) {  // a pack of one of the thread's units
        const size_t i = static_cast<size_t>(unit + first) * d + column + lane;
#pragma unroll
        for (int q = 0; q < EACH; ++q) {
            const int u = first + q * AT_ONCE;
            if (u < SIDE && unit + u < layer.m && column + lane < d) body(q, u * SIDE + lane, i + q * AT_ONCE * d);
        }
    };
    Pack<float, N> w[EACH] = {}, v[EACH] = {}, s[EACH] = {};
    for_each([&](int q, int, size_t i) {  // in flight while the products are summed
        w[q] = load<N>(layer.W + i);
        if (uses_v) v[q] = load<N>(layer.V + i);
    });
    sum_products<Tile, N>(inputs, {layer.Delta, layer.m}, unit, column, k, memory);
    for_each([&](int q, int, size_t i) {  // not before: there were no registers left
        if (rule.is_adam) s[q] = load<N>(layer.S + i);
    });
    const float share = 1.0f / static_cast<float>(k);
    for_each([&](int q, int at, size_t i) {
        const auto g = sum_of_turns<Tile, N>(memory + at);
        for (int n = 0; n < N; ++n) rule.step(&w[q][n], &v[q][n], &s[q][n], g[n] * share, by);
        store(layer.W + i, w[q]);
        if (uses_v) store(layer.V + i, v[q]);
        if (rule.is_adam) store(layer.S + i, s[q]);
    });
    const int j = unit + threadIdx.x;
    if (threadIdx.x >= SIDE || j >= layer.m || d >= column + SIDE) return;  // b is column d
    const float g = sum_of_turns<Tile, 1>(memory + threadIdx.x * SIDE + d - column)[0] * share;
    rule.without_penalties().step(layer.b + j, layer.Vb + j, layer.Sb + j, g, by);
}

template <class Tile, class Inputs>
__device__ void update(Inputs inputs, Layer layer, Rule rule, const adam::Correction &by, int tile, int k,
                       float *memory) {
    if (inputs.packs_of_four() && aligned(layer.W, layer.V, layer.S))
        update_tile<Tile, 4>(inputs, layer, rule, by, tile, k, memory);
    else
        update_tile<Tile, 1>(inputs, layer, rule, by, tile, k, memory);
}

}  // namespace small_network

#define HIDDEN(EXAMPLES, ELEMENT, NAME)                                                                                \
    extern "C" __global__ void __launch_bounds__(256, 2)                                                               \
        NAME(const ELEMENT *__restrict__ X, const float *__restrict__ mean, const float *__restrict__ scale,           \
             const int *__restrict__ order, const int *__restrict__ first, int offset, const float *__restrict__ W,    \
             const float *__restrict__ b, float *__restrict__ H, int k, int d, int m, int theta, float a) {            \
        small_network::Gathered<ELEMENT> inputs{X, mean, scale, order + *first + offset, d};                           \
        small_network::hidden<EXAMPLES>(inputs, W, b, H, k, m, theta, a);                                              \
    }

#define OUTPUT(ELEMENT, NAME)                                                                                          \
    extern "C" __global__ void __launch_bounds__(512, 2)                                                               \
        NAME(const ELEMENT *__restrict__ X, const float *__restrict__ mean, const float *__restrict__ scale,           \
             const int *__restrict__ order, const int *__restrict__ first, int offset, const int *__restrict__ y,      \
             const float *__restrict__ W, const float *__restrict__ b, const float *__restrict__ weights,              \
             double *__restrict__ loss, double *__restrict__ correct, float *__restrict__ Delta, int *__restrict__ t,  \
             int updates, int k, int d, int m) {                                                                       \
        using namespace small_network;                                                                                 \
        extern __shared__ float Z[];                                                                                   \
        const Gathered<ELEMENT> inputs{X, mean, scale, order + *first + offset, d};                                    \
        output(inputs, inputs.order, y, W, b, weights, loss, correct, Delta, t, updates, Z, k, m);                     \
    }

#define UPDATE(TILE, ELEMENT, NAME)                                                                                    \
    extern "C" __global__ void __launch_bounds__(small_network::TILE::THREADS, small_network::TILE::BLOCKS)            \
        NAME(const ELEMENT *__restrict__ X, const float *__restrict__ mean, const float *__restrict__ scale,           \
             const int *__restrict__ order, const int *__restrict__ first, int offset, float *__restrict__ W1,         \
             float *__restrict__ V1, float *__restrict__ S1, float *__restrict__ b1, float *__restrict__ Vb1,          \
             float *__restrict__ Sb1, const float *__restrict__ Delta1, const float *__restrict__ H,                   \
             float *__restrict__ W2, float *__restrict__ V2, float *__restrict__ S2, float *__restrict__ b2,           \
             float *__restrict__ Vb2, float *__restrict__ Sb2, const float *__restrict__ Delta2, int k, int d, int m1, \
             int m2, const float *__restrict__ eta, float mu, float l1, float l2, int nesterov, int is_adam,           \
             const int *__restrict__ t, float share1, float share2, float epsilon, float decay) {                      \
        using namespace small_network;                                                                                 \
        alignas(16) __shared__ float memory[TILE::FLOATS];                                                             \
        __shared__ adam::Correction by;                                                                                \
        const int tiles = TILE::across(d) * ((m1 + TILE::SIDE - 1) / TILE::SIDE), tile = blockIdx.x;                   \
        const Rule rule{*eta, mu, l1, l2, nesterov, is_adam != 0, {*eta, share1, share2, epsilon, l1, l2, decay}};     \
        if (threadIdx.x == 0) by.rate = is_adam ? adam::correction(rule.of_adam, *t).rate : 0.0f;                      \
        if (threadIdx.x == 32) by.root = is_adam ? adam::correction(rule.of_adam, *t).root : 0.0f; /* another warp */  \
        if (tile < tiles)                                                                                              \
            update<TILE>(Gathered<ELEMENT>{X, mean, scale, order + *first + offset, d},                                \
                         {W1, V1, S1, b1, Vb1, Sb1, Delta1, m1}, rule, by, tile, k, memory);                           \
        else                                                                                                           \
            update<TILE>(Outputs{H, m1}, {W2, V2, S2, b2, Vb2, Sb2, Delta2, m2}, rule, by, tile - tiles, k, memory);   \
    }

HIDDEN(4, unsigned char, hidden_uint8)
HIDDEN(4, float, hidden_float32)
HIDDEN(8, unsigned char, hidden_large_uint8)
HIDDEN(8, float, hidden_large_float32)
OUTPUT(unsigned char, output_uint8)
OUTPUT(float, output_float32)
UPDATE(Small, unsigned char, update_uint8)
UPDATE(Small, float, update_float32)
UPDATE(Large, unsigned char, update_large_uint8)
UPDATE(Large, float, update_large_float32)

extern "C" __global__ void __launch_bounds__(512, 1)
    output_hidden(const float *__restrict__ H, const int *__restrict__ order, const int *__restrict__ first, int offset,
                  const int *__restrict__ y, const float *__restrict__ W, const float *__restrict__ b,
                  const float *__restrict__ weights, double *__restrict__ loss, double *__restrict__ correct,
                  float *__restrict__ Delta, int *__restrict__ t, int updates, float *__restrict__ Delta1, int k, int d,
                  int m, int theta, float a) {
    using namespace small_network;
    extern __shared__ float Z[];
    output(Outputs{H, d}, order + *first + offset, y, W, b, weights, loss, correct, Delta, t, updates, Z, k, m);
    __syncthreads();  // Delta2 is in Z
    const size_t at = static_cast<size_t>(blockIdx.x) * d;
    if (d % 4 == 0 && aligned(W, H, Delta1))
        delta_below<4>(W, Z, H + at, Delta1 + at, d, m, theta, a);
    else
        delta_below<1>(W, Z, H + at, Delta1 + at, d, m, theta, a);
}
