// Vectors of float32 as wide as the instruction set's registers, by the compiler's vector extension: `+ - * /` work on them as on numbers.
#pragma once

#include <string.h>

#if defined(ISA_avx512)
#define VL 16
#elif defined(ISA_avx2)
#define VL 8
#else
#define VL 4 // SSE2, NEON
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef float vf_unaligned __attribute__((vector_size(VL * 4), aligned(4), may_alias));

static inline __attribute__((always_inline)) vf v_load(const float *p) {
    return *(const vf_unaligned *)p;
}

static inline __attribute__((always_inline)) void v_store(float *p, vf v) {
    *(vf_unaligned *)p = v;
}

static inline __attribute__((always_inline)) vf v_splat(float x) {
    return x - (vf){0};
}

// The sum of the lanes, in the order of a binary tree.
static inline __attribute__((always_inline)) float v_sum(vf v) {
    float lanes[VL];
    v_store(lanes, v);
    for (int width = VL / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}
