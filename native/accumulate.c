// y += x: joins the gradients that reach a tensor from several uses.
#include "imu2clip.h"

struct accumulate_args {
    const float *x;
    float *y;
    int64_t n;
};

KERNEL(accumulate) {
    ELEMENTS(i, a->n) a->y[i] += a->x[i];
}
