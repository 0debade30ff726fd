// What the tape itself needs: y += x joins the gradients that reach a tensor from several uses; fill is the gradient of a loss.
#include "imu2clip.h"

struct accumulate_args {
    const float *x;
    float *y;
    int64_t n;
};

KERNEL(accumulate) {
    ELEMENTS(i, a->n) a->y[i] += a->x[i];
}

struct fill_args {
    float *x;
    double value;
    int64_t n;
};

KERNEL(fill) {
    float value = (float)a->value;
    ELEMENTS(i, a->n) a->x[i] = value;
}
