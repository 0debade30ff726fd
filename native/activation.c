// Activation functions, element by element. y = f(x); dx = dy * f'(x).
#include "gelu.h"

static inline float sigmoid_slope(float s) { return s * (1 - s); }

static inline float relu(float x) { return x > 0 ? x : x != x ? x : 0.0f; }
static inline float relu_slope(float x) { return x > 0 ? 1.0f : 0.0f; }
static inline float gelu_slope(float x) {
    return 0.5f * (1.0f + fast_erf(x * 0.70710678f)) + x * 0.39894228f * fast_exp(-0.5f * x * x);
}
static inline float quick_gelu_slope(float x) {
    float s = fast_sigmoid(1.702f * x);
    return s * (1.0f + 1.702f * x * (1.0f - s));
}
static inline float sigmoid(float x) { return fast_sigmoid(x); }
static inline float sigmoid_derivative(float x) { return sigmoid_slope(fast_sigmoid(x)); }
static inline float tanh_derivative(float x) {
    float y = fast_tanh(x);
    return 1.0f - y * y;
}

#define ACTIVATION(name, value, slope)                                    \
    struct name##_forward_args {                                          \
        const float *x;                                                   \
        float *y;                                                         \
        int64_t n;                                                        \
    };                                                                    \
    KERNEL(name##_forward) {                                              \
        ELEMENTS(i, a->n) a->y[i] = value(a->x[i]);                       \
    }                                                                     \
    struct name##_backward_args {                                         \
        const float *x, *dy;                                              \
        float *dx;                                                        \
        int64_t n;                                                        \
    };                                                                    \
    KERNEL(name##_backward) {                                             \
        ELEMENTS(i, a->n) a->dx[i] = a->dy[i] * slope(a->x[i]);           \
    }

ACTIVATION(relu, relu, relu_slope)
ACTIVATION(gelu, gelu, gelu_slope)
ACTIVATION(quick_gelu, quick_gelu, quick_gelu_slope)
ACTIVATION(sigmoid, sigmoid, sigmoid_derivative)
ACTIVATION(tanh, fast_tanh, tanh_derivative)

struct leaky_relu_forward_args {
    const float *x;
    float *y;
    double slope;
    int64_t n;
};

KERNEL(leaky_relu_forward) {
    float slope = (float)a->slope;
    ELEMENTS(i, a->n) a->y[i] = a->x[i] > 0 ? a->x[i] : slope * a->x[i];
}

struct leaky_relu_backward_args {
    const float *x, *dy;
    float *dx;
    double slope;
    int64_t n;
};

KERNEL(leaky_relu_backward) {
    float slope = (float)a->slope;
    ELEMENTS(i, a->n) a->dx[i] = a->x[i] > 0 ? a->dy[i] : slope * a->dy[i];
}
