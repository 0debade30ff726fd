// Linear layers of frozen models: y = finish(x W^T + bias + add). On this device a weight is kept as it is, which is what panels of width
// 1 are.
#include "activation.cuh"
#include "gemm.cuh"

template <typename T> struct pack_panels_args {
    const T *weight;
    T *panels;
    int64_t n, k, width;
};
// panels (ceil(n / width), k, width): element (j, p) of the weight goes to panel j / width, row p, column j % width; zeros behind the last.
// launch pack_panels: pack_panels<<<ceil(ceil(n, width) * width * k, 1024), 256>>>
template <typename T> __device__ void pack_panels(const pack_panels_args<T> &a) {
    int64_t panel = a.k * a.width;
    ELEMENTS(i, (a.n + a.width - 1) / a.width * panel) {
        int64_t j = i / panel * a.width + i % a.width, p = i % panel / a.width;
        a.panels[i] = j < a.n ? a.weight[j * a.k + p] : T(0.0f);
    }
}
EXPORT(pack_panels, 256)

enum { NOTHING, GELU, QUICK_GELU };

template <typename T> struct packed_linear_args {
    const T *x, *panels, *bias, *add;
    T *y;
    int64_t rows, n, k, width, activation;
};

template <template <typename, int> class Math, int TILE, typename T> __device__ void packed_linear(const packed_linear_args<T> &a) {
    int64_t across = (a.n + TILE - 1) / TILE, tile = blockIdx.x;
    Factor<T> left = {a.x, a.rows, a.k, a.k, true}, right = {a.panels, a.n, a.k, a.k, true};
    gemm_tile<Math<T, TILE>, T, TILE>(left, right, tile / across * TILE, tile % across * TILE, [&](int64_t row, int64_t column, float sum) {
        if (row >= a.rows || column >= a.n) return;
        int64_t at = row * a.n + column;
        if (a.bias) sum += float(a.bias[column]);
        if (a.add) sum += float(a.add[at]);
        a.y[at] = T(a.activation == GELU ? Gelu::value(sum) : a.activation == QUICK_GELU ? QuickGelu::value(sum) : sum);
    });
}

// launch packed_linear: packed_linear_128<<<ceil(rows, 128) * ceil(n, 128), GEMM_THREADS>>> if width == 1 && ceil(rows, 128) * ceil(n, 128) >= SMS
// launch packed_linear: packed_linear_64<<<ceil(rows, 64) * ceil(n, 64), GEMM_THREADS>>> if width == 1 && ceil(rows, 128) * ceil(n, 128) < SMS
// launch packed_linear: packed_linear_panels<<<ceil(rows * n, 256), 256>>> if width > 1
using packed_linear_f32 = packed_linear_args<float>;
using packed_linear_of_bf16 = packed_linear_args<bf16>;
EXPORT_AS(packed_linear_128, packed_linear_f32, GEMM_THREADS, (packed_linear<Plain, 128>(a)))
EXPORT_AS(packed_linear_64, packed_linear_f32, GEMM_THREADS, (packed_linear<Plain, 64>(a)))
EXPORT_AS(packed_linear_128_bf16, packed_linear_of_bf16, GEMM_THREADS, (packed_linear<TensorOrPlain, 128>(a)))
EXPORT_AS(packed_linear_64_bf16, packed_linear_of_bf16, GEMM_THREADS, (packed_linear<TensorOrPlain, 64>(a)))

// launch packed_linear@tf32: packed_linear_tf32_128<<<ceil(rows, 128) * ceil(n, 128), GEMM_THREADS>>> if width == 1 && ceil(rows, 128) * ceil(n, 128) >= SMS
// launch packed_linear@tf32: packed_linear_tf32_64<<<ceil(rows, 64) * ceil(n, 64), GEMM_THREADS>>> if width == 1 && ceil(rows, 128) * ceil(n, 128) < SMS
// launch packed_linear@tf32: packed_linear_panels<<<ceil(rows * n, 256), 256>>> if width > 1
EXPORT_AS(packed_linear_tf32_128, packed_linear_f32, GEMM_THREADS, (packed_linear<TensorOrPlain, 128>(a)))
EXPORT_AS(packed_linear_tf32_64, packed_linear_f32, GEMM_THREADS, (packed_linear<TensorOrPlain, 64>(a)))

// Panels of any other width, as another device would have them: an element a thread, for completeness and not for speed.
template <typename T> __device__ void packed_linear_panels(const packed_linear_args<T> &a) {
    ELEMENTS(at, a.rows * a.n) {
        int64_t row = at / a.n, column = at % a.n;
        const T *x = a.x + row * a.k, *w = a.panels + column / a.width * a.k * a.width + column % a.width;
        float sum = 0;
        for (int64_t p = 0; p < a.k; p++) sum += float(x[p]) * float(w[p * a.width]);
        if (a.bias) sum += float(a.bias[column]);
        if (a.add) sum += float(a.add[at]);
        a.y[at] = T(a.activation == GELU ? Gelu::value(sum) : a.activation == QUICK_GELU ? QuickGelu::value(sum) : sum);
    }
}
EXPORT_STAGE(packed_linear_panels, packed_linear, 256)

// What is left when cuBLASLt has written x W^T + bias + add: the activation, in place. Its own GELU is the approximation by tanh.
// launch packed_linear@cublas: packed_linear_activate<<<ceil(rows * n, 1024), 256>>> if activation
template <typename T> __device__ void packed_linear_activate(const packed_linear_args<T> &a) {
    bool gelu = a.activation == GELU; // else QuickGELU
    ELEMENTS(i, a.rows * a.n) a.y[i] = T(gelu ? Gelu::value(a.y[i]) : QuickGelu::value(a.y[i]));
}
EXPORT_STAGE(packed_linear_activate, packed_linear, 256)
