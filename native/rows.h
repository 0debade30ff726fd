// Ops on rows of contiguous numbers: how threads share rows, and a row's maximum. A row of some ten thousand columns stays in the
// second-level cache between passes.
#pragma once

#include "sums.h"

// Threads take single rows where these are long, and share no cache line where they are short.
static inline struct range share_rows(int64_t rows, int64_t columns, int64_t part, int64_t parts) {
    return share(rows, part, parts, MAX(1, 256 / MAX(1, columns)));
}

// NaN is skipped: what is computed from it afterwards, x[i] - max, is NaN all the same.
static inline float row_max(const float *x, int64_t n) {
    float max = -INFINITY;
#pragma omp simd reduction(max : max)
    for (int64_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}
