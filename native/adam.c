// Adam and AdamW over a flat vector of parameters, and the norm that clipping needs.
#include "sums.h"

struct sum_of_squares_args {
    const float *x;
    float *y;
    int64_t n;
};

KERNEL(sum_of_squares) {
    ALONE;
    *a->y = (float)dot_of(a->x, a->x, a->n);
}

struct adam_args {
    float *value;
    const float *gradient;
    float *m, *v;
    const float *rates, *squared_norm;
    double beta1, beta2, eps, weight_decay, max_norm;
    int64_t decoupled, n;
};

KERNEL(adam) {
    float *restrict value = a->value, *restrict m = a->m, *restrict v = a->v;
    const float *restrict gradient = a->gradient;
    float beta1 = (float)a->beta1, rest1 = (float)(1 - a->beta1), beta2 = (float)a->beta2, rest2 = (float)(1 - a->beta2);
    float eps = (float)a->eps, rate = a->rates[0], inverse_root = 1.0f / a->rates[1];
    float shrink = a->decoupled ? 1.0f - a->rates[2] * (float)a->weight_decay : 1.0f, add = a->decoupled ? 0.0f : (float)a->weight_decay;
    float clip = a->squared_norm ? MIN(1.0f, (float)(a->max_norm / (sqrt((double)*a->squared_norm) + 1e-6))) : 1.0f;
    ELEMENTS(i, a->n) {
        float g = clip * gradient[i] + add * value[i];
        m[i] = beta1 * m[i] + rest1 * g;
        v[i] = beta2 * v[i] + rest2 * g * g;
        value[i] = shrink * value[i] - rate * m[i] / (sqrtf(v[i]) * inverse_root + eps);
    }
}
