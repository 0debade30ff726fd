// 1-D convolution, direct. All three passes are one shape of loop: rows of time, read at a list of offsets ("taps"), in registers over
// some output channels x some vectors of time. Stride and padding are taken out beforehand by laying the rows out anew, so that the
// inner loops only ever read contiguous time.
#include "sums.h"

// Accumulators: CHANNELS x TIMES vectors, beside TIMES loads and a broadcast weight. For the weights' gradient: CHANNELS x TAPS.
#define CHANNELS (VREGS == 32 ? 8 : 4)
#define TIMES 3
#define TAPS 3

struct geometry {
    int64_t n, c, l, o, k, lout, stride, padding, dilation, groups;
};

// ---- laying rows out: element u of phase r of a row is source[stride * u + r - padding], 0 outside ----

static void lay_row(float *phases, const float *source, int64_t l, int64_t stride, int64_t padding, int64_t length) {
    for (int64_t r = 0; r < stride; r++) {
        float *row = phases + r * length;
        int64_t from = MIN(MAX(0, (padding - r + stride - 1) / stride), length);
        int64_t to = l + padding - r <= 0 ? from : MAX(from, MIN(length, (l - 1 + padding - r) / stride + 1));
        memset(row, 0, sizeof(float) * (size_t)from);
        if (stride == 1) memcpy(row + from, source + from - padding, sizeof(float) * (size_t)(to - from));
        else for (int64_t u = from; u < to; u++) row[u] = source[stride * u + r - padding];
        memset(row + to, 0, sizeof(float) * (size_t)(length - to));
    }
}

// One image's or one group's input, ready to be read at taps: element t of a tap is rows[offset of tap + t].
struct input {
    int64_t length;   // of a phase; a channel is `stride` phases
    int64_t *offsets; // (channels of a group, k)
    float *laid;      // scratch, or NULL where the tensor itself can be read
};

static struct input prepare_input(const struct geometry *g) {
    int64_t cg = g->c / g->groups;
    struct input in = {.length = g->l};
    if (g->stride != 1 || g->padding != 0 || g->lout < VL) {
        in.length = g->lout + (g->k - 1) * g->dilation / g->stride + VL;
        in.laid = imu2clip_scratch(0, sizeof(float) * (size_t)(cg * g->stride * in.length));
    }
    in.offsets = imu2clip_scratch(1, sizeof(int64_t) * (size_t)(cg * g->k));
    int64_t stride = in.laid ? g->stride : 1;
    for (int64_t c = 0; c < cg; c++)
        for (int64_t k = 0; k < g->k; k++) {
            int64_t at = k * g->dilation;
            in.offsets[c * g->k + k] = (c * stride + at % stride) * in.length + at / stride;
        }
    return in;
}

static const float *rows_of(const struct input *in, const struct geometry *g, const float *x, int64_t n, int64_t group) {
    int64_t cg = g->c / g->groups;
    const float *rows = x + (n * g->c + group * cg) * g->l;
    if (!in->laid) return rows;
    for (int64_t c = 0; c < cg; c++)
        lay_row(in->laid + c * g->stride * in->length, rows + c * g->l, g->l, g->stride, g->padding, in->length);
    return in->laid;
}

// ---- out[i][t] = bias[i] + sum over taps j of weight[j][i] * rows[offset[j] + t] ----

ALWAYS_INLINE void tile(int channels, int times, const float *rows, const int64_t *offsets, int64_t taps, const float *weight,
                        const float *bias, float *out, int64_t out_stride, int64_t keep) {
    vf sum[CHANNELS][TIMES];
    UNROLL for (int i = 0; i < channels; i++) UNROLL for (int v = 0; v < times; v++) sum[i][v] = vsplat(bias ? bias[i] : 0);
    for (int64_t j = 0; j < taps; j++, weight += channels) {
        vf x[TIMES];
        UNROLL for (int v = 0; v < times; v++) x[v] = vload(rows + offsets[j] + v * VL);
        UNROLL for (int i = 0; i < channels; i++) {
            vf w = vsplat(weight[i]);
            UNROLL for (int v = 0; v < times; v++) sum[i][v] += w * x[v];
        }
    }
    UNROLL for (int i = 0; i < channels; i++) {
        if (keep < VL) vstore_n(out + i * out_stride, sum[i][0], keep);
        else UNROLL for (int v = 0; v < times; v++) vstore(out + i * out_stride + v * VL, sum[i][v]);
    }
}

#define TILE(channels)                                                                                                   \
    case channels:                                                                                                       \
        if (times == 3) tile(channels, 3, rows, offsets, taps, weight, bias, out, out_stride, keep);                     \
        else if (times == 2) tile(channels, 2, rows, offsets, taps, weight, bias, out, out_stride, keep);                \
        else tile(channels, 1, rows, offsets, taps, weight, bias, out, out_stride, keep);                                \
        break;

static void tile_of(int64_t channels, int64_t times, const float *rows, const int64_t *offsets, int64_t taps, const float *weight,
                    const float *bias, float *out, int64_t out_stride, int64_t keep) {
    switch (channels) {
        TILE(1) TILE(2) TILE(3) TILE(4)
#if VREGS == 32
        TILE(5) TILE(6) TILE(7) TILE(8)
#endif
    }
}

// Output channels in blocks of nearly equal size; a block's weights lie together as (taps, channels of the block).
struct blocks {
    int64_t count, channels;
    const float *weight;
};

static int64_t block_start(const struct blocks *b, int64_t i) { return b->channels * i / b->count; }

// Blocks from..to over `count` outputs in time. The end of a row is computed as an overlapping vector.
static void correlate(const struct blocks *b, int64_t from, int64_t to, const float *rows, const int64_t *offsets, int64_t taps,
                      const float *bias, float *out, int64_t out_stride, int64_t count) {
    for (int64_t t = 0; t < count;) {
        int64_t most = MIN(TIMES, MAX(1, count / VL)), times = MIN(most, (count - t + VL - 1) / VL), keep = MIN(count, VL);
        int64_t at = MAX(0, MIN(t, count - times * VL));
        for (int64_t i = from; i < to; i++) {
            int64_t first = block_start(b, i), channels = block_start(b, i + 1) - first;
            tile_of(channels, times, rows + at, offsets, taps, b->weight + first * taps, bias ? bias + first : NULL,
                    out + first * out_stride + at, out_stride, keep);
        }
        t = at + times * VL;
    }
}

// Work in items of (group, sequence, block): the body runs once for a run of blocks of one group and sequence.
#define FOR_RUNS(g, b, n, group, from, to)                                                                              \
    for (int64_t item_ = (g)->n * (g)->groups * (b)->count * part / parts,                                              \
                 end_ = (g)->n * (g)->groups * (b)->count * (part + 1) / parts, from, to, n, group;                     \
         item_ < end_ && (from = item_ % (b)->count, to = MIN((b)->count, from + end_ - item_),                         \
                          n = item_ / (b)->count % (g)->n, group = item_ / (b)->count / (g)->n, 1);                     \
         item_ += to - from)

struct conv1d_forward_args {
    const float *x;
    const float *w;
    const float *bias;
    float *y;
    int64_t n, c, l, o, k, lout, stride, padding, dilation, groups;
};

KERNEL(conv1d_forward) {
    struct geometry g = {a->n, a->c, a->l, a->o, a->k, a->lout, a->stride, a->padding, a->dilation, a->groups};
    int64_t og = g.o / g.groups, taps = g.c / g.groups * g.k;
    struct input in = prepare_input(&g);
    float *packed = imu2clip_scratch(2, sizeof(float) * (size_t)(g.o * taps));
    struct blocks b = {(og + CHANNELS - 1) / CHANNELS, og, packed};
    for (int64_t group = 0; group < g.groups; group++)
        for (int64_t i = 0; i < b.count; i++) {
            int64_t first = group * og + block_start(&b, i), channels = group * og + block_start(&b, i + 1) - first;
            for (int64_t j = 0; j < taps; j++)
                for (int64_t o = 0; o < channels; o++) packed[first * taps + j * channels + o] = a->w[(first + o) * taps + j];
        }
    FOR_RUNS(&g, &b, n, group, from, to) {
        b.weight = packed + group * og * taps;
        correlate(&b, from, to, rows_of(&in, &g, a->x, n, group), in.offsets, taps, a->bias ? a->bias + group * og : NULL,
                  a->y + (n * g.o + group * og) * g.lout, g.lout, g.lout);
    }
}

// ---- dx: i + padding = stride * v + r gets dy[v - q] * w[k] for every k with k * dilation = stride * q + r ----

struct conv1d_backward_input_args {
    const float *dy;
    const float *w;
    float *dx;
    int64_t n, c, l, o, k, lout, stride, padding, dilation, groups;
};

// Taps sorted by phase: offsets into padded rows of dy, and weights packed phase by phase, block by block. Phase r has taps
// starts[r] .. starts[r + 1].
static void sort_taps(const struct conv1d_backward_input_args *a, int64_t group, int64_t front, int64_t length, const struct blocks *b,
                      int64_t *starts, int64_t *offsets, float *packed) {
    int64_t og = a->o / a->groups, cg = a->c / a->groups, tap = 0;
    const float *w = a->w + group * og * cg * a->k;
    for (int64_t r = 0; r < a->stride; r++) {
        starts[r] = tap;
        for (int64_t o = 0; o < og; o++)
            for (int64_t k = 0; k < a->k; k++)
                if (k * a->dilation % a->stride == r) offsets[tap++] = o * length + front - k * a->dilation / a->stride;
        int64_t taps = tap - starts[r];
        for (int64_t i = 0; i < b->count; i++) {
            int64_t first = block_start(b, i), channels = block_start(b, i + 1) - first;
            float *to = packed + starts[r] * cg + first * taps;
            for (int64_t o = 0; o < og; o++)
                for (int64_t k = 0; k < a->k; k++)
                    if (k * a->dilation % a->stride == r)
                        for (int64_t c = 0; c < channels; c++) *to++ = w[(o * cg + first + c) * a->k + k];
        }
    }
    starts[a->stride] = tap;
}

KERNEL(conv1d_backward_input) {
    int64_t og = a->o / a->groups, cg = a->c / a->groups, s = a->stride;
    int64_t front = (a->k - 1) * a->dilation / s, length = (a->l - 1 + a->padding) / s + 1 + front + VL;
    int64_t steps = (a->l + s - 1) / s;
    float *rows = imu2clip_scratch(0, sizeof(float) * (size_t)(og * length));
    int64_t *starts = imu2clip_scratch(1, sizeof(int64_t) * (size_t)(s + 1 + og * a->k)), *offsets = starts + s + 1;
    float *packed = imu2clip_scratch(2, sizeof(float) * (size_t)(og * a->k * cg));
    float *phase = s == 1 ? NULL : imu2clip_scratch(3, sizeof(float) * (size_t)(cg * steps));
    struct blocks b = {(cg + CHANNELS - 1) / CHANNELS, cg, packed};
    struct geometry g = {a->n, a->c, a->l, a->o, a->k, a->lout, a->stride, a->padding, a->dilation, a->groups};
    int64_t sorted = -1;
    FOR_RUNS(&g, &b, n, group, from, to) {
        if (group != sorted) sort_taps(a, group, front, length, &b, starts, offsets, packed);
        sorted = group;
        float *dx = a->dx + (n * a->c + group * cg) * a->l;
        for (int64_t o = 0; o < og; o++)
            lay_row(rows + o * length, a->dy + (n * a->o + group * og + o) * a->lout, a->lout, 1, front, length);
        for (int64_t r = 0; r < s; r++) {
            int64_t v0 = (a->padding - r + s - 1) / s, i0 = s * v0 + r - a->padding;
            int64_t count = i0 >= a->l ? 0 : (a->l - 1 - i0) / s + 1;
            b.weight = packed + starts[r] * cg;
            correlate(&b, from, to, rows + v0, offsets + starts[r], starts[r + 1] - starts[r], NULL, s == 1 ? dx : phase,
                      s == 1 ? a->l : steps, count);
            for (int64_t c = block_start(&b, from); s > 1 && c < block_start(&b, to); c++)
                for (int64_t u = 0; u < count; u++) dx[c * a->l + i0 + s * u] = phase[c * steps + u];
        }
    }
}

// ---- dw[o][j] = sum over sequences and time of dy[o][t] * rows[offset[j] + t] ----

struct conv1d_backward_weight_args {
    const float *x;
    const float *dy;
    float *dw;
    float *db;
    int64_t n, c, l, o, k, lout, stride, padding, dilation, groups;
};

// Adds one sequence to the sums of `channels` rows of dy by `taps` taps; a sum is a vector until the end. The last vector of time
// overlaps the one before, with the lanes that were already counted set to 0 in dy.
ALWAYS_INLINE void outer(int channels, int taps, const float *dy, const float *rows, const int64_t *offsets, int64_t count, float *sums) {
    vf sum[CHANNELS][TAPS];
    const float *x[TAPS];
    UNROLL for (int i = 0; i < channels; i++) UNROLL for (int j = 0; j < taps; j++) sum[i][j] = vload(sums + (i * TAPS + j) * VL);
    UNROLL for (int j = 0; j < taps; j++) x[j] = rows + offsets[j];
    int64_t t = 0;
    for (; t + VL <= count; t += VL) {
        vf xv[TAPS];
        UNROLL for (int j = 0; j < taps; j++) xv[j] = vload(x[j] + t);
        UNROLL for (int i = 0; i < channels; i++) {
            vf d = vload(dy + i * count + t);
            UNROLL for (int j = 0; j < taps; j++) sum[i][j] += d * xv[j];
        }
    }
    if (t < count) {
        int64_t at = MAX(0, count - VL);
        vi fresh = vlanes_from(t - at);
        UNROLL for (int i = 0; i < channels; i++) {
            vf d = count < VL ? vload_n(dy + i * count, count) : vselect(fresh, vload(dy + i * count + at), vsplat(0));
            UNROLL for (int j = 0; j < taps; j++) sum[i][j] += d * vload(x[j] + at);
        }
    }
    UNROLL for (int i = 0; i < channels; i++) UNROLL for (int j = 0; j < taps; j++) vstore(sums + (i * TAPS + j) * VL, sum[i][j]);
}

#define OUTER(channels)                                                        \
    case channels:                                                             \
        if (taps == 3) outer(channels, 3, dy, rows, offsets, count, sums);      \
        else if (taps == 2) outer(channels, 2, dy, rows, offsets, count, sums); \
        else outer(channels, 1, dy, rows, offsets, count, sums);               \
        break;

static void outer_of(int64_t channels, int64_t taps, const float *dy, const float *rows, const int64_t *offsets, int64_t count,
                     float *sums) {
    switch (channels) {
        OUTER(1) OUTER(2) OUTER(3) OUTER(4)
#if VREGS == 32
        OUTER(5) OUTER(6) OUTER(7) OUTER(8)
#endif
    }
}

// Work is split over the weights alone, so no sum depends on how many threads there are.
KERNEL(conv1d_backward_weight) {
    struct geometry g = {a->n, a->c, a->l, a->o, a->k, a->lout, a->stride, a->padding, a->dilation, a->groups};
    int64_t og = g.o / g.groups, taps = g.c / g.groups * g.k;
    struct input in = prepare_input(&g);
    struct blocks b = {(og + CHANNELS - 1) / CHANNELS, og, NULL};
    int64_t tap_blocks = (taps + TAPS - 1) / TAPS, per_group = b.count * tap_blocks;
    struct range r = {g.groups * per_group * part / parts, g.groups * per_group * (part + 1) / parts};
    const int64_t tile_floats = CHANNELS * TAPS * VL;
    float *sums = imu2clip_scratch(2, sizeof(float) * (size_t)((r.to - r.from) * tile_floats));
    memset(sums, 0, sizeof(float) * (size_t)((r.to - r.from) * tile_floats));
    for (int64_t n = 0; n < g.n; n++)
        for (int64_t group = r.from / per_group; group * per_group < r.to; group++) {
            const float *rows = rows_of(&in, &g, a->x, n, group);
            const float *dy = a->dy + (n * g.o + group * og) * g.lout;
            int64_t from = MAX(r.from, group * per_group), to = MIN(r.to, (group + 1) * per_group);
            for (int64_t item = from; item < to; item++) {
                int64_t i = item % per_group / tap_blocks, j = item % tap_blocks * TAPS, first = block_start(&b, i);
                outer_of(block_start(&b, i + 1) - first, MIN(TAPS, taps - j), dy + first * g.lout, rows, in.offsets + j, g.lout,
                         sums + (item - r.from) * tile_floats);
            }
        }
    for (int64_t item = r.from; item < r.to; item++) {
        int64_t i = item % per_group / tap_blocks, j = item % tap_blocks * TAPS, first = block_start(&b, i);
        int64_t o = item / per_group * og + first, channels = block_start(&b, i + 1) - first;
        for (int64_t ch = 0; ch < channels; ch++)
            for (int64_t tap = j; tap < MIN(taps, j + TAPS); tap++)
                a->dw[(o + ch) * taps + tap] = vsum(vload(sums + (item - r.from) * tile_floats + (ch * TAPS + tap - j) * VL));
    }
    if (!a->db) return;
    for (int64_t o = g.o * part / parts; o < g.o * (part + 1) / parts; o++) {
        double sum = 0;
        for (int64_t n = 0; n < g.n; n++) sum += sum_of(a->dy + (n * g.o + o) * g.lout, g.lout);
        a->db[o] = (float)sum;
    }
}
