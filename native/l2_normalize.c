// Rows scaled to length 1.
#include "rows.h"

struct l2_normalize_forward_args {
    const float *x;
    float *y, *norm;
    double eps;
    int64_t rows, columns;
};

KERNEL(l2_normalize_forward) {
    int64_t n = a->columns;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict x = a->x + row * n;
        float *restrict y = a->y + row * n;
        double sum = 0;
        ROW_SUM(sum, i, n, x[i] * x[i])
        double norm = sqrt(sum);
        a->norm[row] = (float)norm;
        float inverse = (float)(1 / MAX(norm, a->eps));
        for (int64_t i = 0; i < n; i++) y[i] = x[i] * inverse;
    }
}

struct l2_normalize_backward_args {
    const float *y, *norm, *dy;
    float *dx;
    double eps;
    int64_t rows, columns;
};

KERNEL(l2_normalize_backward) {
    int64_t n = a->columns;
    float eps = (float)a->eps;
    struct range mine = share_rows(a->rows, n, part, parts);
    for (int64_t row = mine.from; row < mine.to; row++) {
        const float *restrict y = a->y + row * n, *restrict dy = a->dy + row * n;
        float *restrict dx = a->dx + row * n;
        float norm = a->norm[row], inverse = 1 / MAX(norm, eps);
        double sum = 0;
        if (norm >= eps) ROW_SUM(sum, i, n, y[i] * dy[i])
        float dot = (float)sum;
        for (int64_t i = 0; i < n; i++) dx[i] = (dy[i] - y[i] * dot) * inverse;
    }
}
