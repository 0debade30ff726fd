// LayerNorm: each row to mean 0 and variance 1, then a scale and an offset per column.
#include "moments.h"

struct layer_norm_forward_args {
    const float *x;
    const float *gamma;
    const float *beta;
    float *y;
    float *mean;
    float *rstd;
    double eps;
    int64_t rows, d;
};

KERNEL(layer_norm_forward) {
    struct range r = share(a->rows, part, parts, 1);
    for (int64_t row = r.from; row < r.to; row++) {
        const float *restrict x = a->x + row * a->d;
        float *restrict y = a->y + row * a->d;
        struct moments m = moments_of(x, a->d);
        double rstd = 1 / sqrt(m.variance + a->eps);
        if (a->mean) a->mean[row] = (float)(m.center + m.shift);
        if (a->rstd) a->rstd[row] = (float)rstd;
        const float *restrict gamma = a->gamma, *restrict beta = a->beta;
        float scale = (float)rstd, offset = (float)(-m.shift * rstd), center = m.center;
        for (int64_t i = 0; i < a->d; i++) y[i] = ((x[i] - center) * scale + offset) * gamma[i] + beta[i];
    }
}

struct layer_norm_backward_args {
    const float *x;
    const float *dy;
    const float *gamma;
    const float *mean;
    const float *rstd;
    float *dx;
    float *dgamma;
    float *dbeta;
    float *sums; // (chunks, 2, d): of dy * normalised x and of dy, over the rows of a chunk
    int64_t rows, d, chunks;
};

// dx = rstd * (gamma dy - mean(gamma dy) - xhat mean(gamma dy xhat)), means over the row.
static void row_gradient(const float *restrict x, const float *restrict dy, const float *restrict gamma, float mean, float rstd,
                         float *restrict dx, int64_t d) {
    vf sum[2] = {{0}, {0}}, products[2] = {{0}, {0}};
    float rest = 0, rest_products = 0;
    int64_t i = 0;
    for (; i + 2 * VL <= d; i += 2 * VL)
        UNROLL for (int v = 0; v < 2; v++) {
            vf g = vload(dy + i + v * VL) * vload(gamma + i + v * VL);
            sum[v] += g;
            products[v] += g * (vload(x + i + v * VL) - mean);
        }
    for (; i < d; i++) {
        rest += dy[i] * gamma[i];
        rest_products += dy[i] * gamma[i] * (x[i] - mean);
    }
    float m1 = (vsum(sum[0] + sum[1]) + rest) / (float)d, m2 = (vsum(products[0] + products[1]) + rest_products) * rstd / (float)d;
    float slope = -rstd * rstd * m2, offset = -rstd * m1;
    for (i = 0; i < d; i++) dx[i] = rstd * (dy[i] * gamma[i]) + (slope * (x[i] - mean) + offset);
}

static void add_row(const float *restrict x, const float *restrict dy, float mean, float rstd, float *restrict dgamma,
                    float *restrict dbeta, int64_t d) {
    for (int64_t i = 0; i < d; i++) {
        dgamma[i] += dy[i] * ((x[i] - mean) * rstd);
        dbeta[i] += dy[i];
    }
}

// The chunks depend on the number of rows alone, so that no sum depends on how many threads there are.
KERNEL(layer_norm_backward) {
    int affine = a->dgamma || a->dbeta;
    struct range r = share(a->chunks, part, parts, 1);
    for (int64_t chunk = r.from; chunk < r.to; chunk++) {
        float *dgamma = a->sums + chunk * 2 * a->d, *dbeta = dgamma + a->d;
        if (affine) memset(dgamma, 0, sizeof(float) * 2 * (size_t)a->d);
        for (int64_t row = a->rows * chunk / a->chunks; row < a->rows * (chunk + 1) / a->chunks; row++) {
            const float *x = a->x + row * a->d, *dy = a->dy + row * a->d;
            if (a->dx) row_gradient(x, dy, a->gamma, a->mean[row], a->rstd[row], a->dx + row * a->d, a->d);
            if (affine) add_row(x, dy, a->mean[row], a->rstd[row], dgamma, dbeta, a->d);
        }
    }
    if (!affine) return;
    imu2clip_barrier(parts);
    struct range columns = share(a->d, part, parts, 16);
    for (int64_t i = columns.from; i < columns.to; i++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t chunk = 0; chunk < a->chunks; chunk++) {
            dgamma += a->sums[chunk * 2 * a->d + i];
            dbeta += a->sums[(chunk * 2 + 1) * a->d + i];
        }
        if (a->dgamma) a->dgamma[i] = (float)dgamma;
        if (a->dbeta) a->dbeta[i] = (float)dbeta;
    }
}
