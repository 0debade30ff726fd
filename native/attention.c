// Scaled dot-product attention in tiles: no more than BLOCK x KEYS scores exist at a time (Dao et al., arXiv 2205.14135). One head of one
// sequence at a time is laid out densely (rows of d floats, padded to whole vectors), and everything is small matrix products on that.
//
// A row's result has the same bits whatever stands beside it: keys are added up in their own order, tiles begin at key 0, and what lies
// past a sequence's length is never read. Keys that the causal mask alone hides contribute exact zeros as long as they are finite: near
// the diagonal they are multiplied by 0, so that a NaN or an infinity in a later key or value of the same sequence can spread.
#include "sums.h"

#define BLOCK 60 // query rows of a tile
#define KEYS 112 // keys of a tile: whole vectors, and rows of scores that do not all fall into the same cache sets

// ---- c (+)= a b: registers hold ROWS x VECTORS vectors of c ----

#define ROWS 6
#define VECTORS (VREGS == 32 ? 4 : 2)

struct product {
    int64_t rows, columns, depth; // columns: whole vectors
    const float *a;
    int64_t a_row, a_step;
    const float *b;
    int64_t b_row;
    float *c;
    int64_t c_row;
    int add;
};

ALWAYS_INLINE void panel(int rows, int vectors, const struct product *p, const float *a, const float *b, float *c) {
    vf sum[ROWS][VECTORS];
    const int64_t a_row = p->a_row, a_step = p->a_step, b_row = p->b_row, c_row = p->c_row;
    UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < vectors; v++) sum[m][v] = p->add ? vload(c + m * c_row + v * VL) : vsplat(0);
    for (int64_t k = p->depth; k > 0; k--, a += a_step, b += b_row) {
        vf bv[VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) bv[v] = vload(b + v * VL);
        UNROLL for (int m = 0; m < rows; m++) {
            vf am = vsplat(a[m * a_row]);
            UNROLL for (int v = 0; v < vectors; v++) sum[m][v] += am * bv[v];
        }
    }
    UNROLL for (int m = 0; m < rows; m++) UNROLL for (int v = 0; v < vectors; v++) vstore(c + m * c_row + v * VL, sum[m][v]);
}

#define PANEL(rows)                                                                      \
    case rows:                                                                           \
        if (vectors == VECTORS) panel(rows, VECTORS, &p, a, p.b + n, p.c + m * p.c_row + n); \
        else panel(rows, 1, &p, a, p.b + n, p.c + m * p.c_row + n);                      \
        break;

static void multiply(struct product p) {
    int64_t blocks = (p.rows + ROWS - 1) / ROWS, vectors;
    for (int64_t n = 0; n < p.columns; n += vectors * VL) {
        vectors = p.columns - n >= VECTORS * VL ? VECTORS : 1;
        for (int64_t i = 0; i < blocks; i++) {
            int64_t m = p.rows * i / blocks;
            const float *a = p.a + m * p.a_row;
            switch (p.rows * (i + 1) / blocks - m) { PANEL(1) PANEL(2) PANEL(3) PANEL(4) PANEL(5) PANEL(6) }
        }
    }
}

// ---- one head, laid out densely ----

static int64_t whole_vectors(int64_t n) { return (n + VL - 1) / VL * VL; }

// Where the keys of tile i are in a buffer of transposed tiles, (d, width of the tile) each.
static int64_t tile_width(int64_t keys, int64_t tile) { return whole_vectors(MIN(KEYS, keys - tile * KEYS)); }

static void pack_rows(float *to, const float *from, int64_t from_row, int64_t count, int64_t d, float scale) {
    int64_t dp = whole_vectors(d);
    for (int64_t i = 0; i < count; i++) {
        for (int64_t x = 0; x < d; x++) to[i * dp + x] = from[i * from_row + x] * scale;
        for (int64_t x = d; x < dp; x++) to[i * dp + x] = 0;
    }
}

static void unpack_rows(float *to, int64_t to_row, const float *from, int64_t count, int64_t d, float scale) {
    int64_t dp = whole_vectors(d);
    for (int64_t i = 0; i < count; i++)
        for (int64_t x = 0; x < d; x++) to[i * to_row + x] = from[i * dp + x] * scale;
}

static void clear_rows(float *to, int64_t to_row, int64_t from, int64_t end, int64_t d) {
    for (int64_t i = from; i < end; i++) memset(to + i * to_row, 0, sizeof(float) * (size_t)d);
}

// Rows in tiles of KEYS, each tile transposed.
static void pack_tiles(float *to, const float *from, int64_t from_row, int64_t count, int64_t d) {
    for (int64_t first = 0; first < count; first += KEYS, to += d * KEYS) {
        int64_t width = tile_width(count, first / KEYS), keys = MIN(KEYS, count - first);
        int64_t j = 0;
        for (; j + VL <= keys; j += VL) {
            const float *rows = from + (first + j) * from_row;
            int64_t x = 0;
            for (; x + VL <= d; x += VL) vtranspose(to + x * width + j, width, rows + x, from_row);
            for (; x < d; x++) for (int64_t i = 0; i < VL; i++) to[x * width + j + i] = rows[i * from_row + x];
        }
        for (; j < keys; j++) for (int64_t x = 0; x < d; x++) to[x * width + j] = from[(first + j) * from_row + x];
        for (int64_t x = 0; x < d; x++)
            for (int64_t j = keys; j < width; j++) to[x * width + j] = 0;
    }
}

static int64_t length(const int32_t *lengths, int64_t b, int64_t most) {
    return !lengths ? most : lengths[b] < 0 ? 0 : MIN(lengths[b], most);
}

// How many keys of the tile that begins at `first` the query row may see.
static int64_t visible(int64_t row, int64_t first, int64_t keys, int64_t causal) {
    return MAX(0, MIN(KEYS, (causal ? MIN(keys, row + 1) : keys) - first));
}

static int64_t blocks_of(int64_t rows) { return (rows + BLOCK - 1) / BLOCK; }

struct attention_forward_args {
    const float *q;
    const float *k;
    const float *v;
    float *y;
    float *lse;
    const int32_t *key_lengths;
    const int32_t *query_lengths;
    double scale;
    int64_t b, t, s, h, d;
    int64_t q_row, k_row, v_row;
    int64_t causal;
};

// A row of scores becomes exp(score - largest so far); returns by how much earlier sums of this row must be multiplied.
static float softmax_row(float *scores, int64_t width, int64_t seen, float *largest, float *sum) {
    for (int64_t j = seen; j < width; j++) scores[j] = -INFINITY;
    if (seen == 0) {
        memset(scores, 0, sizeof(float) * (size_t)width);
        return 1;
    }
    vf most = vload(scores), total = vsplat(0);
    for (int64_t j = VL; j < width; j += VL) most = vmax(most, vload(scores + j));
    float now = vmax_lane(most), rescale;
    now = now > *largest ? now : *largest;
    for (int64_t j = 0; j < width; j += VL) {
        vf e = vexp(vload(scores + j) - now);
        vstore(scores + j, e);
        total += e;
    }
    rescale = now == *largest ? 1 : fast_exp(*largest - now);
    *sum = *sum * rescale + vsum(total);
    *largest = now;
    return rescale;
}

// Scratch of one thread.
struct forward_head {
    float *keys, *values, *queries, *scores, *out;
    int64_t dp, key_count;
};

static void forward_block(const struct attention_forward_args *a, const struct forward_head *s, int64_t b, int64_t h, int64_t from,
                          int64_t to) {
    int64_t rows = MAX(0, MIN(to, length(a->query_lengths, b, a->t)) - from), dp = s->dp, hd = a->h * a->d;
    float largest[BLOCK], sum[BLOCK];
    for (int64_t i = 0; i < rows; i++) {
        largest[i] = -INFINITY;
        sum[i] = 0;
    }
    pack_rows(s->queries, a->q + (b * a->t + from) * a->q_row + h * a->d, a->q_row, rows, a->d, (float)a->scale);
    int64_t keys = a->causal ? MIN(s->key_count, from + rows) : s->key_count;
    for (int64_t first = 0; first < keys; first += KEYS) {
        int64_t width = tile_width(s->key_count, first / KEYS), columns = tile_width(keys, first / KEYS);
        multiply((struct product){rows, columns, a->d, s->queries, dp, 1, s->keys + first * a->d, width, s->scores, width, 0});
        for (int64_t i = 0; i < rows; i++) {
            float *out = s->out + i * dp;
            int64_t seen = visible(from + i, first, s->key_count, a->causal);
            float rescale = softmax_row(s->scores + i * width, columns, seen, largest + i, sum + i);
            if (first > 0 && rescale != 1) for (int64_t x = 0; x < dp; x++) out[x] *= rescale;
        }
        const float *values = s->values + first * dp;
        multiply((struct product){rows, dp, MIN(KEYS, keys - first), s->scores, width, 1, values, dp, s->out, dp, first > 0});
    }
    float *y = a->y + (b * a->t + from) * hd + h * a->d;
    for (int64_t i = 0; i < rows; i++) {
        if (keys > 0) unpack_rows(y + i * hd, hd, s->out + i * dp, 1, a->d, 1 / sum[i]);
        if (a->lse) a->lse[(b * a->h + h) * a->t + from + i] = keys > 0 ? largest[i] + logf(sum[i]) : -INFINITY;
    }
    clear_rows(y, hd, keys > 0 ? rows : 0, to - from, a->d);
}

KERNEL(attention_forward) {
    int64_t dp = whole_vectors(a->d), blocks = blocks_of(a->t), tiles = (a->s + KEYS - 1) / KEYS;
    struct range r = share(a->b * a->h * blocks, part, parts, 1);
    struct forward_head s = {.dp = dp};
    s.keys = imu2clip_scratch(0, sizeof(float) * (size_t)(tiles * KEYS * a->d));
    s.values = imu2clip_scratch(1, sizeof(float) * (size_t)(a->s * dp));
    s.scores = imu2clip_scratch(2, sizeof(float) * (size_t)(BLOCK * (KEYS + 2 * dp)));
    s.queries = s.scores + BLOCK * KEYS;
    s.out = s.queries + BLOCK * dp;
    int64_t packed = -1;
    for (int64_t item = r.from; item < r.to; item++) {
        int64_t head = item / blocks, b = head / a->h, h = head % a->h, i = item % blocks;
        if (head != packed) {
            s.key_count = length(a->key_lengths, b, a->s);
            pack_tiles(s.keys, a->k + b * a->s * a->k_row + h * a->d, a->k_row, s.key_count, a->d);
            pack_rows(s.values, a->v + b * a->s * a->v_row + h * a->d, a->v_row, s.key_count, a->d, 1);
            packed = head;
        }
        forward_block(a, &s, b, h, a->t * i / blocks, a->t * (i + 1) / blocks);
    }
}

struct attention_backward_args {
    const float *q;
    const float *k;
    const float *v;
    const float *y;
    const float *dy;
    const float *lse;
    const int32_t *key_lengths;
    const int32_t *query_lengths;
    float *dq;
    float *dk;
    float *dv;
    double scale;
    int64_t b, t, s, h, d;
    int64_t q_row, k_row, v_row;
    int64_t causal;
};

// p = exp(score - lse), and ds = p (dp - sum of dy y) in place of dp.
static void score_gradients(float *restrict p, float *restrict ds, int64_t width, int64_t seen, float lse, float dy_y) {
    for (int64_t j = seen; j < width; j++) p[j] = -INFINITY;
    if (seen == 0) memset(p, 0, sizeof(float) * (size_t)width);
    for (int64_t j = 0; j < width; j += VL) {
        vf e = seen == 0 ? vsplat(0) : vexp(vload(p + j) - lse);
        vstore(p + j, e);
        vstore(ds + j, e * (vload(ds + j) - dy_y));
    }
}

struct backward_head {
    float *queries, *keys, *dys, *dqueries, *dy_y; // dense rows
    float *key_tiles, *value_tiles;                // transposed tiles
    float *p, *ds, *dkeys, *dvalues;               // of one tile
    int64_t dp, rows, key_count;
};

static void backward_tile(const struct attention_backward_args *a, const struct backward_head *s, const float *lse, int64_t first) {
    int64_t dp = s->dp, width = tile_width(s->key_count, first / KEYS), blocks = blocks_of(s->rows);
    memset(s->dkeys, 0, sizeof(float) * (size_t)(width * dp));
    memset(s->dvalues, 0, sizeof(float) * (size_t)(width * dp));
    for (int64_t block = 0; block < blocks; block++) {
        int64_t from = s->rows * block / blocks, to = s->rows * (block + 1) / blocks, rows = to - from;
        int64_t end = a->causal ? MIN(s->key_count, to) : s->key_count, keys = MIN(KEYS, end - first);
        if (keys <= 0) continue;
        int64_t columns = whole_vectors(keys);
        const float *q = s->queries + from * dp, *dy = s->dys + from * dp;
        multiply((struct product){rows, columns, a->d, q, dp, 1, s->key_tiles + first * a->d, width, s->p, width, 0});
        multiply((struct product){rows, columns, a->d, dy, dp, 1, s->value_tiles + first * a->d, width, s->ds, width, 0});
        for (int64_t i = 0; i < rows; i++)
            score_gradients(s->p + i * width, s->ds + i * width, columns, visible(from + i, first, s->key_count, a->causal), lse[from + i],
                            s->dy_y[from + i]);
        if (a->dv) multiply((struct product){keys, dp, rows, s->p, 1, width, dy, dp, s->dvalues, dp, 1});
        if (a->dk) multiply((struct product){keys, dp, rows, s->ds, 1, width, q, dp, s->dkeys, dp, 1});
        if (a->dq) multiply((struct product){rows, dp, keys, s->ds, width, 1, s->keys + first * dp, dp, s->dqueries + from * dp, dp, 1});
    }
}

static void backward_head(const struct attention_backward_args *a, const struct backward_head *s, int64_t b, int64_t h) {
    int64_t hd = a->h * a->d, d = a->d;
    int64_t q_at = b * a->t * a->q_row + h * d, k_at = b * a->s * a->k_row + h * d, v_at = b * a->s * a->v_row + h * d;
    const float *y = a->y + b * a->t * hd + h * d, *dy = a->dy + b * a->t * hd + h * d;
    pack_rows(s->queries, a->q + q_at, a->q_row, s->rows, d, (float)a->scale);
    pack_rows(s->keys, a->k + k_at, a->k_row, s->key_count, d, 1);
    pack_rows(s->dys, dy, hd, s->rows, d, 1);
    pack_tiles(s->key_tiles, a->k + k_at, a->k_row, s->key_count, d);
    pack_tiles(s->value_tiles, a->v + v_at, a->v_row, s->key_count, d);
    for (int64_t i = 0; i < s->rows; i++) s->dy_y[i] = (float)dot_of(dy + i * hd, y + i * hd, d);
    memset(s->dqueries, 0, sizeof(float) * (size_t)(s->rows * s->dp));
    for (int64_t first = 0; first < s->key_count; first += KEYS) {
        int64_t keys = MIN(KEYS, s->key_count - first);
        backward_tile(a, s, a->lse + (b * a->h + h) * a->t, first);
        if (a->dk) unpack_rows(a->dk + k_at + first * a->k_row, a->k_row, s->dkeys, keys, d, 1);
        if (a->dv) unpack_rows(a->dv + v_at + first * a->v_row, a->v_row, s->dvalues, keys, d, 1);
    }
    if (a->dq) {
        unpack_rows(a->dq + q_at, a->q_row, s->dqueries, s->rows, d, (float)a->scale);
        clear_rows(a->dq + q_at, a->q_row, s->rows, a->t, d);
    }
    if (a->dk) clear_rows(a->dk + k_at, a->k_row, s->key_count, a->s, d);
    if (a->dv) clear_rows(a->dv + v_at, a->v_row, s->key_count, a->s, d);
}

KERNEL(attention_backward) {
    int64_t dp = whole_vectors(a->d), tiles = (a->s + KEYS - 1) / KEYS;
    struct backward_head s = {.dp = dp};
    s.queries = imu2clip_scratch(0, sizeof(float) * (size_t)(a->t * (3 * dp + 1)));
    s.dys = s.queries + a->t * dp;
    s.dqueries = s.dys + a->t * dp;
    s.dy_y = s.dqueries + a->t * dp;
    s.keys = imu2clip_scratch(1, sizeof(float) * (size_t)(a->s * dp));
    s.key_tiles = imu2clip_scratch(2, sizeof(float) * (size_t)(2 * tiles * KEYS * a->d));
    s.value_tiles = s.key_tiles + tiles * KEYS * a->d;
    s.p = imu2clip_scratch(3, sizeof(float) * (size_t)(2 * KEYS * (BLOCK + dp)));
    s.ds = s.p + BLOCK * KEYS;
    s.dkeys = s.ds + BLOCK * KEYS;
    s.dvalues = s.dkeys + KEYS * dp;
    struct range r = share(a->b * a->h, part, parts, 1);
    for (int64_t head = r.from; head < r.to; head++) {
        int64_t b = head / a->h;
        s.rows = length(a->query_lengths, b, a->t);
        s.key_count = length(a->key_lengths, b, a->s);
        backward_head(a, &s, b, head % a->h);
    }
}
