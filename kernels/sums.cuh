// Sums over a group of threads, two at once, and over the columns of a block.
#pragma once

#include "common.cuh"

// THREADS is 32, for a warp, or the size of the block; every thread gets both sums.
template <int THREADS> __device__ float2 sum_of_both(float2 x) {
    x = make_float2(warp_sum(x.x), warp_sum(x.y));
    if (THREADS == 32) return x;
    __shared__ float2 parts[THREADS / 32];
    __syncthreads(); // the last result may still be read
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    x = make_float2(0, 0);
#pragma unroll
    for (int i = 0; i < THREADS / 32; i++) x = make_float2(x.x + parts[i].x, x.y + parts[i].y);
    return x;
}

// A block of 256 threads as rows of `width` columns, a power of two up to 32: the sums over the rows, for threads 0 to width - 1.
__device__ __forceinline__ float sum_of_column(float x, int width) {
    __shared__ float parts[8][32];
    for (int bits = 16; bits >= width; bits /= 2) x += __shfl_xor_sync(ALL_LANES, x, bits);
    int lane = int(threadIdx.x) % 32;
    __syncthreads(); // the last result may still be read
    parts[threadIdx.x / 32][lane] = x;
    __syncthreads();
    x = 0;
#pragma unroll
    for (int i = 0; i < 8; i++) x += parts[i][lane];
    return x;
}

// Mean and variance of n values that are spread over a group of threads, exact also where the mean is far larger than the spread, as
// gravity is in an accelerometer: two passes, and what rounding the mean lost is kept as `shift`.
struct Moments {
    float center;   // the mean, rounded
    float shift;    // mean - center
    float variance; // of the population: divided by n
};

// each(f) calls f(value) for every value of this thread.
template <int THREADS, typename Each> __device__ __forceinline__ Moments moments_of(int64_t n, Each each) {
    if (n == 0) return {0, 0, 0}; // not NaN: a sum over nothing of what it normalises must be 0
    float sum = 0, share = 1.0f / float(n);
    each([&](float x) { sum += x; });
    float center = block_sum<THREADS>(sum) * share;
    float2 both = make_float2(0, 0);
    each([&](float x) {
        float d = x - center;
        both.x += d;
        both.y += d * d;
    });
    both = sum_of_both<THREADS>(both);
    float shift = both.x * share, variance = both.y * share - shift * shift;
    return {center, shift, variance < 0 ? 0 : variance};
}
