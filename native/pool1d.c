// Pooling over time, row by row. Rows are (sequence, channel) pairs; a backward pass writes each row of dx whole while it is in cache.
#include "imu2clip.h"
#include "vec.h"

struct max_pool1d_forward_args {
    const float *x;
    float *y;
    int32_t *index;
    int64_t rows, l, lout, kernel, stride, padding, dilation;
};

// The larger of two, the first of equals; a NaN wins.
#define TAKE(best, at, value, position)           \
    do {                                          \
        float v_ = value;                         \
        int take_ = v_ > best || v_ != v_;        \
        best = take_ ? v_ : best;                 \
        at = take_ ? (int32_t)(position) : at;    \
    } while (0)

// Windows that lie side by side inside the row; constants for `kernel` make this vector code.
ALWAYS_INLINE void max_side_by_side(const float *restrict x, float *restrict y, int32_t *restrict index, int64_t lout, int kernel) {
    if (index)
        for (int32_t u = 0; u < (int32_t)lout; u++) {
            float best = x[kernel * u];
            int32_t at = kernel * u;
            UNROLL for (int k = 1; k < kernel; k++) TAKE(best, at, x[kernel * u + k], kernel * u + k);
            y[u] = best;
            index[u] = at;
        }
    else
        for (int32_t u = 0; u < (int32_t)lout; u++) {
            float best = x[kernel * u];
            UNROLL for (int k = 1; k < kernel; k++) {
                float v = x[kernel * u + k];
                best = (v > best) | (v != v) ? v : best;
            }
            y[u] = best;
        }
}

static void max_row(const struct max_pool1d_forward_args *a, const float *x, float *y, int32_t *index) {
    for (int64_t u = 0; u < a->lout; u++) {
        float best = -INFINITY;
        int32_t at = -1;
        for (int64_t k = 0; k < a->kernel; k++) {
            int64_t i = u * a->stride + k * a->dilation - a->padding;
            if (i < 0 || i >= a->l) continue;
            if (at < 0) at = (int32_t)i;
            TAKE(best, at, x[i], i);
        }
        y[u] = best;
        if (index) index[u] = at;
    }
}

KERNEL(max_pool1d_forward) {
    int side_by_side = a->padding == 0 && a->dilation == 1 && a->kernel == a->stride;
    struct range r = share(a->rows, part, parts, 1);
    for (int64_t row = r.from; row < r.to; row++) {
        const float *x = a->x + row * a->l;
        float *y = a->y + row * a->lout;
        int32_t *index = a->index ? a->index + row * a->lout : NULL;
        if (side_by_side && a->kernel == 3) max_side_by_side(x, y, index, a->lout, 3);
        else if (side_by_side && a->kernel == 2) max_side_by_side(x, y, index, a->lout, 2);
        else max_row(a, x, y, index);
    }
}

struct max_pool1d_backward_args {
    const float *dy;
    const int32_t *index;
    float *dx;
    int64_t rows, l, lout, kernel, stride, padding, dilation;
};

ALWAYS_INLINE void spread_side_by_side(const float *restrict dy, const int32_t *restrict index, float *restrict dx, int64_t lout,
                                       int kernel) {
    for (int32_t u = 0; u < (int32_t)lout; u++)
        UNROLL for (int k = 0; k < kernel; k++) dx[kernel * u + k] = index[u] == kernel * u + k ? dy[u] : 0;
}

KERNEL(max_pool1d_backward) {
    int side_by_side = a->padding == 0 && a->dilation == 1 && a->kernel == a->stride;
    struct range r = share(a->rows, part, parts, 1);
    for (int64_t row = r.from; row < r.to; row++) {
        const float *dy = a->dy + row * a->lout;
        const int32_t *index = a->index + row * a->lout;
        float *dx = a->dx + row * a->l;
        if (side_by_side && a->kernel <= 3) {
            if (a->kernel == 3) spread_side_by_side(dy, index, dx, a->lout, 3);
            else if (a->kernel == 2) spread_side_by_side(dy, index, dx, a->lout, 2);
            else spread_side_by_side(dy, index, dx, a->lout, 1);
            for (int64_t i = a->lout * a->kernel; i < a->l; i++) dx[i] = 0;
        } else {
            memset(dx, 0, sizeof(float) * (size_t)a->l);
            for (int64_t u = 0; u < a->lout; u++) if (index[u] >= 0) dx[index[u]] += dy[u];
        }
    }
}

// ---- means of windows ----

struct avg_pool1d_forward_args {
    const float *x;
    float *y;
    int64_t rows, l, lout, kernel, stride, padding, count_padding;
};

KERNEL(avg_pool1d_forward) {
    struct range r = share(a->rows, part, parts, 1);
    for (int64_t row = r.from; row < r.to; row++)
        for (int64_t u = 0; u < a->lout; u++) {
            int64_t start = u * a->stride - a->padding, from = MAX(0, start), to = MIN(a->l, start + a->kernel);
            const float *x = a->x + row * a->l;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = from; i < to; i++) sum += x[i];
            a->y[row * a->lout + u] = sum / (float)(a->count_padding ? a->kernel : to - from);
        }
}

struct avg_pool1d_backward_args {
    const float *dy;
    float *dx;
    int64_t rows, l, lout, kernel, stride, padding, count_padding;
};

KERNEL(avg_pool1d_backward) {
    struct range r = share(a->rows, part, parts, 1);
    for (int64_t row = r.from; row < r.to; row++) {
        float *dx = a->dx + row * a->l;
        memset(dx, 0, sizeof(float) * (size_t)a->l);
        for (int64_t u = 0; u < a->lout; u++) {
            int64_t start = u * a->stride - a->padding, from = MAX(0, start), to = MIN(a->l, start + a->kernel);
            float each = a->dy[row * a->lout + u] / (float)(a->count_padding ? a->kernel : to - from);
            for (int64_t i = from; i < to; i++) dx[i] += each;
        }
    }
}

struct adaptive_avg_pool1d_forward_args {
    const float *x;
    float *y;
    int64_t rows, l, lout;
};

KERNEL(adaptive_avg_pool1d_forward) {
    struct range r = share(a->rows, part, parts, 1);
    for (int64_t row = r.from; row < r.to; row++)
        for (int64_t u = 0; u < a->lout; u++) {
            int64_t from = u * a->l / a->lout, to = ((u + 1) * a->l + a->lout - 1) / a->lout;
            const float *x = a->x + row * a->l;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = from; i < to; i++) sum += x[i];
            a->y[row * a->lout + u] = sum / (float)(to - from);
        }
}

struct adaptive_avg_pool1d_backward_args {
    const float *dy;
    float *dx;
    int64_t rows, l, lout;
};

KERNEL(adaptive_avg_pool1d_backward) {
    struct range r = share(a->rows, part, parts, 1);
    for (int64_t row = r.from; row < r.to; row++) {
        float *dx = a->dx + row * a->l;
        memset(dx, 0, sizeof(float) * (size_t)a->l);
        for (int64_t u = 0; u < a->lout; u++) {
            int64_t from = u * a->l / a->lout, to = ((u + 1) * a->l + a->lout - 1) / a->lout;
            float each = a->dy[row * a->lout + u] / (float)(to - from);
            for (int64_t i = from; i < to; i++) dx[i] += each;
        }
    }
}
