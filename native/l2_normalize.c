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
        double norm = sqrt(dot_of(x, x, n));
        a->norm[row] = (float)norm;
        float inverse = (float)(1 / (norm < a->eps ? a->eps : norm)); // a NaN stays one
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
        float norm = a->norm[row], inverse = 1 / (norm < eps ? eps : norm);
        float dot = norm < eps ? 0 : (float)dot_of(y, dy, n);
        for (int64_t i = 0; i < n; i++) dx[i] = (dy[i] - y[i] * dot) * inverse;
    }
}
