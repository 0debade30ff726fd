// Sums of many float32 numbers: vector lanes inside blocks, double across, so that the error hardly grows with the length. For an
// instruction set the order of the terms depends on their number alone.
#pragma once

#include "imu2clip.h"
#include "vec.h"

#define CHUNK 4096

// The body of sum_of and dot_of: `vector` and `number` are the terms at t, a vector of them and one.
#define SUM_IN_LANES(n, vector, number)                                     \
    double sum = 0;                                                         \
    for (int64_t from = 0; from < n; from += CHUNK) {                       \
        int64_t t = from, to = MIN(n, from + CHUNK);                        \
        vf a = {0}, b = {0}, c = {0}, d = {0};                              \
        float rest = 0;                                                     \
        while (t + 4 * VL <= to) {                                          \
            a += vector, t += VL;                                           \
            b += vector, t += VL;                                           \
            c += vector, t += VL;                                           \
            d += vector, t += VL;                                           \
        }                                                                   \
        for (; t + VL <= to; t += VL) a += vector;                          \
        for (; t < to; t++) rest += number;                                 \
        sum += vsum((a + b) + (c + d)) + rest;                              \
    }                                                                       \
    return sum

ALWAYS_INLINE double sum_of(const float *x, int64_t n) { SUM_IN_LANES(n, vload(x + t), x[t]); }

// Sum of x[i] * w[i].
ALWAYS_INLINE double dot_of(const float *x, const float *w, int64_t n) { SUM_IN_LANES(n, vload(x + t) * vload(w + t), x[t] * w[t]); }

// The same for terms that are more than a product: sum += term(i) for i in [0, n).
#define SUM_OF_TERMS(sum, i, n, term)                                    \
    for (int64_t block_ = 0; block_ < (n); block_ += CHUNK) {            \
        int64_t end_ = MIN(block_ + CHUNK, (n));                         \
        float lanes_ = 0;                                                \
        _Pragma("omp simd reduction(+ : lanes_)")                        \
        for (int64_t i = block_; i < end_; i++) lanes_ += (term);        \
        (sum) += (double)lanes_;                                         \
    }
