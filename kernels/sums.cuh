// Sums of two numbers at once, mean and variance of a row, and sums over the columns of a block.
#pragma once

#include "rows.cuh"

// Both sums over the threads of a row; every thread gets them.
template <typename Row> __device__ float2 sum_of_both(float2 x) {
    x = make_float2(warp_sum(x.x), warp_sum(x.y));
    if (Row::THREADS == 32) return x;
    __shared__ float2 parts[Row::THREADS / 32];
    __syncthreads(); // the last result may still be read
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    x = make_float2(0, 0);
#pragma unroll
    for (int i = 0; i < Row::THREADS / 32; i++) x = make_float2(x.x + parts[i].x, x.y + parts[i].y);
    return x;
}

// A block of 256 threads as rows of `width` columns, a power of two up to 32: thread t gets the sum of column t % width.
__device__ __forceinline__ float sum_of_column(float x, int width) {
    __shared__ float parts[8][32];
    int lane = int(threadIdx.x) % 32;
    for (int bits = 16; bits >= width; bits /= 2) x += __shfl_xor_sync(ALL_LANES, x, bits);
    __syncthreads(); // the last result may still be read
    parts[threadIdx.x / 32][lane] = x;
    __syncthreads();
    x = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) x += parts[i][lane];
    return x;
}

// Mean and variance, exact also where the mean is far larger than the spread, as gravity is in an accelerometer: two passes, and what
// rounding the mean lost is kept as `shift`.
struct Moments {
    float center;   // the mean, rounded
    float shift;    // mean - center
    float variance; // of the population: divided by n
};

template <typename Row, typename T> __device__ __forceinline__ Moments moments_of(const T *x, int64_t n) {
    if (n == 0) return {0, 0, 0}; // not NaN: a sum over nothing of what it normalises must be 0
    float sum = 0, share = 1.0f / float(n);
#pragma unroll 8
    ROW(i, n) sum += float(x[i]);
    float center = Row::sum(sum) * share;
    float2 both = make_float2(0, 0);
#pragma unroll 4
    ROW(i, n) {
        float d = float(x[i]) - center;
        both.x += d;
        both.y += d * d;
    }
    both = sum_of_both<Row>(both);
    float shift = both.x * share, variance = both.y * share - shift * shift;
    return {center, shift, variance < 0 ? 0 : variance};
}
