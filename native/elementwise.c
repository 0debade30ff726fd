// Arithmetic element by element: of two tensors that broadcast, and of one.
#include "imu2clip.h"

// ---- two tensors: y = f(a, b) over up to 6 dimensions. Along the innermost one each operand steps by 1 or stays (step 0). ----

#define RANK 6

#define BINARY(name, operation)                                                                                                      \
    struct name##_args {                                                                                                             \
        const float *a, *b;                                                                                                          \
        float *y;                                                                                                                    \
        int64_t size[RANK];                                                                                                          \
        int64_t step_a[RANK];                                                                                                        \
        int64_t step_b[RANK];                                                                                                        \
    };                                                                                                                               \
    static void name##_line(const float *restrict p, int64_t step_p, const float *restrict q, int64_t step_q, float *restrict y,     \
                            int64_t n) {                                                                                             \
        float first = *p, second = *q;                                                                                               \
        if (step_p && step_q)                                                                                                        \
            for (int64_t i = 0; i < n; i++) y[i] = p[i] operation q[i];                                                              \
        else if (step_p)                                                                                                             \
            for (int64_t i = 0; i < n; i++) y[i] = p[i] operation second;                                                            \
        else if (step_q)                                                                                                             \
            for (int64_t i = 0; i < n; i++) y[i] = first operation q[i];                                                             \
        else                                                                                                                         \
            for (int64_t i = 0; i < n; i++) y[i] = first operation second;                                                           \
    }                                                                                                                                \
    KERNEL(name) {                                                                                                                   \
        struct walk w = walk(a->size, a->step_a, a->step_b, part, parts);                                                            \
        for (int64_t n; (n = line(&w)) > 0; advance(&w, n))                                                                          \
            name##_line(a->a + w.at_a, w.step_a[RANK - 1], a->b + w.at_b, w.step_b[RANK - 1], a->y + w.at, n);                       \
    }

// A walk through a part of the elements in row-major order, line by line: an odometer with the place in both operands.
struct walk {
    const int64_t *size, *step_a, *step_b;
    int64_t index[RANK];
    int64_t at, end, at_a, at_b;
};

static struct walk walk(const int64_t *size, const int64_t *step_a, const int64_t *step_b, int64_t part, int64_t parts) {
    int64_t count = 1;
    for (int d = 0; d < RANK; d++) count *= size[d];
    struct range r = share(count, part, parts, 1024);
    struct walk w = {.size = size, .step_a = step_a, .step_b = step_b, .at = r.from, .end = r.to};
    if (count == 0) return w;
    int64_t rest = r.from;
    for (int d = RANK - 1; d >= 0; d--) {
        w.index[d] = rest % size[d];
        rest /= size[d];
        w.at_a += w.index[d] * step_a[d];
        w.at_b += w.index[d] * step_b[d];
    }
    return w;
}

// Elements from here to the end of the line or of the part.
static inline int64_t line(const struct walk *w) {
    return MIN(w->size[RANK - 1] - w->index[RANK - 1], w->end - w->at);
}

static inline void advance(struct walk *w, int64_t n) {
    w->at += n;
    for (int d = RANK - 1; d >= 0; d--) {
        w->index[d] += n;
        w->at_a += n * w->step_a[d];
        w->at_b += n * w->step_b[d];
        if (w->index[d] < w->size[d]) return;
        w->index[d] = 0;
        w->at_a -= w->size[d] * w->step_a[d];
        w->at_b -= w->size[d] * w->step_b[d];
        n = 1;
    }
}

BINARY(add, +)
BINARY(subtract, -)
BINARY(multiply, *)
BINARY(divide, /)

// ---- one tensor ----

struct axpb_args {
    const float *x;
    float *y;
    double alpha, beta;
    int64_t n;
};

KERNEL(axpb) {
    float alpha = (float)a->alpha, beta = (float)a->beta;
    ELEMENTS(i, a->n) a->y[i] = alpha * a->x[i] + beta;
}

struct clamp_max_forward_args {
    const float *x;
    float *y;
    double max;
    int64_t n;
};

KERNEL(clamp_max_forward) {
    float max = (float)a->max;
    ELEMENTS(i, a->n) a->y[i] = a->x[i] > max ? max : a->x[i];
}

struct clamp_max_backward_args {
    const float *x, *dy;
    float *dx;
    double max;
    int64_t n;
};

KERNEL(clamp_max_backward) {
    float max = (float)a->max;
    ELEMENTS(i, a->n) a->dx[i] = a->x[i] <= max ? a->dy[i] : 0.0f;
}

// ln(x), relative error below 2e-7: x = m * 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s) with s = (m - 1) / (m + 1).
static inline float fast_log(float x) {
    int tiny = x < 1.17549435e-38f;
    float scaled = tiny ? x * 8388608.0f : x; // denormals have no exponent of their own
    uint32_t bits; // unsigned: the bits of negative numbers and NaNs come this way too
    memcpy(&bits, &scaled, 4);
    int32_t e = (int32_t)(bits - 0x3F3504F3u) >> 23; // 0x3F3504F3: sqrt(1/2)
    float m = bits_to_float((int32_t)(bits - ((uint32_t)e << 23)));
    float n = (float)(e - (tiny ? 23 : 0));
    float f = m - 1.0f, s = f / (2.0f + f), s2 = s * s;
    // ln(1 + f) = f - s * (f - r) with r the series of atanh beyond its first term, times 2.
    float r = s2 * (2.0f / 3 + s2 * (2.0f / 5 + s2 * (2.0f / 7 + s2 * (2.0f / 9))));
    float y = n * 0.693359375f + (f - s * (f - r) + n * -2.12194440e-4f);
    y = x == 0 ? -INFINITY : y;
    y = x < 0 ? NAN : y;
    return x < INFINITY ? y : x;
}

static inline float square(float x) { return x * x; }
static inline float magnitude(float x) { return x < 0 ? -x : x; }

#define UNARY(name, value, gradient)                  \
    struct name##_forward_args {                      \
        const float *x;                               \
        float *y;                                     \
        int64_t n;                                    \
    };                                                \
    KERNEL(name##_forward) {                          \
        ELEMENTS(i, a->n) a->y[i] = value(a->x[i]);   \
    }                                                 \
    struct name##_backward_args {                     \
        const float *saved, *dy;                      \
        float *dx;                                    \
        int64_t n;                                    \
    };                                                \
    KERNEL(name##_backward) {                         \
        ELEMENTS(i, a->n) {                           \
            float s = a->saved[i], dy = a->dy[i];     \
            a->dx[i] = gradient;                      \
        }                                             \
    }

UNARY(exp, fast_exp, dy * s)
UNARY(log, fast_log, dy / s)
UNARY(sqrt, sqrtf, 0.5f * dy / s)
UNARY(square, square, 2.0f * s * dy)
UNARY(abs, magnitude, s > 0 ? dy : s < 0 ? -dy : 0.0f)
