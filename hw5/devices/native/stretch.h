// A stretch of an epoch as it is cut into chunks of examples and slices of layers, and the memory for it.
#pragma once
#include <algorithm>
#include <array>
#include <vector>

#include "job.h"
#include "products.h"
#include "rule.h"
#include "team.h"

constexpr int64_t ROWS = 128;            // most examples in a chunk: X^(0) of two chunks is to stay in the cache
constexpr int64_t ROWS_TO_FETCH = 8;     // a task; small ones, for threads that would have to wait
constexpr int64_t ROWS_OF_Z = LINE;      // a task
constexpr int64_t NARROW = 32;           // most units of a top layer that goes along with the layer below
constexpr int64_t LINES_OF_UNITS = 2;    // a slice, or 1 where a layer would have fewer than FEW_SLICES
constexpr int64_t LINES_OF_INPUTS = 12;  // a slice of the features
constexpr int64_t FEW_SLICES = 4, MOST_SLICES = 16;

// Some rows of a minibatch of k examples. X and Z are kept by turns: as chunk c is learned from, chunk c + 1 goes
// forward, and chunk c + 2 is fetched.
constexpr int TURNS = 3;

struct Chunk {
    int64_t start = 0;   // in the order
    int64_t offset = 0;  // in the minibatch
    int64_t rows = 0, k = 0;
    int turn = 0;

    bool is_first() const { return offset == 0; }
    bool is_last() const { return offset + rows == k; }
};

// Without rows where there are no more.
inline Chunk after(const Chunk &chunk, const Job &job) {
    int64_t start = chunk.start + chunk.rows, offset = start % job.batch_size;
    int64_t k = std::min(job.batch_size, job.examples - (start - offset));
    int64_t chunks = (k + ROWS - 1) / ROWS, rows = chunks > 0 ? (k + chunks - 1) / chunks : 0;
    return {start, offset, std::min(rows, k - offset), k, (chunk.turn + 1) % TURNS};
}

// Parts of n units or inputs, in whole lines of the cache, so that two threads never write to one
inline std::vector<Range> cut(int64_t n, int64_t count) {
    int64_t lines = padded(n) / LINE;
    std::vector<Range> slices;
    for (int64_t s = 0; s < count; s++)
        slices.push_back({lines * s / count * LINE, std::min(lines * (s + 1) / count * LINE, n)});
    return slices;
}

inline std::vector<Range> slices_of_units(int64_t m) {
    int64_t lines = padded(m) / LINE;
    return cut(m, std::clamp(lines / LINES_OF_UNITS, std::min(lines, FEW_SLICES), MOST_SLICES));
}

inline std::vector<Range> slices_of_inputs(int64_t d) {
    return cut(d, std::clamp<int64_t>(padded(d) / LINE / LINES_OF_INPUTS, 1, MOST_SLICES));
}

// What the threads have in common
struct Stretch {
    struct Parameters {
        Trained W, b;
    };

    const Job &job;
    const Rule rule;
    const int64_t rows;                        // of the largest chunk
    const bool is_narrow;                      // the top layer
    std::vector<Parameters> layers;            // layer l at l - 1
    std::vector<std::vector<Range>> slices;    // of the units of layer l; at 0, of the features
    std::array<std::vector<Matrix>, TURNS> X;  // X[turn][l] (rows, d) for l < L
    std::array<std::vector<Matrix>, TURNS> largest;  // largest[turn][l] (rows, units) of maxout: the number of the piece
    std::array<std::vector<Matrix>, TURNS> Z;  // Z[turn][slice] (m, rows), to be added up; one if it is not narrow
    std::vector<Matrix> Delta;                 // Delta[l] (rows, m) for 0 < l < L
    int64_t threads;                           // no more than there are slices
    Team team;
    std::vector<Tasks> by_slice;  // of each layer; fetching belongs to those of the first one
    Tasks by_rows;                // of Z

    explicit Stretch(const Job &job)
        : job(job), rule(Rule::of(job)), rows(std::min({ROWS, job.batch_size, job.examples})),
          is_narrow(job.layers[job.depth - 1].m <= NARROW), Delta(job.depth) {
        const int64_t L = job.depth;
        for (auto &of_turn : largest) of_turn.emplace_back();
        const bool keeps_gradient = rule.keeps_velocity || job.batch_size > ROWS;
        slices.push_back(slices_of_inputs(job.layers[0].d));
        for (int64_t l = 1; l <= L; l++) {
            auto [d, m, pieces, W, b, V, Vb] = job.layers[l - 1];
            const int64_t of_W = pieces == 1 ? m : pieces * padded(m / pieces);
            layers.push_back({{of_W, d, rule.keeps_velocity, keeps_gradient}, {1, of_W, rule.keeps_velocity, true}});
            slices.push_back(slices_of_units(m / pieces));
            for (auto &of_turn : X) of_turn.emplace_back(rows, d);
            if (l < L) Delta[l] = Matrix(rows, of_W);
            for (auto &of_turn : largest) of_turn.push_back(pieces == 1 ? Matrix() : Matrix(rows, m / pieces));
        }
        for (auto &of_turn : Z)
            for (size_t part = 0; part < (is_narrow ? slices[L - 1].size() : 1); part++)
                of_turn.emplace_back(job.layers[L - 1].m, rows);
        deal_out();
    }

    // The layers that have phases. Of a linear model whose top layer is narrow, it is what lies below: the features.
    int64_t last() const { return is_narrow ? job.depth - 1 : job.depth; }
    int64_t first() const { return std::min<int64_t>(1, last()); }

    // The rows of W that belong to some units of layer l. Those of maxout lie piece by piece within a slice of units, so
    // that a register holds the same piece of neighbouring units; a piece takes whole lines.
    Range rows_of_W(int64_t l, Range units) const {
        const int64_t pieces = job.layers[l - 1].pieces;
        if (pieces == 1) return units;
        return {units.begin * pieces, (units.begin + padded(units.size())) * pieces};
    }

    // Where row i of NumPy's W is
    int64_t row_of_W(int64_t l, int64_t i) const {
        const int64_t pieces = job.layers[l - 1].pieces, unit = i / pieces;
        if (pieces == 1) return i;
        const Range slice = *std::find_if(slices[l].begin(), slices[l].end(), [&](Range s) { return unit < s.end; });
        return slice.begin * pieces + i % pieces * padded(slice.size()) + unit - slice.begin;
    }

    // copy(numbers of ours, NumPy's, how many)
    template <class Copy>
    void each_array(Copy copy) const {
        for (int64_t l = 1; l <= job.depth; l++) {
            auto [d, m, pieces, W, b, V, Vb] = job.layers[l - 1];
            const Parameters &own = layers[l - 1];
            const bool has_b = l < job.depth || !job.Z;
            for (int64_t i = 0; i < m; i++) {
                const int64_t row = row_of_W(l, i);
                copy(own.W.W.row(row), W + i * d, d);
                if (has_b) copy(own.b.W.row(0) + row, b + i, 1);
                if (rule.keeps_velocity) copy(own.W.V.row(row), V + i * d, d), copy(own.b.V.row(0) + row, Vb + i, 1);
            }
        }
    }

  private:
    void deal_out() {
        auto tasks_of = [this](int64_t rows_of_task) { return (rows + rows_of_task - 1) / rows_of_task; };
        size_t most = 0;
        for (int64_t l = first(); l <= last(); l++) most = std::max(most, slices[l].size());
        threads = std::min(job.threads, int64_t(most));
        for (int64_t l = 0; l <= last(); l++)
            by_slice.emplace_back(slices[l].size() + (l == first() ? tasks_of(ROWS_TO_FETCH) : 0), threads);
        by_rows = Tasks(tasks_of(ROWS_OF_Z), threads);
    }
};
