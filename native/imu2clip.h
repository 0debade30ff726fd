// What every kernel file includes: the kernel signature, how work is split, the team's barrier and scratch memory, and small vector math.
//
// A kernel is `KERNEL(name)`: it gets its argument block and which part of how many it is. Each part runs on its own thread; the split
// depends only on sizes and on `parts`, never on timing, so that results repeat bit for bit.
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IMU2CLIP_JOIN2(a, b) a##_##b
#define IMU2CLIP_JOIN(a, b) IMU2CLIP_JOIN2(a, b)

// ISA is given by build.sh: every kernel file is compiled once per instruction set, and its symbols end in its name.
#ifdef ISA
#define KERNEL(name)                                                                                                          \
    __attribute__((visibility("default"))) void IMU2CLIP_JOIN(name, ISA)(const struct name##_args *a, int64_t part, int64_t parts); \
    void IMU2CLIP_JOIN(name, ISA)(const struct name##_args *a, int64_t part, int64_t parts)
#endif

// Not every kernel looks at its part: a small one runs on part 0 alone.
#define ALONE if (part != 0) return; (void)parts

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

// runtime.c: all parts of the running kernel wait for each other. Every part must reach every barrier.
void imu2clip_barrier(int64_t parts);
// runtime.c: memory of at least `bytes`, aligned to 64, that belongs to the calling thread until the kernel returns. One block a thread and
// slot (0..3); content is whatever the last user left.
void *imu2clip_scratch(int slot, size_t bytes);

struct range {
    int64_t from, to;
};

// The share of `part` in n items, cut at multiples of `grain` so that two threads do not write one cache line.
static inline struct range share(int64_t n, int64_t part, int64_t parts, int64_t grain) {
    int64_t blocks = (n + grain - 1) / grain;
    int64_t from = blocks * part / parts * grain, to = blocks * (part + 1) / parts * grain;
    return (struct range){MIN(from, n), MIN(to, n)};
}

// runtime.c: gives the parts of the running kernel its items, each to whoever asks next; 0 when there are no more. `r` is {0, 0} at
// first. Once a kernel, and only where results do not depend on which part computes an item.
int imu2clip_take(int64_t items, int64_t parts, struct range *r);

// Elementwise loops want cache-line grains.
#define ELEMENTS(i, n) \
    for (struct range r_ = share(n, part, parts, 1024), *once_ = &r_; once_; once_ = NULL) for (int64_t i = r_.from; i < r_.to; i++)

// ---- math that the compiler can vectorise inside a plain loop (no calls, no branches) ----

static inline float bits_to_float(int32_t bits) {
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

// exp(x), relative error below 2e-7; 0 below -87.3, infinity above 88.7. Cody-Waite reduction, polynomial of degree 6 (Taylor with
// coefficients rounded to float32, exact enough on |r| <= ln2/2).
static inline float fast_exp(float x) {
    float clamped = x > -87.3f ? x : -87.3f; // a NaN too becomes a number here: none is made an integer below
    clamped = clamped > 88.7f ? 88.7f : clamped;
    float shifted = clamped * 1.44269504f + 12582912.0f; // 1.5 * 2^23: rounds to the nearest integer
    float n = shifted - 12582912.0f;
    float r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    // 2^n in two factors, because n = 128 has no float of its own.
    int32_t i = (int32_t)n, half = i >> 1;
    float y = p * bits_to_float((half + 127) << 23) * bits_to_float((i - half + 127) << 23);
    y = x < -87.3f ? 0.0f : y;
    y = x > 88.7f ? INFINITY : y;
    return x != x ? x : y;
}

static inline float fast_sigmoid(float x) {
    float e = fast_exp(x < 0 ? x : -x);
    float s = 1.0f / (1.0f + e);
    return x < 0 ? e * s : s;
}

// tanh(x): near 0, where 1 - 2/(e^2x + 1) would cancel, an odd polynomial (Taylor to x^9).
static inline float fast_tanh(float x) {
    float ax = x < 0 ? -x : x;
    float x2 = x * x;
    float small = x + x * x2 * (-1.0f / 3 + x2 * (2.0f / 15 + x2 * (-17.0f / 315 + x2 * (62.0f / 2835))));
    float e = fast_exp(-2.0f * ax);
    float large = (1.0f - e) / (1.0f + e);
    large = x < 0 ? -large : large;
    float y = ax < 0.25f ? small : large;
    return x != x ? x : y;
}
