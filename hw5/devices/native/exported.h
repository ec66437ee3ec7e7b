// What the step of dense layers and the step of images export: a call by Python, and the names of what they know.
#pragma once
#include <algorithm>
#include <exception>
#include <vector>

#include "activations.h"
#include "losses.h"
#include "team.h"

// Returns 1, with nothing changed, if memory or threads cannot be allocated, or if the exchange of sums failed, else 0.
template <class Stretch, class Worker>
int call(const Job &job, void (Worker::*work)()) {
    if (job.examples == 0) return 0;
    try {
        Stretch stretch(job);
        stretch.for_each_array([](float *own, const float *array, int64_t n) { std::copy_n(array, n, own); });
        std::vector<Worker> workers;
        for (int64_t t = 0; t < stretch.threads; t++) workers.emplace_back(stretch, t);
        on_threads(stretch.threads, [&](int64_t t) { (workers[t].*work)(); });
        if (!job.Z)
            stretch.for_each_array([](const float *own, float *array, int64_t n) { std::copy_n(own, n, array); });
        return stretch.failed;
    } catch (const std::exception &) {
        return 1;
    }
}

#define EXPORTED extern "C" __attribute__((visibility("default")))

// The names of activations and losses, in numerical order
EXPORTED const char *const hw5_activations = ACTIVATION_NAMES;
EXPORTED const char *const hw5_losses = LOSS_NAMES;
