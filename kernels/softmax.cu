// Softmax over rows and its logarithm: a row is read once for its maximum, once for the sum and once more for the result.
#include "rows.cuh"

template <typename T> struct softmax_forward_args {
    const T *x;
    T *y;
    int64_t rows, columns;
};
// launch softmax_forward: softmax_forward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch softmax_forward: softmax_forward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void softmax_forward(const softmax_forward_args<T> &a) {
    if (Row::index() >= a.rows) return;
    const T *x = a.x + Row::index() * a.columns;
    T *y = a.y + Row::index() * a.columns;
    RowSum s = exponential_sum<Row>(x, a.columns);
    float inverse = 1.0f / s.sum;
    ROW(i, a.columns) y[i] = T(expf(float(x[i]) - s.max) * inverse);
}
EXPORT_ROWS(softmax_forward)

template <typename T> struct log_softmax_forward_args {
    const T *x;
    T *y;
    int64_t rows, columns;
};
// launch log_softmax_forward: log_softmax_forward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch log_softmax_forward: log_softmax_forward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void log_softmax_forward(const log_softmax_forward_args<T> &a) {
    if (Row::index() >= a.rows) return;
    const T *x = a.x + Row::index() * a.columns;
    T *y = a.y + Row::index() * a.columns;
    RowSum s = exponential_sum<Row>(x, a.columns);
    float log_sum = logf(s.sum);
    // Two subtractions: max + ln(sum) would lose the logarithm beside a large maximum.
    ROW(i, a.columns) y[i] = T((float(x[i]) - s.max) - log_sum);
}
EXPORT_ROWS(log_softmax_forward)

template <typename T> struct softmax_backward_args {
    const T *y, *dy;
    T *dx;
    int64_t rows, columns;
};
// launch softmax_backward: softmax_backward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch softmax_backward: softmax_backward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void softmax_backward(const softmax_backward_args<T> &a) {
    if (Row::index() >= a.rows) return;
    const int64_t first = Row::index() * a.columns;
    const T *y = a.y + first, *dy = a.dy + first;
    float dot = 0;
    ROW(i, a.columns) dot += float(y[i]) * float(dy[i]);
    dot = Row::sum(dot);
    ROW(i, a.columns) a.dx[first + i] = T(float(y[i]) * (float(dy[i]) - dot));
}
EXPORT_ROWS(softmax_backward)

template <typename T> struct log_softmax_backward_args {
    const T *y, *dy;
    T *dx;
    int64_t rows, columns;
};
// launch log_softmax_backward: log_softmax_backward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch log_softmax_backward: log_softmax_backward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void log_softmax_backward(const log_softmax_backward_args<T> &a) {
    if (Row::index() >= a.rows) return;
    const int64_t first = Row::index() * a.columns;
    const T *y = a.y + first, *dy = a.dy + first;
    float sum = 0;
    ROW(i, a.columns) sum += float(dy[i]);
    sum = Row::sum(sum);
    ROW(i, a.columns) a.dx[first + i] = T(float(dy[i]) - expf(y[i]) * sum);
}
EXPORT_ROWS(log_softmax_backward)
