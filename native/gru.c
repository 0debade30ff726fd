// One direction of a GRU layer over all its steps, time-major. Each part owns a range of hidden units: it packs their rows of W_hh once,
// and only the hidden state (forward) or the gate gradients (backward) of a step cross between parts, at one barrier a step.
#include "gemm.h"

// Rows of the tile that starts at row i. The last one reaches back over rows already done, so that it is always whole.
static inline int64_t tile_row(int64_t i, int64_t rows) {
    return MIN(i, rows - MR);
}

// A batch smaller than a tile is copied to rows padded with zeros.
static const float *at_least_one_tile(const float *a, int64_t rows, int64_t k, float *padded) {
    if (rows >= MR) return a;
    memset(padded, 0, (size_t)(MR * k) * sizeof(float));
    memcpy(padded, a, (size_t)(rows * k) * sizeof(float));
    return padded;
}

struct gru_forward_args {
    const float *gates_x; // (steps, batch, 3 units): W_ih x + b_ih, in the order r, z, n
    const float *w_hh;    // (3 units, units)
    const float *b_hh;    // (3 units)
    float *hidden;        // (steps + 1, batch, units): the initial state stands at the end where the recurrence starts
    float *saved;         // (steps, batch, 4 units): r, z, n and W_hn h + b_hn for backward, or NULL
    int64_t steps, batch, units, reverse;
};

// One panel holds VL hidden units: their columns of r, then of z, then of n.
static void pack_gates(const float *w, int64_t units, int64_t unit, float *restrict to) {
    for (int gate = 0; gate < NV; gate++)
        for (int64_t lane = 0; lane < VL; lane++) {
            const float *row = w + (gate * units + unit + lane) * units;
            for (int64_t k = 0; k < units; k++) to[k * NR + gate * VL + lane] = unit + lane < units ? row[k] : 0.0f;
        }
}

// The gates of `lanes` units of one sample: new state from the old one.
ALWAYS_INLINE void gate_forward(int64_t lanes, int64_t units, const float *restrict gates_x, const float *restrict gates_h,
                                                               const float *restrict before, float *restrict after, float *restrict saved) {
    float r[VL], z[VL], n[VL];
    for (int64_t l = 0; l < lanes; l++) {
        r[l] = fast_sigmoid(gates_x[l] + gates_h[l]);
        z[l] = fast_sigmoid(gates_x[units + l] + gates_h[VL + l]);
    }
    for (int64_t l = 0; l < lanes; l++) n[l] = fast_tanh(gates_x[2 * units + l] + r[l] * gates_h[2 * VL + l]);
    for (int64_t l = 0; l < lanes; l++) after[l] = (1.0f - z[l]) * n[l] + z[l] * before[l];
    if (!saved) return;
    for (int64_t l = 0; l < lanes; l++) {
        saved[l] = r[l];
        saved[units + l] = z[l];
        saved[2 * units + l] = n[l];
        saved[3 * units + l] = gates_h[2 * VL + l];
    }
}

KERNEL(gru_forward) {
    int64_t units = a->units, batch = a->batch, state = batch * units;
    struct range mine = share(units, part, parts, 16);
    int64_t panels = (mine.to - mine.from + VL - 1) / VL;
    float *packed = imu2clip_scratch(0, (size_t)(panels * units * NR) * sizeof(float));
    float *gates_h = imu2clip_scratch(1, (size_t)(MAX(batch, MR) * NR) * sizeof(float));
    float *padded = imu2clip_scratch(2, (size_t)(MR * units) * sizeof(float));
    float *bias = imu2clip_scratch(3, (size_t)(panels * NR) * sizeof(float));
    for (int64_t p = 0; p < panels; p++) {
        int64_t unit = mine.from + p * VL;
        pack_gates(a->w_hh, units, unit, packed + p * units * NR);
        for (int64_t gate = 0; gate < NV; gate++)
            for (int64_t l = 0; l < VL; l++) bias[p * NR + gate * VL + l] = unit + l < units ? a->b_hh[gate * units + unit + l] : 0.0f;
    }
    for (int64_t s = 0; s < a->steps; s++) {
        int64_t t = a->reverse ? a->steps - 1 - s : s;
        const float *before = a->hidden + (a->reverse ? t + 1 : t) * state;
        float *after = a->hidden + (a->reverse ? t : t + 1) * state;
        const float *rows = at_least_one_tile(before, batch, units, padded);
        for (int64_t p = 0; p < panels; p++) {
            int64_t unit = mine.from + p * VL, lanes = MIN(VL, mine.to - unit);
            for (int64_t i = 0; i < batch; i += MR) {
                int64_t row = batch >= MR ? tile_row(i, batch) : 0;
                vf acc[MR][NV] = {0};
                gemm_tile(units, rows + row * units, 1, units, packed + p * units * NR, acc);
                gemm_store(acc, gates_h + row * NR, NR, MR, NR, bias + p * NR, NULL);
            }
            for (int64_t i = 0; i < batch; i++) {
                const float *x = a->gates_x + (t * batch + i) * 3 * units + unit;
                float *saved = a->saved ? a->saved + (t * batch + i) * 4 * units + unit : NULL;
                const float *gates = gates_h + i * NR, *old = before + i * units + unit;
                float *new = after + i * units + unit;
                if (lanes == VL) gate_forward(VL, units, x, gates, old, new, saved); // a constant: vector code
                else gate_forward(lanes, units, x, gates, old, new, saved);
            }
        }
        imu2clip_barrier(parts);
    }
}

struct gru_backward_args {
    const float *w_hh;
    const float *hidden; // (steps + 1, batch, units)
    const float *saved;  // (steps, batch, 4 units)
    const float *dy;     // (steps, batch, units): gradient of every state, or NULL
    float *dh;           // (batch, units): gradient of the last state in, of the initial state out
    float *dgates_x;     // (steps, batch, 3 units)
    float *dgates_h;     // (steps, batch, 3 units)
    int64_t steps, batch, units, reverse;
};

// Gradients of the gates of `lanes` units of one sample. dh comes in as the gradient of the new state and goes out as the part of the
// old state's gradient that does not pass W_hh.
ALWAYS_INLINE void gate_backward(int64_t lanes, int64_t units, const float *restrict saved, const float *restrict before,
                                                                float *restrict dh, float *restrict dx, float *restrict dgh) {
    for (int64_t l = 0; l < lanes; l++) {
        float r = saved[l], z = saved[units + l], n = saved[2 * units + l], hn = saved[3 * units + l];
        float d = dh[l];
        float dn = d * (1.0f - z) * (1.0f - n * n);
        float dz = d * (before[l] - n) * z * (1.0f - z);
        float dr = dn * hn * r * (1.0f - r);
        dx[l] = dr;
        dx[units + l] = dz;
        dx[2 * units + l] = dn;
        dgh[l] = dr;
        dgh[units + l] = dz;
        dgh[2 * units + l] = dn * r;
        dh[l] = d * z;
    }
}

KERNEL(gru_backward) {
    int64_t units = a->units, batch = a->batch, state = batch * units, gates = 3 * units;
    struct range mine = share(units, part, parts, 16);
    int64_t count = mine.to - mine.from, panels = (count + NR - 1) / NR;
    float *packed = imu2clip_scratch(0, (size_t)(panels * gates * NR) * sizeof(float));
    float *through = imu2clip_scratch(1, (size_t)(MAX(batch, MR) * NR) * sizeof(float));
    float *padded = imu2clip_scratch(2, (size_t)(MR * gates) * sizeof(float));
    for (int64_t p = 0; p < panels; p++) gemm_pack_b(a->w_hh, units, 1, mine.to, mine.from + p * NR, 0, gates, packed + p * gates * NR);
    for (int64_t s = a->steps - 1; s >= 0; s--) {
        int64_t t = a->reverse ? a->steps - 1 - s : s;
        const float *before = a->hidden + (a->reverse ? t + 1 : t) * state;
        for (int64_t i = 0; i < batch; i++) {
            int64_t at = t * batch + i;
            float *dh = a->dh + i * units + mine.from;
            if (a->dy)
                for (int64_t l = 0; l < count; l++) dh[l] += a->dy[at * units + mine.from + l];
            gate_backward(count, units, a->saved + at * 4 * units + mine.from, before + i * units + mine.from, dh,
                          a->dgates_x + at * gates + mine.from, a->dgates_h + at * gates + mine.from);
        }
        imu2clip_barrier(parts);
        const float *rows = at_least_one_tile(a->dgates_h + t * batch * gates, batch, gates, padded);
        for (int64_t p = 0; p < panels; p++) {
            for (int64_t i = 0; i < batch; i += MR) {
                int64_t row = batch >= MR ? tile_row(i, batch) : 0;
                vf acc[MR][NV] = {0};
                gemm_tile(gates, rows + row * gates, 1, gates, packed + p * gates * NR, acc);
                gemm_store(acc, through + row * NR, NR, MR, NR, NULL, NULL);
            }
            int64_t unit = mine.from + p * NR, width = MIN(NR, mine.to - unit);
            for (int64_t i = 0; i < batch; i++)
                for (int64_t l = 0; l < width; l++) a->dh[i * units + unit + l] += through[i * NR + l];
        }
    }
}
