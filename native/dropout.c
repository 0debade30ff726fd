// Dropout by Philox4x32-10 (Salmon et al., SC 2011): a block of four random words for every four elements.
#include "imu2clip.h"

struct dropout_args {
    const float *x;
    float *y;
    double p;
    int64_t seed, offset, n;
};

struct words {
    uint32_t w0, w1, w2, w3;
};

static inline struct words philox(uint64_t seed, uint64_t counter) {
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0, k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (struct words){c0, c1, c2, c3};
}

// The 24 bits of the uniform number, compared as integers: no rounding stands between the backends.
static inline float keep(float x, uint32_t word, int32_t threshold, float scale) {
    return (int32_t)(word >> 8) >= threshold ? x * scale : 0.0f;
}

KERNEL(dropout) {
    uint64_t seed = (uint64_t)a->seed, offset = (uint64_t)a->offset;
    int32_t threshold = (int32_t)ceil(a->p * 16777216.0);
    float scale = (float)(1 / (1 - a->p));
    struct range mine = share(a->n, part, parts, 1024);
    const float *restrict x = a->x;
    float *restrict y = a->y;
    int64_t last = mine.to / 4;
    for (int64_t b = mine.from / 4; b < last; b++) {
        struct words w = philox(seed, offset + (uint64_t)b);
        y[4 * b] = keep(x[4 * b], w.w0, threshold, scale);
        y[4 * b + 1] = keep(x[4 * b + 1], w.w1, threshold, scale);
        y[4 * b + 2] = keep(x[4 * b + 2], w.w2, threshold, scale);
        y[4 * b + 3] = keep(x[4 * b + 3], w.w3, threshold, scale);
    }
    if (mine.to % 4 != 0) { // only at the very end
        struct words w = philox(seed, offset + (uint64_t)last);
        const uint32_t word[3] = {w.w0, w.w1, w.w2};
        for (int64_t i = 4 * last; i < mine.to; i++) y[i] = keep(x[i], word[i % 4], threshold, scale);
    }
}
