// Mean and variance of float32 values, exact also where the mean is far larger than the spread, as gravity is in an accelerometer:
// two passes, sums of at most CHUNK terms in float32 lanes, and what rounding the mean to float32 lost is kept as `shift`.
#pragma once

#include "sums.h"

struct moments {
    float center;  // the mean, rounded
    double shift;  // mean - center
    double variance; // of the population: divided by n
};

ALWAYS_INLINE struct moments moments_of(const float *x, int64_t n) {
    if (n == 0) return (struct moments){0, 0, 0}; // not NaN: a sum over nothing of what it normalises must be 0
    float center = (float)(sum_of(x, n) / (double)n);
    double first = 0, second = 0;
    for (int64_t from = 0; from < n; from += CHUNK) {
        int64_t t = from, to = MIN(n, from + CHUNK);
        vf sum[2] = {{0}, {0}}, squares[2] = {{0}, {0}};
        float rest = 0, rest_squares = 0;
        for (; t + 2 * VL <= to; t += 2 * VL)
            UNROLL for (int v = 0; v < 2; v++) {
                vf d = vload(x + t + v * VL) - center;
                sum[v] += d;
                squares[v] += d * d;
            }
        for (; t < to; t++) {
            float d = x[t] - center;
            rest += d;
            rest_squares += d * d;
        }
        first += vsum(sum[0] + sum[1]) + rest;
        second += vsum(squares[0] + squares[1]) + rest_squares;
    }
    double shift = first / (double)n, variance = second / (double)n - shift * shift;
    return (struct moments){center, shift, variance > 0 ? variance : variance != variance ? variance : 0};
}
