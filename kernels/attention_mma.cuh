// Attention in bfloat16 on tensor cores (mma.cuh has the layout of their registers). A block has four warps, each with 16 rows of its
// own: scores are computed into registers and go from there, packed, into the next product, so that only rows of the inputs are in shared
// memory. Lane 4 g + t holds of its warp's rows g and g + 8, and of every 8 columns 2 t and 2 t + 1.
#pragma once

#include "attention.cuh"
#include "mma.cuh"

constexpr int ATTENTION_MMA_THREADS = 128;
constexpr int ATTENTION_MMA_ROW = 72;  // with padding: the 8 rows of a matrix meet all banks
constexpr int ATTENTION_MMA_KEYS = 64; // that the forward pass looks at in one go

template <int ROWS> using AttentionTile = bf16[ROWS][ATTENTION_MMA_ROW];

// `count` rows of `width` elements, and zeros around them.
template <int ROWS> __device__ void load_attention_tile(AttentionTile<ROWS> &to, const bf16 *from, int64_t row, int count, int width) {
    constexpr int VECTORS = ATTENTION_DEPTH / 8;
    if (row % 8 == 0 && width % 8 == 0 && reinterpret_cast<uint64_t>(from) % 16 == 0) {
        for (int i = threadIdx.x; i < ROWS * VECTORS; i += ATTENTION_MMA_THREADS) {
            int r = i / VECTORS, x = i % VECTORS * 8;
            uint4 *at = reinterpret_cast<uint4 *>(&to[r][x]);
            *at = r < count && x < width ? *reinterpret_cast<const uint4 *>(from + r * row + x) : uint4{0, 0, 0, 0};
        }
    } else {
        for (int i = threadIdx.x; i < ROWS * ATTENTION_DEPTH; i += ATTENTION_MMA_THREADS) {
            int r = i / ATTENTION_DEPTH, x = i % ATTENTION_DEPTH;
            to[r][x] = r < count && x < width ? from[r * row + x] : bf16(0.0f);
        }
    }
}

struct AttentionLane {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, g = lane / 4, t = lane % 4;
};

// 16 x 16 elements of the warp's rows as left operand.
__device__ __forceinline__ void load_left(uint32_t (&a)[4], const AttentionTile<ATTENTION_OWN> &x, int column) {
    AttentionLane at;
    load_matrices(a, &x[at.warp * 16 + at.lane % 16][column + at.lane / 16 * 8]);
}

// left[.., 8 columns each] += a x^T for 16 rows of x, 16 elements deep
template <int ROWS>
__device__ __forceinline__ void multiply_transposed(float (&left)[4], float (&right)[4], const uint32_t (&a)[4],
                                                    const AttentionTile<ROWS> &x, int row, int column) {
    AttentionLane at;
    uint32_t b[4];
    load_matrices(b, &x[row + at.lane / 16 * 8 + at.lane % 8][column + at.lane / 8 % 2 * 8]);
    const uint32_t b_left[2] = {b[0], b[1]}, b_right[2] = {b[2], b[3]};
    mma_bf16(left, a, b_left);
    mma_bf16(right, a, b_right);
}

// sum (16 x 64) += a x for 16 rows of x, of which `width` elements are not zero; a: 16 x 16 scores that stand in left and right
template <int ROWS>
__device__ __forceinline__ void multiply_scores(float (&sum)[8][4], const float (&left)[4], const float (&right)[4],
                                                const AttentionTile<ROWS> &x, int row, int width) {
    AttentionLane at;
    const uint32_t a[4] = {pack2(left[0], left[1]), pack2(left[2], left[3]), pack2(right[0], right[1]), pack2(right[2], right[3])};
#pragma unroll
    for (int n = 0; n < 4; n++) {
        if (16 * n >= width) continue;
        uint32_t b[4];
        load_matrices_transposed(b, &x[row + at.lane % 16][16 * n + at.lane / 16 * 8]);
        const uint32_t b_left[2] = {b[0], b[1]}, b_right[2] = {b[2], b[3]};
        mma_bf16(sum[2 * n], a, b_left);
        mma_bf16(sum[2 * n + 1], a, b_right);
    }
}

// The warp's rows of the result, times `factor`, to `count` rows (of the block) of `width` elements.
__device__ __forceinline__ void store_rows(bf16 *to, int64_t row, const float (&sum)[8][4], const float (&factor)[2], int count,
                                           int width) {
    AttentionLane at;
    const bool pairs = row % 2 == 0 && reinterpret_cast<uint64_t>(to) % 4 == 0;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int r = at.warp * 16 + at.g + 8 * half;
        if (r >= count) continue;
#pragma unroll
        for (int n = 0; n < 8; n++) {
            const int x = 8 * n + 2 * at.t;
            const float first = sum[n][2 * half] * factor[half], second = sum[n][2 * half + 1] * factor[half];
            bf16 *p = to + r * row + x;
            if (pairs && x + 1 < width) *reinterpret_cast<uint32_t *>(p) = pack2(first, second);
            else {
                if (x < width) p[0] = bf16(first);
                if (x + 1 < width) p[1] = bf16(second);
            }
        }
    }
}

__device__ __forceinline__ float quad_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}
__device__ __forceinline__ float quad_sum(float x) {
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

// Scores become exp(score - largest so far); returns by how much earlier sums of the row must be multiplied. `half`: row g or g + 8.
__device__ __forceinline__ float softmax_row(float (&score)[8][4], int half, const AttentionHead &head, int query, int key, float scale,
                                             float &largest, float &sum) {
    AttentionLane at;
    float now = largest;
#pragma unroll
    for (int n = 0; n < 8; n++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            float &s = score[n][2 * half + e];
            s *= scale;
            if (head.sees(query, key + 8 * n + 2 * at.t + e)) now = fmaxf(now, s);
        }
    now = quad_max(now);
    const float rescale = now == largest ? 1.0f : exp2f(largest - now);
    largest = now;
    sum *= rescale;
#pragma unroll
    for (int n = 0; n < 8; n++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            float &s = score[n][2 * half + e];
            s = head.sees(query, key + 8 * n + 2 * at.t + e) ? exp2f(s - now) : 0.0f;
            sum += s;
        }
    return rescale;
}

__device__ inline void attention_forward_tensor(const attention_forward_args<bf16> &a) {
    constexpr int KEYS = ATTENTION_MMA_KEYS, DEPTH = ATTENTION_DEPTH;
    __shared__ __align__(16) AttentionTile<ATTENTION_OWN> q;
    __shared__ __align__(16) AttentionTile<KEYS> k, v;
    const int blocks = int((a.t + ATTENTION_OWN - 1) / ATTENTION_OWN), first = int(blockIdx.x % blocks) * ATTENTION_OWN, d = int(a.d);
    const AttentionHead head(a, blockIdx.x / blocks);
    const bf16 *qs = a.q + head.at(a.t, a.q_row, d), *ks = a.k + head.at(a.s, a.k_row, d), *vs = a.v + head.at(a.s, a.v_row, d);
    const int out = int(blockIdx.y) * DEPTH, key_end = head.queries <= first ? 0 : head.key_end(first + ATTENTION_OWN);
    const float scale = float(a.scale * 1.4426950408889634); // exponentials are powers of two
    AttentionLane at;
    const int mine = first + at.warp * 16, own_end = mine < head.queries ? head.key_end(mine + 16) : 0; // of this warp
    float largest[2] = {-INFINITE, -INFINITE}, sum[2] = {0, 0}, y[8][4] = {}; // each lane sums its own columns
    for (int key = 0; key < key_end; key += KEYS) {
        float score[8][4] = {};
        for (int c = 0; c < d; c += DEPTH) {
            __syncthreads(); // everyone is done with what was there
            if (key == 0 || d > DEPTH) load_attention_tile(q, qs + first * a.q_row + c, a.q_row, head.queries - first, min(DEPTH, d - c));
            load_attention_tile(k, ks + key * a.k_row + c, a.k_row, head.keys - key, min(DEPTH, d - c));
            if (c == 0) load_attention_tile(v, vs + key * a.v_row + out, a.v_row, head.keys - key, min(DEPTH, d - out));
            __syncthreads();
#pragma unroll
            for (int x = 0; x < DEPTH; x += 16) {
                if (x >= d - c) continue;
                uint32_t left[4];
                load_left(left, q, x);
#pragma unroll
                for (int n = 0; n < KEYS / 16; n++)
                    if (key + 16 * n < own_end) multiply_transposed(score[2 * n], score[2 * n + 1], left, k, 16 * n, x);
            }
        }
        if (key >= own_end) continue;
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float rescale = softmax_row(score, half, head, mine + at.g + 8 * half, key, scale, largest[half], sum[half]);
#pragma unroll
            for (int n = 0; n < 8; n++) y[n][2 * half] *= rescale, y[n][2 * half + 1] *= rescale;
        }
#pragma unroll
        for (int n = 0; n < KEYS / 16; n++)
            if (key + 16 * n < own_end) multiply_scores(y, score[2 * n], score[2 * n + 1], v, 16 * n, d - out);
    }
    float factor[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int query = mine + at.g + 8 * half;
        const float total = quad_sum(sum[half]);
        factor[half] = total == 0 ? 0.0f : 1.0f / total; // no keys: zeros; a NaN stays one
        if (a.lse && blockIdx.y == 0 && at.t == 0 && query < a.t)
            a.lse[(head.b * a.h + head.head) * a.t + query] = (largest[half] + log2f(total)) * LN_2;
    }
    store_rows(a.y + head.at(a.t, a.h * d, d) + first * a.h * d + out, a.h * d, y, factor, int(a.t) - first, d - out);
}

// As attention_backward_rows in attention_plain.cuh, from which the names are.
template <bool KEYS> __device__ void attention_backward_tensor(const attention_backward_args<bf16> &a, const float *dy_y) {
    constexpr int STREAM = ATTENTION_STREAM, DEPTH = ATTENTION_DEPTH;
    __shared__ __align__(16) AttentionTile<ATTENTION_OWN> own[2];
    __shared__ __align__(16) AttentionTile<STREAM> others[2];
    __shared__ float lse[ATTENTION_OWN], dots[ATTENTION_OWN]; // of the queries, which are own or others
    const AttentionSides<KEYS, bf16> sides(a);
    const AttentionHead &head = sides.head;
    const int d = int(a.d), first = sides.first, chunks = (d + DEPTH - 1) / DEPTH, out = int(blockIdx.y) * DEPTH;
    AttentionLane at;
    const int mine = first + at.warp * 16;
    const float scale2 = float(a.scale * 1.4426950408889634);
    float d_own[8][4] = {}, d_values[8][4] = {};
    for (int other = sides.begin; other < sides.end; other += STREAM) {
        float p[STREAM / 8][4] = {}, ds[STREAM / 8][4] = {};
        // Whether the warp's rows see none, or are seen by none, of 16 others.
        auto apart = [&](int n) {
            const int from = other + 16 * n;
            return mine >= sides.own_count || from >= sides.other_count || (head.causal && (KEYS ? from + 15 < mine : from > mine + 15));
        };
        for (int i = 1; i <= chunks; i++) {
            const int c = (int(blockIdx.y) + i) % chunks * DEPTH, width = min(DEPTH, d - c); // the last is `out`
            __syncthreads();
#pragma unroll
            for (int n = 0; n < 2; n++) {
                if (other == sides.begin || chunks > 1)
                    load_attention_tile(own[n], sides.own[n].row_at(first) + c, sides.own[n].row, sides.own_count - first, width);
                load_attention_tile(others[n], sides.others[n].row_at(other) + c, sides.others[n].row, sides.other_count - other, width);
            }
            const int count = KEYS ? STREAM : ATTENTION_OWN, query = (KEYS ? other : first) + int(threadIdx.x);
            if (int(threadIdx.x) < count && i == 1 && (KEYS || other == sides.begin)) {
                lse[threadIdx.x] = query < head.queries ? a.lse[(head.b * a.h + head.head) * a.t + query] * LOG2_E : 0.0f;
                dots[threadIdx.x] = query < head.queries ? dy_y[(head.b * a.t + query) * a.h + head.head] : 0.0f;
            }
            __syncthreads();
#pragma unroll
            for (int x = 0; x < DEPTH; x += 16) {
                if (x >= width) continue;
                uint32_t left[2][4];
                load_left(left[0], own[0], x);
                load_left(left[1], own[1], x);
#pragma unroll
                for (int n = 0; n < STREAM / 16; n++) {
                    if (apart(n)) continue;
                    multiply_transposed(p[2 * n], p[2 * n + 1], left[0], others[0], 16 * n, x);
                    multiply_transposed(ds[2 * n], ds[2 * n + 1], left[1], others[1], 16 * n, x);
                }
            }
        }
#pragma unroll
        for (int n = 0; n < STREAM / 8; n++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                const int its = other + 8 * n + 2 * at.t + e % 2, row = mine + at.g + e / 2 * 8;
                const int query = KEYS ? its : row, key = KEYS ? row : its, i = KEYS ? its - other : row - first;
                const bool seen = head.sees(query, key);
                p[n][e] = seen ? exp2f(p[n][e] * scale2 - lse[i]) : 0.0f;
                ds[n][e] = seen ? p[n][e] * (ds[n][e] - dots[i]) : 0.0f;
            }
#pragma unroll
        for (int n = 0; n < STREAM / 16; n++) {
            if (apart(n)) continue;
            multiply_scores(d_own, ds[2 * n], ds[2 * n + 1], others[0], 16 * n, d - out);
            if (KEYS) multiply_scores(d_values, p[2 * n], p[2 * n + 1], others[1], 16 * n, d - out);
        }
    }
    const float scales[2] = {float(a.scale), float(a.scale)}, ones[2] = {1, 1};
    const int count = sides.own_steps - first;
    if (!KEYS) store_rows(a.dq + head.at(a.t, a.q_row, d) + first * a.q_row + out, a.q_row, d_own, scales, count, d - out);
    if (KEYS && a.dk) store_rows(a.dk + head.at(a.s, a.k_row, d) + first * a.k_row + out, a.k_row, d_own, scales, count, d - out);
    if (KEYS && a.dv) store_rows(a.dv + head.at(a.s, a.v_row, d) + first * a.v_row + out, a.v_row, d_values, ones, count, d - out);
}
