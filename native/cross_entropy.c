// Cross-entropy of logits against class numbers, without storing the softmax.
#include "rows.h"

static inline int64_t label_at(const void *label, int64_t i, int64_t bytes) {
    return bytes == 4 ? ((const int32_t *)label)[i] : ((const int64_t *)label)[i];
}

struct cross_entropy_forward_args {
    const float *x;
    const void *label;
    const float *class_weight;
    float *loss, *max, *log_sum, *weight;
    int64_t rows, columns, label_bytes, ignored;
};

KERNEL(cross_entropy_forward) {
    int64_t n = a->columns;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict x = a->x + row * n;
        int64_t label = label_at(a->label, row, a->label_bytes);
        float max = row_max(x, n);
        double sum = 0;
        SUM_OF_TERMS(sum, i, n, fast_exp(x[i] - max))
        double log_sum = log(sum);
        a->max[row] = max;
        a->log_sum[row] = (float)log_sum;
        int counts = label != a->ignored;
        float weight = !counts ? 0.0f : a->class_weight ? a->class_weight[label] : 1.0f;
        a->weight[row] = weight;
        a->loss[row] = counts ? weight * (float)(log_sum + ((double)max - x[label])) : 0.0f;
    }
}

struct cross_entropy_reduce_args {
    const float *loss, *weight;
    float *y, *scale;
    int64_t mean, rows;
};

KERNEL(cross_entropy_reduce) {
    ALONE;
    double sum = 0, total = 0;
    for (int64_t i = 0; i < a->rows; i++) {
        sum += a->loss[i];
        total += a->weight[i];
    }
    a->scale[0] = a->mean ? (float)(1 / total) : 1.0f;
    a->y[0] = (float)(a->mean ? sum / total : sum);
}

struct cross_entropy_backward_args {
    const float *x;
    const void *label;
    const float *max, *log_sum, *weight, *scale, *dy;
    float *dx;
    int64_t dy_step, rows, columns, label_bytes, ignored;
};

KERNEL(cross_entropy_backward) {
    int64_t n = a->columns;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict x = a->x + row * n;
        float *restrict dx = a->dx + row * n;
        int64_t label = label_at(a->label, row, a->label_bytes);
        if (label == a->ignored) {
            memset(dx, 0, (size_t)n * sizeof(float));
            continue;
        }
        float g = a->dy[row * a->dy_step] * a->weight[row] * (a->scale ? a->scale[0] : 1.0f);
        float max = a->max[row], log_sum = a->log_sum[row];
        for (int64_t i = 0; i < n; i++) dx[i] = g * fast_exp((x[i] - max) - log_sum);
        dx[label] -= g;
    }
}
