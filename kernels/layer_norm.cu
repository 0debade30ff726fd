// LayerNorm: each row to mean 0 and variance 1, then a scale and an offset per column.
#include "sums.cuh"

template <typename T> struct layer_norm_forward_args {
    const T *x, *gamma, *beta;
    T *y;
    float *mean, *rstd;
    double eps;
    int64_t rows, d;
};

// A row is read three times, the last two from the caches: holding it in registers instead would leave fewer warps to wait for memory.
// launch layer_norm_forward: layer_norm_forward<<<ceil(rows, 8), 256>>> if d <= LONG_ROW
// launch layer_norm_forward: layer_norm_forward_long<<<rows, 256>>> if d > LONG_ROW
template <typename Row, typename T> __device__ void layer_norm_forward(const layer_norm_forward_args<T> &a) {
    int64_t row = Row::index();
    if (row >= a.rows) return;
    const T *x = a.x + row * a.d;
    T *y = a.y + row * a.d;
    Moments m = moments_of<Row>(x, a.d);
    float rstd = 1.0f / sqrtf(m.variance + float(a.eps));
    if (Row::thread() == 0) {
        if (a.mean) a.mean[row] = m.center + m.shift;
        if (a.rstd) a.rstd[row] = rstd;
    }
#pragma unroll 4
    ROW(i, a.d) y[i] = T((float(x[i]) - m.center - m.shift) * rstd * float(a.gamma[i]) + float(a.beta[i]));
}
EXPORT_ROWS(layer_norm_forward)

template <typename T> struct layer_norm_backward_args {
    const T *x, *dy, *gamma;
    const float *mean, *rstd;
    T *dx;
    float *dgamma, *dbeta;
    float *sums; // (chunks, 2, d): of dy * normalised x and of dy, over the rows of a chunk
    int64_t rows, d, chunks;
};

// dx = rstd * (gamma dy - mean(gamma dy) - xhat mean(gamma dy xhat)), means over the row.
// launch layer_norm_backward: layer_norm_dx<<<ceil(rows, 8), 256>>> if dx != 0 && d <= LONG_ROW
// launch layer_norm_backward: layer_norm_dx_long<<<rows, 256>>> if dx != 0 && d > LONG_ROW
template <typename T> using layer_norm_dx_args = layer_norm_backward_args<T>;
template <typename Row, typename T> __device__ void layer_norm_dx(const layer_norm_backward_args<T> &a) {
    int64_t row = Row::index();
    if (row >= a.rows) return;
    const T *x = a.x + row * a.d, *dy = a.dy + row * a.d;
    T *dx = a.dx + row * a.d;
    float mean = a.mean[row], rstd = a.rstd[row];
    float2 both = make_float2(0, 0);
#pragma unroll 4
    ROW(i, a.d) {
        float g = float(dy[i]) * float(a.gamma[i]);
        both.x += g;
        both.y += g * (float(x[i]) - mean);
    }
    both = sum_of_both<Row>(both);
    float offset = -rstd * both.x / float(a.d), slope = -rstd * rstd * (both.y * rstd) / float(a.d);
#pragma unroll 4
    ROW(i, a.d) dx[i] = T(rstd * (float(dy[i]) * float(a.gamma[i])) + (slope * (float(x[i]) - mean) + offset));
}
EXPORT_ROWS(layer_norm_dx)

// A block sums 32 columns over the rows of a chunk, each warp every eighth row ...
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

// ... and another adds the chunks.
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
