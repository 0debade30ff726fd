// What the tape itself needs: y += x joins the gradients that reach a tensor from several uses; fill is the gradient of a loss.
#include "common.cuh"

template <typename X, typename Y> struct accumulate_args {
    const X *x;
    Y *y;
    int64_t n;
};
// launch accumulate: accumulate<<<ceil(n, 1024), 256>>>
template <typename X, typename Y> __device__ void accumulate(const accumulate_args<X, Y> &a) {
    ELEMENTS(i, a.n) a.y[i] = Y(float(a.y[i]) + float(a.x[i]));
}
using accumulate_f32 = accumulate_args<float, float>;
using accumulate_bf16 = accumulate_args<bf16, bf16>;
using accumulate_into_f32 = accumulate_args<bf16, float>;
EXPORT_AS(accumulate, accumulate_f32, 256, accumulate(a))
EXPORT_AS(accumulate_bf16, accumulate_bf16, 256, accumulate(a))
EXPORT_AS(accumulate_bf16_f32, accumulate_into_f32, 256, accumulate(a))

template <typename T> struct fill_args {
    T *x;
    double value;
    int64_t n;
};
// launch fill: fill<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void fill(const fill_args<T> &a) {
    T value = T(float(a.value));
    ELEMENTS(i, a.n) a.x[i] = value;
}
EXPORT(fill, 256)
