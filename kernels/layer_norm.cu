// LayerNorm: each row to mean 0 and variance 1, then a scale and an offset per column.
#include "sums.cuh"

// Values of a row that a thread of its warp can hold in registers.
constexpr int HELD = 32;

template <typename T> struct layer_norm_forward_args {
    const T *x, *gamma, *beta;
    T *y;
    float *mean, *rstd;
    double eps;
    int64_t rows, d;
};

template <typename T> __device__ __forceinline__ float save(const layer_norm_forward_args<T> &a, int64_t row, Moments m, bool first) {
    float rstd = 1.0f / sqrtf(m.variance + float(a.eps));
    if (first && a.mean) a.mean[row] = m.center + m.shift;
    if (first && a.rstd) a.rstd[row] = rstd;
    return rstd;
}

// A warp reads a row once and keeps it.
// launch layer_norm_forward: layer_norm_forward_warp<<<ceil(rows, 8), 256>>> if d <= 32 * HELD
template <typename T> __device__ void layer_norm_forward_warp(const layer_norm_forward_args<T> &a) {
    int64_t row = grid_index() / 32;
    int lane = int(threadIdx.x) % 32, d = int(a.d);
    if (row >= a.rows) return;
    const T *x = a.x + row * d;
    float held[HELD];
#pragma unroll
    for (int k = 0; k < HELD; k++)
        if (lane + 32 * k < d) held[k] = x[lane + 32 * k];
    Moments m = moments_of<32>(d, [&](auto f) {
#pragma unroll
        for (int k = 0; k < HELD; k++)
            if (lane + 32 * k < d) f(held[k]);
    });
    float rstd = save(a, row, m, lane == 0);
#pragma unroll
    for (int k = 0; k < HELD; k++) {
        int i = lane + 32 * k;
        if (i < d) a.y[row * d + i] = T((held[k] - m.center - m.shift) * rstd * float(a.gamma[i]) + float(a.beta[i]));
    }
}
EXPORT_STAGE(layer_norm_forward_warp, layer_norm_forward, 256)

// A block reads a longer row three times, mostly from the cache.
// launch layer_norm_forward: layer_norm_forward_block<<<rows, 256>>> if d > 32 * HELD
template <typename T> __device__ void layer_norm_forward_block(const layer_norm_forward_args<T> &a) {
    int64_t row = blockIdx.x;
    const T *x = a.x + row * a.d;
    Moments m = moments_of<256>(a.d, [&](auto f) {
#pragma unroll 4
        for (int64_t i = threadIdx.x; i < a.d; i += 256) f(float(x[i]));
    });
    float rstd = save(a, row, m, threadIdx.x == 0);
#pragma unroll 4
    for (int64_t i = threadIdx.x; i < a.d; i += 256)
        a.y[row * a.d + i] = T((float(x[i]) - m.center - m.shift) * rstd * float(a.gamma[i]) + float(a.beta[i]));
}
EXPORT_STAGE(layer_norm_forward_block, layer_norm_forward, 256)

template <typename T> struct layer_norm_backward_args {
    const T *x, *dy, *gamma;
    const float *mean, *rstd;
    T *dx;
    float *dgamma, *dbeta;
    float *sums; // (chunks, 2, d): of dy * normalised x and of dy, over the rows of a chunk
    int64_t rows, d, chunks;
};

// dx = rstd * (gamma dy - mean(gamma dy) - xhat mean(gamma dy xhat)), means over the row, by THREADS threads.
template <int THREADS, typename T> __device__ __forceinline__ void row_gradient(const layer_norm_backward_args<T> &a) {
    int64_t row = grid_index() / THREADS, thread = threadIdx.x % THREADS;
    if (row >= a.rows) return;
    const T *x = a.x + row * a.d, *dy = a.dy + row * a.d;
    T *dx = a.dx + row * a.d;
    float mean = a.mean[row], rstd = a.rstd[row];
    float2 both = make_float2(0, 0);
#pragma unroll 4
    for (int64_t i = thread; i < a.d; i += THREADS) {
        float g = float(dy[i]) * float(a.gamma[i]);
        both.x += g;
        both.y += g * (float(x[i]) - mean);
    }
    both = sum_of_both<THREADS>(both);
    float offset = -rstd * both.x / float(a.d), slope = -rstd * rstd * (both.y * rstd) / float(a.d);
#pragma unroll 4
    for (int64_t i = thread; i < a.d; i += THREADS)
        dx[i] = T(rstd * (float(dy[i]) * float(a.gamma[i])) + (slope * (float(x[i]) - mean) + offset));
}
// launch layer_norm_backward: layer_norm_dx_warp<<<ceil(rows, 8), 256>>> if dx != 0 && d <= 1024
template <typename T> __device__ void layer_norm_dx_warp(const layer_norm_backward_args<T> &a) { row_gradient<32>(a); }
EXPORT_STAGE(layer_norm_dx_warp, layer_norm_backward, 256)
// launch layer_norm_backward: layer_norm_dx_block<<<rows, 256>>> if dx != 0 && d > 1024
template <typename T> __device__ void layer_norm_dx_block(const layer_norm_backward_args<T> &a) { row_gradient<256>(a); }
EXPORT_STAGE(layer_norm_dx_block, layer_norm_backward, 256)

// A block sums 32 columns over the rows of a chunk, each warp every eighth row.
// launch layer_norm_backward: layer_norm_sums<<<chunks * ceil(d, 32), 256>>> if dgamma != 0 || dbeta != 0
template <typename T> __device__ void layer_norm_sums(const layer_norm_backward_args<T> &a) {
    int64_t tiles = (a.d + 31) / 32, chunk = blockIdx.x / tiles, column = blockIdx.x % tiles * 32 + threadIdx.x % 32;
    int64_t from = a.rows * chunk / a.chunks, to = a.rows * (chunk + 1) / a.chunks;
    float dgamma = 0, dbeta = 0;
    if (column < a.d)
#pragma unroll 4
        for (int64_t row = from + threadIdx.x / 32; row < to; row += 8) {
            float dy = a.dy[row * a.d + column];
            dgamma += dy * ((float(a.x[row * a.d + column]) - a.mean[row]) * a.rstd[row]);
            dbeta += dy;
        }
    dgamma = sum_of_column(dgamma, 32);
    dbeta = sum_of_column(dbeta, 32);
    if (threadIdx.x < 32 && column < a.d) {
        a.sums[chunk * 2 * a.d + column] = dgamma;
        a.sums[(chunk * 2 + 1) * a.d + column] = dbeta;
    }
}
EXPORT_STAGE(layer_norm_sums, layer_norm_backward, 256)

// launch layer_norm_backward: layer_norm_dgamma<<<ceil(d, 32), 256>>> if dgamma != 0 || dbeta != 0
template <typename T> __device__ void layer_norm_dgamma(const layer_norm_backward_args<T> &a) {
    int64_t column = blockIdx.x * 32 + threadIdx.x % 32;
    float dgamma = 0, dbeta = 0;
    if (column < a.d)
        for (int64_t chunk = threadIdx.x / 32; chunk < a.chunks; chunk += 8) {
            dgamma += a.sums[chunk * 2 * a.d + column];
            dbeta += a.sums[(chunk * 2 + 1) * a.d + column];
        }
    dgamma = sum_of_column(dgamma, 32);
    dbeta = sum_of_column(dbeta, 32);
    if (threadIdx.x < 32 && column < a.d) {
        if (a.dgamma) a.dgamma[column] = dgamma;
        if (a.dbeta) a.dbeta[column] = dbeta;
    }
}
EXPORT_STAGE(layer_norm_dgamma, layer_norm_backward, 256)
