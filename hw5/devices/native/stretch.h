// A stretch of an epoch, divided into chunks of examples and slices of layers, and its memory.
#pragma once
#include <algorithm>
#include <array>
#include <vector>

#include "job.h"
#include "products.h"
#include "rule.h"
#include "team.h"

constexpr int64_t ROWS = 128;            // maximum number of examples per chunk: X^(0) of two chunks fits in the cache
constexpr int64_t ROWS_TO_FETCH = 8;     // per task; small tasks, for threads that would wait otherwise
constexpr int64_t ROWS_OF_Z = LINE;      // per task
constexpr int64_t BLOCK = NN_VECTORS * LANES;  // columns of a block of the gradient of short slices
constexpr int64_t NARROW = 32;           // maximum number of units of a top layer without phases of its own
constexpr int64_t LINES_OF_UNITS = 2;    // per slice, or 1 if there would be fewer than MIN_SLICES
constexpr int64_t LINES_OF_INPUTS = 12;  // per slice of the features
constexpr int64_t MIN_SLICES = 4, MAX_SLICES = 16;

// Triple buffering of X and Z: chunk c goes backward while chunk c + 1 goes forward and chunk c + 2 is fetched.
constexpr int BUFFERS = 3;

// Some rows of a minibatch of k examples
struct Chunk {
    int64_t start = 0;   // in the order
    int64_t offset = 0;  // in the minibatch
    int64_t rows = 0, k = 0;
    int buffer = 0;

    bool is_first() const { return offset == 0; }
    bool is_last() const { return offset + rows == k; }
};

// The chunk after this one; without rows if there is none
inline Chunk next_chunk(const Chunk &chunk, const Job &job) {
    int64_t start = chunk.start + chunk.rows, offset = start % job.batch_size;
    int64_t k = std::min(job.batch_size, job.examples - (start - offset));
    int64_t chunks = (k + ROWS - 1) / ROWS, rows = chunks > 0 ? (k + chunks - 1) / chunks : 0;
    return {start, offset, std::min(rows, k - offset), k, (chunk.buffer + 1) % BUFFERS};
}

// The chunk after this one in this process's share of a minibatch, which ends at `end` in the order: whole slices of
// the minibatch, or a part of one that is longer than a chunk
inline Chunk next_in_share(const Chunk &chunk, const Job &job, int64_t end) {
    const int64_t start = chunk.start + chunk.rows, offset = start % job.batch_size;
    const int64_t begin = offset - offset % job.slice;  // of the slice
    const int64_t n = std::min(job.slice, job.batch_size - begin), chunks = (n + ROWS - 1) / ROWS;
    const int64_t rows = job.slice <= ROWS ? ROWS / job.slice * job.slice : (n + chunks - 1) / chunks;
    const int64_t most = job.slice <= ROWS ? end - start : begin + n - offset;
    return {start, offset, start < end ? std::min(rows, most) : 0, job.batch_size, (chunk.buffer + 1) % BUFFERS};
}

// The rows of a chunk that belong to one slice of the minibatch, which has the number `slice` in this process's share
struct PartOfSlice {
    Range rows;
    int64_t slice;
    bool is_first, is_last;  // of the slice, which a chunk may have a part of
};

inline std::vector<PartOfSlice> parts_of(const Chunk &chunk, const Job &job) {
    std::vector<PartOfSlice> parts;
    for (int64_t row = 0; row < chunk.rows; row = parts.back().rows.end) {
        const int64_t slice = (chunk.offset + row) / job.slice, begin = slice * job.slice - chunk.offset;
        const int64_t end = std::min(begin + job.slice, job.batch_size - chunk.offset);
        const Range rows{row, std::min(end, chunk.rows)};
        parts.push_back({rows, slice - job.share_begin / job.slice, begin == row, end <= chunk.rows});
    }
    return parts;
}

// Slices of n units or inputs, of whole cache lines, so that no two threads write to the same one
inline std::vector<Range> slices_of(int64_t n, int64_t count) {
    int64_t lines = padded(n) / LINE;
    std::vector<Range> slices;
    for (int64_t s = 0; s < count; s++)
        slices.push_back({lines * s / count * LINE, std::min(lines * (s + 1) / count * LINE, n)});
    return slices;
}

inline std::vector<Range> slices_of_units(int64_t m) {
    int64_t lines = padded(m) / LINE;
    return slices_of(m, std::clamp(lines / LINES_OF_UNITS, std::min(lines, MIN_SLICES), MAX_SLICES));
}

inline std::vector<Range> slices_of_inputs(int64_t d) {
    return slices_of(d, std::clamp<int64_t>(padded(d) / LINE / LINES_OF_INPUTS, 1, MAX_SLICES));
}

// The data that the threads share
struct Stretch {
    struct Parameters {
        Trainable W, b;
    };

    const Job &job;
    const Rule rule;
    const int64_t rows;                          // of the largest chunk
    const bool is_narrow;                        // the top layer
    std::vector<Parameters> layers;              // layers[l - 1] of layer l
    std::vector<std::vector<Range>> slices;      // slices[l] of the units of layer l; slices[0] of the features
    std::array<std::vector<Matrix>, BUFFERS> X;  // X[buffer][l] (rows, d) for l < L
    std::array<std::vector<Matrix>, BUFFERS> largest;  // largest[buffer][l] (rows, units): the largest piece of maxout
    std::array<std::vector<Matrix>, BUFFERS> Z;  // Z[buffer][slice] (m, rows): terms of a sum; one unless it is narrow
    std::vector<Matrix> Delta;                   // Delta[l] (rows, m) for 0 < l < L
    int64_t threads;                             // at most the number of slices
    Team team;
    std::vector<Tasks> by_slice;  // of each layer; those of the first one include fetching
    Tasks by_rows;                // of Z
    std::vector<std::pair<int64_t, Range>> updates;  // layers and slices of their units, if minibatches have slices
    Tasks by_update;
    std::atomic<bool> failed{false};  // the exchange of sums

    explicit Stretch(const Job &job)
        : job(job), rule(Rule::of(job)), rows(std::min({ROWS, job.batch_size, job.examples})),
          is_narrow(job.layers[job.depth - 1].m <= NARROW), Delta(job.depth) {
        const int64_t L = job.depth;
        for (auto &buffer : largest) buffer.emplace_back();
        const bool keeps_gradient = rule.keeps_velocity || job.batch_size > ROWS || job.slice;
        slices.push_back(slices_of_inputs(job.layers[0].d));
        for (int64_t l = 1; l <= L; l++) {
            auto [d, m, pieces, W, b, V, Vb, S, Sb] = job.layers[l - 1];
            const int64_t of_W = pieces == 1 ? m : pieces * padded(m / pieces);
            layers.push_back({{of_W, d, rule, keeps_gradient}, {1, of_W, rule, true}});
            slices.push_back(slices_of_units(m / pieces));
            for (auto &buffer : X) buffer.emplace_back(rows, d);
            if (l < L) Delta[l] = Matrix(rows, of_W);
            for (auto &buffer : largest) buffer.push_back(pieces == 1 ? Matrix() : Matrix(rows, m / pieces));
        }
        for (auto &buffer : Z)
            for (size_t slice = 0; slice < (is_narrow ? slices[L - 1].size() : 1); slice++)
                buffer.emplace_back(job.layers[L - 1].m, rows);
        create_tasks();
    }

    // The layers with phases; 0, the features, in a linear model with a narrow top layer
    int64_t last() const { return is_narrow ? job.depth - 1 : job.depth; }
    int64_t first() const { return std::min<int64_t>(1, last()); }

    // The rows of W of some units of layer l. Within a slice, those of maxout are stored piece by piece, so that a
    // register has the same piece of adjacent units; each piece takes whole cache lines.
    Range rows_of_W(int64_t l, Range units) const {
        const int64_t pieces = job.layers[l - 1].pieces;
        if (pieces == 1) return units;
        return {units.begin * pieces, (units.begin + padded(units.size())) * pieces};
    }

    // The row of W with row i of NumPy's W
    int64_t row_of_W(int64_t l, int64_t i) const {
        const int64_t pieces = job.layers[l - 1].pieces, unit = i / pieces;
        if (pieces == 1) return i;
        const Range slice = *std::find_if(slices[l].begin(), slices[l].end(), [&](Range s) { return unit < s.end; });
        return slice.begin * pieces + i % pieces * padded(slice.size()) + unit - slice.begin;
    }

    // The row of NumPy's W that is a row of W, or -1 for padding
    int64_t numpy_row(int64_t l, int64_t row) const {
        const int64_t pieces = job.layers[l - 1].pieces;
        if (pieces == 1) return row;
        const Range slice = *std::find_if(slices[l].begin(), slices[l].end(),
                                          [&](Range s) { return row < rows_of_W(l, s).end; });
        const int64_t i = row - slice.begin * pieces, unit = i % padded(slice.size());
        return unit < slice.size() ? (slice.begin + unit) * pieces + i / padded(slice.size()) : -1;
    }

    // Where W of layer l begins in a sum of gradients; b is after it.
    int64_t start_of_sums(int64_t l) const {
        int64_t start = 0;
        for (int64_t i = 0; i < l - 1; i++) start += (job.layers[i].d + 1) * job.layers[i].m;
        return start;
    }

    // copy(our array, NumPy's array, number of elements) for all parameters, velocities and squares
    template <class Copy>
    void for_each_array(Copy copy) const {
        for (int64_t l = 1; l <= job.depth; l++) {
            auto [d, m, pieces, W, b, V, Vb, S, Sb] = job.layers[l - 1];
            const Parameters &own = layers[l - 1];
            const bool has_b = l < job.depth || !job.Z;
            for (int64_t i = 0; i < m; i++) {
                const int64_t row = row_of_W(l, i);
                copy(own.W.W.row(row), W + i * d, d);
                if (has_b) copy(own.b.W.row(0) + row, b + i, 1);
                if (rule.keeps_velocity) copy(own.W.V.row(row), V + i * d, d), copy(own.b.V.row(0) + row, Vb + i, 1);
                if (rule.adam) copy(own.W.S.row(row), S + i * d, d), copy(own.b.S.row(0) + row, Sb + i, 1);
            }
        }
    }

  private:
    void create_tasks() {
        auto tasks_of = [this](int64_t rows_of_task) { return (rows + rows_of_task - 1) / rows_of_task; };
        size_t most = 0;
        for (int64_t l = first(); l <= last(); l++) most = std::max(most, slices[l].size());
        threads = std::min(job.threads, int64_t(most));
        for (int64_t l = 0; l <= last(); l++)
            by_slice.emplace_back(slices[l].size() + (l == first() ? tasks_of(ROWS_TO_FETCH) : 0), threads);
        by_rows = Tasks(tasks_of(ROWS_OF_Z), threads);
        for (int64_t l = 1; l <= job.depth && job.slice; l++)
            for (const Range &slice : slices[l]) updates.emplace_back(l, slice);
        by_update = Tasks(int64_t(updates.size()), threads);
    }
};
