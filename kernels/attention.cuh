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
