// Rows scaled to length 1.
#include "rows.cuh"

template <typename T> struct l2_normalize_forward_args {
    const T *x;
    T *y;
    float *norm;
    double eps;
    int64_t rows, columns;
};
// launch l2_normalize_forward: l2_normalize_forward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch l2_normalize_forward: l2_normalize_forward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void l2_normalize_forward(const l2_normalize_forward_args<T> &a) {
    const int64_t row = Row::index(), first = row * a.columns;
    if (row >= a.rows) return;
    float sum = 0, eps = float(a.eps);
    ROW(i, a.columns) sum += float(a.x[first + i]) * float(a.x[first + i]);
    float norm = sqrtf(Row::sum(sum)), divisor = norm < eps ? eps : norm; // a NaN stays one
    if (Row::thread() == 0) a.norm[row] = norm;
    ROW(i, a.columns) a.y[first + i] = T(float(a.x[first + i]) / divisor);
}
EXPORT_ROWS(l2_normalize_forward)

template <typename T> struct l2_normalize_backward_args {
    const T *y;
    const float *norm;
    const T *dy;
    T *dx;
    double eps;
    int64_t rows, columns;
};
// launch l2_normalize_backward: l2_normalize_backward<<<ceil(rows, 8), 256>>> if columns <= LONG_ROW
// launch l2_normalize_backward: l2_normalize_backward_long<<<rows, 256>>> if columns > LONG_ROW
template <typename Row, typename T> __device__ void l2_normalize_backward(const l2_normalize_backward_args<T> &a) {
    const int64_t row = Row::index(), first = row * a.columns;
    if (row >= a.rows) return;
    const T *y = a.y + first, *dy = a.dy + first;
    float norm = a.norm[row], eps = float(a.eps), dot = 0;
    ROW(i, a.columns) dot += float(y[i]) * float(dy[i]);
    dot = Row::sum(dot);
    if (norm < eps) norm = eps, dot = 0; // below eps the divisor is constant
    ROW(i, a.columns) a.dx[first + i] = T((float(dy[i]) - float(y[i]) * dot) / norm);
}
EXPORT_ROWS(l2_normalize_backward)
