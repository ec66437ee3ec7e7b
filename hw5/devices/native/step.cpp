// Training on a CPU: many steps of minibatch SGD in one call, in the letters of hw5/nn/network.py.
//
// Why it is fast:
//
// - The units of a layer come in slices. All that a slice has to do about a chunk, at most ROWS examples of a
//   minibatch, is done in one go: Delta and the update of its weights for the chunk before, X^(l) and its part of
//   Z^(L) for this one. A slice stays with one thread, and its weights in that core's cache.
// - So a network with one hidden layer has one phase a chunk, at whose end the threads wait for each other. (Every
//   other hidden layer adds two, and so does a top layer of many units.) What is still read of one chunk while the
//   next one is written is kept by turns.
// - A thread that would have to wait takes over what others have not begun (team.h): slices, or some examples of the
//   chunk to come, which are fetched and standardised along the way, uint8 or float32. The data stay as they are.
// - Nearly all the arithmetic is in two loops that keep a block of results in registers (products.h). Bias,
//   activation, softmax and the update of the weights go along with them, on what the cache still holds.
//
// The slices depend on the sizes of the network alone, so the results are the same bits for any number of threads.
#include <exception>

#include "activations.h"
#include "losses.h"
#include "products.h"
#include "stretch.h"

namespace {

// What one thread does. Where a chunk has no rows, nothing is to be done for it.
class Worker {
  public:
    Worker(Stretch &stretch, int64_t thread)
        : stretch(stretch), job(stretch.job), rule(stretch.rule), place{int(thread)}, outcomes(2, stretch.rows) {
        if (stretch.is_narrow) own_Delta = Matrix(layer(depth()).m, stretch.rows);
    }

    void train() {
        auto visit = [&](int64_t l, int64_t s) {
            if (before.rows) learn(l, stretch.slices[l][s], before);
            if (now.rows) forward(l, s, now);
        };
        each_chunk(visit, [&] {
            if (!stretch.is_narrow)
                share_rows([&](Range rows) {
                    output(now, rows, stretch.Z[now.turn][0]);
                    count(now, rows);
                });
            for (int64_t l = depth() - 1; l > 1; l--)
                share_slices(l, [&](int64_t s) {
                    if (now.rows) backward(l, stretch.slices[l][s], now);
                });
        });
    }

    // Z^(L) of all examples, without its bias
    void predict() {
        const int64_t m = layer(depth()).m;
        auto visit = [&](int64_t l, int64_t s) {
            if (now.rows) forward(l, s, now);
        };
        each_chunk(visit, [&] {
            share_rows([&](Range rows) {
                for (int64_t j = 0; j < m; j++)
                    for (int64_t r = rows.begin; r < rows.end; r++) {
                        float z = 0;
                        for (const Matrix &part : stretch.Z[now.turn]) z += part.row(j)[r];
                        job.Z[(now.start + r) * m + j] = z;
                    }
            });
        });
    }

  private:
    Stretch &stretch;
    const Job &job;
    const Rule &rule;
    Team::Place place;
    Chunk before, now, next;    // that is learned from, that goes forward, that is fetched
    Matrix own_Delta;           // (m, rows) of a narrow top layer
    int64_t own_Delta_of = -1;  // the start of its chunk
    Matrix outcomes;            // (2, rows): J and whether correct

    int64_t depth() const { return job.depth; }
    const Layer &layer(int64_t l) const { return job.layers[l - 1]; }
    const Stretch::Parameters &parameters(int64_t l) const { return stretch.layers[l - 1]; }
    const Matrix &X(int64_t l, const Chunk &chunk) const { return stretch.X[chunk.turn][l]; }

    template <class Visit, class Rest>
    void each_chunk(Visit visit, Rest rest);
    template <class Work>
    void share_slices(int64_t l, Work work);
    template <class Work>
    void share_rows(Work work);
    static Range rows_of_task(int64_t task, int64_t rows, const Chunk &chunk) {
        return {std::min(task * rows, chunk.rows), std::min((task + 1) * rows, chunk.rows)};
    }
    void fetch(const Chunk &, Range rows) const;
    template <class Feature>
    void fetch_rows(const Feature *X, const Chunk &, Range rows) const;
    void forward(int64_t l, int64_t s, const Chunk &) const;
    void activate(int64_t l, Range units, const Chunk &) const;
    void maxout(int64_t l, Range units, const Chunk &) const;
    void top_forward(const Chunk &, Range units, Range inputs, const Matrix &Z) const;
    void output(const Chunk &, Range rows, const Matrix &Delta);
    void count(const Chunk &, Range rows) const;
    const Matrix &top_Delta(const Chunk &);
    Factors Delta(int64_t l, const Chunk &);
    void backward(int64_t l, Range units, const Chunk &);
    void activation_gradient(int64_t l, Range units, const Chunk &);
    void maxout_gradient(int64_t l, Range units, const Chunk &);
    void learn(int64_t l, Range slice, const Chunk &);
    void update(int64_t l, Range units, Range inputs, const Chunk &);
    Vector sum_of_examples(int64_t l, int64_t unit, int64_t end, const Chunk &);
};

// Goes through the stretch: for each chunk visit(layer, slice) on its way up to Z^(L), and then rest().
template <class Visit, class Rest>
void Worker::each_chunk(Visit visit, Rest rest) {
    next = after(now, job);
    do {
        for (int64_t l = stretch.first(); l <= stretch.last(); l++) share_slices(l, [&](int64_t s) { visit(l, s); });
        rest();
        before = now, now = next, next = after(now, job);
    } while (before.rows || now.rows);
}

// work(s) for each slice of layer l; the rows of the next chunk are fetched along with those of the first one.
template <class Work>
void Worker::share_slices(int64_t l, Work work) {
    const int64_t slices = int64_t(stretch.slices[l].size());
    stretch.team.share(place, stretch.by_slice[l], [&](int64_t task) {
        if (task < slices)
            work(task);
        else
            fetch(next, rows_of_task(task - slices, ROWS_TO_FETCH, next));
    });
}

// work(rows) for the rows of the chunk that goes forward
template <class Work>
void Worker::share_rows(Work work) {
    stretch.team.share(place, stretch.by_rows, [&](int64_t task) { work(rows_of_task(task, ROWS_OF_Z, now)); });
}

// X^(0) = (x - mean) scale
void Worker::fetch(const Chunk &chunk, Range rows) const {
    if (job.is_uint8)
        fetch_rows(static_cast<const uint8_t *>(job.X), chunk, rows);
    else
        fetch_rows(static_cast<const float *>(job.X), chunk, rows);
}

template <class Feature>
void Worker::fetch_rows(const Feature *X, const Chunk &chunk, Range rows) const {
    constexpr int64_t AHEAD = 4;  // rows, which lie anywhere in memory
    const int64_t *order = job.order + chunk.start, d = layer(1).d;
    for (int64_t r = rows.begin; r < rows.end; r++) {
        if (r + AHEAD < chunk.rows)
            for (int64_t i = 0; i < d; i += 64 / sizeof(Feature))
                __builtin_prefetch(X + order[r + AHEAD] * d + i, 0, 2);  // into the L2 cache: to read it is no hurry
        const Feature *x = X + order[r] * d;
        float *out = this->X(0, chunk).row(r);
        for (int64_t i = 0; i < d; i++) out[i] = (float(x[i]) - job.mean[i]) * job.scale[i];
    }
}

// X^(l) of a slice of a hidden layer. A narrow top layer follows at once: of Z^(L), the part of the slice.
void Worker::forward(int64_t l, int64_t s, const Chunk &chunk) const {
    const int64_t L = depth();
    const Range slice = stretch.slices[l][s];
    const std::vector<Matrix> &parts = stretch.Z[chunk.turn];
    if (l == L) return top_forward(chunk, slice, {0, layer(L).d}, parts[0]);
    if (l > 0) layer(l).pieces == 1 ? activate(l, slice, chunk) : maxout(l, slice, chunk);
    if (l == L - 1 && stretch.is_narrow) top_forward(chunk, {0, layer(L).m}, slice, parts[s]);
}

// X = theta(W^T X + b)
void Worker::activate(int64_t l, Range units, const Chunk &chunk) const {
    View Z = X(l, chunk).view().from(0, units.begin);
    const float *b = parameters(l).b.W.row(0) + units.begin;
    multiply_nt(chunk.rows, units.size(), layer(l).d, X(l - 1, chunk).view(),
                parameters(l).W.W.view().from(units.begin, 0), Z);
    with_activation(job.activation, float(job.alpha), [&](auto activation) {
        for (int64_t r = 0; r < chunk.rows; r++) {
            for (int64_t u = 0; u < units.size(); u += LANES)
                store(Z.row(r) + u, activation.theta(load(Z.row(r) + u) + load(b + u)));
            std::fill(Z.row(r) + units.size(), Z.row(r) + padded(units.size()), 0.0f);
        }
    });
}

// X = the largest of each unit's pieces, the first of several; a NaN counts as larger than any number. Z lies where
// Delta will.
void Worker::maxout(int64_t l, Range units, const Chunk &chunk) const {
    const Range rows = stretch.rows_of_W(l, units);
    View Z = stretch.Delta[l].view().from(0, rows.begin), X = this->X(l, chunk).view().from(0, units.begin);
    View largest = stretch.largest[chunk.turn][l].view().from(0, units.begin);
    const float *b = parameters(l).b.W.row(0) + rows.begin;
    multiply_nt(chunk.rows, rows.size(), layer(l).d, this->X(l - 1, chunk).view(),
                parameters(l).W.W.view().from(rows.begin, 0), Z);
    const int64_t to_next_piece = padded(units.size());
    for (int64_t r = 0; r < chunk.rows; r++)
        for (int64_t u = 0; u < units.size(); u += LANES) {
            Vector most = load(Z.row(r) + u) + load(b + u), at = {};
            for (int64_t piece = 1; piece < layer(l).pieces; piece++) {
                const int64_t i = piece * to_next_piece + u;
                Vector z = load(Z.row(r) + i) + load(b + i);
                Ints is_larger = (z > most) | ((z != z) & (most == most));
                most = is_larger ? z : most;
                at = is_larger ? all(float(piece)) : at;
            }
            store(X.row(r) + u, most);
            store(largest.row(r) + u, at);
        }
}

// Some units of Z^(L), or what some of the inputs add to them; the bias comes with the first inputs.
void Worker::top_forward(const Chunk &chunk, Range units, Range inputs, const Matrix &Z) const {
    const auto &[W, b] = parameters(depth());
    multiply_nt(units.size(), chunk.rows, inputs.size(), W.W.view().from(units.begin, inputs.begin),
             X(depth() - 1, chunk).view().from(0, inputs.begin), Z.view().from(units.begin, 0));
    if (inputs.begin > 0) return;
    for (int64_t j = units.begin; j < units.end; j++)
        for (int64_t r = 0; r < chunk.rows; r++) Z.row(j)[r] += b.W.row(0)[j];
}

// The top layer's Delta, over k, and J and whether correct
void Worker::output(const Chunk &chunk, Range rows, const Matrix &Delta) {
    const int64_t *order = job.order + chunk.start, m = layer(depth()).m;
    for (int64_t r = rows.begin; r < rows.end; r += LANES) {
        View Z = Delta.view().from(0, r);
        for (int64_t j = 0; j < m; j++) {
            Vector z = {};
            for (const Matrix &part : stretch.Z[chunk.turn]) z += load(part.row(j) + r);
            store(Z.row(j), z);
        }
        Vector y = {}, weight = {};  // lanes without an example have the weight 0
        int lanes = int(std::min<int64_t>(LANES, rows.end - r));
        for (int i = 0; i < lanes; i++) {
            y[i] = job.loss == SQUARED ? static_cast<const float *>(job.y)[order[r + i]]
                                       : float(static_cast<const int64_t *>(job.y)[order[r + i]]);
            weight[i] = job.loss == SQUARED ? 1 : job.class_weights[int64_t(y[i])];
        }
        Outcome outcome = LOSSES[job.loss](Z, m, y, weight / float(chunk.k));
        store(outcomes.row(0) + r, weight * outcome.J);
        store(outcomes.row(1) + r, outcome.correct);
    }
}

void Worker::count(const Chunk &chunk, Range rows) const {
    for (int64_t r = rows.begin; r < rows.end; r++) {
        job.losses[chunk.offset + r] += outcomes.row(0)[r];
        job.correct[chunk.offset + r] += outcomes.row(1)[r];
    }
}

// Every thread makes all of a narrow top layer's Delta, which is cheaper than waiting for others once more.
const Matrix &Worker::top_Delta(const Chunk &chunk) {
    if (!stretch.is_narrow) return stretch.Z[chunk.turn][0];
    if (own_Delta_of != chunk.start) output(chunk, {0, chunk.rows}, own_Delta);
    own_Delta_of = chunk.start;
    return own_Delta;
}

Factors Worker::Delta(int64_t l, const Chunk &chunk) {
    if (l < depth()) return {stretch.Delta[l].row(0), stretch.Delta[l].stride(), 1};
    const Matrix &top = top_Delta(chunk);
    return {top.row(0), 1, top.stride()};
}

// Delta of some units of a hidden layer, with the weights of the forward pass
void Worker::backward(int64_t l, Range units, const Chunk &chunk) {
    View A = stretch.Delta[l].view().from(0, stretch.rows_of_W(l, units).begin);
    const Matrix &W = parameters(l + 1).W.W;
    multiply_nn(chunk.rows, W.rows(), units.size(), 1, this->Delta(l + 1, chunk), W.view().from(0, units.begin), 0, A);
    layer(l).pieces == 1 ? activation_gradient(l, units, chunk) : maxout_gradient(l, units, chunk);
}

// Delta = A o theta'(Z), in place
void Worker::activation_gradient(int64_t l, Range units, const Chunk &chunk) {
    View Delta = stretch.Delta[l].view().from(0, units.begin), X = this->X(l, chunk).view().from(0, units.begin);
    with_activation(job.activation, float(job.alpha), [&](auto activation) {
        for (int64_t r = 0; r < chunk.rows; r++)
            for (int64_t u = 0; u < units.size(); u += LANES)
                store(Delta.row(r) + u, load(Delta.row(r) + u) * activation.derivative(load(X.row(r) + u)));
    });
}

// Delta = A at the largest piece of each unit, and 0 at the others; A lies where the first piece's Delta will.
void Worker::maxout_gradient(int64_t l, Range units, const Chunk &chunk) {
    View Delta = stretch.Delta[l].view().from(0, stretch.rows_of_W(l, units).begin);
    View largest = stretch.largest[chunk.turn][l].view().from(0, units.begin);
    for (int64_t r = 0; r < chunk.rows; r++)
        for (int64_t u = 0; u < units.size(); u += LANES) {
            Vector A = load(Delta.row(r) + u), at = load(largest.row(r) + u);
            for (int64_t piece = 0; piece < layer(l).pieces; piece++)
                store(Delta.row(r) + piece * padded(units.size()) + u, at == float(piece) ? A : Vector{});
        }
}

// What a slice makes of the Delta of the layers above
void Worker::learn(int64_t l, Range slice, const Chunk &chunk) {
    const int64_t L = depth();
    if (l == 1 && L > 1) backward(1, slice, chunk);
    if (l > 0) update(l, stretch.rows_of_W(l, slice), {0, layer(l).d}, chunk);
    if (l < L - 1 || !stretch.is_narrow) return;
    update(L, {0, layer(L).m}, slice, chunk);
    if (slice.begin == 0) count(chunk, {0, chunk.rows});
}

// W <- W - eta/k X Delta^T and b <- b - eta mean(Delta), or what the rule makes of it, for some rows and columns of W; the biases come with the first inputs.
void Worker::update(int64_t l, Range units, Range inputs, const Chunk &chunk) {
    const bool at_once = chunk.is_first() && chunk.is_last() && !rule.keeps_velocity;
    const float before = chunk.is_first() ? 0 : 1;  // how often the gradient of the chunks before this one counts
    const auto &[W, b] = parameters(l);
    const Factors Delta = this->Delta(l, chunk).transposed().from(units.begin);
    const View X = this->X(l - 1, chunk).view().from(0, inputs.begin);
    auto add_products = [&](float alpha, float beta, const Matrix &all) {
        View C = all.view().from(units.begin, inputs.begin);
        multiply_nn(units.size(), chunk.rows, inputs.size(), alpha, Delta, X, beta, C);
    };
    if (at_once)
        add_products(-rule.eta, float(1 - job.eta * job.l2), W.W);
    else
        add_products(1, before, W.G);
    if (!at_once && chunk.is_last()) W.step(rule, units, inputs);
    if (inputs.begin > 0) return;
    for (int64_t u = units.begin; u < units.end; u += LANES) {
        float *G = b.G.row(0) + u;
        store(G, before * load(G) + sum_of_examples(l, u, units.end, chunk));
    }
    if (chunk.is_last()) b.step(rule.without_penalties(), {0, 1}, units);
}

// The sum over a chunk's examples of a layer's Delta, for LANES of its units
Vector Worker::sum_of_examples(int64_t l, int64_t unit, int64_t end, const Chunk &chunk) {
    Vector sums = {};
    if (l < depth())
        for (int64_t r = 0; r < chunk.rows; r++) sums += load(stretch.Delta[l].row(r) + unit);
    else
        for (int i = 0; i < LANES && unit + i < end; i++) {
            Vector of_unit = {};
            for (int64_t r = 0; r < chunk.rows; r += LANES) of_unit += load(top_Delta(chunk).row(unit + i) + r);
            sums[i] = sum(of_unit);
        }
    return sums;
}

// Nothing is begun where memory or threads are lacking; else the answer is 0.
int call(const Job &job, void (Worker::*work)()) {
    if (job.examples == 0) return 0;
    try {
        Stretch stretch(job);
        stretch.each_array([](float *own, const float *array, int64_t n) { std::copy_n(array, n, own); });
        std::vector<Worker> workers;
        for (int64_t t = 0; t < stretch.threads; t++) workers.emplace_back(stretch, t);
        on_threads(stretch.threads, [&](int64_t t) { (workers[t].*work)(); });
        if (!job.Z)
            stretch.each_array([](const float *own, float *array, int64_t n) { std::copy_n(own, n, array); });
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED int hw5_train(const Job *job) { return call(*job, &Worker::train); }
EXPORTED int hw5_predict(const Job *job) { return call(*job, &Worker::predict); }

// The names of activations and losses in the order of their numbers
EXPORTED const char *const hw5_activations = ACTIVATION_NAMES;
EXPORTED const char *const hw5_losses = LOSS_NAMES;
