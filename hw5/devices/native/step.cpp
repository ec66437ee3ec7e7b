// Training on a CPU: many steps of minibatch SGD in one call, in the letters of hw5/network.py.
//
// Why it is fast:
//
// - A thread owns a slice of the units of every layer, and with them its part of the weights: the rows of W^(l) for its
//   units, but of the top layer, which has few units, the columns for its inputs. Weights stay where they are for the
//   whole stretch, in the owner's cache, and no other thread ever reads them.
// - Per chunk of a minibatch, at most ROWS examples, threads wait for each other once: when each has made its part of
//   Z^(L), the sum over its own inputs. (Every hidden layer after the first one adds two such meetings: for X^(l), and
//   for the parts of A^(l).) What others read is kept several times, by turns, so that nobody waits to write it.
// - Each thread fetches and standardises its features of the next chunk, uint8 or float32, before that meeting: it
//   takes no meeting of its own, and the data stay as they are.
// - Nearly all the arithmetic is in two loops that keep a block of results in registers (products.h). Bias, activation,
//   softmax and the update of the weights go along with them, on what the cache still holds.
//
// The results depend on the number of threads, as sums are added up in another order, and on nothing else.
#include <algorithm>
#include <array>
#include <exception>

#include "activations.h"
#include "losses.h"
#include "products.h"
#include "team.h"

namespace {

constexpr int64_t ROWS = 128;  // most examples in a chunk: X^(0) of two chunks is to stay in the cache

enum Loss : int64_t { CROSS_ENTROPY, BINARY_CROSS_ENTROPY, SQUARED };  // as in Worker::output

}  // namespace

// NumPy's arrays of a layer: W and V (m, d), b and Vb (m,)
struct Layer {
    int64_t d, m;
    float *W, *b, *V, *Vb;
};

// What Python asks for; hw5/devices/native/__init__.py has the same fields in the same order.
struct Job {
    const Layer *layers;
    int64_t depth;  // the number of layers
    int64_t activation;
    double alpha;  // the activation's parameter
    int64_t loss;
    const float *class_weights;  // (m,), or of one output unit (2,)
    const void *X;               // (N, d)
    int64_t is_uint8;            // else X is float32
    const void *y;               // (N,) int64 labels; float32 targets of the squared error
    const float *mean, *scale;   // (d,)
    const int64_t *order;        // the rows of X to take
    int64_t examples;            // how many
    int64_t batch_size;
    double eta, momentum, l1, l2;
    int64_t nesterov;
    double *losses, *hits;  // (batch_size,): sums over the minibatches, by place in the minibatch
    float *Z;               // (examples, m): only asked for the forward pass, Z^(L) without its bias
    int64_t threads;
};

namespace {

struct Range {
    int64_t begin, end;
    int64_t size() const { return end - begin; }
};

// The units of a layer that a thread owns: whole lines of the cache, so that two threads never write to one
Range slice(int64_t units, int64_t thread, int64_t threads) {
    int64_t lines = padded(units) / LINE;
    auto border = [&](int64_t t) { return std::min(lines * t / threads * LINE, units); };
    return {border(thread), border(thread + 1)};
}

// The examples of the largest chunk
int64_t most_rows(const Job &job) { return std::min({ROWS, job.batch_size, job.examples}); }

// Some rows of a minibatch of k examples
struct Chunk {
    int64_t start;   // in the order
    int64_t offset;  // in the minibatch
    int64_t rows, k;

    bool is_first() const { return offset == 0; }
    bool is_last() const { return offset + rows == k; }
};

Chunk chunk_at(const Job &job, int64_t start) {
    int64_t offset = start % job.batch_size, k = std::min(job.batch_size, job.examples - (start - offset));
    int64_t chunks = (k + ROWS - 1) / ROWS, rows = (k + chunks - 1) / chunks;
    return {start, offset, std::min(rows, k - offset), k};
}

// What threads read of each other. While one thread still reads X and Z of the last chunk, another one may already
// write them for this chunk, and X^(0) for the next one: chunk c has its place at turn c mod TURNS. The parts of A are
// read before the meeting after which they are written again.
constexpr int TURNS = 3;

struct Shared {
    const Job &job;
    Barrier barrier;
    std::array<std::vector<Matrix>, TURNS> X;  // X[turn][l] (rows, d_l) for l < L
    std::array<std::vector<Matrix>, TURNS> Z;  // Z[turn][thread] (m, rows): its part of Z^(L)
    std::vector<std::vector<Matrix>> A;        // A[l][thread] (rows, d_l): its part of A^(l), 0 < l < L - 1

    explicit Shared(const Job &job) : job(job), barrier(job.threads), A(job.depth) {
        int64_t rows = most_rows(job);
        for (int turn = 0; turn < TURNS; turn++) {
            for (int64_t l = 0; l < job.depth; l++) X[turn].emplace_back(rows, job.layers[l].d);
            for (int64_t t = 0; t < job.threads; t++) Z[turn].emplace_back(job.layers[job.depth - 1].m, rows);
        }
        for (int64_t l = 1; l < job.depth - 1; l++)
            for (int64_t t = 0; t < job.threads; t++) A[l].emplace_back(rows, job.layers[l].d);
    }
};

// The step's rule for a weight, whose mean gradient over the minibatch is G:
//     g = G + l2 W + l1 sign(W),   V <- mu V + g,   W <- W - eta V,   or with Nesterov's W <- W - eta (g + mu V)
struct Rule {
    float eta, mu, l1, l2;
    bool nesterov, keeps_velocity;  // without momentum and L1 there is no V

    static Rule of(const Job &job) {
        return {float(job.eta), float(job.momentum), float(job.l1), float(job.l2), job.nesterov != 0,
                job.momentum != 0 || job.l1 != 0};
    }
    Rule without_penalties() const { return {eta, mu, 0, 0, nesterov, keeps_velocity}; }
};

// Numbers that are trained, their velocities, and room for the gradient
struct Trained {
    int64_t rows, columns;
    Matrix W, V, G;

    Trained(int64_t rows, int64_t columns, bool keeps_velocity, bool keeps_gradient)
        : rows(rows), columns(columns), W(rows, columns) {
        if (keeps_velocity) V = Matrix(rows, columns);
        if (keeps_gradient) G = Matrix(rows, columns);
    }

    void step(const Rule &rule) const {
        for (int64_t r = 0; r < rows; r++)
            for (int64_t i = 0; i < columns; i += LANES) {
                Vector w = load(W.row(r) + i), g = load(G.row(r) + i) + rule.l2 * w;
                if (rule.keeps_velocity) {
                    g += rule.l1 * __builtin_convertvector((w < 0) - (w > 0), Vector);
                    Vector v = rule.mu * load(V.row(r) + i) + g;
                    store(V.row(r) + i, v);
                    g = rule.nesterov ? g + rule.mu * v : v;
                }
                store(W.row(r) + i, w - rule.eta * g);
            }
    }
};

// The part of a layer that a thread owns
struct Owned {
    Range units, inputs;
    Trained W, b;
    Matrix Delta;  // (rows, own units); in the top layer (m, rows), which suits the losses
    bool is_top;

    Owned(const Rule &rule, bool sums_chunks, int64_t rows, Range units, Range inputs, bool is_top)
        : units(units), inputs(inputs),
          W(units.size(), inputs.size(), rule.keeps_velocity, rule.keeps_velocity || sums_chunks),
          b(1, units.size(), rule.keeps_velocity, true),
          Delta(is_top ? units.size() : rows, is_top ? rows : units.size()), is_top(is_top) {}

    Factors delta() const { return {Delta.row(0), is_top ? 1 : Delta.stride(), is_top ? Delta.stride() : 1}; }
};

// Copies rows x columns of a NumPy array of width `width`, beginning at array, into a matrix, or back
void take(const Matrix &to, const float *array, int64_t width, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r++) std::copy_n(array + r * width, columns, to.row(r));
}
void give(const Matrix &from, float *array, int64_t width, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r++) std::copy_n(from.row(r), columns, array + r * width);
}

// What one thread does.
class Worker {
  public:
    Worker(Shared &shared, int64_t thread) : shared(shared), job(shared.job), thread(thread), rule(Rule::of(job)) {
        bool sums_chunks = job.batch_size > ROWS;
        for (int64_t l = 1; l <= depth(); l++) {
            bool is_top = l == depth();
            Range units{0, layer(l).m}, inputs{0, layer(l).d};
            (is_top ? inputs : units) = slice(is_top ? layer(l).d : layer(l).m, thread, job.threads);
            owned.emplace_back(rule, sums_chunks, most_rows(job), units, inputs, is_top);
        }
        features = slice(layer(1).d, thread, job.threads);
    }

    void train() {
        load_weights();
        over_chunks([&](const Chunk &chunk) {
            output(chunk);
            backward(chunk);
            update(chunk);
        });
        save_weights();
    }

    // Z^(L) of all examples, each thread its share of the rows
    void predict() {
        load_weights();
        over_chunks([&](const Chunk &chunk) {
            Range rows = share(chunk.rows);
            for (int64_t j = 0; j < layer(depth()).m; j++)
                for (int64_t r = rows.begin; r < rows.end; r++) {
                    float z = 0;
                    for (const Matrix &part : shared.Z[turn]) z += part.row(j)[r];
                    job.Z[(chunk.start + r) * layer(depth()).m + j] = z;
                }
        });
    }

  private:
    Shared &shared;
    const Job &job;
    int64_t thread;
    Rule rule;
    std::vector<Owned> owned;  // of layer l at l - 1
    Range features;            // of X^(0) that this thread fetches
    int turn = 0;

    int64_t depth() const { return job.depth; }
    const Layer &layer(int64_t l) const { return job.layers[l - 1]; }
    const Owned &own(int64_t l) const { return owned[l - 1]; }
    const Owned &top() const { return owned.back(); }
    const Matrix &X(int64_t l) const { return shared.X[turn][l]; }
    Range share(int64_t rows) const { return {rows * thread / job.threads, rows * (thread + 1) / job.threads}; }

    template <class Work>
    void over_chunks(Work work);
    void load_weights();
    void save_weights() const;
    void fetch(const Chunk &, int turn) const;
    template <class Feature>
    void fetch_rows(const Feature *X, const Chunk &, int turn) const;
    void forward(const Chunk &) const;
    void output(const Chunk &) const;
    void add_parts(const std::vector<Matrix> &parts, float *sum, int64_t r, Range columns) const;
    void backward(const Chunk &) const;
    void update(const Chunk &) const;
};

void Worker::load_weights() {
    for (int64_t l = 1; l <= depth(); l++) {
        const Layer &all = layer(l);
        Owned &part = owned[l - 1];
        int64_t m = part.units.size(), d = part.inputs.size(), at = part.units.begin * all.d + part.inputs.begin;
        take(part.W.W, all.W + at, all.d, m, d);
        take(part.b.W, all.b + part.units.begin, m, 1, m);
        if (!rule.keeps_velocity) continue;
        take(part.W.V, all.V + at, all.d, m, d);
        take(part.b.V, all.Vb + part.units.begin, m, 1, m);
    }
}

void Worker::save_weights() const {
    for (int64_t l = 1; l <= depth(); l++) {
        const Layer &all = layer(l);
        const Owned &part = own(l);
        int64_t m = part.units.size(), d = part.inputs.size(), at = part.units.begin * all.d + part.inputs.begin;
        bool mine = l < depth() || thread == 0;  // every thread keeps the biases of the top layer
        give(part.W.W, all.W + at, all.d, m, d);
        if (mine) give(part.b.W, all.b + part.units.begin, m, 1, m);
        if (!rule.keeps_velocity) continue;
        give(part.W.V, all.V + at, all.d, m, d);
        if (mine) give(part.b.V, all.Vb + part.units.begin, m, 1, m);
    }
}

// For every chunk of the stretch: the forward pass, up to the threads' parts of Z^(L), then work(chunk).
template <class Work>
void Worker::over_chunks(Work work) {
    Chunk chunk = chunk_at(job, 0);
    fetch(chunk, turn);
    shared.barrier.wait();
    for (;;) {
        forward(chunk);
        int64_t next = chunk.start + chunk.rows;
        if (next < job.examples) fetch(chunk_at(job, next), (turn + 1) % TURNS);
        shared.barrier.wait();
        work(chunk);
        if (next == job.examples) return;
        chunk = chunk_at(job, next);
        turn = (turn + 1) % TURNS;
    }
}

void Worker::fetch(const Chunk &chunk, int turn) const {
    if (job.is_uint8)
        fetch_rows(static_cast<const uint8_t *>(job.X), chunk, turn);
    else
        fetch_rows(static_cast<const float *>(job.X), chunk, turn);
}

// X^(0) = (x - mean) scale, of the rows of a chunk and the features of this thread
template <class Feature>
void Worker::fetch_rows(const Feature *X, const Chunk &chunk, int turn) const {
    constexpr int64_t AHEAD = 4;  // rows, which lie anywhere in memory
    const int64_t *rows = job.order + chunk.start;
    const float *mean = job.mean + features.begin, *scale = job.scale + features.begin;
    auto begin = [&](int64_t r) { return X + rows[r] * layer(1).d + features.begin; };
    for (int64_t r = 0; r < chunk.rows; r++) {
        if (r + AHEAD < chunk.rows)
            for (int64_t i = 0; i < features.size(); i += 64 / sizeof(Feature))
                __builtin_prefetch(begin(r + AHEAD) + i);
        const Feature *x = begin(r);
        float *out = shared.X[turn][0].row(r) + features.begin;
        for (int64_t i = 0; i < features.size(); i++) out[i] = (float(x[i]) - mean[i]) * scale[i];
    }
}

// X^(l) of the own units for 0 < l < L, and the own part of Z^(L)
void Worker::forward(const Chunk &chunk) const {
    for (int64_t l = 1; l < depth(); l++) {
        const Owned &part = own(l);
        int64_t m = part.units.size();
        View Z = X(l).view().from(0, part.units.begin);
        multiply(chunk.rows, m, layer(l).d, X(l - 1).view(), part.W.W.view(), Z);
        with_activation(job.activation, float(job.alpha), [&](auto theta) {
            for (int64_t r = 0; r < chunk.rows; r++) {
                for (int64_t u = 0; u < m; u += LANES)
                    store(Z.row(r) + u, theta.apply(load(Z.row(r) + u) + load(part.b.W.row(0) + u)));
                std::fill(Z.row(r) + m, Z.row(r) + padded(m), 0.0f);
            }
        });
        if (l < depth() - 1) shared.barrier.wait();
    }
    View inputs = X(depth() - 1).view().from(0, top().inputs.begin);
    multiply(layer(depth()).m, chunk.rows, top().inputs.size(), top().W.W.view(), inputs,
             shared.Z[turn][thread].view());
}

// The top layer's Delta, over k. Every thread makes all of it, which is cheaper than waiting for others once more.
void Worker::output(const Chunk &chunk) const {
    static constexpr decltype(&squared) LOSSES[] = {cross_entropy, binary_cross_entropy, squared};
    const int64_t *rows = job.order + chunk.start, m = layer(depth()).m;
    for (int64_t r = 0; r < chunk.rows; r += LANES) {
        View Z = top().Delta.view().from(0, r);
        for (int64_t j = 0; j < m; j++) {
            Vector z = all(top().b.W.row(0)[j]);
            for (const Matrix &part : shared.Z[turn]) z += load(part.row(j) + r);
            store(Z.row(j), z);
        }
        Vector y = {}, weight = {};  // lanes without an example have the weight 0
        int lanes = int(std::min<int64_t>(LANES, chunk.rows - r));
        for (int i = 0; i < lanes; i++) {
            y[i] = job.loss == SQUARED ? static_cast<const float *>(job.y)[rows[r + i]]
                                       : float(static_cast<const int64_t *>(job.y)[rows[r + i]]);
            weight[i] = job.loss == SQUARED ? 1 : job.class_weights[int64_t(y[i])];
        }
        Outcome outcome = LOSSES[job.loss](Z, m, y, weight / float(chunk.k));
        if (r / LANES % job.threads == thread)
            for (int i = 0; i < lanes; i++) {
                job.losses[chunk.offset + r + i] += weight[i] * outcome.J[i];
                job.hits[chunk.offset + r + i] += outcome.hit[i];
            }
    }
}

// sum = some columns of the threads' parts of row r, added up in the order of the threads
void Worker::add_parts(const std::vector<Matrix> &parts, float *sum, int64_t r, Range columns) const {
    for (int64_t i = columns.begin; i < columns.end; i += LANES) {
        Vector a = {};
        for (const Matrix &part : parts) a += load(part.row(r) + i);
        store(sum + i - columns.begin, a);
    }
}

// Delta of the own units of every hidden layer, from the top down, with the weights of the forward pass
void Worker::backward(const Chunk &chunk) const {
    for (int64_t l = depth() - 1; l > 0; l--) {
        const Owned &part = own(l), &above = own(l + 1);
        View Delta = part.Delta.view();
        if (above.is_top) {
            combine(chunk.rows, above.units.size(), part.units.size(), 1, above.delta(), above.W.W.view(), 0, Delta);
        } else {
            const auto &parts = shared.A[l];
            combine(chunk.rows, above.units.size(), layer(l).m, 1, above.delta(), above.W.W.view(), 0,
                    parts[thread].view());
            shared.barrier.wait();
            for (int64_t r = 0; r < chunk.rows; r++) add_parts(parts, Delta.row(r), r, part.units);
        }
        View X = this->X(l).view().from(0, part.units.begin);
        with_activation(job.activation, float(job.alpha), [&](auto theta) {
            for (int64_t r = 0; r < chunk.rows; r++)
                for (int64_t u = 0; u < part.units.size(); u += LANES)
                    store(Delta.row(r) + u, load(Delta.row(r) + u) * theta.derivative(load(X.row(r) + u)));
        });
    }
}

// The sum over a chunk's examples of a layer's Delta, for LANES of its units
Vector sum_of_examples(const Owned &part, int64_t unit, int64_t examples) {
    Vector sums = {};
    if (part.is_top)
        for (int i = 0; i < LANES && unit + i < part.units.size(); i++) {
            Vector of_unit = {};
            for (int64_t r = 0; r < examples; r += LANES) of_unit += load(part.Delta.row(unit + i) + r);
            sums[i] = sum(of_unit);
        }
    else
        for (int64_t r = 0; r < examples; r++) sums += load(part.Delta.row(r) + unit);
    return sums;
}

// W <- W - eta/k X Delta^T and b <- b - eta mean(Delta) in every layer, or what the rule makes of it
void Worker::update(const Chunk &chunk) const {
    const bool at_once = chunk.is_first() && chunk.is_last() && !rule.keeps_velocity;
    const float before = chunk.is_first() ? 0 : 1;  // how often the gradient of the chunks before this one counts
    for (int64_t l = 1; l <= depth(); l++) {
        const Owned &part = own(l);
        int64_t m = part.units.size(), d = part.inputs.size();
        Factors Delta = part.delta().transposed();
        View X = this->X(l - 1).view().from(0, part.inputs.begin);
        if (at_once)
            combine(m, chunk.rows, d, -rule.eta, Delta, X, float(1 - job.eta * job.l2), part.W.W.view());
        else
            combine(m, chunk.rows, d, 1, Delta, X, before, part.W.G.view());
        for (int64_t u = 0; u < m; u += LANES) {
            float *G = part.b.G.row(0) + u;
            store(G, before * load(G) + sum_of_examples(part, u, chunk.rows));
        }
        if (chunk.is_last() && !at_once) part.W.step(rule);
        if (chunk.is_last()) part.b.step(rule.without_penalties());
    }
}

// Nothing is begun where memory or threads are lacking; else the answer is 0.
int carry_out(const Job &job, void (Worker::*work)()) {
    if (job.examples == 0) return 0;
    try {
        Shared shared(job);
        std::vector<Worker> workers;
        for (int64_t t = 0; t < job.threads; t++) workers.emplace_back(shared, t);
        on_threads(job.threads, [&](int64_t t) { (workers[t].*work)(); });
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED int hw5_train(const Job *job) { return carry_out(*job, &Worker::train); }
EXPORTED int hw5_predict(const Job *job) { return carry_out(*job, &Worker::predict); }
