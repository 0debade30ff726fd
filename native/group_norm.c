// GroupNorm: each group of channels of each sequence to mean 0 and variance 1, then a scale and an offset per channel.
#include "moments.h"

struct group_norm_forward_args {
    const float *x;
    const float *gamma;
    const float *beta;
    float *y;
    float *mean;
    float *rstd;
    double eps;
    int64_t n, c, l, groups;
};

KERNEL(group_norm_forward) {
    int64_t cg = a->c / a->groups;
    struct range r = share(a->n * a->groups, part, parts, 1);
    for (int64_t item = r.from; item < r.to; item++) {
        const float *x = a->x + item * cg * a->l;
        float *y = a->y + item * cg * a->l;
        struct moments m = moments_of(x, cg * a->l);
        double rstd = 1 / sqrt(m.variance + a->eps);
        if (a->mean) a->mean[item] = (float)(m.center + m.shift);
        if (a->rstd) a->rstd[item] = (float)rstd;
        for (int64_t c = 0; c < cg; c++) {
            int64_t channel = item % a->groups * cg + c;
            float scale = (float)(rstd * a->gamma[channel]), offset = (float)(a->beta[channel] - m.shift * rstd * a->gamma[channel]);
            const float *restrict from = x + c * a->l;
            float *restrict to = y + c * a->l;
            for (int64_t t = 0; t < a->l; t++) to[t] = (from[t] - m.center) * scale + offset;
        }
    }
}

struct group_norm_backward_args {
    const float *x;
    const float *dy;
    const float *gamma;
    const float *mean;
    const float *rstd;
    float *dx;
    float *dgamma;
    float *dbeta;
    float *sums; // (n, c, 2): of dy and of dy * normalised x
    int64_t n, c, l, groups;
};

static void channel_sums(const float *x, const float *dy, int64_t l, float mean, float rstd, float *sums) {
    double sum_dy = 0, sum_dyx = 0;
    for (int64_t from = 0; from < l; from += CHUNK) {
        int64_t t = from, to = MIN(l, from + CHUNK);
        vf dys[2] = {{0}, {0}}, products[2] = {{0}, {0}};
        float rest = 0, rest_products = 0;
        for (; t + 2 * VL <= to; t += 2 * VL)
            UNROLL for (int v = 0; v < 2; v++) {
                vf d = vload(dy + t + v * VL);
                dys[v] += d;
                products[v] += d * (vload(x + t + v * VL) - mean);
            }
        for (; t < to; t++) {
            rest += dy[t];
            rest_products += dy[t] * (x[t] - mean);
        }
        sum_dy += vsum(dys[0] + dys[1]) + rest;
        sum_dyx += vsum(products[0] + products[1]) + rest_products;
    }
    sums[0] = (float)sum_dy;
    sums[1] = (float)(sum_dyx * rstd);
}

// dx = rstd * (gamma dy - mean(gamma dy) - xhat mean(gamma dy xhat)), means over the group.
static void group_gradient(const struct group_norm_backward_args *a, int64_t item) {
    int64_t cg = a->c / a->groups, first = item % a->groups * cg;
    float mean = a->mean[item], rstd = a->rstd[item];
    const float *sums = a->sums + item * cg * 2;
    double m1 = 0, m2 = 0, count = (double)(cg * a->l);
    for (int64_t c = 0; c < cg; c++) {
        m1 += (double)a->gamma[first + c] * sums[2 * c];
        m2 += (double)a->gamma[first + c] * sums[2 * c + 1];
    }
    float offset = (float)(-rstd * m1 / count), slope = (float)(-(double)rstd * rstd * m2 / count);
    for (int64_t c = 0; c < cg; c++) {
        const float *restrict x = a->x + (item * cg + c) * a->l, *restrict dy = a->dy + (item * cg + c) * a->l;
        float *restrict dx = a->dx + (item * cg + c) * a->l;
        float scale = rstd * a->gamma[first + c];
        for (int64_t t = 0; t < a->l; t++) dx[t] = scale * dy[t] + (slope * (x[t] - mean) + offset);
    }
}

KERNEL(group_norm_backward) {
    int64_t cg = a->c / a->groups;
    struct range r = share(a->n * a->groups, part, parts, 1);
    for (int64_t item = r.from; item < r.to; item++) {
        for (int64_t c = item * cg; c < (item + 1) * cg; c++)
            channel_sums(a->x + c * a->l, a->dy + c * a->l, a->l, a->mean[item], a->rstd[item], a->sums + 2 * c);
        if (a->dx) group_gradient(a, item);
    }
    if (!a->dgamma && !a->dbeta) return;
    imu2clip_barrier(parts);
    struct range channels = share(a->c, part, parts, 16);
    for (int64_t c = channels.from; c < channels.to; c++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t n = 0; n < a->n; n++) {
            dbeta += a->sums[(n * a->c + c) * 2];
            dgamma += a->sums[(n * a->c + c) * 2 + 1];
        }
        if (a->dgamma) a->dgamma[c] = (float)dgamma;
        if (a->dbeta) a->dbeta[c] = (float)dbeta;
    }
}
