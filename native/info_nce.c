// InfoNCE in tiles: logits of some rows against some columns live in scratch, and only their log-sum-exp leaves it.
#include "gemm.h"
#include "sums.h"

#define ROWS 64
#define COLUMNS 512

struct info_nce_forward_args {
    const float *q;        // (batch, rows, dim)
    const float *keys;     // (batch, columns, dim), or one matrix for the whole batch
    const float *positive; // (batch, rows, dim), or NULL: then column r is the positive of row r
    const float *scale;    // one value: 1 / temperature
    float *lse;            // (batch, rows): log of the sum of exp over all logits of a row
    float *target;         // (batch, rows): the positive's logit
    int64_t batch, rows, columns, dim, key_stride;
};

// tile = q keys^T, rows x columns with a row stride of COLUMNS.
static void logits(const float *q, int64_t rows, const float *keys, int64_t columns, int64_t dim, float scale, float *tile) {
    struct gemm g = {.m = rows, .n = columns, .k = dim, .a = q, .a_row = dim, .a_col = 1, .b = keys, .b_row = 1, .b_col = dim,
                     .c = tile, .c_row = COLUMNS};
    gemm(&g);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) tile[i * COLUMNS + j] *= scale;
}

KERNEL(info_nce_forward) {
    float *tile = imu2clip_scratch(2, ROWS * COLUMNS * sizeof(float));
    float *highest = imu2clip_scratch(3, 2 * ROWS * sizeof(float)), *sum = highest + ROWS;
    float scale = *a->scale;
    // Rows of all batches in one line, cut among the parts, so that both (1, N) and (N, 1) keep every thread busy.
    struct range mine = share(a->batch * a->rows, part, parts, 4);
    for (int64_t at = mine.from; at < mine.to;) {
        int64_t b = at / a->rows, r = at % a->rows, n = MIN(MIN(ROWS, a->rows - r), mine.to - at);
        const float *q = a->q + at * a->dim, *keys = a->keys + b * a->key_stride;
        for (int64_t i = 0; i < n; i++) {
            highest[i] = -INFINITY;
            sum[i] = 0;
            if (!a->positive) continue;
            highest[i] = a->target[at + i] = scale * (float)dot_of(q + i * a->dim, a->positive + (at + i) * a->dim, a->dim);
            sum[i] = 1;
        }
        for (int64_t c0 = 0; c0 < a->columns; c0 += COLUMNS) {
            int64_t width = MIN(COLUMNS, a->columns - c0);
            logits(q, n, keys + c0 * a->dim, width, a->dim, scale, tile);
            for (int64_t i = 0; i < n; i++) {
                const float *row = tile + i * COLUMNS;
                float top = highest[i], part_sum = 0;
                for (int64_t j = 0; j < width; j++) top = MAX(top, row[j]); // a NaN may be dropped: its term below is NaN
#pragma omp simd reduction(+ : part_sum)
                for (int64_t j = 0; j < width; j++) part_sum += fast_exp(row[j] - top);
                sum[i] = sum[i] * fast_exp(highest[i] - top) + part_sum;
                highest[i] = top;
                if (!a->positive && r + i >= c0 && r + i < c0 + width) a->target[at + i] = row[r + i - c0];
            }
        }
        for (int64_t i = 0; i < n; i++) a->lse[at + i] = highest[i] + logf(sum[i]);
        at += n;
    }
}

struct info_nce_backward_args {
    const float *q, *keys, *positive, *scale;
    const float *lse_rows;    // (batch, rows), or NULL: rows have no loss of their own
    const float *lse_columns; // (batch, columns), or NULL
    const float *target;      // (batch, rows): the positive's logit, with `positive`
    const float *g;           // gradient of each row's loss, or one value
    float *dq;                // (batch, rows, dim)
    float *dpositive;         // (batch, rows, dim), or NULL
    float *dscale;            // (batch, rows): each row's share of the scale's gradient, or NULL
    double weight;            // on every g
    int64_t batch, rows, columns, dim, key_stride, g_each, diagonal;
};

KERNEL(info_nce_backward) {
    float *tile = imu2clip_scratch(2, ROWS * COLUMNS * sizeof(float));
    float scale = *a->scale, weight = (float)a->weight;
    struct range mine = share(a->batch * a->rows, part, parts, 4);
    for (int64_t at = mine.from; at < mine.to;) {
        int64_t b = at / a->rows, r = at % a->rows, n = MIN(MIN(ROWS, a->rows - r), mine.to - at);
        const float *q = a->q + at * a->dim, *keys = a->keys + b * a->key_stride;
        float *dq = a->dq + at * a->dim;
        memset(dq, 0, (size_t)(n * a->dim) * sizeof(float));
        if (a->dscale) memset(a->dscale + at, 0, (size_t)n * sizeof(float));
        for (int64_t c0 = 0; c0 < a->columns; c0 += COLUMNS) {
            int64_t width = MIN(COLUMNS, a->columns - c0);
            logits(q, n, keys + c0 * a->dim, width, a->dim, scale, tile);
            for (int64_t i = 0; i < n; i++) {
                // From logits l to their gradient G, times the scale: what multiplies the keys.
                float *row = tile + i * COLUMNS;
                float own = a->lse_rows ? weight * a->g[a->g_each ? at + i : 0] : 0, lse = a->lse_rows ? a->lse_rows[at + i] : 0;
                float moment = 0;
                const float *lse_columns = a->lse_columns ? a->lse_columns + b * a->columns + c0 : NULL;
                const float *g_columns = a->g + (a->g_each ? b * a->columns + c0 : 0);
                int64_t g_step = a->g_each ? 1 : 0, positive = a->diagonal && r + i >= c0 && r + i < c0 + width ? r + i - c0 : -1;
                float positive_logit = positive >= 0 ? row[positive] : 0;
                float both = own + (lse_columns && positive >= 0 ? weight * g_columns[positive * g_step] : 0);
                if (a->lse_rows && lse_columns) {
#pragma omp simd reduction(+ : moment)
                    for (int64_t j = 0; j < width; j++) {
                        float gradient = own * fast_exp(row[j] - lse);
                        gradient += weight * g_columns[j * g_step] * fast_exp(row[j] - lse_columns[j]);
                        moment += gradient * row[j];
                        row[j] = gradient;
                    }
                } else if (a->lse_rows) {
#pragma omp simd reduction(+ : moment)
                    for (int64_t j = 0; j < width; j++) {
                        float gradient = own * fast_exp(row[j] - lse);
                        moment += gradient * row[j];
                        row[j] = gradient;
                    }
                } else {
#pragma omp simd reduction(+ : moment)
                    for (int64_t j = 0; j < width; j++) {
                        float gradient = weight * g_columns[j * g_step] * fast_exp(row[j] - lse_columns[j]);
                        moment += gradient * row[j];
                        row[j] = gradient;
                    }
                }
                if (positive >= 0) {
                    moment -= both * positive_logit;
                    row[positive] -= both;
                }
                if (a->dscale) a->dscale[at + i] += moment / scale;
            }
            struct gemm g = {.m = n, .n = a->dim, .k = width, .a = tile, .a_row = COLUMNS, .a_col = 1, .b = keys + c0 * a->dim,
                             .b_row = a->dim, .b_col = 1, .c = dq, .c_row = a->dim, .accumulate = 1};
            gemm(&g);
        }
        for (int64_t i = 0; i < n; i++) {
            float *to = dq + i * a->dim;
            float gradient = 0;
            if (a->positive) {
                gradient = weight * a->g[a->g_each ? at + i : 0] * (fast_exp(a->target[at + i] - a->lse_rows[at + i]) - 1.0f);
                if (a->dscale) a->dscale[at + i] += gradient * a->target[at + i] / scale;
                const float *positive = a->positive + (at + i) * a->dim;
                for (int64_t d = 0; d < a->dim; d++) to[d] += gradient * positive[d];
                if (a->dpositive)
                    for (int64_t d = 0; d < a->dim; d++) a->dpositive[(at + i) * a->dim + d] = scale * gradient * q[i * a->dim + d];
            }
            for (int64_t d = 0; d < a->dim; d++) to[d] *= scale;
        }
        at += n;
    }
}

// loss = lse - target (+ the same of the other direction), for each sample, or their sum times `weight`.
struct info_nce_loss_args {
    const float *lse, *target, *lse_columns, *target_columns;
    float *loss;
    double weight;
    int64_t n, each;
};

KERNEL(info_nce_loss) {
    ALONE;
    double sum = 0;
    for (int64_t i = 0; i < a->n; i++) {
        float loss = a->lse[i] - a->target[i];
        if (a->lse_columns) loss += a->lse_columns[i] - a->target_columns[i];
        if (a->each) a->loss[i] = loss;
        sum += loss;
    }
    if (!a->each) a->loss[0] = (float)(sum * a->weight);
}
