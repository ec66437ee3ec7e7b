// CUDA's float functions for vectors, with the same names.
#pragma once
#include <cmath>

#include "vectors.h"

// Constant expressions are floats, which are broadcast.
INLINE Vector vector(Vector a) { return a; }
INLINE Vector vector(float a) { return broadcast(a); }

INLINE Vector expf(Vector x) { return exponential(x); }
INLINE Vector expm1f(Vector x) { return exponential_minus_one(x); }
INLINE Vector fabsf(Vector x) { return x < 0 ? -x : x; }

// e / (e + 2) with e = exp(2x) - 1; for x > 10 the result rounds to 1
INLINE Vector tanhf(Vector x) {
    x = x > 10 ? broadcast(10) : x;
    Vector e = exponential_minus_one(2 * x);
    return e / (e + 2);
}

// The others loop over the lanes
#define LANE_BY_LANE(NAME)                                     \
    INLINE Vector NAME(Vector x) {                             \
        for (int i = 0; i < LANES; i++) x[i] = NAME(float(x[i])); \
        return x;                                              \
    }
LANE_BY_LANE(logf)
LANE_BY_LANE(log1pf)
LANE_BY_LANE(sqrtf)
#undef LANE_BY_LANE
