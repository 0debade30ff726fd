// Cross-entropy of logits against class numbers, without storing the softmax: the maximum of a row and the logarithm of the sum above it
// are kept instead.
#include "rows.cuh"

__device__ __forceinline__ int64_t label_at(const void *label, int64_t row, int64_t bytes) {
    return bytes == 4 ? static_cast<const int32_t *>(label)[row] : static_cast<const int64_t *>(label)[row];
}

template <typename T> struct cross_entropy_forward_args {
    const T *x;
    const void *label;
    const float *class_weight;
    float *loss, *max, *log_sum, *weight;
    int64_t rows, columns, label_bytes, ignored;
};
// launch cross_entropy_forward: cross_entropy_forward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch cross_entropy_forward: cross_entropy_forward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void cross_entropy_forward(const cross_entropy_forward_args<T> &a) {
    const int64_t row = Row::index();
    if (row >= a.rows) return;
    const T *x = a.x + row * a.columns;
    RowSum s = exponential_sum<Row>(x, a.columns);
    if (Row::thread() != 0) return;
    int64_t label = label_at(a.label, row, a.label_bytes);
    bool counts = label != a.ignored, known = label >= 0 && label < a.columns;
    float log_sum = logf(s.sum), weight = 0, loss = 0;
    if (counts && known) {
        weight = a.class_weight ? a.class_weight[label] : 1.0f;
        loss = weight * (log_sum + (s.max - float(x[label])));
    } else if (counts) // nobody looked at labels on the device before: one that is no class makes loss and gradient NaN
        weight = loss = __int_as_float(0x7fffffff);
    a.max[row] = s.max;
    a.log_sum[row] = log_sum;
    a.weight[row] = weight;
    a.loss[row] = loss;
}
EXPORT_ROWS(cross_entropy_forward)

struct cross_entropy_reduce_args {
    const float *loss, *weight;
    float *y, *scale;
    int64_t mean, rows;
};
// One block, so that there is one order of the sum.
// launch cross_entropy_reduce: cross_entropy_reduce<<<1, 1024>>>
__device__ void cross_entropy_reduce(const cross_entropy_reduce_args &a) {
    float sum = 0, total = 0;
    for (int64_t i = threadIdx.x; i < a.rows; i += 1024) {
        sum += a.loss[i];
        total += a.weight[i];
    }
    sum = block_sum<1024>(sum);
    total = block_sum<1024>(total);
    if (threadIdx.x != 0) return;
    a.scale[0] = a.mean ? 1.0f / total : 1.0f;
    a.y[0] = a.mean ? sum / total : sum;
}
EXPORT_AS(cross_entropy_reduce, cross_entropy_reduce_args, 1024, cross_entropy_reduce(a))

template <typename T> struct cross_entropy_backward_args {
    const T *x;
    const void *label;
    const float *max, *log_sum, *weight, *scale, *dy;
    T *dx;
    int64_t dy_step, rows, columns, label_bytes, ignored;
};
// launch cross_entropy_backward: cross_entropy_backward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch cross_entropy_backward: cross_entropy_backward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void cross_entropy_backward(const cross_entropy_backward_args<T> &a) {
    const int64_t row = Row::index(), first = row * a.columns;
    if (row >= a.rows) return;
    int64_t label = label_at(a.label, row, a.label_bytes);
    bool counts = label != a.ignored; // what an ignored row's gradient is multiplied with may be NaN
    float g = counts ? a.dy[row * a.dy_step] * a.weight[row] * (a.scale ? a.scale[0] : 1.0f) : 0.0f;
    float max = a.max[row], log_sum = a.log_sum[row];
    ROW(i, a.columns) {
        float p = expf((float(a.x[first + i]) - max) - log_sum);
        a.dx[first + i] = T(counts ? g * (i == label ? p - 1.0f : p) : 0.0f);
    }
}
EXPORT_ROWS(cross_entropy_backward)
