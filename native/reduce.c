// Sums and maxima over the middle of (outer, n, inner).
#include "sums.h"

// Columns that one thread takes at a time: their accumulators stay in the first-level cache.
#define BLOCK 128

struct sum_args {
    const float *x, *w;
    float *y;
    double scale;
    int64_t outer, n, inner, run;
};

static void sum_columns(const float *restrict x, const float *restrict w, float *restrict y, float scale, int64_t rows, int64_t stride,
                        int64_t columns) {
    float sum[BLOCK] = {0};
    int64_t r = 0;
    if (w) {
        for (; r < rows; r++)
            for (int64_t j = 0; j < columns; j++) sum[j] += x[r * stride + j] * w[r * stride + j];
    } else {
        for (; r + 4 <= rows; r += 4) {
            const float *x0 = x + r * stride, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
            for (int64_t j = 0; j < columns; j++) sum[j] += (x0[j] + x1[j]) + (x2[j] + x3[j]);
        }
        for (; r < rows; r++)
            for (int64_t j = 0; j < columns; j++) sum[j] += x[r * stride + j];
    }
    for (int64_t j = 0; j < columns; j++) y[j] = scale * sum[j];
}

KERNEL(sum) {
    int64_t n = a->n, inner = a->inner, runs = MAX(1, (n + a->run - 1) / a->run);
    float scale = (float)a->scale;
    if (n == 1) {
        if (a->w) {
            ELEMENTS(i, a->outer * inner) a->y[i] = scale * a->x[i] * a->w[i];
        } else {
            ELEMENTS(i, a->outer * inner) a->y[i] = scale * a->x[i];
        }
    } else if (inner == 1) {
        struct range mine = share(a->outer * runs, part, parts, MIN(n, a->run) >= 512 ? 1 : 16);
        for (int64_t k = mine.from; k < mine.to; k++) {
            int64_t first = k % runs * a->run, at = k / runs * n + first, count = MIN(a->run, n - first);
            a->y[k] = scale * (float)(a->w ? dot_of(a->x + at, a->w + at, count) : sum_of(a->x + at, count));
        }
    } else {
        int64_t blocks = (inner + BLOCK - 1) / BLOCK;
        struct range mine = share(a->outer * runs * blocks, part, parts, 1);
        for (int64_t k = mine.from; k < mine.to; k++) {
            int64_t column = k % blocks * BLOCK, row = k / blocks, first = row % runs * a->run;
            int64_t at = (row / runs * n + first) * inner + column;
            sum_columns(a->x + at, a->w ? a->w + at : NULL, a->y + row * inner + column, scale, MIN(a->run, n - first), inner,
                        MIN(BLOCK, inner - column));
        }
    }
}

struct sum_backward_args {
    const float *dy;
    float *dx;
    double scale;
    int64_t outer, n, inner;
};

KERNEL(sum_backward) {
    int64_t inner = a->inner, n = a->n;
    float scale = (float)a->scale;
    if (inner == 1) {
        // Elements, not rows, are shared out: the sum of everything is a single row.
        struct range mine = share(a->outer * n, part, parts, 1024);
        for (int64_t at = mine.from; at < mine.to;) {
            int64_t o = at / n, end = MIN((o + 1) * n, mine.to);
            float value = scale * a->dy[o];
            for (; at < end; at++) a->dx[at] = value;
        }
    } else {
        struct range mine = share(a->outer * n, part, parts, 1);
        for (int64_t row = mine.from; row < mine.to; row++) {
            const float *restrict dy = a->dy + row / n * inner;
            float *restrict dx = a->dx + row * inner;
            for (int64_t i = 0; i < inner; i++) dx[i] = scale * dy[i];
        }
    }
}

struct max_forward_args {
    const float *x;
    float *y;
    int32_t *index;
    int64_t outer, n, inner;
};

// The value in a vectorised pass, then the first place that holds it. NaN is larger than everything.
static int64_t first_max(const float *x, int64_t n) {
    float max = -INFINITY;
    int nans = 0;
#pragma omp simd reduction(max : max) reduction(| : nans)
    for (int64_t i = 0; i < n; i++) {
        max = x[i] > max ? x[i] : max;
        nans |= x[i] != x[i];
    }
    int64_t i = 0;
    if (nans) {
        while (x[i] == x[i]) i++;
    } else {
        while (x[i] != max) i++;
    }
    return i;
}

static void max_columns(const float *restrict x, float *restrict y, int32_t *restrict index, int64_t n, int64_t stride, int64_t columns) {
    float max[BLOCK];
    int32_t best[BLOCK] = {0};
    memcpy(max, x, (size_t)columns * sizeof(float));
    for (int64_t r = 1; r < n; r++) {
        const float *row = x + r * stride;
        for (int64_t j = 0; j < columns; j++) {
            int larger = (row[j] > max[j]) | ((row[j] != row[j]) & (max[j] == max[j]));
            max[j] = larger ? row[j] : max[j];
            best[j] = larger ? (int32_t)r : best[j];
        }
    }
    memcpy(y, max, (size_t)columns * sizeof(float));
    if (index) memcpy(index, best, (size_t)columns * sizeof(int32_t));
}

KERNEL(max_forward) {
    int64_t n = a->n, inner = a->inner;
    if (inner == 1) {
        struct range mine = share(a->outer, part, parts, n >= 512 ? 1 : 16);
        for (int64_t o = mine.from; o < mine.to; o++) {
            int64_t best = first_max(a->x + o * n, n);
            a->y[o] = a->x[o * n + best];
            if (a->index) a->index[o] = (int32_t)best;
        }
    } else {
        int64_t blocks = (inner + BLOCK - 1) / BLOCK;
        struct range mine = share(a->outer * blocks, part, parts, 1);
        for (int64_t k = mine.from; k < mine.to; k++) {
            int64_t column = k % blocks * BLOCK, o = k / blocks, to = o * inner + column;
            max_columns(a->x + o * n * inner + column, a->y + to, a->index ? a->index + to : NULL, n, inner, MIN(BLOCK, inner - column));
        }
    }
}

struct max_backward_args {
    const float *dy;
    const int32_t *index;
    float *dx;
    int64_t outer, n, inner;
};

KERNEL(max_backward) {
    int64_t n = a->n, inner = a->inner;
    if (inner == 1) {
        struct range mine = share(a->outer, part, parts, MAX(1, 256 / n));
        memset(a->dx + mine.from * n, 0, (size_t)((mine.to - mine.from) * n) * sizeof(float));
        for (int64_t o = mine.from; o < mine.to; o++) a->dx[o * n + a->index[o]] = a->dy[o];
        return;
    }
    struct range mine = share(a->outer * n, part, parts, MAX(1, 256 / MAX(1, inner)));
    for (int64_t row = mine.from; row < mine.to; row++) {
        int64_t o = row / n;
        int32_t r = (int32_t)(row % n);
        const float *restrict dy = a->dy + o * inner;
        const int32_t *restrict index = a->index + o * inner;
        float *restrict dx = a->dx + row * inner;
        for (int64_t i = 0; i < inner; i++) dx[i] = index[i] == r ? dy[i] : 0.0f;
    }
}
