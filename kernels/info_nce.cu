// InfoNCE in tiles: a block computes similarities of 32 rows with 64 columns at a time, uses them and forgets them. Where there are few
// rows, the tiles of columns are dealt out to several blocks; what each found (maximum and sum, or a part of a gradient) lies in scratch
// until a second launch joins it, in the blocks' order.
#include "tile.cuh"

constexpr int ROWS = 32;    // of a tile
constexpr int COLUMNS = 64; // of a tile
constexpr int BLOCKS = 256; // columns are dealt out to blocks until there are about so many
constexpr int OUT = 512;    // elements of a gradient that a block computes
constexpr int KEYS = 16;    // keys in shared memory when gradients are multiplied with them

// A block's rows: `first` and following of batch element b. Its columns are every gridDim.y-th tile from blockIdx.y on.
template <typename T> struct Place {
    int64_t b, first, row, dim, columns; // row: the first in (batch, rows)
    int count;
    const T *q, *keys;

    template <typename Args> __device__ explicit Place(const Args &a) {
        const int64_t blocks = (a.rows + ROWS - 1) / ROWS;
        b = blockIdx.x / blocks;
        first = blockIdx.x % blocks * ROWS;
        row = b * a.rows + first;
        count = int(min(int64_t(ROWS), a.rows - first));
        dim = a.dim;
        columns = a.columns;
        q = a.q + row * dim;
        keys = a.keys + b * a.key_stride;
    }
};

struct Operands {
    float q[ROWS][TILE_DEPTH + TILE_PAD], keys[COLUMNS][TILE_DEPTH + TILE_PAD];
};

// [i][j]: <row ty + 16 i, column `column` + tx + 16 j>, zero beyond the last.
template <typename T> __device__ void similarities(float (&similarity)[2][4], Operands &shared, const Place<T> &at, int64_t column) {
    for (int64_t c = 0; c < at.dim; c += TILE_DEPTH) {
        const int width = int(min(int64_t(TILE_DEPTH), at.dim - c));
        __syncthreads(); // everyone is done with what was there
        load_tile<TILE_DEPTH>(shared.q, at.q + c, at.dim, at.count, width);
        load_tile<TILE_DEPTH>(shared.keys, at.keys + column * at.dim + c, at.dim, int(min(int64_t(COLUMNS), at.columns - column)), width);
        __syncthreads();
        multiply_rows(similarity, shared.q, shared.keys, width);
    }
}

template <typename T> __device__ float row_dot(const T *x, const T *y, int64_t n) { // by a warp
    float sum = 0;
    for (int64_t i = threadIdx.x % 32; i < n; i += 32) sum += float(x[i]) * float(y[i]);
    return warp_sum(sum);
}

// sum times exp(max) is a sum of exponentials. A NaN is no maximum, but it makes the sum NaN.
struct LogSum {
    float max, sum;

    __device__ void rescale(float to) {
        sum = sum == 0 ? 0.0f : sum * expf(max - to);
        max = to;
    }
};

template <typename T> struct info_nce_forward_args {
    const T *q;         // (batch, rows, dim)
    const T *keys;      // (batch, columns, dim), or one matrix for the whole batch
    const T *positive;  // (batch, rows, dim), or null: then column r is the positive of row r
    const float *scale; // one value: 1 / temperature
    float *lse;         // (batch, rows): log of the sum of exp over all logits of a row
    float *target;      // (batch, rows): the positive's logit
    int64_t batch, rows, columns, dim, key_stride;
};
// Scratch: a LogSum of every row from each of the blocks that share its columns.
// launch info_nce_forward: info_nce_forward<<<(batch * ceil(rows, ROWS), max(1, min(ceil(columns, COLUMNS), BLOCKS / max(1, batch * ceil(rows, ROWS))))), TILE_THREADS>>> scratch 8 * max(BLOCKS * ROWS, batch * rows)
// launch info_nce_forward: info_nce_forward_join<<<ceil(batch * rows, 8), 256>>> scratch 8 * max(BLOCKS * ROWS, batch * rows)
template <typename Args> __device__ int shares(const Args &a) { // as many as the launch says
    int64_t tiles = (a.columns + COLUMNS - 1) / COLUMNS, enough = BLOCKS / (a.batch * ((a.rows + ROWS - 1) / ROWS));
    return int(max(int64_t(1), min(tiles, enough)));
}
template <typename T> __device__ void info_nce_forward(const info_nce_forward_args<T> &a, float *scratch) {
    __shared__ __align__(16) Operands shared;
    const Place<T> at(a);
    const float scale = *a.scale;
    TileThread me;
    LogSum found[2] = {{-INFINITE, 0}, {-INFINITE, 0}}; // over this thread's columns
    for (int64_t column = int64_t(blockIdx.y) * COLUMNS; column < a.columns; column += int64_t(gridDim.y) * COLUMNS) {
        float logit[2][4] = {};
        similarities(logit, shared, at, column);
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const int r = me.ty + 16 * i;
            float most = found[i].max;
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int64_t c = column + me.tx + 16 * j;
                logit[i][j] = c < a.columns ? scale * logit[i][j] : -INFINITE;
                most = fmaxf(most, logit[i][j]);
                if (!a.positive && r < at.count && c == at.first + r) a.target[at.row + r] = logit[i][j];
            }
            found[i].rescale(most);
#pragma unroll
            for (int j = 0; j < 4; j++) found[i].sum += logit[i][j] == -INFINITE ? 0.0f : expf(logit[i][j] - most);
        }
    }
    LogSum *all = reinterpret_cast<LogSum *>(scratch) + blockIdx.y * a.batch * a.rows + at.row;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        found[i].rescale(row_max(found[i].max));
        found[i].sum = row_sum(found[i].sum);
        if (me.tx == 0 && me.ty + 16 * i < at.count) all[me.ty + 16 * i] = found[i];
    }
}
EXPORT_SCRATCH(info_nce_forward, info_nce_forward, TILE_THREADS)

// A warp joins what was found for a row, with the positive's logit where that is no column.
template <typename T> __device__ void info_nce_forward_join(const info_nce_forward_args<T> &a, float *scratch) {
    const int64_t row = int64_t(blockIdx.x) * 8 + threadIdx.x / 32, rows = a.batch * a.rows;
    if (row >= rows) return;
    LogSum joined = {-INFINITE, 0};
    if (a.positive) {
        float target = *a.scale * row_dot(a.q + row * a.dim, a.positive + row * a.dim, a.dim);
        joined = {target, target == target ? 1.0f : target};
    }
    if (threadIdx.x % 32 != 0) return;
    if (a.positive) a.target[row] = joined.max;
    for (int i = 0, n = shares(a); i < n; i++) {
        LogSum part = reinterpret_cast<const LogSum *>(scratch)[i * rows + row];
        const float most = fmaxf(joined.max, part.max);
        joined.rescale(most);
        part.rescale(most);
        joined.sum += part.sum;
    }
    a.lse[row] = joined.max + logf(joined.sum);
}
EXPORT_SCRATCH(info_nce_forward_join, info_nce_forward, 256)

template <typename T> struct info_nce_backward_args {
    const T *q, *keys, *positive;
    const float *scale;
    const float *lse_rows;    // (batch, rows), or null: rows have no loss of their own
    const float *lse_columns; // (batch, columns), or null
    const float *target;      // (batch, rows): the positive's logit, with `positive`
    const float *g;           // gradient of each row's loss, or one value
    T *dq;                    // (batch, rows, dim)
    T *dpositive;             // (batch, rows, dim), or null
    float *dscale;            // (batch, rows): each row's share of the scale's gradient, or null
    double weight;            // on every g
    int64_t batch, rows, columns, dim, key_stride, g_each, diagonal;

    __device__ float g_at(int64_t i) const { return float(weight) * g[g_each ? i : 0]; }
    // What a row's positive, where it is no column, is multiplied with.
    __device__ float positive_gradient(int64_t row) const {
        return positive ? g_at(row) * (expf(target[row] - lse_rows[row]) - 1.0f) : 0.0f;
    }
    // From the sum over all columns to one element of a row's gradient, and of its positive's.
    __device__ void finish(int64_t row, int64_t d, float gradient, float sum) const {
        const int64_t i = row * dim + d;
        if (positive) sum += gradient * float(positive[i]);
        dq[i] = T(*scale * sum);
        if (dpositive) dpositive[i] = T(*scale * gradient * float(q[i]));
    }
    __device__ void finish_scale(int64_t row, float gradient, float moment) const {
        if (dscale) dscale[row] = positive ? moment + gradient * target[row] / *scale : moment;
    }
};
// Scratch, where blocks share the columns: from each the sum (batch * rows, dim) and then its moment (batch * rows).
// launch info_nce_backward: info_nce_backward<<<(batch * ceil(rows, ROWS), max(1, min(ceil(columns, COLUMNS), BLOCKS / max(1, batch * ceil(rows, ROWS)))), max(1, ceil(dim, OUT))), TILE_THREADS>>> scratch 4 * BLOCKS * ROWS * (dim + 1)
// launch info_nce_backward: info_nce_backward_join<<<ceil(batch * rows, 8), 256>>> scratch 4 * BLOCKS * ROWS * (dim + 1) if min(ceil(columns, COLUMNS), BLOCKS / max(1, batch * ceil(rows, ROWS))) > 1
template <typename T> __device__ float logit_gradient(const info_nce_backward_args<T> &a, int64_t b, int64_t r, int64_t c, float logit) {
    const float right = a.diagonal && r == c ? 1.0f : 0.0f;
    float gradient = 0;
    if (a.lse_rows) gradient += a.g_at(b * a.rows + r) * (expf(logit - a.lse_rows[b * a.rows + r]) - right);
    if (a.lse_columns) gradient += a.g_at(b * a.columns + c) * (expf(logit - a.lse_columns[b * a.columns + c]) - right);
    return gradient;
}
// Gradients of logits (32 x 64) are multiplied with the keys (64 x 512): thread (tid / 64, tid % 64) sums rows 8 y to 8 y + 7 and
// elements 4 x to 4 x + 3 and the same of the second half.
template <typename T> __device__ void info_nce_backward(const info_nce_backward_args<T> &a, float *scratch) {
    __shared__ __align__(16) union {
        Operands operands;
        float keys[KEYS][OUT];
    } shared;
    __shared__ __align__(16) float gradients[ROWS][COLUMNS + TILE_PAD];
    const Place<T> at(a);
    const int out = int(blockIdx.z) * OUT, width = int(min(int64_t(OUT), a.dim - out)), x = threadIdx.x % 64 * 4, y = threadIdx.x / 64 * 8;
    TileThread me;
    float sum[8][2][4] = {}, moment[2] = {};
    for (int64_t column = int64_t(blockIdx.y) * COLUMNS; column < a.columns; column += int64_t(gridDim.y) * COLUMNS) {
        float tile[2][4] = {};
        similarities(tile, shared.operands, at, column);
#pragma unroll
        for (int i = 0; i < 2; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int64_t c = column + me.tx + 16 * j;
                const bool there = me.ty + 16 * i < at.count && c < a.columns;
                const float gradient = there ? logit_gradient(a, at.b, at.first + me.ty + 16 * i, c, *a.scale * tile[i][j]) : 0.0f;
                moment[i] += gradient * tile[i][j];
                tile[i][j] = gradient;
            }
        store_tile(gradients, tile);
        for (int k0 = 0; k0 < COLUMNS && column + k0 < a.columns; k0 += KEYS) {
            __syncthreads(); // gradients are there, and everyone is done with the keys before
            const int64_t key = column + k0;
            load_tile<OUT>(shared.keys, at.keys + key * a.dim + out, a.dim, int(min(int64_t(KEYS), a.columns - key)), width);
            __syncthreads();
#pragma unroll 1
            for (int k = 0; k < KEYS; k += 4) {
                float4 four[8];
#pragma unroll
                for (int i = 0; i < 8; i++) four[i] = load4(&gradients[y + i][k0 + k]);
#pragma unroll
                for (int n = 0; n < 4; n++) {
                    const float4 left = load4(&shared.keys[k + n][x]), right = load4(&shared.keys[k + n][OUT / 2 + x]);
#pragma unroll
                    for (int i = 0; i < 8; i++) {
                        const float g = n == 0 ? four[i].x : n == 1 ? four[i].y : n == 2 ? four[i].z : four[i].w;
                        sum[i][0][0] += g * left.x, sum[i][0][1] += g * left.y, sum[i][0][2] += g * left.z, sum[i][0][3] += g * left.w;
                        sum[i][1][0] += g * right.x, sum[i][1][1] += g * right.y, sum[i][1][2] += g * right.z, sum[i][1][3] += g * right.w;
                    }
                }
            }
        }
    }
    const bool alone = gridDim.y == 1;
    const int64_t rows = a.batch * a.rows;
    float *sums = scratch + blockIdx.y * rows * (a.dim + 1), *moments = sums + rows * a.dim;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        if (y + i >= at.count) break;
        const int64_t row = at.row + y + i;
        const float gradient = alone ? a.positive_gradient(row) : 0.0f;
#pragma unroll
        for (int half = 0; half < 2; half++)
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const int d = half * (OUT / 2) + x + j;
                if (d >= width) continue;
                if (alone) a.finish(row, out + d, gradient, sum[i][half][j]);
                else sums[row * a.dim + out + d] = sum[i][half][j];
            }
    }
    if (blockIdx.z > 0) return;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        const float total = row_sum(moment[i]);
        const int64_t row = at.row + me.ty + 16 * i;
        if (me.tx != 0 || me.ty + 16 * i >= at.count) continue;
        if (alone) a.finish_scale(row, a.positive_gradient(row), total);
        else moments[row] = total;
    }
}
EXPORT_SCRATCH(info_nce_backward, info_nce_backward, TILE_THREADS)

// A warp joins a row's sums.
template <typename T> __device__ void info_nce_backward_join(const info_nce_backward_args<T> &a, float *scratch) {
    const int64_t row = int64_t(blockIdx.x) * 8 + threadIdx.x / 32, rows = a.batch * a.rows;
    if (row >= rows) return;
    const float gradient = a.positive_gradient(row);
    const int n = shares(a);
    // d == dim: the moment
    for (int64_t d = threadIdx.x % 32; d <= a.dim; d += 32) {
        float sum = 0;
        for (int i = 0; i < n; i++) sum += scratch[i * rows * (a.dim + 1) + (d < a.dim ? row * a.dim + d : rows * a.dim + row)];
        if (d < a.dim) a.finish(row, d, gradient, sum);
        else a.finish_scale(row, gradient, sum);
    }
}
EXPORT_SCRATCH(info_nce_backward_join, info_nce_backward, 256)

// loss = lse - target (+ the same of the other direction), for each sample, or their sum times `weight`.
struct info_nce_loss_args {
    const float *lse, *target, *lse_columns, *target_columns;
    float *loss;
    double weight;
    int64_t n, each;
};
// launch info_nce_loss: info_nce_loss<<<1, 1024>>>
__device__ void info_nce_loss(const info_nce_loss_args &a) {
    float sum = 0;
    for (int64_t i = threadIdx.x; i < a.n; i += 1024) {
        float loss = a.lse[i] - a.target[i];
        if (a.lse_columns) loss += a.lse_columns[i] - a.target_columns[i];
        if (a.each) a.loss[i] = loss;
        sum += loss;
    }
    sum = block_sum<1024>(sum);
    if (threadIdx.x == 0 && !a.each) a.loss[0] = sum * float(a.weight);
}
EXPORT_AS(info_nce_loss, info_nce_loss_args, 1024, info_nce_loss(a))
