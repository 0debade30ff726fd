// GroupNorm: each group of channels of each sequence to mean 0 and variance 1, then a scale and an offset per channel.
#include "sums.cuh"

template <typename T> struct group_norm_forward_args {
    const T *x, *gamma, *beta;
    T *y;
    float *mean, *rstd;
    double eps;
    int64_t n, c, l, groups;
};

// A row is a group. It is read three times, the last two from the caches.
// launch group_norm_forward: group_norm_forward<<<ceil(n * groups, 8), 256>>> if c / groups * l <= LONG_ROW
// launch group_norm_forward: group_norm_forward_long<<<n * groups, 256>>> if c / groups * l > LONG_ROW
template <typename Row, typename T> __device__ void group_norm_forward(const group_norm_forward_args<T> &a) {
    int64_t item = Row::index(), channels = a.c / a.groups, count = channels * a.l;
    if (item >= a.n * a.groups) return;
    const T *x = a.x + item * count, *gamma = a.gamma + item % a.groups * channels, *beta = a.beta + item % a.groups * channels;
    T *y = a.y + item * count;
    Moments m = moments_of<Row>(x, count);
    float rstd = 1.0f / sqrtf(m.variance + float(a.eps));
    if (Row::thread() == 0) {
        if (a.mean) a.mean[item] = m.center + m.shift;
        if (a.rstd) a.rstd[item] = rstd;
    }
#pragma unroll 4
    ROW(i, count) {
        int64_t channel = i / a.l;
        y[i] = T((float(x[i]) - m.center - m.shift) * rstd * float(gamma[channel]) + float(beta[channel]));
    }
}
EXPORT_ROWS(group_norm_forward)

template <typename T> struct group_norm_backward_args {
    const T *x, *dy, *gamma;
    const float *mean, *rstd;
    T *dx;
    float *dgamma, *dbeta;
    float *sums; // (n, c, 2): of dy and of dy * normalised x
    int64_t n, c, l, groups;
};

// First the sums of every channel of every sequence.
// launch group_norm_backward: group_norm_sums<<<ceil(n * c, 8), 256>>> if l <= LONG_ROW
// launch group_norm_backward: group_norm_sums_long<<<n * c, 256>>> if l > LONG_ROW
template <typename T> using group_norm_sums_args = group_norm_backward_args<T>;
template <typename Row, typename T> __device__ void group_norm_sums(const group_norm_backward_args<T> &a) {
    int64_t item = Row::index();
    if (item >= a.n * a.c) return;
    const T *x = a.x + item * a.l, *dy = a.dy + item * a.l;
    int64_t group = item / (a.c / a.groups);
    float mean = a.mean[group];
    float2 both = make_float2(0, 0);
#pragma unroll 4
    ROW(i, a.l) {
        float d = dy[i];
        both.x += d;
        both.y += d * (float(x[i]) - mean);
    }
    both = sum_of_both<Row>(both);
    if (Row::thread() == 0) {
        a.sums[2 * item] = both.x;
        a.sums[2 * item + 1] = both.y * a.rstd[group];
    }
}
EXPORT_ROWS(group_norm_sums)

// Then dx = rstd * (gamma dy - mean(gamma dy) - xhat mean(gamma dy xhat)), means over the group, from the sums of its channels.
// launch group_norm_backward: group_norm_dx<<<ceil(n * groups, 8), 256>>> if dx != 0 && c / groups * l <= LONG_ROW
// launch group_norm_backward: group_norm_dx_long<<<n * groups, 256>>> if dx != 0 && c / groups * l > LONG_ROW
template <typename T> using group_norm_dx_args = group_norm_backward_args<T>;
template <typename Row, typename T> __device__ void group_norm_dx(const group_norm_backward_args<T> &a) {
    int64_t item = Row::index(), channels = a.c / a.groups, count = channels * a.l;
    if (item >= a.n * a.groups) return;
    const T *x = a.x + item * count, *dy = a.dy + item * count, *gamma = a.gamma + item % a.groups * channels;
    T *dx = a.dx + item * count;
    const float *sums = a.sums + 2 * item * channels;
    float2 both = make_float2(0, 0);
    ROW(c, channels) {
        both.x += float(gamma[c]) * sums[2 * c];
        both.y += float(gamma[c]) * sums[2 * c + 1];
    }
    both = sum_of_both<Row>(both);
    float mean = a.mean[item], rstd = a.rstd[item], offset = -rstd * both.x / float(count), slope = -rstd * rstd * both.y / float(count);
#pragma unroll 4
    ROW(i, count) dx[i] = T(rstd * float(gamma[i / a.l]) * float(dy[i]) + (slope * (float(x[i]) - mean) + offset));
}
EXPORT_ROWS(group_norm_dx)

// And a block adds the sums of a channel over all sequences.
// launch group_norm_backward: group_norm_dgamma<<<c, 256>>> if dgamma != 0 || dbeta != 0
template <typename T> __device__ void group_norm_dgamma(const group_norm_backward_args<T> &a) {
    float2 both = make_float2(0, 0);
    for (int64_t n = threadIdx.x; n < a.n; n += 256) {
        const float *sums = a.sums + 2 * (n * a.c + blockIdx.x);
        both.x += sums[0];
        both.y += sums[1];
    }
    both = sum_of_both<BlockRow>(both);
    if (threadIdx.x == 0) {
        if (a.dbeta) a.dbeta[blockIdx.x] = both.x;
        if (a.dgamma) a.dgamma[blockIdx.x] = both.y;
    }
}
EXPORT_STAGE(group_norm_dgamma, group_norm_backward, 256)
