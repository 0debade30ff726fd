// Vectors of float32 as wide as the instruction set has them, by the compiler's own vector types: no intrinsics. `a * b + c` on them
// becomes a fused multiply-add where there is one. Loads and stores need no alignment.
#pragma once

#include <stdint.h>
#include <string.h>

// A build may set both by flags, to try the code for wide vectors where there are none.
#if defined(VL)
#elif defined(ISA_avx512)
#define VL 16
#define VREGS 32
#elif defined(ISA_avx2)
#define VL 8
#define VREGS 16
#elif defined(__aarch64__)
#define VL 4
#define VREGS 32
#else
#define VL 4
#define VREGS 16
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4)));
typedef float vf_unaligned __attribute__((vector_size(VL * 4), aligned(4), may_alias));

#define ALWAYS_INLINE static inline __attribute__((always_inline))
// Loops over registers: they must unroll whole, or the accumulators fall into memory.
#define UNROLL _Pragma("GCC unroll 16")

ALWAYS_INLINE vf vload(const float *p) { return *(const vf_unaligned *)p; }
ALWAYS_INLINE void vstore(float *p, vf v) { *(vf_unaligned *)p = v; }
ALWAYS_INLINE vf vsplat(float x) { return x - (vf){0}; }
ALWAYS_INLINE vf vselect(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
ALWAYS_INLINE vf vmax(vf a, vf b) { return vselect(a > b, a, b); }

// The first n < VL elements; the other lanes are 0 in a load and left alone in a store.
ALWAYS_INLINE vf vload_n(const float *p, int64_t n) {
    float lanes[VL] = {0};
    for (int64_t i = 0; i < n; i++) lanes[i] = p[i];
    return vload(lanes);
}

ALWAYS_INLINE void vstore_n(float *p, vf v, int64_t n) {
    float lanes[VL];
    vstore(lanes, v);
    for (int64_t i = 0; i < n; i++) p[i] = lanes[i];
}

// Ones in the lanes from `first` on.
ALWAYS_INLINE vi vlanes_from(int64_t first) {
    vi lane;
    UNROLL for (int i = 0; i < VL; i++) lane[i] = i;
    return lane >= (int32_t)first;
}

// Sum of the lanes, by halves: the same order everywhere.
ALWAYS_INLINE float vsum(vf v) {
    float lanes[VL];
    vstore(lanes, v);
    for (int width = VL / 2; width > 0; width /= 2) UNROLL for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}

ALWAYS_INLINE float vmax_lane(vf v) {
    float lanes[VL];
    vstore(lanes, v);
    for (int width = VL / 2; width > 0; width /= 2)
        UNROLL for (int i = 0; i < width; i++) lanes[i] = lanes[i] > lanes[i + width] ? lanes[i] : lanes[i + width];
    return lanes[0];
}

// exp(x) for x up to 80, relative error below 2e-7: for softmax, where x is a score less the largest. 0 below -87.3. See fast_exp.
ALWAYS_INLINE vf vexp(vf x) {
    vf clamped = vselect(x < vsplat(-87.3f), vsplat(-87.3f), x);
    vf n = (clamped * 1.44269504f + 12582912.0f) - 12582912.0f;
    vf r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    vf p = r * (1.0f / 720.0f) + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    vf power = (vf)((__builtin_convertvector(n, vi) + 127) << 23);
    return vselect(x < vsplat(-87.3f), vsplat(0), p * power);
}

// ---- a VL x VL block transposed in registers: VL's logarithm times, row i and row i + VL/2 are interleaved into rows 2i and 2i + 1 ----

#if VL == 16
#define VLOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define VHIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VL == 8
#define VLOW 0, 8, 1, 9, 2, 10, 3, 11
#define VHIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define VLOW 0, 4, 1, 5
#define VHIGH 2, 6, 3, 7
#endif

// to[j][i] = from[i][j], i and j < VL; row lengths in floats.
ALWAYS_INLINE void vtranspose(float *to, int64_t to_row, const float *from, int64_t from_row) {
#if defined(__clang__) || __GNUC__ >= 12
    vf rows[VL], next[VL];
    UNROLL for (int i = 0; i < VL; i++) rows[i] = vload(from + i * from_row);
    UNROLL for (int width = 1; width < VL; width *= 2) {
        UNROLL for (int i = 0; i < VL / 2; i++) {
            next[2 * i] = __builtin_shufflevector(rows[i], rows[i + VL / 2], VLOW);
            next[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + VL / 2], VHIGH);
        }
        UNROLL for (int i = 0; i < VL; i++) rows[i] = next[i];
    }
    UNROLL for (int i = 0; i < VL; i++) vstore(to + i * to_row, rows[i]);
#else
    for (int i = 0; i < VL; i++) for (int j = 0; j < VL; j++) to[j * to_row + i] = from[i * from_row + j];
#endif
}
