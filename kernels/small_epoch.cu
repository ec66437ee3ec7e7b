// Many training steps of a small softmax classifier, with at most one hidden layer, in one launch: all blocks stay on
// the GPU, and wait for each other twice a step, which takes less time than launches.
//
//     X1 = theta(W1^T x),   Delta2 = w (softmax(W2^T X1) - Y),   Delta1 = (W2 Delta2) o theta'(X1)
//     W <- W - eta/k X Delta^T in both layers, by the rule of sgd_update.cu or adam_update.cu
//
// lecture 14, "Using minibatches"; the 1 of x' = (1, x) makes b a column of W. W1 is W if m2 = 0: no hidden layer.
//
// A block owns some units of the bottom layer: their W1, V1 and S1, and their columns of W2, V2 and S2, stay in its
// shared memory until the end, with a copy of b2, which all blocks update alike. In a step
//     1. it computes X1 of its units for all examples, and what they contribute to W2^T X1
//        -- all blocks wait
//     2. it sums the contributions to Z2 of a few examples, and computes their Delta2; the next minibatch is loaded
//        -- all blocks wait
//     3. it computes Delta1 of its units, and updates its weights.
// No atomics. Contributions are sums over parts of a few units, and all sums are in an order that depends on the shape
// only: a GPU with fewer multiprocessors, whose blocks have more parts, gives the same bits.
//
// X (N, d) is uint8 or float32; mean, scale, order and y are as in minibatch.cu. Minibatches of k examples are taken
// from order[0 .. n - 1]; the last one may be smaller. W1 is (m1, d) and W2 (m2, m1), as everywhere. theta is the
// number of a row of activations.cuh, and a its parameter. weights, loss (k,) and correct (k,) are as in softmax.cu.
// eta is the learning rate. With is_adam, *t is the number of updates before, and mu is not used. Workspace: parts, and
// X1 and Delta1 (k, m1) and Delta (k, m2) of the last minibatch; without a hidden layer, Delta is Delta1.
// hw5/devices/small_network.py computes the sizes.
//
// Launch: cooperative; block (32, 16), grid.x * units >= m1. part is 1, 2, 4 or 8, and units a multiple of it.
// Moves 24 (m1 (d + 1) + m2 (m1 + 1)) bytes for the weights, once; in a step s k d for x, of s bytes an element, and
// 8 k m2 m1 / part for the contributions. Every block reads x and Delta2 of all examples, from cache.
#include <cooperative_groups.h>

#include "small_network.cuh"
#include "softmax.cuh"

namespace small_epoch {
using namespace small_network;

constexpr int LANES = 32, WARPS = 16, THREADS = LANES * WARPS;
constexpr int SIDE = 4;      // examples that a thread has at once
constexpr int CHAINS = 8;    // sums of parts that do not wait for each other
constexpr int ALIGNED = 16;  // columns of (x, 1) are a multiple of it: those beyond the last are 0

struct Layer {
    float *W, *V, *S, *b, *Vb, *Sb;
    int m;
};

struct Network {
    Layer bottom, top;  // top.m = 0: there is only one
    int theta;
    float a;

    __device__ bool has_hidden() const { return top.m > 0; }
    __device__ int outputs() const { return has_hidden() ? top.m : bottom.m; }
};

struct Plan {
    int k, d, units, part;
    bool ahead;  // whether there is memory for the next minibatch

    __device__ int row() const { return (d + 1 + ALIGNED - 1) / ALIGNED * ALIGNED; }
    __device__ int rows() const { return (k + SIDE - 1) / SIDE * SIDE; }
    __device__ int first_unit() const { return units * blockIdx.x; }
    __device__ int parts_of(int m) const { return (m + part - 1) / part; }
};

struct Workspace {  // in global memory
    float *parts, *X1, *Delta1, *Delta;
    double *loss, *correct;
};

struct Labels {
    const int *y;
    const float *weights;
};

struct State {  // of an optimiser, for some weights, in shared memory
    float *W;
    int size;

    __device__ float *V() const { return W + size; }
    __device__ float *S() const { return W + 2 * size; }
    __device__ float *end() const { return W + 3 * size; }
};

// y (rows,) of the minibatch x in shared memory.
template <class Element>
__device__ int *labels_of(Element *x, const Plan &plan) {
    return reinterpret_cast<int *>(x + plan.rows() * plan.row());
}

// A block's shared memory; what is loaded in packs of four comes first.
template <class Element>
struct Shared {
    State bottom;         // (units, row): its units of (W1, b1)
    float *mean, *scale;  // (row,): those of (x, 1)
    float *X1, *Delta1;   // (units, rows) and (rows, units)
    float *sums;          // (part, row), or (THREADS,)
    Element *x, *next;    // (rows, row): (x, 1) of this minibatch, and of the next one; y follows
    State top, bias;      // (m2, units) and (m,): W2 and b2, which is 0 without a hidden layer

    __device__ Shared(float *memory, const Network &network, const Plan &plan) {
        const int row = plan.row(), rows = plan.rows(), m = network.outputs();
        bottom = {memory, plan.units * row};
        mean = bottom.end(), scale = mean + row;
        X1 = scale + row, Delta1 = X1 + plan.units * rows, sums = Delta1 + plan.units * rows;
        x = reinterpret_cast<Element *>(sums + max(plan.part * row, THREADS));
        next = plan.ahead ? reinterpret_cast<Element *>(labels_of(x, plan) + rows) : x;
        top = {reinterpret_cast<float *>(labels_of(next, plan) + rows), network.top.m * plan.units};
        bias = {top.end(), m};
    }
    __device__ float *weights() const { return bias.end(); }            // (m,), of the classes
    __device__ float *Delta() const { return bias.end() + bias.size; }  // (k, m): Z, then Delta of the top layer
};

__device__ int thread() { return LANES * threadIdx.y + threadIdx.x; }

// How many units of a part a thread has at once: the more, the fewer times bytes are converted, but registers are few.
template <class Element>
__device__ int units_at_once(const Plan &plan) {
    return min(plan.part, sizeof(Element) == 1 ? 8 : 4);
}

template <class Element, class Body>
__device__ void with_units(const Plan &plan, Body body) {
    switch (units_at_once<Element>(plan)) {
        case 1: return body(Width<1>());
        case 2: return body(Width<2>());
        case 4: return body(Width<4>());
        default: return body(Width<sizeof(Element) == 1 ? 8 : 4>());
    }
}

// -- the weights, between global and shared memory

// copy(shared, global) for each element of the block's rows of (W1, b1), V1 and S1, and its columns of W2, V2 and S2.
template <class Element, class Copy>
__device__ void for_each_parameter(Shared<Element> shared, const Network &network, const Plan &plan, Copy copy) {
    const Layer &bottom = network.bottom, &top = network.top;
    const int first = plan.first_unit(), row = plan.row(), m1 = bottom.m, d = plan.d;
    for (int u = threadIdx.y; u < plan.units && first + u < m1; u += WARPS)
        for (int c = threadIdx.x; c <= d; c += LANES) {
            const size_t from = c < d ? static_cast<size_t>(first + u) * d + c : first + u;
            const int to = u * row + c;
            copy(shared.bottom.W[to], (c < d ? bottom.W : bottom.b)[from]);
            copy(shared.bottom.V()[to], (c < d ? bottom.V : bottom.Vb)[from]);
            copy(shared.bottom.S()[to], (c < d ? bottom.S : bottom.Sb)[from]);
        }
    for (int at = thread(); at < top.m * plan.units; at += THREADS) {
        const int c = at / plan.units, u = first + at % plan.units;
        if (u >= m1) continue;
        const size_t from = static_cast<size_t>(c) * m1 + u;
        copy(shared.top.W[at], top.W[from]);
        copy(shared.top.V()[at], top.V[from]);
        copy(shared.top.S()[at], top.S[from]);
    }
}

// The same for b2, Vb2 and Sb2, of which each block has all.
template <class Element, class Copy>
__device__ void for_each_bias(Shared<Element> shared, const Layer &top, Copy copy) {
    for (int c = thread(); c < top.m; c += THREADS) {
        copy(shared.bias.W[c], top.b[c]);
        copy(shared.bias.V()[c], top.Vb[c]);
        copy(shared.bias.S()[c], top.Sb[c]);
    }
}

template <class Element>
__device__ void load_network(Shared<Element> shared, const Network &network, const Plan &plan, const float *mean,
                             const float *scale, const float *weights) {
    const int row = plan.row(), d = plan.d;
    for (float *at = shared.bottom.W + thread(); at < shared.bottom.end(); at += THREADS) *at = 0.0f;
    for (float *at = shared.top.W + thread(); at < shared.bias.end(); at += THREADS) *at = 0.0f;
    for (int c = thread(); c < row; c += THREADS) {
        shared.mean[c] = c < d ? mean[c] : 0.0f;
        shared.scale[c] = c < d ? scale[c] : static_cast<float>(c == d);
    }
    for (int c = thread(); c < network.outputs(); c += THREADS) shared.weights()[c] = weights[c];
    __syncthreads();
    const auto load = [](float &to, const float &from) { to = from; };
    for_each_parameter(shared, network, plan, load);
    for_each_bias(shared, network.top, load);
}

template <class Element>
__device__ void store_network(Shared<Element> shared, const Network &network, const Plan &plan) {
    const auto store = [](const float &from, float &to) { to = from; };
    for_each_parameter(shared, network, plan, store);
    if (blockIdx.x == 0) for_each_bias(shared, network.top, store);
}

// X1 and Delta1 of the last minibatch.
template <class Element>
__device__ void store_workspace(Shared<Element> shared, const Network &network, const Plan &plan, Workspace space,
                                int k) {
    const int first = plan.first_unit(), m1 = network.bottom.m;
    for (int at = thread(); at < plan.units * k; at += THREADS) {
        const int u = at % plan.units, i = at / plan.units;
        const size_t to = static_cast<size_t>(i) * m1 + first + u;
        if (first + u < m1) space.X1[to] = shared.X1[u * plan.rows() + i], space.Delta1[to] = shared.Delta1[at];
    }
}

// -- a minibatch: (x, 1) of k examples, and zeros up to a multiple of four

// Copies chunks of N elements; `one` is a chunk that begins with a 1.
template <int N, class Chunk, class Element>
__device__ void copy_minibatch(Gathered<Element> inputs, Element *x, int k, const Plan &plan, Chunk one) {
    constexpr int IN_FLIGHT = 6;  // loads of a thread, none of which waits for another
    const int chunks = plan.row() / N, all = (k + SIDE - 1) / SIDE * SIDE * chunks;
    for (int start = thread(); start < all; start += IN_FLIGHT * THREADS) {
        Chunk values[IN_FLIGHT];
#pragma unroll
        for (int q = 0; q < IN_FLIGHT; ++q) {
            const int at = start + q * THREADS, i = at / chunks, c = at % chunks * N;
            values[q] = Chunk{};
            if (i < k && c < inputs.d) values[q] = *reinterpret_cast<const Chunk *>(inputs.row(i) + c);
            if (i < k && c == inputs.d) values[q] = one;
        }
#pragma unroll
        for (int q = 0; q < IN_FLIGHT; ++q)
            if (start + q * THREADS < all) reinterpret_cast<Chunk *>(x)[start + q * THREADS] = values[q];
    }
}

__device__ unsigned bits_of_one(unsigned char) { return 1; }
__device__ unsigned bits_of_one(float) { return __float_as_uint(1.0f); }

template <class Element>
__device__ void load_minibatch(Gathered<Element> inputs, const int *y, Element *x, int k, const Plan &plan) {
    const int label = thread() < k ? y[inputs.order[thread()]] : 0;  // on its way while x is loaded
    using Words = Pack<unsigned, 4>;
    constexpr int N = sizeof(Words) / sizeof(Element);
    if (inputs.d % N == 0 && reinterpret_cast<size_t>(inputs.X) % sizeof(Words) == 0)
        copy_minibatch<N>(inputs, x, k, plan, Words{bits_of_one(Element())});
    else
        copy_minibatch<1>(inputs, x, k, plan, static_cast<Element>(1));
    for (int i = thread(); i < k; i += THREADS) labels_of(x, plan)[i] = i < THREADS ? label : y[inputs.order[i]];
}

// -- 1. X1 of the block's units

// As numbers: a conversion instruction would take eight times as long. 0x4b0000xx is 2^23 + xx.
__device__ Pack<float, 4> as_floats(Pack<unsigned char, 4> x) {
    const unsigned bytes = *reinterpret_cast<const unsigned *>(&x);
    Pack<float, 4> out;
    for (int n = 0; n < 4; ++n) out[n] = __uint_as_float(__byte_perm(bytes, 0x4b000000, 0x7650 + n)) - 8388608.0f;
    return out;
}
__device__ Pack<float, 4> as_floats(Pack<float, 4> x) { return x; }

// finish(u, i, z) with z = W1^T (x, 1) of unit u and example i: a warp has four examples and some units, and its lanes
// share the columns.
template <int UNITS, class Element, class Finish>
__device__ void products(Shared<Element> shared, const Plan &plan, int k, Finish finish) {
    constexpr int PRODUCTS = SIDE * UNITS, SAME = LANES / PRODUCTS;
    const int row = plan.row(), across = plan.units / UNITS, tiles = (k + SIDE - 1) / SIDE * across;
    for (int tile = threadIdx.y; tile < tiles; tile += WARPS) {
        const int i = tile / across * SIDE, u = tile % across * UNITS;
        float sums[PRODUCTS] = {};
        for (int c = 4 * threadIdx.x; c < row; c += 4 * LANES) {
            const auto mean = load<4>(shared.mean + c), scale = load<4>(shared.scale + c);
            Pack<float, 4> x[SIDE];
            for (int r = 0; r < SIDE; ++r)
                x[r] = standardise(as_floats(load<4>(shared.x + (i + r) * row + c)), mean, scale);
            for (int j = 0; j < UNITS; ++j) {
                const auto w = load<4>(shared.bottom.W + (u + j) * row + c);
                for (int r = 0; r < SIDE; ++r)
                    for (int n = 0; n < 4; ++n) sums[r * UNITS + j] += x[r][n] * w[n];
            }
        }
        const float z = sum_over_lanes(sums);
        const int q = threadIdx.x / SAME;
        if (threadIdx.x % SAME == 0) finish(u + q % UNITS, i + q / UNITS, z);
    }
}

// What the block's units contribute to Z2: a sum of `part` products for each part, example and class.
template <class Element>
__device__ void contribute(Shared<Element> shared, const Plan &plan, float *parts, int k, int m2) {
    const int each = k * m2, rows = plan.rows();
    float *const to = parts + static_cast<size_t>(plan.first_unit() / plan.part) * each;
    for (int at = thread(); at < plan.units / plan.part * each; at += THREADS) {
        const int c = at % m2, i = at / m2 % k, first = at / each * plan.part;
        float sum = 0.0f;
        for (int u = first; u < first + plan.part; ++u)
            sum += shared.top.W[c * plan.units + u] * shared.X1[u * rows + i];
        to[at] = sum;
    }
}

template <class Element>
__device__ void bottom_layer(Shared<Element> shared, const Network &network, const Plan &plan, float *parts, int k) {
    const int first = plan.first_unit(), rows = plan.rows(), m1 = network.bottom.m;
    with_units<Element>(plan, [&](auto units) {
        products<decltype(units)::value>(shared, plan, k, [&](int u, int i, float z) {
            if (network.has_hidden())
                shared.X1[u * rows + i] = theta_of(network.theta, z, network.a);
            else if (i < k && first + u < m1)
                parts[i * m1 + first + u] = z;
        });
    });
    __syncthreads();
    if (network.has_hidden()) contribute(shared, plan, parts, k, network.top.m);
}

// -- 2. Delta of the top layer

// z[at] = the sum of parts[at + p * stride] over p < count, for at < n. The order of the sum does not depend on n: few
// sums are shared by CHAINS threads each.
template <bool SHARED_BY_THREADS>
__device__ void sum_parts(const float *parts, float *z, float *sums, int n, int count, size_t stride) {
    constexpr int AT_ONCE = SHARED_BY_THREADS ? THREADS / CHAINS : THREADS;
    const int chain = thread() / AT_ONCE;
    for (int start = 0; start < n; start += AT_ONCE) {
        const int at = start + thread() % AT_ONCE;
        float sum[CHAINS] = {};
        if (SHARED_BY_THREADS) {
            if (at < n)
#pragma unroll 8  // loads that do not wait for each other
                for (int p = chain; p < count; p += CHAINS) sum[0] += parts[at + p * stride];
            sums[thread()] = sum[0];
            __syncthreads();
            if (chain == 0)
                for (int q = 1; q < CHAINS; ++q) sum[q] = sums[thread() + q * AT_ONCE];
        } else if (at < n) {
            for (int p = 0; p < count; p += CHAINS)
                for (int q = 0; q < CHAINS; ++q)
                    if (p + q < count) sum[q] += parts[at + (p + q) * stride];
        }
        for (int q = 1; q < CHAINS; ++q) sum[0] += sum[q];
        if (chain == 0 && at < n) z[at] = sum[0];
        __syncthreads();
    }
}

// Delta of the block's share of the examples.
template <class Element>
__device__ void top_layer(Shared<Element> shared, const Network &network, const Plan &plan, Workspace space, int k) {
    const int m = network.outputs(), count = network.has_hidden() ? plan.parts_of(network.bottom.m) : 1;
    const int share = (k + gridDim.x - 1) / gridDim.x;
    const int first = min(share * static_cast<int>(blockIdx.x), k), last = min(first + share, k);
    const int n = (last - first) * m;
    const float *const parts = space.parts + first * m;
    float *const Z = shared.Delta() + first * m;
    if (n > THREADS / CHAINS)
        sum_parts<false>(parts, Z, shared.sums, n, count, static_cast<size_t>(k) * m);
    else
        sum_parts<true>(parts, Z, shared.sums, n, count, static_cast<size_t>(k) * m);
    for (int start = first; start < last; start += WARPS) {
        const int i = start + threadIdx.y, y = labels_of(shared.x, plan)[min(i, k - 1)];
        softmax_rows::softmax_cross_entropy<1>({shared.Delta() + i * m, shared.bias.W, i < last ? m : 0}, y,
                                               shared.weights()[y], space.loss + i, space.correct + i);
    }
    __syncthreads();
    for (int at = thread(); at < n; at += THREADS) space.Delta[first * m + at] = Z[at];
}

// -- 3. updates

// Delta1 of the block's units, and zeros up to a multiple of four examples.
template <class Element>
__device__ void bottom_delta(Shared<Element> shared, const Network &network, const Plan &plan, int k) {
    const int m = network.outputs(), rows = plan.rows(), first = plan.first_unit();
    for (int at = thread(); at < plan.units * rows; at += THREADS) {
        const int u = at % plan.units, i = at / plan.units;
        float delta = 0.0f;
        if (i < k && network.has_hidden()) {
            for (int c = 0; c < m; ++c) delta += shared.top.W[c * plan.units + u] * shared.Delta()[i * m + c];
            delta *= derivative_of(network.theta, shared.X1[u * rows + i], network.a);
        } else if (i < k && first + u < m) {
            delta = shared.Delta()[i * m + first + u];
        }
        shared.Delta1[at] = delta;
    }
}

// The sums of Delta1 (x, 1)^T of some units: a thread has four columns, and all examples or some of them.
template <int UNITS, class Element>
__device__ void sum_gradient(Shared<Element> shared, const Plan &plan, int u, int k) {
    constexpr int AT_ONCE = UNITS < 4 ? UNITS : 4;
    const int row = plan.row(), packs = row / 4, across = min(packs, THREADS);
    const int splits = max(1, min(min(THREADS / packs, WARPS), (k + SIDE - 1) / SIDE)), split = thread() / across;
    for (int start = 0; start < packs; start += across) {
        const int c = 4 * (start + thread() % across);
        Pack<float, 4> sum[UNITS] = {};
        if (split < splits && c < row) {
            const auto mean = load<4>(shared.mean + c), scale = load<4>(shared.scale + c);
            for (int i = SIDE * split; i < k; i += SIDE * splits)
                for (int r = i; r < i + SIDE; ++r) {
                    const auto x = standardise(as_floats(load<4>(shared.x + r * row + c)), mean, scale);
                    for (int j = 0; j < UNITS; j += AT_ONCE) {
                        const auto delta = load<AT_ONCE>(shared.Delta1 + r * plan.units + u + j);
                        for (int q = 0; q < AT_ONCE; ++q)
                            for (int n = 0; n < 4; ++n) sum[j + q][n] += delta[q] * x[n];
                    }
                }
        }
        for (int turn = 0; turn < splits; ++turn) {
            if (split == turn && c < row)
#pragma unroll
                for (int j = 0; j < UNITS; ++j) {
                    float *const to = shared.sums + j * row + c;
                    auto total = turn > 0 ? load<4>(to) : Pack<float, 4>{};
                    for (int n = 0; n < 4; ++n) total[n] += sum[j][n];
                    store(to, total);
                }
            __syncthreads();
        }
    }
}

template <class Element>
__device__ void update_bottom(Shared<Element> shared, const Rule &rule, const adam::Correction &by, const Plan &plan,
                              int u, int k) {
    const int row = plan.row();
    for (int at = 4 * thread(); at < units_at_once<Element>(plan) * row; at += 4 * THREADS) {
        const int c = at % row, to = u * row + at;
        const auto sum = load<4>(shared.sums + at);
        const State &state = shared.bottom;
        auto w = load<4>(state.W + to), v = load<4>(state.V() + to), s = load<4>(state.S() + to);
#pragma unroll
        for (int n = 0; n < 4; ++n) {  // those beyond the bias stay 0
            const float g = sum[n] / static_cast<float>(k);
            rule.of(c + n == plan.d).step(&w[n], &v[n], &s[n], g, by);
        }
        store(state.W + to, w);
        store(state.V() + to, v);
        store(state.S() + to, s);
    }
    __syncthreads();
}

// The block's elements of W2, and b2: eight lanes have an element at a time.
template <class Element>
__device__ void update_top(Shared<Element> shared, const Rule &rule, const adam::Correction &by, const Plan &plan,
                           int k, int m2) {
    constexpr int OF_ELEMENT = 8;
    const int units = plan.units, rows = plan.rows(), all = m2 * (units + 1), lane = threadIdx.x % OF_ELEMENT;
    for (int start = 0; start < all; start += THREADS / OF_ELEMENT) {
        const int element = start + thread() / OF_ELEMENT;
        const bool is_bias = element >= m2 * units;
        const int c = is_bias ? element - m2 * units : element / units, u = element % units;
        float sum = 0.0f;
        if (element < all)
#pragma unroll 4
            for (int i = lane; i < k; i += OF_ELEMENT)
                sum += shared.Delta()[i * m2 + c] * (is_bias ? 1.0f : shared.X1[u * rows + i]);
        for (int distance = OF_ELEMENT / 2; distance > 0; distance /= 2)
            sum += __shfl_xor_sync(ALL_LANES, sum, distance);
        if (lane > 0 || element >= all) continue;
        const float g = sum / static_cast<float>(k);
        const State &state = is_bias ? shared.bias : shared.top;
        const int at = is_bias ? c : element;
        rule.of(is_bias).step(state.W + at, state.V() + at, state.S() + at, g, by);
    }
}

template <class Element>
__device__ void update(Shared<Element> shared, const Network &network, const Rule &rule, const adam::Correction &by,
                       const Plan &plan, const float *Delta, int k) {
    const int all = k * network.outputs();
    for (int at = thread(); at < all; at += THREADS) shared.Delta()[at] = Delta[at];
    __syncthreads();
    bottom_delta(shared, network, plan, k);
    __syncthreads();
    for (int u = 0; u < plan.units; u += units_at_once<Element>(plan)) {
        with_units<Element>(plan, [&](auto units) { sum_gradient<decltype(units)::value>(shared, plan, u, k); });
        update_bottom(shared, rule, by, plan, u, k);
    }
    if (network.has_hidden()) update_top(shared, rule, by, plan, k, network.top.m);
}

// -- all steps

template <class T>
__device__ void swap(T &one, T &other) {
    const T first = one;
    one = other, other = first;
}

template <class Element>
__device__ void train(Gathered<Element> inputs, Labels labels, const Network &network, Workspace space,
                      const Rule &rule, const Plan &plan, int t, int n, float *memory) {
    const auto grid = cooperative_groups::this_grid();
    __shared__ adam::Correction by;
    Shared<Element> shared(memory, network, plan);
    load_network(shared, network, plan, inputs.mean, inputs.scale, labels.weights);
    load_minibatch(inputs, labels.y, shared.x, min(plan.k, n), plan);
    for (int start = 0; start < n; start += plan.k) {
        const int k = min(plan.k, n - start), then = min(plan.k, n - start - k);
        inputs.order += k;  // that of the next minibatch
        if (thread() == 0) by = rule.is_adam ? adam::correction(rule.of_adam, ++t) : adam::Correction{};
        __syncthreads();
        bottom_layer(shared, network, plan, space.parts, k);
        grid.sync();
        top_layer(shared, network, plan, space, k);
        if (plan.ahead) load_minibatch(inputs, labels.y, shared.next, then, plan);
        grid.sync();
        update(shared, network, rule, by, plan, space.Delta, k);
        __syncthreads();
        if (plan.ahead)
            swap(shared.x, shared.next);
        else
            load_minibatch(inputs, labels.y, shared.x, then, plan);
    }
    store_network(shared, network, plan);
    if (network.has_hidden()) store_workspace(shared, network, plan, space, n % plan.k ? n % plan.k : min(plan.k, n));
}

}  // namespace small_epoch

#define SMALL_EPOCH(ELEMENT, NAME)                                                                                     \
    extern "C" __global__ void __launch_bounds__(512, 1) epoch_##NAME(                                                 \
        const ELEMENT *__restrict__ X, const float *__restrict__ mean, const float *__restrict__ scale,                \
        const int *__restrict__ order, const int *__restrict__ y, const float *__restrict__ weights, float *W1,        \
        float *V1, float *S1, float *b1, float *Vb1, float *Sb1, float *W2, float *V2, float *S2, float *b2,           \
        float *Vb2, float *Sb2, double *loss, double *correct, float *parts, float *X1, float *Delta1, float *Delta,   \
        int n, int k, int d, int m1, int m2, int units, int part, int ahead, int theta, float a, float eta,            \
        float mu, float l1, float l2, int nesterov, int is_adam, const int *__restrict__ t, float share1,              \
        float share2, float epsilon, float decay) {                                                                    \
        using namespace small_epoch;                                                                                   \
        extern __shared__ float4 epoch_memory[];                                                                       \
        const Network network{{W1, V1, S1, b1, Vb1, Sb1, m1}, {W2, V2, S2, b2, Vb2, Sb2, m2}, theta, a};               \
        const Rule rule{eta, mu, l1, l2, nesterov, is_adam != 0, {eta, share1, share2, epsilon, l1, l2, decay}};       \
        const Plan plan{k, d, units, part, ahead != 0};                                                                \
        train(Gathered<ELEMENT>{X, mean, scale, order, d}, {y, weights}, network,                                      \
              {parts, X1, Delta1, Delta, loss, correct}, rule, plan, *t, n, reinterpret_cast<float *>(epoch_memory));  \
    }

SMALL_EPOCH(unsigned char, uint8)
SMALL_EPOCH(float, float32)
