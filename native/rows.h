// Sums over a row of contiguous numbers: vector lanes inside blocks, double across, so that the error hardly grows with the length.
// Every function goes over the row once; a row of some ten thousand columns stays in the second-level cache between passes.
#pragma once
#include "imu2clip.h"

#define ROW_BLOCK 4096

// Threads take single rows where these are long, and share no cache line where they are short.
static inline struct range share_rows(int64_t rows, int64_t columns, int64_t part, int64_t parts) {
    return share(rows, part, parts, MAX(1, 256 / MAX(1, columns)));
}

static inline float row_max(const float *x, int64_t n) {
    float max = -INFINITY;
#pragma omp simd reduction(max : max)
    for (int64_t i = 0; i < n; i++) max = x[i] > max ? x[i] : max;
    return max;
}

// sum += term(i) for i in [0, n).
#define ROW_SUM(sum, i, n, term)                                         \
    for (int64_t block_ = 0; block_ < (n); block_ += ROW_BLOCK) {        \
        int64_t end_ = MIN(block_ + ROW_BLOCK, (n));                     \
        float lanes_ = 0;                                                \
        _Pragma("omp simd reduction(+ : lanes_)")                        \
        for (int64_t i = block_; i < end_; i++) lanes_ += (term);        \
        (sum) += (double)lanes_;                                         \
    }
