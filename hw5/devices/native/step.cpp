// Training on a CPU: many steps of minibatch SGD in one call, in the letters of hw5/nn/network.py.
//
// Why it is fast:
//
// - A layer's units are divided into slices, and minibatches into chunks of at most ROWS examples. One task does all
//   the work of a slice: Delta and the weight update for the previous chunk, then X^(l) and a term of Z^(L) for the
//   current one. A slice usually stays on one thread, and its weights in the cache of that core.
// - So a network with one hidden layer has one phase per chunk, after which the threads wait for each other. (Each
//   further hidden layer adds two, and so does a top layer of many units.) Triple buffering lets a chunk be read while
//   the next ones are written.
// - A thread that would wait steals tasks (team.h): slices, or rows of the next chunk to be fetched and standardised,
//   from uint8 or float32.
// - Nearly all arithmetic is in two kernels that keep a block of the result in registers (products.h). Bias,
//   activation, softmax and the weight update work on data that is still in the cache.
//
// The slices depend only on the sizes of the network, so the results are the same bits for any number of threads.
#include "activations.h"
#include "exported.h"
#include "losses.h"
#include "products.h"
#include "sliced.h"
#include "stretch.h"

namespace {

// The work of one thread. A chunk without rows needs none.
class Worker {
  public:
    Worker(Stretch &stretch, int64_t thread)
        : stretch(stretch), job(stretch.job), self{int(thread)}, outcomes(2, stretch.rows) {
        if (stretch.is_narrow) thread_Delta = Matrix(layer(depth()).m, stretch.rows);
        if (job.slice && job.slice <= ROWS) blocks = Matrix(ROWS / job.slice * NN_ROWS, BLOCK);
    }

    void train() {
        if (job.slice) return train_by_slices();
        forward_and_backward();
    }

    // Z^(L) of all examples, without its bias
    void predict() {
        const int64_t m = layer(depth()).m;
        auto on_slice = [&](int64_t l, int64_t s) {
            if (current.rows) forward(l, s, current);
        };
        for_each_chunk(on_slice, [&] {
            for_each_row_block([&](Range rows) {
                for (int64_t j = 0; j < m; j++)
                    for (int64_t r = rows.begin; r < rows.end; r++) {
                        float z = 0;
                        for (const Matrix &term : stretch.Z[current.buffer]) z += term.row(j)[r];
                        job.Z[(current.start + r) * m + j] = z;
                    }
            });
        });
    }

  private:
    Stretch &stretch;
    const Job &job;
    Team::Thread self;
    Chunk previous, current, next;    // going backward, going forward, being fetched
    Matrix thread_Delta;              // (m, rows) of a narrow top layer
    int64_t thread_Delta_start = -1;  // the start of its chunk
    Matrix outcomes;                  // (2, rows): J and whether correct
    int64_t end = 0;                  // of the share of a minibatch, in the order
    Matrix blocks;                    // (sums x NN_ROWS, BLOCK) of gradients of short slices

    int64_t depth() const { return job.depth; }
    const Layer &layer(int64_t l) const { return job.layers[l - 1]; }
    const Stretch::Parameters &parameters(int64_t l) const { return stretch.layers[l - 1]; }
    const Matrix &X(int64_t l, const Chunk &chunk) const { return stretch.X[chunk.buffer][l]; }

    void train_by_slices();
    void forward_and_backward();
    Chunk after(const Chunk &chunk) const {
        return job.slice ? next_in_share(chunk, job, end) : next_chunk(chunk, job);
    }
    template <class OnSlice, class Finish>
    void for_each_chunk(OnSlice on_slice, Finish finish);
    template <class Work>
    void for_each_slice(int64_t l, Work work);
    template <class Work>
    void for_each_row_block(Work work);
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
    StridedView Delta(int64_t l, const Chunk &);
    void backward(int64_t l, Range units, const Chunk &);
    void activation_gradient(int64_t l, Range units, const Chunk &);
    void maxout_gradient(int64_t l, Range units, const Chunk &);
    void update_slice(int64_t l, Range slice, const Chunk &);
    void update(int64_t l, Range units, Range inputs, const Chunk &);
    void add_slices(int64_t l, Range units, Range inputs, const Chunk &);
    void gradient(int64_t l, Range rows, Range inputs, Range examples, bool adds, const Chunk &, View G);
    void add_part(int64_t l, Range rows, Range inputs, const PartOfSlice &, const Chunk &);
    void add_block(int64_t l, Range rows, Range inputs, const std::vector<PartOfSlice> &, const Chunk &);
    void add_biases(int64_t l, Range rows, const PartOfSlice &, const Chunk &);
    void update_by_sums(int64_t l, Range units, const Rule &);
    Vector sum_of_examples(int64_t l, int64_t unit, int64_t end, Range rows, const Chunk &);
};

// All chunks, pipelined: while one goes backward, and updates the weights, the next goes forward.
void Worker::forward_and_backward() {
    auto on_slice = [&](int64_t l, int64_t s) {
        if (previous.rows) update_slice(l, stretch.slices[l][s], previous);
        if (current.rows) forward(l, s, current);
    };
    for_each_chunk(on_slice, [&] {
        if (!stretch.is_narrow)
            for_each_row_block([&](Range rows) {
                output(current, rows, stretch.Z[current.buffer][0]);
                count(current, rows);
            });
        for (int64_t l = depth() - 1; l > 1; l--)
            for_each_slice(l, [&](int64_t s) {
                if (current.rows) backward(l, stretch.slices[l][s], current);
            });
    });
}

// Of each minibatch, the gradients of this process's share; then their sum over all shares, and the update.
void Worker::train_by_slices() {
    for (int64_t start = 0; start < job.examples; start += job.batch_size) {
        current = {start + job.share_begin}, end = start + job.share_end;
        forward_and_backward();
        stretch.team.on_first_thread(self, [&] { if (job.exchange && job.exchange()) stretch.failed = true; });
        if (stretch.failed) return;
        const Rule rule = stretch.rule.at(job, job.updates + start / job.batch_size + 1);
        stretch.team.parallel_for(self, stretch.by_update, [&](int64_t task) {
            update_by_sums(stretch.updates[task].first, stretch.updates[task].second, rule);
        });
    }
}

// on_slice(layer, slice) from the first layer up, then finish(), for each chunk
template <class OnSlice, class Finish>
void Worker::for_each_chunk(OnSlice on_slice, Finish finish) {
    next = after(current);
    do {
        for (int64_t l = stretch.first(); l <= stretch.last(); l++)
            for_each_slice(l, [&](int64_t s) { on_slice(l, s); });
        finish();
        previous = current, current = next, next = after(current);
    } while (previous.rows || current.rows);
}

// work(slice) for each slice of layer l, in parallel. With those of the first layer, the next chunk is fetched.
template <class Work>
void Worker::for_each_slice(int64_t l, Work work) {
    const int64_t slices = int64_t(stretch.slices[l].size());
    stretch.team.parallel_for(self, stretch.by_slice[l], [&](int64_t task) {
        if (task < slices)
            work(task);
        else
            fetch(next, rows_of_task(task - slices, ROWS_TO_FETCH, next));
    });
}

// work(rows) for the rows of the current chunk, in parallel
template <class Work>
void Worker::for_each_row_block(Work work) {
    stretch.team.parallel_for(self, stretch.by_rows,
                              [&](int64_t task) { work(rows_of_task(task, ROWS_OF_Z, current)); });
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
    constexpr int64_t AHEAD = 4;  // rows to prefetch
    const int64_t *order = job.order + chunk.start, d = layer(1).d;
    for (int64_t r = rows.begin; r < rows.end; r++) {
        if (r + AHEAD < chunk.rows)
            for (int64_t i = 0; i < d; i += 64 / sizeof(Feature))
                __builtin_prefetch(X + order[r + AHEAD] * d + i, 0, 2);  // into the L2 cache
        const Feature *x = X + order[r] * d;
        float *out = this->X(0, chunk).row(r);
        for (int64_t i = 0; i < d; i++) out[i] = (float(x[i]) - job.mean[i]) * job.scale[i];
    }
}

// X^(l) of a slice of a hidden layer and, if the top layer is narrow, the slice's term of Z^(L)
void Worker::forward(int64_t l, int64_t s, const Chunk &chunk) const {
    const int64_t L = depth();
    const Range slice = stretch.slices[l][s];
    const std::vector<Matrix> &Z = stretch.Z[chunk.buffer];
    if (l == L) return top_forward(chunk, slice, {0, layer(L).d}, Z[0]);
    if (l > 0) layer(l).pieces == 1 ? activate(l, slice, chunk) : maxout(l, slice, chunk);
    if (l == L - 1 && stretch.is_narrow) top_forward(chunk, {0, layer(L).m}, slice, Z[s]);
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

// X = the largest of each unit's pieces; ties go to the first, and NaN is larger than any number. Z is stored in Delta.
void Worker::maxout(int64_t l, Range units, const Chunk &chunk) const {
    const Range rows = stretch.rows_of_W(l, units);
    View Z = stretch.Delta[l].view().from(0, rows.begin), X = this->X(l, chunk).view().from(0, units.begin);
    View largest = stretch.largest[chunk.buffer][l].view().from(0, units.begin);
    const float *b = parameters(l).b.W.row(0) + rows.begin;
    multiply_nt(chunk.rows, rows.size(), layer(l).d, this->X(l - 1, chunk).view(),
                parameters(l).W.W.view().from(rows.begin, 0), Z);
    const int64_t piece_size = padded(units.size());
    for (int64_t r = 0; r < chunk.rows; r++)
        for (int64_t u = 0; u < units.size(); u += LANES) {
            Vector max = load(Z.row(r) + u) + load(b + u), argmax = {};
            for (int64_t piece = 1; piece < layer(l).pieces; piece++) {
                const int64_t i = piece * piece_size + u;
                Vector z = load(Z.row(r) + i) + load(b + i);
                const Ints is_better = is_larger(z, max);
                max = is_better ? z : max;
                argmax = is_better ? broadcast(float(piece)) : argmax;
            }
            store(X.row(r) + u, max);
            store(largest.row(r) + u, argmax);
        }
}

// Some units of Z^(L), or the term of some inputs; the first inputs add the bias.
void Worker::top_forward(const Chunk &chunk, Range units, Range inputs, const Matrix &Z) const {
    const auto &[W, b] = parameters(depth());
    multiply_nt(units.size(), chunk.rows, inputs.size(), W.W.view().from(units.begin, inputs.begin),
                X(depth() - 1, chunk).view().from(0, inputs.begin), Z.view().from(units.begin, 0));
    if (inputs.begin > 0) return;
    for (int64_t j = units.begin; j < units.end; j++)
        for (int64_t r = 0; r < chunk.rows; r++) Z.row(j)[r] += b.W.row(0)[j];
}

// Delta / k of the top layer, J, and whether the predictions are correct
void Worker::output(const Chunk &chunk, Range rows, const Matrix &Delta) {
    const int64_t *order = job.order + chunk.start, m = layer(depth()).m;
    for (int64_t r = rows.begin; r < rows.end; r += LANES) {
        View Z = Delta.view().from(0, r);
        for (int64_t j = 0; j < m; j++) {
            Vector z = {};
            for (const Matrix &term : stretch.Z[chunk.buffer]) z += load(term.row(j) + r);
            store(Z.row(j), z);
        }
        const Outcome outcome = outcome_of(job, order + r, std::min<int64_t>(LANES, rows.end - r), chunk.k, Z, m);
        store(outcomes.row(0) + r, outcome.J);
        store(outcomes.row(1) + r, outcome.correct);
    }
}

void Worker::count(const Chunk &chunk, Range rows) const {
    for (int64_t r = rows.begin; r < rows.end; r++) {
        job.losses[chunk.offset + r] += outcomes.row(0)[r];
        job.correct[chunk.offset + r] += outcomes.row(1)[r];
    }
}

// Every thread computes Delta of a narrow top layer for itself, which is faster than another phase.
const Matrix &Worker::top_Delta(const Chunk &chunk) {
    if (!stretch.is_narrow) return stretch.Z[chunk.buffer][0];
    if (thread_Delta_start != chunk.start) output(chunk, {0, chunk.rows}, thread_Delta);
    thread_Delta_start = chunk.start;
    return thread_Delta;
}

StridedView Worker::Delta(int64_t l, const Chunk &chunk) {
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

// Delta = A at the largest piece of each unit, and 0 at the others; A is stored in Delta of the first piece.
void Worker::maxout_gradient(int64_t l, Range units, const Chunk &chunk) {
    View Delta = stretch.Delta[l].view().from(0, stretch.rows_of_W(l, units).begin);
    View largest = stretch.largest[chunk.buffer][l].view().from(0, units.begin);
    for (int64_t r = 0; r < chunk.rows; r++)
        for (int64_t u = 0; u < units.size(); u += LANES) {
            Vector A = load(Delta.row(r) + u), argmax = load(largest.row(r) + u);
            for (int64_t piece = 0; piece < layer(l).pieces; piece++)
                store(Delta.row(r) + piece * padded(units.size()) + u, argmax == float(piece) ? A : Vector{});
        }
}

// The updates of a slice, given Delta of the layers above
void Worker::update_slice(int64_t l, Range slice, const Chunk &chunk) {
    const int64_t L = depth();
    if (l == 1 && L > 1) backward(1, slice, chunk);
    const auto change = job.slice ? &Worker::add_slices : &Worker::update;
    if (l > 0) (this->*change)(l, slice, {0, layer(l).d}, chunk);
    if (l < L - 1 || !stretch.is_narrow) return;
    (this->*change)(L, {0, layer(L).m}, slice, chunk);
    if (slice.begin == 0) count(chunk, {0, chunk.rows});
}

// W <- W - eta/k X Delta^T and b <- b - eta mean(Delta), or another rule, for some units and inputs. The first inputs
// also update the biases.
void Worker::update(int64_t l, Range units, Range inputs, const Chunk &chunk) {
    units = stretch.rows_of_W(l, units);
    const Rule rule = stretch.rule.at(job, job.updates + chunk.start / job.batch_size + 1);
    const bool without_G = chunk.is_first() && chunk.is_last() && !rule.keeps_velocity;
    const float keep_G = chunk.is_first() ? 0 : 1;  // 1 to add to the gradient of the previous chunks
    const auto &[W, b] = parameters(l);
    const StridedView Delta = this->Delta(l, chunk).transposed().from(units.begin);
    const View X = this->X(l - 1, chunk).view().from(0, inputs.begin);
    auto gemm = [&](float alpha, float beta, const Matrix &matrix) {
        View C = matrix.view().from(units.begin, inputs.begin);
        multiply_nn(units.size(), chunk.rows, inputs.size(), alpha, Delta, X, beta, C);
    };
    if (without_G)
        gemm(-rule.eta, float(1 - job.eta * job.l2), W.W);
    else
        gemm(1, keep_G, W.G);
    if (!without_G && chunk.is_last()) W.step(rule, units, inputs);
    if (inputs.begin > 0) return;
    for (int64_t u = units.begin; u < units.end; u += LANES) {
        float *G = b.G.row(0) + u;
        store(G, keep_G * load(G) + sum_of_examples(l, u, units.end, {0, chunk.rows}, chunk));
    }
    if (chunk.is_last()) b.step(rule.without_penalties(), {0, 1}, units);
}

// The gradient of some units and inputs, for the slices of the minibatch that the chunk has, or has a part of
void Worker::add_slices(int64_t l, Range units, Range inputs, const Chunk &chunk) {
    const Range rows = stretch.rows_of_W(l, units);
    const std::vector<PartOfSlice> parts = parts_of(chunk, job);
    if (job.slice > ROWS)
        add_part(l, rows, inputs, parts[0], chunk);
    else
        for (int64_t row = rows.begin; row < rows.end; row += NN_ROWS)
            for (int64_t i = inputs.begin; i < inputs.end; i += BLOCK)
                add_block(l, {row, std::min<int64_t>(row + NN_ROWS, rows.end)}, {i, std::min(i + BLOCK, inputs.end)},
                          parts, chunk);
    if (inputs.begin > 0) return;
    for (int64_t u = rows.begin; u < rows.end; u += LANES)
        for (const PartOfSlice &part : parts) add_biases(l, {u, std::min<int64_t>(u + LANES, rows.end)}, part, chunk);
}

// G = rows of Delta^T X, or G += that
void Worker::gradient(int64_t l, Range rows, Range inputs, Range examples, bool adds, const Chunk &chunk, View G) {
    const StridedView Delta = this->Delta(l, chunk).from(examples.begin).transposed().from(rows.begin);
    const View X = this->X(l - 1, chunk).view().from(examples.begin, inputs.begin);
    multiply_nn(rows.size(), examples.size(), inputs.size(), 1, Delta, X, adds, G);
}

// A part of a long slice, whose gradient is complete with its last part
void Worker::add_part(int64_t l, Range rows, Range inputs, const PartOfSlice &part, const Chunk &chunk) {
    const View G = parameters(l).W.G.view();
    gradient(l, rows, inputs, part.rows, !part.is_first, chunk, G.from(rows.begin, inputs.begin));
    for (int64_t row = rows.begin; part.is_last && row < rows.end; row++)
        if (const int64_t i = stretch.numpy_row(l, row); i >= 0)
            push_sums(job, part.slice, stretch.start_of_sums(l) + i * layer(l).d + inputs.begin,
                      G.row(row) + inputs.begin, inputs.size());
}

// A block of the gradient for several short slices. Their sums stay in the L1 cache; what is left of them goes to the
// stack.
void Worker::add_block(int64_t l, Range rows, Range inputs, const std::vector<PartOfSlice> &parts, const Chunk &chunk) {
    int64_t below = job.depths[parts[0].slice], count = 0;  // sums on the stack, and here
    auto sums = [&](int64_t depth, int64_t row) {
        const int64_t start = stretch.start_of_sums(l) + inputs.begin;
        return job.sums + depth * job.stride + start + stretch.numpy_row(l, row) * layer(l).d;
    };
    auto block = [&](int64_t i, int64_t row) { return blocks.row(i * NN_ROWS + row - rows.begin); };
    auto for_each_row = [&](auto work) {
        for (int64_t row = rows.begin; row < rows.end; row++)
            if (stretch.numpy_row(l, row) >= 0) work(row);
    };
    const int64_t n = inputs.size();
    for (const PartOfSlice &part : parts) {
        gradient(l, rows, inputs, part.rows, false, chunk, {block(count++, rows.begin), blocks.stride()});
        for (int64_t i = 0; i < job.additions[part.slice]; i++) {
            if (count > 1)
                count--, for_each_row([&](int64_t row) { add(block(count - 1, row), block(count, row), n); });
            else
                below--, for_each_row([&](int64_t row) { add(block(0, row), sums(below, row), n); });
        }
    }
    for (int64_t i = 0; i < count; i++)
        for_each_row([&](int64_t row) { std::copy_n(block(i, row), n, sums(below + i, row)); });
}

void Worker::add_biases(int64_t l, Range rows, const PartOfSlice &part, const Chunk &chunk) {
    float *G = parameters(l).b.G.row(0);
    const Vector before = part.is_first ? Vector{} : load(G + rows.begin);
    store(G + rows.begin, before + sum_of_examples(l, rows.begin, rows.end, part.rows, chunk));
    for (int64_t row = rows.begin; part.is_last && row < rows.end; row++)
        if (const int64_t i = stretch.numpy_row(l, row); i >= 0)
            push_sums(job, part.slice, stretch.start_of_sums(l) + layer(l).m * layer(l).d + i, G + row, 1);
}

// The update of some units by the sum of the gradients of all slices
void Worker::update_by_sums(int64_t l, Range units, const Rule &rule) {
    const int64_t d = layer(l).d;
    const Range rows = stretch.rows_of_W(l, units);
    const float *G = job.sums + stretch.start_of_sums(l);
    const auto &[W, b] = parameters(l);
    for (int64_t row = rows.begin; row < rows.end; row++) {
        const int64_t i = stretch.numpy_row(l, row);
        if (i < 0) continue;
        std::copy_n(G + i * d, d, W.G.row(row));
        W.step(rule, {row, row + 1}, {0, d});
        b.G.row(0)[row] = G[layer(l).m * d + i];
    }
    b.step(rule.without_penalties(), {0, 1}, rows);
}

// The sum of Delta over some rows of a chunk, for LANES units of a layer
Vector Worker::sum_of_examples(int64_t l, int64_t unit, int64_t end, Range rows, const Chunk &chunk) {
    Vector sums = {};
    if (l < depth())
        for (int64_t r = rows.begin; r < rows.end; r++) sums += load(stretch.Delta[l].row(r) + unit);
    else
        for (int i = 0; i < LANES && unit + i < end; i++) {
            Vector partial = {};
            for (int64_t r = rows.begin; r < rows.end; r += LANES) partial += load(top_Delta(chunk).row(unit + i) + r);
            sums[i] = sum(partial);
        }
    return sums;
}

}  // namespace

EXPORTED int hw5_train(const Job *job) { return call<Stretch>(*job, &Worker::train); }
EXPORTED int hw5_predict(const Job *job) { return call<Stretch>(*job, &Worker::predict); }
