// Attention with plain multiplications in float32, for every element type and device. A block has 256 threads, 16 x 16: thread
// (ty, tx) computes scores of rows ty, ty + 16, ty + 32, ty + 48 against columns tx, tx + 16, and of the same rows of the result the
// elements 4 tx to 4 tx + 3.
#pragma once

#include "attention.cuh"
#include "tile.cuh"

static_assert(ATTENTION_DEPTH == TILE_DEPTH, "tiles of attention are tiles");
using Scores = float[ATTENTION_OWN][ATTENTION_STREAM + TILE_PAD];

// sum[i][j] += sum over k of p[ty + 16 i][k] z[k][4 tx + j]
__device__ __forceinline__ void multiply_columns(float (&sum)[4][4], const Scores &p, const Tile<ATTENTION_STREAM> &z) {
    TileThread at;
#pragma unroll 2
    for (int k = 0; k < ATTENTION_STREAM; k += 4) {
        float4 zs[4];
#pragma unroll
        for (int n = 0; n < 4; n++) zs[n] = load4(&z[k + n][4 * at.tx]);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float4 ps = load4(&p[at.ty + 16 * i][k]);
            const float four[4] = {ps.x, ps.y, ps.z, ps.w};
#pragma unroll
            for (int n = 0; n < 4; n++) {
                sum[i][0] += four[n] * zs[n].x;
                sum[i][1] += four[n] * zs[n].y;
                sum[i][2] += four[n] * zs[n].z;
                sum[i][3] += four[n] * zs[n].w;
            }
        }
    }
}

// This thread's part of the result, times `factor`, to `count` rows of `width` elements.
template <typename T>
__device__ void store_result(T *to, int64_t row, const float (&sum)[4][4], const float (&factor)[4], int count, int width) {
    TileThread at;
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++)
            if (at.ty + 16 * i < count && 4 * at.tx + j < width) to[(at.ty + 16 * i) * row + 4 * at.tx + j] = T(sum[i][j] * factor[i]);
}

// The block's share: 64 queries of a head, and 64 elements of their results. Keys stream by, with a running maximum and sum of each row.
template <typename T> __device__ void attention_forward(const attention_forward_args<T> &a) {
    constexpr int DEPTH = ATTENTION_DEPTH;
    __shared__ __align__(16) Tile<ATTENTION_OWN> q;
    __shared__ __align__(16) Tile<ATTENTION_STREAM> k, v;
    __shared__ __align__(16) Scores p;
    const int blocks = int((a.t + ATTENTION_OWN - 1) / ATTENTION_OWN), first = int(blockIdx.x % blocks) * ATTENTION_OWN, d = int(a.d);
    const AttentionHead head(a, blockIdx.x / blocks);
    const T *qs = a.q + head.at(a.t, a.q_row, d), *ks = a.k + head.at(a.s, a.k_row, d), *vs = a.v + head.at(a.s, a.v_row, d);
    const int out = int(blockIdx.y) * DEPTH, key_end = head.queries <= first ? 0 : head.key_end(first + ATTENTION_OWN);
    const float scale = float(a.scale * 1.4426950408889634); // exponentials are powers of two
    TileThread at;
    float largest[4], sum[4], y[4][4] = {};
#pragma unroll
    for (int i = 0; i < 4; i++) largest[i] = -INFINITE, sum[i] = 0;
    for (int key = 0; key < key_end; key += ATTENTION_STREAM) {
        float score[4][2] = {};
        for (int c = 0; c < d; c += DEPTH) {
            __syncthreads(); // everyone is done with what was there
            if (key == 0 || d > DEPTH) load_tile<DEPTH>(q, qs + first * a.q_row + c, a.q_row, head.queries - first, min(DEPTH, d - c));
            load_tile<DEPTH>(k, ks + key * a.k_row + c, a.k_row, head.keys - key, min(DEPTH, d - c));
            if (c == 0) load_tile<DEPTH>(v, vs + key * a.v_row + out, a.v_row, head.keys - key, min(DEPTH, d - out));
            __syncthreads();
            multiply_rows(score, q, k, min(DEPTH, d - c));
        }
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int query = first + at.ty + 16 * i;
            bool seen[2];
            float now = largest[i], total = 0;
#pragma unroll
            for (int j = 0; j < 2; j++) {
                seen[j] = head.sees(query, key + at.tx + 16 * j);
                score[i][j] *= scale;
                if (seen[j]) now = fmaxf(now, score[i][j]);
            }
            now = row_max(now);
#pragma unroll
            for (int j = 0; j < 2; j++) total += score[i][j] = seen[j] ? exp2f(score[i][j] - now) : 0.0f;
            const float rescale = now == largest[i] ? 1.0f : exp2f(largest[i] - now);
            sum[i] = sum[i] * rescale + row_sum(total);
            largest[i] = now;
#pragma unroll
            for (int j = 0; j < 4; j++) y[i][j] *= rescale;
        }
        store_tile(p, score);
        __syncthreads();
        multiply_columns(y, p, v);
    }
    float factor[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
        const int query = first + at.ty + 16 * i;
        factor[i] = sum[i] == 0 ? 0.0f : 1.0f / sum[i]; // no keys: zeros; a NaN stays one
        if (a.lse && blockIdx.y == 0 && at.tx == 0 && query < a.t)
            a.lse[(head.b * a.h + head.head) * a.t + query] = (largest[i] + log2f(sum[i])) * LN_2;
    }
    store_result(a.y + head.at(a.t, a.h * d, d) + first * a.h * d + out, a.h * d, y, factor, int(a.t) - first, d - out);
}

struct attention_backward_shared {
    Tile<ATTENTION_OWN> own[2];
    Tile<ATTENTION_STREAM> others[2];
    Scores p;
};

// Gradients of 64 rows of a head: of queries, while keys stream by, or (KEYS) of keys and values, while queries do. Both compute
// scores and the gradients of probabilities again, as own x others:
//     scores = queries keys^T              dp = dy values^T
//     p = exp(scale scores - lse)          ds = p (dp - <dy, y>)
//     dqueries = scale ds keys             dkeys = scale ds^T queries             dvalues = p^T dy
template <bool KEYS, typename T> __device__ void attention_backward_rows(const attention_backward_args<T> &a, const float *dy_y) {
    constexpr int DEPTH = ATTENTION_DEPTH;
    DYNAMIC_SHARED(attention_backward_shared, shared);
    const AttentionSides<KEYS, T> sides(a);
    const AttentionHead &head = sides.head;
    const int d = int(a.d), first = sides.first, chunks = (d + DEPTH - 1) / DEPTH, out = int(blockIdx.y) * DEPTH;
    const float scale = float(a.scale), scale2 = float(a.scale * 1.4426950408889634);
    TileThread at;
    float d_own[4][4] = {}, d_values[4][4] = {};
    for (int other = sides.begin; other < sides.end; other += ATTENTION_STREAM) {
        float p[4][2] = {}, ds[4][2] = {};
        for (int i = 1; i <= chunks; i++) {
            const int c = (int(blockIdx.y) + i) % chunks * DEPTH, width = min(DEPTH, d - c); // the last is `out`
            __syncthreads();
#pragma unroll
            for (int n = 0; n < 2; n++) {
                const auto &mine = sides.own[n], &its = sides.others[n];
                if (other == sides.begin || chunks > 1)
                    load_tile<DEPTH>(shared->own[n], mine.row_at(first) + c, mine.row, sides.own_count - first, width);
                load_tile<DEPTH>(shared->others[n], its.row_at(other) + c, its.row, sides.other_count - other, width);
            }
            __syncthreads();
            multiply_rows(p, shared->own[0], shared->others[0], width);
            multiply_rows(ds, shared->own[1], shared->others[1], width);
        }
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 2; j++) {
                const int mine = first + at.ty + 16 * i, its = other + at.tx + 16 * j, query = KEYS ? its : mine, key = KEYS ? mine : its;
                if (head.sees(query, key)) {
                    p[i][j] = exp2f(p[i][j] * scale2 - a.lse[(head.b * a.h + head.head) * a.t + query] * LOG2_E);
                    ds[i][j] = p[i][j] * (ds[i][j] - dy_y[(head.b * a.t + query) * a.h + head.head]);
                } else
                    p[i][j] = ds[i][j] = 0;
            }
        if (KEYS) {
            store_tile(shared->p, p);
            __syncthreads();
            multiply_columns(d_values, shared->p, shared->others[1]);
            __syncthreads();
        }
        store_tile(shared->p, ds);
        __syncthreads();
        multiply_columns(d_own, shared->p, shared->others[0]);
    }
    const float scales[4] = {scale, scale, scale, scale}, ones[4] = {1, 1, 1, 1};
    const int count = sides.own_steps - first;
    if (!KEYS) store_result(a.dq + head.at(a.t, a.q_row, d) + first * a.q_row + out, a.q_row, d_own, scales, count, d - out);
    if (KEYS && a.dk) store_result(a.dk + head.at(a.s, a.k_row, d) + first * a.k_row + out, a.k_row, d_own, scales, count, d - out);
    if (KEYS && a.dv) store_result(a.dv + head.at(a.s, a.v_row, d) + first * a.v_row + out, a.v_row, d_values, ones, count, d - out);
}
