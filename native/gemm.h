// Matrix multiplication for one thread: C = A B (+ bias) (+ C), any strides. Packed panels and a register tile of MR x NR, after
// Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
//
// Every element of C is a sum over k in the same order, whatever m, n and the split among threads: rows do not depend on
// what they are batched with.
#pragma once

#include "imu2clip.h"
#include "vec.h"

// The tile fills the vector registers: 12 accumulators of 16, or 24 of 32, beside three vectors of B and one of A.
#if VREGS == 32
#define MR 8
#else
#define MR 4
#endif
#define NV 3
#define NR (NV * VL)
#define KC 768  // long sums, because every pass over C costs memory traffic: panels of B stream from the second-level cache
#define MC 96   // blocks of A of MC x KC stay there too
#define NC 1008 // a multiple of every NR

struct gemm {
    int64_t m, n, k;
    const float *a; // A(i, p) = a[i * a_row + p * a_col]
    int64_t a_row, a_col;
    const float *b; // B(p, j) = b[p * b_row + j * b_col]
    int64_t b_row, b_col;
    const float *panels; // or B as it is used here: n / NR panels of k x NR, the last one filled with zeros; b is not looked at then
    float *c; // C(i, j) = c[i * c_row + j]
    int64_t c_row;
    const float *bias; // added to every row, n values, or NULL
    int accumulate;    // add to what C holds
    const float *add;  // or add this matrix, in rows of c_row; NULL for none
    void (*finish)(float *row, int64_t n); // applied to every finished piece of a row, or NULL
};

// acc += A panel (k x MR) * B panel (k x NR). `a_step` floats lie between two k of A, `a_next` between two rows.
ALWAYS_INLINE void gemm_tile(int64_t k, const float *restrict a, int64_t a_step, int64_t a_next,
                                                            const float *restrict b, vf acc[MR][NV]) {
    for (int64_t p = 0; p < k; p++) {
        vf b0 = vload(b), b1 = vload(b + VL), b2 = vload(b + 2 * VL);
#pragma GCC unroll 8
        for (int i = 0; i < MR; i++) {
            vf ai = vsplat(a[i * a_next]);
            acc[i][0] += ai * b0;
            acc[i][1] += ai * b1;
            acc[i][2] += ai * b2;
        }
        a += a_step;
        b += NR;
    }
}

// Packs rows [i, i + MR) of A, columns [p, p + k): k x MR, rows beyond m as zeros.
static inline void gemm_pack_a(const struct gemm *g, int64_t i, int64_t p, int64_t k, float *restrict to) {
    int64_t rows = MIN(MR, g->m - i);
    const float *a = g->a + i * g->a_row + p * g->a_col;
    if (rows == MR && g->a_row == 1) {
        for (int64_t q = 0; q < k; q++) memcpy(to + q * MR, a + q * g->a_col, MR * sizeof(float));
        return;
    }
    for (int64_t q = 0; q < k; q++)
        for (int64_t r = 0; r < MR; r++) to[q * MR + r] = r < rows ? a[r * g->a_row + q * g->a_col] : 0.0f;
}

// Packs columns [j, j + NR) of a matrix B(p, j) = b[p * b_row + j * b_col], n columns in all, rows [p, p + k): k x NR, columns beyond n
// as zeros.
static inline void gemm_pack_b(const float *b, int64_t b_row, int64_t b_col, int64_t n, int64_t j, int64_t p, int64_t k,
                               float *restrict to) {
    int64_t columns = MIN(NR, n - j);
    b += p * b_row + j * b_col;
    if (b_col == 1) {
        for (int64_t q = 0; q < k; q++) {
            memcpy(to + q * NR, b + q * b_row, (size_t)columns * sizeof(float));
            for (int64_t c = columns; c < NR; c++) to[q * NR + c] = 0.0f;
        }
        return;
    }
    // Transposed: a few rows of the source at a time, so that both sides stay in the first-level cache.
    for (int64_t q0 = 0; q0 < k; q0 += 16) {
        int64_t q1 = MIN(q0 + 16, k);
        for (int64_t c = 0; c < columns; c++)
            for (int64_t q = q0; q < q1; q++) to[q * NR + c] = b[q * b_row + c * b_col];
        for (int64_t c = columns; c < NR; c++)
            for (int64_t q = q0; q < q1; q++) to[q * NR + c] = 0.0f;
    }
}

// C = acc (+ bias) (+ add, a matrix in rows of c_row, which may be C).
ALWAYS_INLINE void gemm_store(const vf acc[MR][NV], float *c, int64_t c_row, int64_t rows, int64_t columns, const float *bias,
                              const float *add) {
    float edge[MR * NR];
    int whole = rows == MR && columns == NR;
    float *to = whole ? c : edge;
    int64_t to_row = whole ? c_row : NR;
    if (!whole && add) {
        memset(edge, 0, sizeof(edge));
        for (int64_t i = 0; i < rows; i++) memcpy(edge + i * NR, add + i * c_row, (size_t)columns * sizeof(float));
        add = edge;
    }
    vf offset[NV];
    float padded[NR];
    if (bias && columns < NR) {
        memset(padded, 0, sizeof(padded));
        memcpy(padded, bias, (size_t)columns * sizeof(float));
        bias = padded;
    }
#pragma GCC unroll 8
    for (int v = 0; v < NV; v++) offset[v] = bias ? vload(bias + v * VL) : vsplat(0.0f);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
        for (int v = 0; v < NV; v++) {
            vf value = acc[i][v] + offset[v];
            if (add) value += vload(add + i * to_row + v * VL);
            vstore(to + i * to_row + v * VL, value);
        }
    if (!whole)
        for (int64_t i = 0; i < rows; i++) memcpy(c + i * c_row, edge + i * NR, (size_t)columns * sizeof(float));
}

// One block of A (rows i0 to i1) times one block of B (panels of columns j0 to j1), over k products from p0 on.
static inline void gemm_block(const struct gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1, int64_t p0, int64_t k,
                              const float *packed_a, const float *packed_b, int64_t panel) {
    // Rows of A that lie densely are read where they are.
    int direct = g->a_col == 1;
    for (int64_t j = j0; j < j1; j += NR, packed_b += panel) {
        const float *bias = g->bias && p0 == 0 ? g->bias + j : NULL;
        for (int64_t i = i0; i < i1; i += MR) {
            int64_t at = i * g->c_row + j, rows = MIN(MR, g->m - i), columns = MIN(NR, g->n - j);
            float *c = g->c + at;
            const float *add = p0 > 0 || g->accumulate ? c : g->add ? g->add + at : NULL;
            for (int64_t r = 0; r < rows; r++)
                for (int64_t line = 0; line < NR; line += 16) __builtin_prefetch(c + r * g->c_row + line, 1);
            vf acc[MR][NV] = {0};
            if (direct && rows == MR) gemm_tile(k, g->a + i * g->a_row + p0, 1, g->a_row, packed_b, acc);
            else gemm_tile(k, packed_a + (i - i0) * k, MR, 1, packed_b, acc);
            gemm_store(acc, c, g->c_row, rows, columns, bias, add);
            if (g->finish && p0 + k == g->k)
                for (int64_t r = 0; r < rows; r++) g->finish(c + r * g->c_row, columns);
        }
    }
}

static __attribute__((unused)) void gemm(const struct gemm *g) {
    float *packed_a = imu2clip_scratch(0, MC * KC * sizeof(float));
    int64_t widest = MIN(NC, (g->n + NR - 1) / NR * NR);
    float *packed_b = g->panels ? NULL : imu2clip_scratch(1, (size_t)(widest * MIN(KC, MAX(g->k, 1))) * sizeof(float));
    if (g->k == 0 && !g->accumulate)
        for (int64_t i = 0; i < g->m; i++)
            for (int64_t j = 0; j < g->n; j++) g->c[i * g->c_row + j] = g->bias ? g->bias[j] : 0.0f;
    for (int64_t j0 = 0; j0 < g->n; j0 += NC) {
        int64_t j1 = MIN(j0 + NC, g->n);
        for (int64_t p0 = 0; p0 < g->k; p0 += KC) {
            int64_t k = MIN(KC, g->k - p0);
            if (!g->panels)
                for (int64_t j = j0; j < j1; j += NR) gemm_pack_b(g->b, g->b_row, g->b_col, g->n, j, p0, k, packed_b + (j - j0) * k);
            for (int64_t i0 = 0; i0 < g->m; i0 += MC) {
                int64_t i1 = MIN(i0 + MC, g->m);
                for (int64_t i = i0; i < i1; i += MR)
                    if (g->a_col != 1 || g->m - i < MR) gemm_pack_a(g, i, p0, k, packed_a + (i - i0) * k);
                if (g->panels) gemm_block(g, i0, i1, j0, j1, p0, k, packed_a, g->panels + j0 * g->k + p0 * NR, g->k * NR);
                else gemm_block(g, i0, i1, j0, j1, p0, k, packed_a, packed_b, k * NR);
            }
        }
    }
}

// Narrows a product to columns [from, to) of its result; `from` is a multiple of NR where B lies in panels.
static __attribute__((unused)) void gemm_columns(struct gemm *g, int64_t from, int64_t to) {
    g->n = to - from;
    if (g->panels) g->panels += from * g->k;
    else g->b += from * g->b_col;
    g->c += from;
    if (g->add) g->add += from;
    if (g->bias) g->bias += from;
}

// The share of one part in an m x n result: cut along the longer side, at whole tiles. Returns 0 when nothing is left for it.
static __attribute__((unused)) int gemm_share(const struct gemm *whole, int64_t part, int64_t parts, struct gemm *mine) {
    *mine = *whole;
    if (whole->n >= whole->m) {
        struct range r = share(whole->n, part, parts, NR);
        gemm_columns(mine, r.from, r.to);
    } else {
        struct range r = share(whole->m, part, parts, MR);
        mine->m = r.to - r.from;
        mine->a += r.from * whole->a_row;
        mine->c += r.from * whole->c_row;
        if (whole->add) mine->add += r.from * whole->c_row;
    }
    return mine->m > 0 && mine->n > 0;
}
