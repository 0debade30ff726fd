// Softmax over rows: three passes over a row that stays in cache.
#include "rows.h"

struct softmax_forward_args {
    const float *x;
    float *y;
    int64_t rows, columns;
};

KERNEL(softmax_forward) {
    int64_t n = a->columns;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict x = a->x + row * n;
        float *restrict y = a->y + row * n;
        float max = row_max(x, n);
        double sum = 0;
        SUM_OF_TERMS(sum, i, n, y[i] = fast_exp(x[i] - max))
        float inverse = (float)(1 / sum);
        for (int64_t i = 0; i < n; i++) y[i] *= inverse;
    }
}

struct log_softmax_forward_args {
    const float *x;
    float *y;
    int64_t rows, columns;
};

KERNEL(log_softmax_forward) {
    int64_t n = a->columns;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict x = a->x + row * n;
        float *restrict y = a->y + row * n;
        float max = row_max(x, n);
        double sum = 0;
        SUM_OF_TERMS(sum, i, n, fast_exp(x[i] - max))
        // Two subtractions: max + ln(sum) would lose the logarithm beside a large maximum.
        float log_sum = (float)log(sum);
        for (int64_t i = 0; i < n; i++) y[i] = (x[i] - max) - log_sum;
    }
}

struct softmax_backward_args {
    const float *y, *dy;
    float *dx;
    int64_t rows, columns;
};

KERNEL(softmax_backward) {
    int64_t n = a->columns;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict y = a->y + row * n, *restrict dy = a->dy + row * n;
        float *restrict dx = a->dx + row * n;
        float dot = (float)dot_of(y, dy, n);
        for (int64_t i = 0; i < n; i++) dx[i] = y[i] * (dy[i] - dot);
    }
}

struct log_softmax_backward_args {
    const float *y, *dy;
    float *dx;
    int64_t rows, columns;
};

KERNEL(log_softmax_backward) {
    int64_t n = a->columns;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict y = a->y + row * n, *restrict dy = a->dy + row * n;
        float *restrict dx = a->dx + row * n;
        float sum = (float)sum_of(dy, n);
        for (int64_t i = 0; i < n; i++) dx[i] = dy[i] - fast_exp(y[i]) * sum;
    }
}
