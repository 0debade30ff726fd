// Dropout by Philox4x32-10 (Salmon et al., SC 2011): a block of four random words for every four elements.
#include "imu2clip.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

struct dropout_args {
    const float *x;
    const int32_t *key; // two words
    float *y;
    double p;
    int64_t offset, n;
};

// Vectors of 64-bit lanes, each with a 32-bit word in its low half; a lane is a block. MULTIPLY gives full 64-bit products of words: the
// plain operator would become a 64-bit multiplication, several times slower.
#if defined(__AVX512F__)
typedef uint64_t lanes __attribute__((vector_size(64)));
#define MULTIPLY(a, b) (lanes) _mm512_mul_epu32((__m512i)(a), (__m512i)(b))
#elif defined(__AVX2__)
typedef uint64_t lanes __attribute__((vector_size(32)));
#define MULTIPLY(a, b) (lanes) _mm256_mul_epu32((__m256i)(a), (__m256i)(b))
#else
typedef uint64_t lanes __attribute__((vector_size(16)));
#if defined(__SSE2__)
#define MULTIPLY(a, b) (lanes) _mm_mul_epu32((__m128i)(a), (__m128i)(b))
#else
#define MULTIPLY(a, b) (((a) & 0xFFFFFFFF) * (b))
#endif
#endif
#define LANES ((int64_t)(sizeof(lanes) / sizeof(uint64_t)))

// Blocks drawn at a time.
#define DRAW 64

// The words of DRAW blocks from a counter on, in order.
static void philox(uint64_t seed, uint64_t counter, uint32_t words[4 * DRAW]) {
    const lanes zero = {0}, low = zero + 0xFFFFFFFF, m0 = zero + 0xD2511F53, m1 = zero + 0xCD9E8D57;
    uint64_t first[DRAW], second[DRAW];
    for (int64_t b = 0; b < DRAW; b++) first[b] = counter + (uint64_t)b;
    for (int64_t b = 0; b < DRAW; b += LANES) {
        lanes c0, c1, c2 = zero, c3 = zero;
        memcpy(&c0, first + b, sizeof(lanes));
        c1 = c0 >> 32;
        c0 &= low;
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++) {
            lanes p0 = MULTIPLY(c0, m0), p1 = MULTIPLY(c2, m1);
            c0 = (p1 >> 32) ^ c1 ^ k0;
            c2 = (p0 >> 32) ^ c3 ^ k1;
            c1 = p1 & low;
            c3 = p0 & low;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        c0 |= c1 << 32;
        c2 |= c3 << 32;
        memcpy(first + b, &c0, sizeof(lanes));
        memcpy(second + b, &c2, sizeof(lanes));
    }
    for (int64_t b = 0; b < DRAW; b++) {
        words[4 * b] = (uint32_t)first[b];
        words[4 * b + 1] = (uint32_t)(first[b] >> 32);
        words[4 * b + 2] = (uint32_t)second[b];
        words[4 * b + 3] = (uint32_t)(second[b] >> 32);
    }
}

KERNEL(dropout) {
    // The 24 bits of the uniform number are compared as integers: no rounding stands between the backends.
    int32_t threshold = (int32_t)ceil(a->p * 16777216.0);
    float scale = (float)(1 / (1 - a->p));
    uint64_t seed = (uint64_t)(uint32_t)a->key[1] << 32 | (uint32_t)a->key[0];
    uint32_t words[4 * DRAW];
    struct range mine = share(a->n, part, parts, 1024);
    for (int64_t at = mine.from; at < mine.to; at += 4 * DRAW) {
        int64_t n = MIN(4 * DRAW, mine.to - at);
        philox(seed, (uint64_t)a->offset + (uint64_t)at / 4, words);
        const float *restrict x = a->x + at;
        float *restrict y = a->y + at;
        for (int64_t i = 0; i < n; i++) y[i] = (int32_t)(words[i] >> 8) >= threshold ? x[i] * scale : 0.0f;
    }
}
