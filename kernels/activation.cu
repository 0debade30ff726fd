// Activation functions, element by element. y = f(x); dx = dy * f'(x).
#include "activation.cuh"

// One instance for each function F: name_forward, name_backward.
#define ACTIVATION(name, F)                                                                                       \
    template <typename T> struct name##_forward_args {                                                            \
        const T *x;                                                                                               \
        T *y;                                                                                                     \
        int64_t n;                                                                                                \
    };                                                                                                            \
    template <typename T> __device__ void name##_forward(const name##_forward_args<T> &a) {                       \
        ELEMENTS(i, a.n) a.y[i] = T(F::value(a.x[i]));                                                            \
    }                                                                                                             \
    EXPORT(name##_forward, 256)                                                                                   \
    template <typename T> struct name##_backward_args {                                                           \
        const T *x, *dy;                                                                                          \
        T *dx;                                                                                                    \
        int64_t n;                                                                                                \
    };                                                                                                            \
    template <typename T> __device__ void name##_backward(const name##_backward_args<T> &a) {                     \
        ELEMENTS(i, a.n) a.dx[i] = T(a.dy[i] * F::slope(a.x[i]));                                                 \
    }                                                                                                             \
    EXPORT(name##_backward, 256)

// launch relu_forward: relu_forward<<<ceil(n, 1024), 256>>>
// launch relu_backward: relu_backward<<<ceil(n, 1024), 256>>>
ACTIVATION(relu, Relu)

// launch gelu_forward: gelu_forward<<<ceil(n, 1024), 256>>>
// launch gelu_backward: gelu_backward<<<ceil(n, 1024), 256>>>
ACTIVATION(gelu, Gelu)

// launch quick_gelu_forward: quick_gelu_forward<<<ceil(n, 1024), 256>>>
// launch quick_gelu_backward: quick_gelu_backward<<<ceil(n, 1024), 256>>>
ACTIVATION(quick_gelu, QuickGelu)

// launch sigmoid_forward: sigmoid_forward<<<ceil(n, 1024), 256>>>
// launch sigmoid_backward: sigmoid_backward<<<ceil(n, 1024), 256>>>
ACTIVATION(sigmoid, Sigmoid)

// launch tanh_forward: tanh_forward<<<ceil(n, 1024), 256>>>
// launch tanh_backward: tanh_backward<<<ceil(n, 1024), 256>>>
ACTIVATION(tanh, Tanh)

template <typename T> struct leaky_relu_forward_args {
    const T *x;
    T *y;
    double slope;
    int64_t n;
};
// launch leaky_relu_forward: leaky_relu_forward<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void leaky_relu_forward(const leaky_relu_forward_args<T> &a) {
    float slope = float(a.slope);
    ELEMENTS(i, a.n) {
        float x = a.x[i];
        a.y[i] = T(x > 0 ? x : slope * x);
    }
}
EXPORT(leaky_relu_forward, 256)

template <typename T> struct leaky_relu_backward_args {
    const T *x, *dy;
    T *dx;
    double slope;
    int64_t n;
};
// launch leaky_relu_backward: leaky_relu_backward<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void leaky_relu_backward(const leaky_relu_backward_args<T> &a) {
    float slope = float(a.slope);
    ELEMENTS(i, a.n) a.dx[i] = T(float(a.x[i]) > 0 ? float(a.dy[i]) : slope * float(a.dy[i]));
}
EXPORT(leaky_relu_backward, 256)
