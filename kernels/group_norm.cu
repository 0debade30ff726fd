// GroupNorm: each group of channels of each sequence to mean 0 and variance 1, then a scale and an offset per channel.
#include "sums.cuh"

template <typename T> struct group_norm_forward_args {
    const T *x, *gamma, *beta;
    T *y;
    float *mean, *rstd;
    double eps;
    int64_t n, c, l, groups;
};

// THREADS threads, a warp or the block, normalise a group. Only the first pass over it reaches beyond the caches.
template <int THREADS, typename T> __device__ __forceinline__ void normalise_group(const group_norm_forward_args<T> &a) {
    int64_t item = grid_index() / THREADS, thread = threadIdx.x % THREADS, channels = a.c / a.groups, count = channels * a.l;
    if (item >= a.n * a.groups) return;
    const T *x = a.x + item * count;
    T *y = a.y + item * count;
    Moments m = moments_of<THREADS>(count, [&](auto f) {
#pragma unroll 4
        for (int64_t i = thread; i < count; i += THREADS) f(float(x[i]));
    });
    float rstd = 1.0f / sqrtf(m.variance + float(a.eps));
    if (thread == 0) {
        if (a.mean) a.mean[item] = m.center + m.shift;
        if (a.rstd) a.rstd[item] = rstd;
    }
    int64_t first = item % a.groups * channels;
#pragma unroll 4
    for (int64_t i = thread; i < count; i += THREADS) {
        int64_t channel = first + i / a.l;
        float normal = (float(x[i]) - m.center - m.shift) * rstd;
        y[i] = T(normal * float(a.gamma[channel]) + float(a.beta[channel]));
    }
}
// launch group_norm_forward: group_norm_forward_warp<<<ceil(n * groups, 8), 256>>> if c / groups * l <= 256
template <typename T> __device__ void group_norm_forward_warp(const group_norm_forward_args<T> &a) { normalise_group<32>(a); }
EXPORT_STAGE(group_norm_forward_warp, group_norm_forward, 256)
// launch group_norm_forward: group_norm_forward_block<<<n * groups, 256>>> if c / groups * l > 256
template <typename T> __device__ void group_norm_forward_block(const group_norm_forward_args<T> &a) { normalise_group<256>(a); }
EXPORT_STAGE(group_norm_forward_block, group_norm_forward, 256)

template <typename T> struct group_norm_backward_args {
    const T *x, *dy, *gamma;
    const float *mean, *rstd;
    T *dx;
    float *dgamma, *dbeta;
    float *sums; // (n, c, 2): of dy and of dy * normalised x
    int64_t n, c, l, groups;
};

// First: the sums of every channel of every sequence, by THREADS threads each.
template <int THREADS, typename T> __device__ __forceinline__ void sum_channel(const group_norm_backward_args<T> &a) {
    int64_t item = grid_index() / THREADS, thread = threadIdx.x % THREADS;
    if (item >= a.n * a.c) return;
    const T *x = a.x + item * a.l, *dy = a.dy + item * a.l;
    int64_t group = item / (a.c / a.groups);
    float mean = a.mean[group];
    float2 both = make_float2(0, 0);
#pragma unroll 4
    for (int64_t i = thread; i < a.l; i += THREADS) {
        both.x += float(dy[i]);
        both.y += float(dy[i]) * (float(x[i]) - mean);
    }
    both = sum_of_both<THREADS>(both);
    if (thread == 0) {
        a.sums[2 * item] = both.x;
        a.sums[2 * item + 1] = both.y * a.rstd[group];
    }
}
// launch group_norm_backward: group_norm_sums_warp<<<ceil(n * c, 8), 256>>> if l <= 2048
template <typename T> __device__ void group_norm_sums_warp(const group_norm_backward_args<T> &a) { sum_channel<32>(a); }
EXPORT_STAGE(group_norm_sums_warp, group_norm_backward, 256)
// launch group_norm_backward: group_norm_sums_block<<<n * c, 256>>> if l > 2048
template <typename T> __device__ void group_norm_sums_block(const group_norm_backward_args<T> &a) { sum_channel<256>(a); }
EXPORT_STAGE(group_norm_sums_block, group_norm_backward, 256)

// Second: dx = rstd * (gamma dy - mean(gamma dy) - xhat mean(gamma dy xhat)), means over the group, from the sums of its channels.
template <int THREADS, typename T> __device__ __forceinline__ void group_gradient(const group_norm_backward_args<T> &a) {
    int64_t item = grid_index() / THREADS, thread = threadIdx.x % THREADS, channels = a.c / a.groups, count = channels * a.l;
    if (item >= a.n * a.groups) return;
    const T *x = a.x + item * count, *dy = a.dy + item * count, *gamma = a.gamma + item % a.groups * channels;
    T *dx = a.dx + item * count;
    const float *sums = a.sums + 2 * item * channels;
    float2 both = make_float2(0, 0);
    for (int64_t c = thread; c < channels; c += THREADS) {
        both.x += float(gamma[c]) * sums[2 * c];
        both.y += float(gamma[c]) * sums[2 * c + 1];
    }
    both = sum_of_both<THREADS>(both);
    float mean = a.mean[item], rstd = a.rstd[item], offset = -rstd * both.x / float(count), slope = -rstd * rstd * both.y / float(count);
#pragma unroll 4
    for (int64_t i = thread; i < count; i += THREADS)
        dx[i] = T(rstd * float(gamma[i / a.l]) * float(dy[i]) + (slope * (float(x[i]) - mean) + offset));
}
// launch group_norm_backward: group_norm_dx_warp<<<ceil(n * groups, 8), 256>>> if dx != 0 && c / groups * l <= 256
template <typename T> __device__ void group_norm_dx_warp(const group_norm_backward_args<T> &a) { group_gradient<32>(a); }
EXPORT_STAGE(group_norm_dx_warp, group_norm_backward, 256)
// launch group_norm_backward: group_norm_dx_block<<<n * groups, 256>>> if dx != 0 && c / groups * l > 256
template <typename T> __device__ void group_norm_dx_block(const group_norm_backward_args<T> &a) { group_gradient<256>(a); }
EXPORT_STAGE(group_norm_dx_block, group_norm_backward, 256)

// Third: a block adds the sums of a channel over all sequences.
// launch group_norm_backward: group_norm_dgamma<<<c, 256>>> if dgamma != 0 || dbeta != 0
template <typename T> __device__ void group_norm_dgamma(const group_norm_backward_args<T> &a) {
    int64_t channel = blockIdx.x;
    float2 both = make_float2(0, 0);
    for (int64_t n = threadIdx.x; n < a.n; n += blockDim.x) {
        both.x += a.sums[2 * (n * a.c + channel)];
        both.y += a.sums[2 * (n * a.c + channel) + 1];
    }
    both = sum_of_both<256>(both);
    if (threadIdx.x == 0) {
        if (a.dbeta) a.dbeta[channel] = both.x;
        if (a.dgamma) a.dgamma[channel] = both.y;
    }
}
EXPORT_STAGE(group_norm_dgamma, group_norm_backward, 256)
