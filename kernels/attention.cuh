// What the kernels of attention share: arguments, who sees whom, tiles in shared memory.
#pragma once

#include "common.cuh"

template <typename T> struct attention_forward_args {
    const T *q, *k, *v;
    T *y;
    float *lse;
    const int32_t *key_lengths, *query_lengths;
    double scale;
    int64_t b, t, s, h, d;
    int64_t q_row, k_row, v_row;
    int64_t causal;
};

template <typename T> struct attention_backward_args {
    const T *q, *k, *v, *y, *dy;
    const float *lse;
    const int32_t *key_lengths, *query_lengths;
    T *dq, *dk, *dv;
    double scale;
    int64_t b, t, s, h, d;
    int64_t q_row, k_row, v_row;
    int64_t causal;
};

constexpr int ATTENTION_OWN = 64;    // queries (or, for the gradients of keys, keys) of a thread block
constexpr int ATTENTION_STREAM = 32; // keys (or queries) that it looks at in one go
constexpr int ATTENTION_DEPTH = 64;  // of each, elements in shared memory at a time; also how many elements of the result a block computes
constexpr float LOG2_E = 1.44269504f, LN_2 = 0.693147181f;

// One head of one sequence: where its rows begin, and how many of them count.
struct AttentionHead {
    int64_t b, head;
    int keys, queries;
    bool causal;

    template <typename Args> __device__ AttentionHead(const Args &a, int64_t index)
        : b(index / a.h), head(index % a.h), keys(length(a.key_lengths, a.s)), queries(length(a.query_lengths, a.t)), causal(a.causal) {}

    __device__ bool sees(int query, int key) const { return query < queries && key < keys && (!causal || key <= query); }
    // Keys before this one are all that the queries before `end` see.
    __device__ int key_end(int end) const { return causal ? min(keys, min(queries, end)) : keys; }
    // Element 0 of the first of `steps` rows.
    __device__ int64_t at(int64_t steps, int64_t row, int64_t d) const { return b * steps * row + head * d; }

  private:
    __device__ int length(const int32_t *lengths, int64_t most) const {
        return int(!lengths ? most : lengths[b] < 0 ? 0 : lengths[b] < most ? lengths[b] : most);
    }
};

// The two sides of a block of the backward pass: 64 rows of its own, of queries (and dy) or of keys (and values), and the others, which
// stream by: those from `begin` to `end` may be seen.
template <bool KEYS, typename T> struct AttentionSides {
    struct Side {
        const T *from;
        int64_t row;

        __device__ const T *row_at(int i) const { return from + i * row; }
    };
    AttentionHead head;
    int own_steps, first, own_count, other_count, begin, end;
    Side own[2], others[2];

    __device__ explicit AttentionSides(const attention_backward_args<T> &a) : AttentionSides(a, int(KEYS ? a.s : a.t)) {}

  private:
    __device__ AttentionSides(const attention_backward_args<T> &a, int steps)
        : head(a, blockIdx.x / ((steps + ATTENTION_OWN - 1) / ATTENTION_OWN)), own_steps(steps),
          first(int(blockIdx.x % ((steps + ATTENTION_OWN - 1) / ATTENTION_OWN)) * ATTENTION_OWN) {
        const Side q = {a.q + head.at(a.t, a.q_row, a.d), a.q_row}, k = {a.k + head.at(a.s, a.k_row, a.d), a.k_row};
        const Side v = {a.v + head.at(a.s, a.v_row, a.d), a.v_row}, dy = {a.dy + head.at(a.t, a.h * a.d, a.d), a.h * a.d};
        own[0] = KEYS ? k : q, own[1] = KEYS ? v : dy, others[0] = KEYS ? q : k, others[1] = KEYS ? dy : v;
        own_count = KEYS ? head.keys : head.queries, other_count = KEYS ? head.queries : head.keys;
        begin = KEYS && head.causal ? first : 0;
        end = own_count <= first ? 0 : KEYS ? head.queries : head.key_end(first + ATTENTION_OWN);
    }
};
