// Training of networks with convolutions, pooling or dropout on a CPU: many steps of minibatch SGD in one call.
//
// Why it is fast:
//
// - LANES examples are side by side in the lanes of a vector (lanes.h): a pixel of LANES images is a register, a weight
//   a broadcast. So every product of a convolution keeps a block of the result in registers (convolution.h), for any
//   number of channels, and no patch is ever copied.
// - A thread takes such a group of examples from the features up to the loss and back down. All that it needs stays in
//   the cache of its core.
// - A convolution and the max pooling above it are one stage: what is not the largest pixel never leaves the L1 cache,
//   and the gradient of the weights is a sum over the largest pixels alone (sparse_gradient.h).
//
// A step has two phases: the parts of the minibatch, each some groups, and then the slices of the weights, which are
// updated with the gradients of all parts. A thread that would wait steals tasks (team.h). Parts and slices depend only
// on the minibatch and the network, and sums are made in their order, so the results are the same bits for any number
// of threads.
#include "convolution_stage.h"
#include "dense_stage.h"
#include "dropout.h"
#include "exported.h"
#include "sliced.h"
#include "team.h"

namespace {

// Rows of the weights of a layer, which a task updates
struct Slice {
    const Weights *weights;
    Range rows;
    int64_t start;  // of W of the layer in a sum of gradients; b is after it

    // f(place in the sum, numbers of G, how many of them) for the rows, and for the biases with the first ones
    template <class F>
    void for_each_row(F f) const {
        const Layer &layer = weights->layer;
        for (int64_t row = rows.begin; row < rows.end; row++)
            f(start + row * layer.d, weights->W.G.row(row), layer.d);
        if (rows.begin == 0) f(start + layer.m * layer.d, weights->b.G.row(0), layer.m);
    }
};

// The data that the threads share
struct Shared {
    const Job &job;
    const Rule rule;
    const int64_t most;  // examples in a minibatch, or in this process's share of one
    const int64_t parts;
    std::vector<std::unique_ptr<Weights>> weights;  // of each layer, or null
    std::vector<Slice> slices;
    int64_t threads;
    Team team;
    Tasks by_part, by_slice;
    std::atomic<bool> failed{false};  // the exchange of sums

    explicit Shared(const Job &job)
        : job(job), rule(Rule::of(job)),
          most(job.slice ? job.share_end - job.share_begin : std::min(job.batch_size, job.examples)),
          parts(job.slice ? slices_of_share() * parts_of(job.slice) : parts_of(most)) {
        for (int64_t l = 0; l < job.depth; l++) weights.push_back(weights_of(job.image_layers[l]));
        for (auto &of_layer : weights)
            if (of_layer) cut(*of_layer);
        threads = std::min(job.threads, std::max(parts, int64_t(job.Z ? 1 : slices.size())));
        by_part = Tasks(parts, threads);
        by_slice = Tasks(int64_t(slices.size()), threads);
    }

    // Of the share: of how many slices of the minibatch it consists, and the examples of one of them
    int64_t slices_of_share() const { return (most + job.slice - 1) / job.slice; }
    Span slice_of_share(int64_t slice) const {
        return {slice * job.slice, std::min(job.slice, most - slice * job.slice), slice * parts_of(job.slice)};
    }

    template <class Copy>
    void for_each_array(Copy copy) const {
        for (int64_t l = 0; l < job.depth; l++)
            if (weights[l]) weights[l]->for_each_array(rule, l + 1 < job.depth || !job.Z, copy);
    }

  private:
    int64_t end_of_sums = 0;  // of the layers that are cut

    std::unique_ptr<Weights> weights_of(const ImageLayer &layer) const {
        if (layer.kind == DENSE) return std::make_unique<DenseWeights>(layer.weights, rule, most);
        if (layer.kind == CONVOLUTION) return std::make_unique<ConvolutionWeights>(layer.weights, rule, parts);
        return nullptr;
    }

    void cut(const Weights &of_layer) {
        const int64_t start = end_of_sums;
        end_of_sums += (of_layer.layer.d + 1) * of_layer.layer.m;
        for (int64_t row = 0; row < of_layer.layer.m; row += of_layer.rows_per_task())
            slices.push_back({&of_layer, {row, std::min(row + of_layer.rows_per_task(), of_layer.layer.m)}, start});
    }
};

// Makes the stages of a network for one thread.
class Builder {
  public:
    explicit Builder(const Shared &shared) : shared(shared), job(shared.job), layers(job.image_layers) {}

    // From the features up
    std::vector<std::unique_ptr<Stage>> stages() const {
        const Window &image = layers[0].window;
        std::vector<std::unique_ptr<Stage>> stages;
        stages.push_back(std::make_unique<Input>(job, Shape{image.h, image.w, image.c}, margins_below(0)));
        for (int64_t l = 0; l < job.depth; l++) {
            const Stage *below = stages.back().get();
            stages.push_back(is_pooled(l) ? pooled(below, l) : stage(below, l));
            l += is_pooled(l);  // whose pooling is done
        }
        return stages;
    }

  private:
    using Made = std::unique_ptr<Stage>;
    const Shared &shared;
    const Job &job;
    const ImageLayer *layers;

    bool is_pooled(int64_t l) const {
        return layers[l].kind == CONVOLUTION && layers[l + 1].kind == MAX_POOL &&
               PooledConvolution::covers(layers[l].weights, layers[l + 1].window);
    }

    // Those that layer l needs around its images
    Margins margins_below(int64_t l) const {
        const int64_t padding = l < job.depth && layers[l].kind == CONVOLUTION ? layers[l].window.padding : 0;
        return {padding, padding, padding};
    }

    Theta theta(int64_t l) const { return {job.activation, float(job.alpha), layers[l].weights.pieces}; }

    template <class Kind>
    const Kind &weights(int64_t l) const {
        return static_cast<const Kind &>(*shared.weights[l]);
    }

    Made pooled(const Stage *below, int64_t l) const {
        return std::make_unique<PooledConvolution>(below, layers[l].window, layers[l + 1].window,
                                                   weights<ConvolutionWeights>(l), theta(l), margins_below(l + 2));
    }

    Made stage(const Stage *below, int64_t l) const {
        const Window &window = layers[l].window;
        const Margins margins = margins_below(l + 1);
        switch (layers[l].kind) {
        case CONVOLUTION:
            return std::make_unique<Convolution>(below, window, weights<ConvolutionWeights>(l), theta(l), margins);
        case MAX_POOL: return std::make_unique<MaxPooling>(below, window, margins);
        case MEAN_POOL: return std::make_unique<MeanPooling>(below, window, margins);
        case DROPOUT: return std::make_unique<Dropout>(below, layers[l], margins);
        }
        if (l + 1 == job.depth) return std::make_unique<Top>(below, weights<DenseWeights>(l), job);
        return std::make_unique<Dense>(below, weights<DenseWeights>(l), theta(l));
    }
};

// The work of one thread
class Worker {
  public:
    Worker(Shared &shared, int64_t thread)
        : shared(shared), job(shared.job), self{int(thread)}, stages(Builder(shared).stages()) {}

    void train() {
        for (int64_t start = 0, t = job.updates; start < job.examples && !shared.failed; start += job.batch_size, t++) {
            const Rule rule = shared.rule.at(job, t + 1);
            job.slice ? step_by_slices(start, t, rule) : step(start, t, rule);
        }
    }

    // Z^(L) of all examples, without its bias
    void predict() {
        for_each_part([&](int64_t part) {
            for_each_group(0, job.examples, job.updates, {0, job.examples, 0}, part,
                           [&](const Group &group) { forward(group); });
        });
    }

  private:
    Shared &shared;
    const Job &job;
    Team::Thread self;
    std::vector<std::unique_ptr<Stage>> stages;

    void forward(const Group &group) const {
        for (auto &stage : stages) stage->forward(group);
    }

    void step(int64_t start, int64_t t, const Rule &rule) {
        const int64_t k = std::min(job.batch_size, job.examples - start);
        for_each_part([&](int64_t part) { forward_and_backward(start, k, t, {0, k, 0}, part); });
        for_each_slice([&](const Slice &slice) { slice.weights->update(rule, slice.rows, k); });
    }

    // The gradients of the slices of the minibatch in this process's share; then their sum over all, and the update
    void step_by_slices(int64_t start, int64_t t, const Rule &rule) {
        const int64_t parts = parts_of(job.slice);
        for_each_part([&](int64_t part) {
            forward_and_backward(start + job.share_begin, job.batch_size, t, shared.slice_of_share(part / parts), part);
        });
        for_each_slice([&](const Slice &of_weights) {
            for (int64_t slice = 0; slice < shared.slices_of_share(); slice++) {
                of_weights.weights->gradient(of_weights.rows, shared.slice_of_share(slice));
                of_weights.for_each_row([&](int64_t at, float *G, int64_t n) { push_sums(job, slice, at, G, n); });
            }
        });
        shared.team.on_first_thread(self, [&] { if (job.exchange && job.exchange()) shared.failed = true; });
        if (shared.failed) return;
        for_each_slice([&](const Slice &slice) {
            slice.for_each_row([&](int64_t at, float *G, int64_t n) { std::copy_n(job.sums + at, n, G); });
            slice.weights->step(rule, slice.rows);
        });
    }

    template <class Work>
    void for_each_part(Work work) {
        shared.team.parallel_for(self, shared.by_part, work);
    }

    template <class Work>
    void for_each_slice(Work work) {
        shared.team.parallel_for(self, shared.by_slice, [&](int64_t task) { work(shared.slices[task]); });
    }

    void forward_and_backward(int64_t start, int64_t k, int64_t t, Span span, int64_t part) {
        for_each_group(start, k, t, span, part, [&](const Group &group) {
            forward(group);
            for (size_t i = stages.size(); i-- > 0;) stages[i]->backward(group);
        });
    }

    // work(group) in order for the groups in a part of a span of examples, which are offset from `start` in the order
    // and belong to a minibatch of k.
    template <class Work>
    void for_each_group(int64_t start, int64_t k, int64_t t, Span span, int64_t part, Work work) {
        const int64_t groups = groups_of(span.n), parts = parts_of(span.n), number = part - span.part;
        if (number >= parts) return;
        for (auto &weights : shared.weights)
            if (weights) weights->clear(part);
        for (int64_t g = groups * number / parts; g < groups * (number + 1) / parts; g++) {
            const int64_t offset = span.offset + g * LANES, place = offset + job.share_begin;
            const int64_t examples = std::min<int64_t>(LANES, span.n - g * LANES);
            work({job.order + start + offset, examples, place, k, offset, part, t, !job.Z});
        }
    }
};

}  // namespace

EXPORTED int hw5_train(const Job *job) { return call<Shared>(*job, &Worker::train); }
EXPORTED int hw5_predict(const Job *job) { return call<Shared>(*job, &Worker::predict); }
