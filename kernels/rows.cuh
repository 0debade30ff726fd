// Ops on rows of contiguous numbers: a row belongs to a warp, or to a whole block of 256 threads where it is long. Kernels are templates
// over who computes a row; `ROW(i, n)` goes over its elements, neighbours beside each other.
//
//     // launch f: f<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
//     // launch f: f_long<<<rows, 256>>> if columns > LONG_ROW
//     EXPORT_ROWS(f)
#pragma once

#include "common.cuh"

constexpr int LONG_ROW = 1024;

struct WarpRow {
    static constexpr int THREADS = 32;
    static __device__ int64_t index() { return int64_t(blockIdx.x) * 8 + threadIdx.x / 32; }
    static __device__ int thread() { return threadIdx.x % 32; }
    static __device__ float sum(float x) { return warp_sum(x); }
    static __device__ float max(float x) { return warp_max(x); }
};
struct BlockRow {
    static constexpr int THREADS = 256;
    static __device__ int64_t index() { return blockIdx.x; }
    static __device__ int thread() { return threadIdx.x; }
    static __device__ float sum(float x) { return block_sum<256>(x); }
    static __device__ float max(float x) { return block_max<256>(x); }
};

#define ROW(i, n) for (int64_t i = Row::thread(); i < (n); i += Row::THREADS)

#define EXPORT_ROWS(name)                                                         \
    EXPORT_AS(name, name##_args<float>, 256, (name<WarpRow, float>(a)))           \
    EXPORT_AS(name##_bf16, name##_args<bf16>, 256, (name<WarpRow, bf16>(a)))      \
    EXPORT_AS(name##_long, name##_args<float>, 256, (name<BlockRow, float>(a)))   \
    EXPORT_AS(name##_long_bf16, name##_args<bf16>, 256, (name<BlockRow, bf16>(a)))

// A row's maximum, and the sum of exp(x - maximum). A NaN is no maximum, but it makes the sum NaN; so do minus infinities alone.
struct RowSum {
    float max, sum;
};
template <typename Row, typename T> __device__ RowSum exponential_sum(const T *x, int64_t n) {
    float max = -INFINITE, sum = 0;
    ROW(i, n) max = fmaxf(max, x[i]);
    max = Row::max(max);
    ROW(i, n) sum += expf(float(x[i]) - max);
    return {max, Row::sum(sum)};
}
