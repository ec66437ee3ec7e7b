// Many training steps of a small softmax classifier, with at most one hidden layer, in one launch: all blocks stay on the
// GPU, and wait for each other twice a step, which takes less time than launches.
//
//     X1 = theta(W1^T x),   Delta2 = w (softmax(W2^T X1) - Y),   Delta1 = (W2 Delta2) o theta'(X1)
//     W <- W - eta/k X Delta^T in both layers, by the rule of sgd_update.cu or adam_update.cu
//
// lecture 14, "Using minibatches"; the 1 of x' = (1, x) makes b a column of W. Without a hidden layer (m2 = 0), W1 is W.
//
// A block owns 16 columns of (x, 1): it has the columns of W1, V1 and S1 in shared memory until the end. In a step
//     1. it adds up what its columns contribute to W1^T x of each example: Z1 is the sum of all blocks' parts
//        -- all blocks wait
//     2. it sums the parts of a few examples, and computes their X1, Delta2, loss and Delta1; its columns of the next
//        minibatch are gathered
//        -- all blocks wait
//     3. it updates its columns of W1, and some elements of W2, V2 and S2.
// No atomics, and sums in an order that depends on the shape only.
//
// X (N, d) is uint8 or float32; mean, scale, order and y are as in minibatch.cu. Minibatches of k examples are taken from
// order[0 .. n - 1]; the last one may be smaller. W1 is (m1, d) and W2 (m2, m1), as everywhere. theta is the number of a row
// of activations.cuh, and a its parameter. weights, loss (k,) and correct (k,) are as in softmax.cu. eta is the learning
// rate. With is_adam, *t is the number of updates before, and mu is not used. Workspace: parts (blocks, k, m1), X1 and
// Delta1 (k, m1), Delta2 (k, m2).
//
// Launch: cooperative; block (32, 16), grid.x = ceil((d + 1) / 16), at_once a power of two up to 16, dynamic shared memory
//     for 60 m1 + 32 k + 2048 + m + at_once (m1 + 1 + m2) + m2 (m1 + 1) floats, m being m2, or m1 if m2 = 0
#include <cooperative_groups.h>

#include "small_network.cuh"
#include "softmax.cuh"

namespace small_epoch {
using namespace small_network;

constexpr int COLUMNS = 16;       // of (x, 1) of a block
constexpr int ROW = COLUMNS + 4;  // from one unit's columns to the next: so that neighbours are in different banks
constexpr int LANES = 32, WARPS = 16, THREADS = LANES * WARPS;
constexpr int QUARTER = COLUMNS / 4, MOST_UNITS = THREADS / QUARTER;  // in an update at a time

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

struct Workspace {  // in global memory
    float *parts, *X1, *Delta1, *Delta2;
    double *loss, *correct;
};

struct Labels {
    const int *y;
    const float *weights;
};

// A block's shared memory: first what is loaded in packs of four.
struct Shared {
    float *W, *V, *S;  // (m1, ROW): its columns
    float *x, *next;   // (k, COLUMNS): its columns of (x, 1), of this minibatch and of the next one
    float *sums;       // (THREADS, 4)
    float *zeros;      // (m,): the bias of softmax.cuh
    float *h;          // (at_once, m1 + 1): (X1, 1), or Z without a hidden layer
    float *z;          // (at_once, m2)
    float *W2;         // (m2, m1 + 1): (W2, b2)

    __device__ Shared(float *memory, const Network &network, int k, int at_once) {
        const int m1 = network.bottom.m, m2 = network.top.m;
        W = memory, V = W + m1 * ROW, S = V + m1 * ROW;
        x = S + m1 * ROW, next = x + k * COLUMNS, sums = next + k * COLUMNS;
        zeros = sums + 4 * THREADS, h = zeros + network.outputs(), z = h + at_once * (m1 + 1), W2 = z + at_once * m2;
    }
};

__device__ int thread() { return LANES * threadIdx.y + threadIdx.x; }
__device__ int first_column() { return COLUMNS * blockIdx.x; }

// The smallest power of two that is at least n, from 32 up to most: threads that have a unit each.
__device__ int width_for(int n, int most) {
    int width = LANES;
    while (width < n && width < most) width *= 2;
    return width;
}

// -- the block's columns of W1, V1 and S1, between global and shared memory

template <class Copy>
__device__ void for_each_parameter(const Layer &layer, int d, Copy copy) {
    for (int at = thread(); at < layer.m * COLUMNS; at += THREADS) {
        const int u = at / COLUMNS, q = at % COLUMNS, c = first_column() + q, to = u * ROW + q;
        if (c < d) copy(to, layer.W, layer.V, layer.S, static_cast<size_t>(u) * d + c);
        if (c == d) copy(to, layer.b, layer.Vb, layer.Sb, static_cast<size_t>(u));
    }
}

__device__ void load_columns(Shared shared, const Layer &layer, int d) {
    for (int at = thread(); at < 3 * layer.m * ROW; at += THREADS) shared.W[at] = 0.0f;  // V and S follow
    __syncthreads();
    for_each_parameter(layer, d, [=](int to, const float *W, const float *V, const float *S, size_t i) {
        shared.W[to] = W[i], shared.V[to] = V[i], shared.S[to] = S[i];
    });
}

__device__ void store_columns(Shared shared, const Layer &layer, int d) {
    for_each_parameter(layer, d, [=](int from, float *W, float *V, float *S, size_t i) {
        W[i] = shared.W[from], V[i] = shared.V[from], S[i] = shared.S[from];
    });
}

// -- 1. the block's part of Z1

// Its columns of (x, 1) of k examples. They are 0 beyond d.
template <class Element>
__device__ void gather(Gathered<Element> inputs, float *x, int k) {
    const int c = first_column() + thread() % COLUMNS;
    const auto x_of = inputs.column(min(c, inputs.d - 1));
    for (int at = thread(); at < k * COLUMNS; at += THREADS)
        x[at] = c < inputs.d ? x_of(at / COLUMNS) : static_cast<float>(c == inputs.d);
}

__device__ void contribute(const float *x, const float *W, float *parts, int k, int m) {
    const int width = width_for(m, THREADS);
    for (int u = thread() % width; u < m; u += width) {
        Pack<float, 4> w[QUARTER];
        for (int q = 0; q < QUARTER; ++q) w[q] = load<4>(W + u * ROW + 4 * q);
        for (int i = thread() / width; i < k; i += THREADS / width) {
            float z = 0.0f;
            for (int q = 0; q < QUARTER; ++q) {
                const auto of_example = load<4>(x + i * COLUMNS + 4 * q);
                for (int n = 0; n < 4; ++n) z += of_example[n] * w[q][n];
            }
            parts[(static_cast<size_t>(blockIdx.x) * k + i) * m + u] = z;
        }
    }
}

// -- 2. some examples: as many at once as there are groups of threads

struct Group {
    int threads, number, member;

    __device__ explicit Group(int at_once)
        : threads(THREADS / at_once), number(thread() / threads), member(thread() % threads) {}
    __device__ bool is_warp_of() const { return member < LANES; }
};

// The sum of all blocks' parts of Z1 of example i, or nothing for i >= k: finish(u, z) for each unit.
template <class Finish>
__device__ void sum_parts(Group group, const float *parts, float *sums, int i, int k, int m, Finish finish) {
    const int width = width_for(m, group.threads), splits = group.threads / width, split = group.member / width;
    for (int start = 0; start < m; start += width) {
        const int u = start + group.member % width;
        float sum = 0.0f;
        if (i < k && u < m)
#pragma unroll 8  // loads that do not wait for each other
            for (int block = split; block < gridDim.x; block += splits)
                sum += parts[(static_cast<size_t>(block) * k + i) * m + u];
        sums[thread()] = sum;
        __syncthreads();
        if (split == 0 && i < k && u < m) {
            for (int q = 1; q < splits; ++q) sum += sums[thread() + q * width];
            finish(u, sum);
        }
        __syncthreads();
    }
}

// z = W2^T (X1, 1) of a group's example: a warp has a class at a time.
__device__ void top_products(Group group, Shared shared, const float *h, float *z, int m1, int m2) {
    for (int c = group.member / LANES; c < m2; c += group.threads / LANES) {
        float product = 0.0f;
        for (int u = threadIdx.x; u <= m1; u += LANES) product += shared.W2[c * (m1 + 1) + u] * h[u];
        product = reduce_row<Sum>(product);
        if (threadIdx.x == 0) z[c] = product;
    }
}

__device__ void load_top(Shared shared, const Layer &layer, int m1) {
    for (int at = thread(); at < layer.m * (m1 + 1); at += THREADS) {
        const int c = at / (m1 + 1), u = at % (m1 + 1);
        shared.W2[at] = u < m1 ? layer.W[c * m1 + u] : layer.b[c];
    }
}

__device__ void examples(Shared shared, const Network &network, Workspace space, Labels labels, const int *order, int k,
                         int at_once) {
    const int m1 = network.bottom.m, m2 = network.top.m, m = network.outputs();
    const Group group(at_once);
    float *const h = shared.h + group.number * (m1 + 1);
    float *const z = network.has_hidden() ? shared.z + group.number * m2 : h;
    float *const Delta = network.has_hidden() ? space.Delta2 : space.Delta1;
    load_top(shared, network.top, m1);
    for (int first = 0; first * gridDim.x < k; first += at_once) {
        const int i = blockIdx.x + (first + group.number) * gridDim.x;
        const size_t row = static_cast<size_t>(i) * m1;
        if (group.member == 0) h[m1] = 1.0f;
        sum_parts(group, space.parts, shared.sums, i, k, m1, [&](int u, float z1) {
            h[u] = network.has_hidden() ? theta_of(network.theta, z1, network.a) : z1;
            if (network.has_hidden()) space.X1[row + u] = h[u];
        });
        if (network.has_hidden() && i < k) top_products(group, shared, h, z, m1, m2);
        __syncthreads();
        if (group.is_warp_of()) {
            const int y = i < k ? labels.y[order[i]] : 0;
            softmax_rows::softmax_cross_entropy<1>({z, shared.zeros, i < k ? m : 0}, y, labels.weights[y],
                                                   space.loss + i, space.correct + i);
        }
        __syncthreads();
        if (i < k)
            for (int c = group.member; c < m; c += group.threads) Delta[static_cast<size_t>(i) * m + c] = z[c];
        if (network.has_hidden() && i < k)
            for (int u = group.member; u < m1; u += group.threads) {
                float A = 0.0f;
                for (int c = 0; c < m2; ++c) A += shared.W2[c * (m1 + 1) + u] * z[c];
                space.Delta1[row + u] = A * derivative_of(network.theta, h[u], network.a);
            }
    }
}

// -- 3. updates

// The block's columns of W1: a thread sums four columns of a unit, over some examples.
__device__ void update_columns(Shared shared, const float *Delta, const Rule &rule, const adam::Correction &by, int k,
                               int m, int d) {
    const int units = width_for(m, MOST_UNITS), groups = MOST_UNITS / units;
    const int quarter = thread() / units % QUARTER, group = thread() / units / QUARTER;
    const Rule of_bias = rule.without_penalties();
    for (int start = 0; start < m; start += units) {
        const int u = start + thread() % units;
        Pack<float, 4> sum = {};
        if (u < m)
#pragma unroll 4  // loads that do not wait for each other
            for (int i = group; i < k; i += groups) {
                const auto x = load<4>(shared.x + i * COLUMNS + 4 * quarter);
                const float delta = Delta[static_cast<size_t>(i) * m + u];
                for (int n = 0; n < 4; ++n) sum[n] += delta * x[n];
            }
        store(shared.sums + 4 * thread(), sum);
        __syncthreads();
        if (group == 0 && u < m) {
            for (int other = 1; other < groups; ++other) {
                const auto more = load<4>(shared.sums + 4 * (thread() + other * QUARTER * units));
                for (int n = 0; n < 4; ++n) sum[n] += more[n];
            }
            const int at = u * ROW + 4 * quarter, b = d - first_column() - 4 * quarter;  // the bias is the b-th of the four
            auto w = load<4>(shared.W + at), v = load<4>(shared.V + at), s = load<4>(shared.S + at);
#pragma unroll
            for (int n = 0; n < 4; ++n) {  // those beyond the bias stay 0
                const float g = sum[n] / static_cast<float>(k);
                if (n == b)
                    of_bias.step(&w[n], &v[n], &s[n], g, by);
                else
                    rule.step(&w[n], &v[n], &s[n], g, by);
            }
            store(shared.W + at, w);
            store(shared.V + at, v);
            store(shared.S + at, s);
        }
        __syncthreads();
    }
}

// The block's elements of (W2, b2): a lane has an element, and a warp some of the examples.
__device__ void update_top(float *sums, const Network &network, const Workspace &space, const Rule &rule,
                           const adam::Correction &by, int k) {
    const Layer &top = network.top;
    const int m1 = network.bottom.m, elements = top.m * (m1 + 1);
    const int share = (elements + gridDim.x - 1) / gridDim.x;
    const int end = min(share * (static_cast<int>(blockIdx.x) + 1), elements);
    for (int start = share * blockIdx.x; start < end; start += LANES) {
        const int element = start + threadIdx.x, c = element / (m1 + 1), u = element % (m1 + 1);
        float sum = 0.0f;
        if (element < end)
#pragma unroll 4  // loads that do not wait for each other
            for (int i = threadIdx.y; i < k; i += WARPS) {
                const size_t row = i;
                sum += space.Delta2[row * top.m + c] * (u < m1 ? space.X1[row * m1 + u] : 1.0f);
            }
        sums[thread()] = sum;
        __syncthreads();
        if (threadIdx.y == 0 && element < end) {
            for (int warp = 1; warp < WARPS; ++warp) sum += sums[thread() + warp * LANES];
            const float g = sum / static_cast<float>(k);
            const int at = c * m1 + u;
            if (u < m1)
                rule.step(top.W + at, top.V + at, top.S + at, g, by);
            else
                rule.without_penalties().step(top.b + c, top.Vb + c, top.Sb + c, g, by);
        }
        __syncthreads();
    }
}

// -- all steps

template <class Element>
__device__ void train(Gathered<Element> inputs, Labels labels, const Network &network, Workspace space, const Rule &rule,
                      int t, int n, int k, int at_once, float *memory) {
    const auto grid = cooperative_groups::this_grid();
    __shared__ adam::Correction by;
    Shared shared(memory, network, k, at_once);
    for (int c = thread(); c < network.outputs(); c += THREADS) shared.zeros[c] = 0.0f;
    load_columns(shared, network.bottom, inputs.d);
    gather(inputs, shared.x, min(k, n));
    for (int start = 0; start < n; start += k) {
        const int now = min(k, n - start), rest = n - start - now;
        const int *const order = inputs.order;
        if (thread() == 0) by = rule.is_adam ? adam::correction(rule.of_adam, ++t) : adam::Correction{};
        __syncthreads();
        contribute(shared.x, shared.W, space.parts, now, network.bottom.m);
        grid.sync();
        examples(shared, network, space, labels, order, now, at_once);
        inputs.order += now;
        gather(inputs, shared.next, min(k, rest));
        grid.sync();
        update_columns(shared, space.Delta1, rule, by, now, network.bottom.m, inputs.d);
        if (network.has_hidden()) update_top(shared.sums, network, space, rule, by, now);
        float *const x = shared.x;
        shared.x = shared.next, shared.next = x;
    }
    __syncthreads();
    store_columns(shared, network.bottom, inputs.d);
}

}  // namespace small_epoch

#define SMALL_EPOCH(ELEMENT, NAME)                                                                                     \
    extern "C" __global__ void __launch_bounds__(512, 1) epoch_##NAME(                                                 \
        const ELEMENT *__restrict__ X, const float *__restrict__ mean, const float *__restrict__ scale,                \
        const int *__restrict__ order, const int *__restrict__ y, const float *__restrict__ weights, float *W1,        \
        float *V1, float *S1, float *b1, float *Vb1, float *Sb1, float *W2, float *V2, float *S2, float *b2,           \
        float *Vb2, float *Sb2, double *loss, double *correct, float *parts, float *X1, float *Delta1, float *Delta2,  \
        int n, int k, int d, int m1, int m2, int at_once, int theta, float a, float eta, float mu, float l1, float l2, \
        int nesterov, int is_adam, const int *__restrict__ t, float share1, float share2, float epsilon,               \
        float decay) {                                                                                                 \
        using namespace small_epoch;                                                                                   \
        extern __shared__ float4 epoch_memory[];                                                                       \
        const Network network{{W1, V1, S1, b1, Vb1, Sb1, m1}, {W2, V2, S2, b2, Vb2, Sb2, m2}, theta, a};               \
        const Rule rule{eta, mu, l1, l2, nesterov, is_adam != 0, {eta, share1, share2, epsilon, l1, l2, decay}};       \
        train(Gathered<ELEMENT>{X, mean, scale, order, d}, {y, weights}, network,                                      \
              {parts, X1, Delta1, Delta2, loss, correct}, rule, *t, n, k, at_once,                                     \
              reinterpret_cast<float *>(epoch_memory));                                                                \
    }

SMALL_EPOCH(unsigned char, uint8)
SMALL_EPOCH(float, float32)
