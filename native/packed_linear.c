// Linear layers whose weights lie in the panels that gemm.h multiplies by, so that nothing is packed when they run, and whose activation or
// residual is part of the product.
#include "gelu.h"
#include "gemm.h"

// Columns of a panel that fit this instruction set.
__attribute__((visibility("default"))) const int64_t IMU2CLIP_JOIN(panel_width, ISA) = NR;

struct pack_panels_args {
    const float *weight;
    float *panels;
    int64_t n, k, width;
};

KERNEL(pack_panels) {
    int64_t width = a->width;
    struct range r = share(a->n, part, parts, width);
    for (int64_t j = r.from; j < r.to; j += width) {
        const float *from = a->weight + j * a->k;
        float *to = a->panels + j * a->k;
        int64_t columns = MIN(width, a->n - j);
        for (int64_t p0 = 0; p0 < a->k; p0 += 16) {
            int64_t p1 = MIN(p0 + 16, a->k);
            for (int64_t c = 0; c < width; c++)
                for (int64_t p = p0; p < p1; p++) to[p * width + c] = c < columns ? from[c * a->k + p] : 0.0f;
        }
    }
}

enum { NOTHING, GELU, QUICK_GELU };

static void gelu_row(float *row, int64_t n) {
    for (int64_t i = 0; i < n; i++) row[i] = gelu(row[i]);
}

static void quick_gelu_row(float *row, int64_t n) {
    for (int64_t i = 0; i < n; i++) row[i] = quick_gelu(row[i]);
}

struct packed_linear_args {
    const float *x, *panels, *bias, *add;
    float *y;
    int64_t rows, n, k, width, activation;
};

KERNEL(packed_linear) {
    struct gemm g = {.m = a->rows, .n = a->n, .k = a->k, .a = a->x, .a_row = a->k, .a_col = 1, .c = a->y, .c_row = a->n, .bias = a->bias};
    g.accumulate = a->add == a->y;
    g.add = g.accumulate ? NULL : a->add;
    g.finish = a->activation == GELU ? gelu_row : a->activation == QUICK_GELU ? quick_gelu_row : NULL;
    if (a->width != NR) {
        // Another instruction set's panels: each of them is a matrix of its own.
        struct range r = share(a->n, part, parts, a->width);
        for (int64_t j = r.from; j < r.to; j += a->width) {
            struct gemm panel = g;
            panel.n = MIN(a->width, a->n - j);
            panel.b = a->panels + j * a->k;
            panel.b_row = a->width;
            panel.b_col = 1;
            panel.c += j;
            if (panel.add) panel.add += j;
            if (panel.bias) panel.bias += j;
            gemm(&panel);
        }
        return;
    }
    // Columns go to whoever is free: cores are rarely equally fast, and equal halves would wait for the slower one.
    int64_t panels = (a->n + NR - 1) / NR;
    struct range r = {0, 0};
    while (imu2clip_take(panels, parts, &r)) {
        struct gemm mine = g;
        mine.panels = a->panels;
        gemm_columns(&mine, r.from * NR, MIN(r.to * NR, a->n));
        gemm(&mine);
    }
}
