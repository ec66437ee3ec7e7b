// Training on the whole minibatches of a job once more, in slices: all of them, and then without the first.
#pragma once
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "job.h"

extern "C" int hw5_train(const Job *job);

static void train_by_slices(Job job) {
    int64_t size = 0;
    for (int64_t l = 0; l < job.depth; l++) {
        const Layer &layer = job.layers ? job.layers[l] : job.image_layers[l].weights;
        size += (layer.d + 1) * layer.m;
    }
    std::vector<float> sums(3 * size);
    const std::vector<int64_t> additions{0, 1, 1}, depths{0, 1, 1};  // at most three slices
    job.examples -= job.examples % job.batch_size, job.slice = job.batch_size > 128 ? 144 : 16;
    job.additions = additions.data(), job.depths = depths.data(), job.sums = sums.data(), job.stride = size;
    job.exchange = [] { return 0; };
    for (int64_t first : {int64_t(0), job.slice}) {
        job.share_begin = first, job.share_end = std::min(first + 3 * job.slice, job.batch_size);
        if (hw5_train(&job) != 0) throw std::runtime_error("out of memory");
    }
}
