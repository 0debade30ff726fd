// C = op(A) op(B) (+ bias), for each matrix of a batch. op transposes where the flag is set; a batch stride of 0 repeats one matrix.
#include "gemm.h"

struct matmul_args {
    const float *a, *b, *bias;
    float *c;
    int64_t batch, m, n, k;
    int64_t a_transposed, b_transposed;
    int64_t a_stride, b_stride;
};

KERNEL(matmul) {
    struct gemm g = {.m = a->m, .n = a->n, .k = a->k, .bias = a->bias, .c_row = a->n};
    g.a_row = a->a_transposed ? 1 : a->k;
    g.a_col = a->a_transposed ? a->m : 1;
    g.b_row = a->b_transposed ? 1 : a->n;
    g.b_col = a->b_transposed ? a->k : 1;
    // Whole matrices a thread where there are enough of them, else parts of each.
    int whole = a->batch >= 2 * parts;
    struct range r = whole ? share(a->batch, part, parts, 1) : (struct range){0, a->batch};
    for (int64_t i = r.from; i < r.to; i++) {
        g.a = a->a + i * a->a_stride;
        g.b = a->b + i * a->b_stride;
        g.c = a->c + i * a->m * a->n;
        struct gemm mine;
        if (gemm_share(&g, whole ? 0 : part, whole ? 1 : parts, &mine)) gemm(&mine);
    }
}
