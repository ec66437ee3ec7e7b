// Training by slices of the minibatches (hw5/devices/slices.py): what step.cpp and images.cpp have in common.
#pragma once
#include <algorithm>

#include "job.h"

static void add(float *to, const float *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

// Push n adjacent numbers of a slice's gradient, from `at` in all of it, onto the stack of sums. G is overwritten.
static void push_sums(const Job &job, int64_t slice, int64_t at, float *G, int64_t n) {
    float *top = job.sums + job.depths[slice] * job.stride + at;
    for (int64_t i = 0; i < job.additions[slice]; i++) {
        top -= job.stride;
        add(G, top, n);
    }
    std::copy_n(G, n, top);
}
