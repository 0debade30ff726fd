// Picking slices of the middle of (outer, n, inner) by index, and adding gradients back to where they came from.
#include "imu2clip.h"

static inline int64_t index_at(const void *index, int64_t i, int64_t bytes) {
    return bytes == 4 ? ((const int32_t *)index)[i] : ((const int64_t *)index)[i];
}

struct gather_forward_args {
    const float *x;
    const void *index;
    float *y;
    int64_t outer, n, inner, count;
    int64_t index_bytes;
};

KERNEL(gather_forward) {
    int64_t n = a->n, inner = a->inner, count = a->count;
    struct range mine = share(a->outer * count, part, parts, MAX(1, 64 / MAX(1, inner)));
    for (int64_t k = mine.from; k < mine.to; k++) {
        int64_t row = k / count * n + index_at(a->index, k % count, a->index_bytes);
        if (inner == 1) a->y[k] = a->x[row];
        else memcpy(a->y + k * inner, a->x + row * inner, (size_t)inner * sizeof(float));
    }
}

struct gather_backward_args {
    const float *dy;
    const void *index;
    float *dx;
    int64_t outer, n, inner, count;
    int64_t index_bytes;
};

// Adds rows of dy to rows [first, last) of dx, columns [from, to), in the order of the indices: so how the work is cut changes no bit.
static void scatter(const struct gather_backward_args *a, int64_t o, int64_t first, int64_t last, int64_t from, int64_t to) {
    int64_t inner = a->inner;
    float *dx = a->dx + o * a->n * inner;
    const float *dy = a->dy + o * a->count * inner;
    if (from == 0 && to == inner) memset(dx + first * inner, 0, (size_t)((last - first) * inner) * sizeof(float));
    else
        for (int64_t row = first; row < last; row++) memset(dx + row * inner + from, 0, (size_t)(to - from) * sizeof(float));
    for (int64_t k = 0; k < a->count; k++) {
        int64_t row = index_at(a->index, k, a->index_bytes);
        if (row < first || row >= last) continue;
        float *restrict sum = dx + row * inner;
        const float *restrict term = dy + k * inner;
        for (int64_t i = from; i < to; i++) sum[i] += term[i];
    }
}

KERNEL(gather_backward) {
    int64_t n = a->n, inner = a->inner;
    if (inner >= 64 * parts) {
        // By columns: balanced also where one row is picked over and over.
        struct range mine = share(inner, part, parts, 16);
        if (mine.from < mine.to)
            for (int64_t o = 0; o < a->outer; o++) scatter(a, o, 0, n, mine.from, mine.to);
    } else {
        struct range mine = share(a->outer * n, part, parts, MAX(1, 16 / MAX(1, inner)));
        for (int64_t row = mine.from; row < mine.to;) {
            int64_t o = row / n, end = MIN((o + 1) * n, mine.to);
            scatter(a, o, row - o * n, end - o * n, 0, inner);
            row = end;
        }
    }
}
