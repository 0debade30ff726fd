// Conversion between floating-point types, in plain bit operations that vectorise everywhere. To nearest, ties to even.
#include "imu2clip.h"

static inline uint32_t to_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

static inline float from_bits(uint32_t bits) { return bits_to_float((int32_t)bits); }

static inline float bf16_to_f32(uint16_t h) { return from_bits((uint32_t)h << 16); }

static inline uint16_t f32_to_bf16(float f) {
    uint32_t bits = to_bits(f), rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    return (uint16_t)(f != f ? bits >> 16 | 0x40 : rounded);
}

// The exponent moves from bias 15 to 127 by a multiplication, which also makes denormals normal.
static inline float f16_to_f32(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = (uint32_t)(h & 0x7FFF) << 13;
    uint32_t finite = to_bits(from_bits(magnitude) * 0x1p112f);
    return from_bits(sign | (magnitude >= 0x0F800000 ? magnitude | 0x7F800000 : finite));
}

static inline uint16_t f32_to_f16(float f) {
    uint32_t bits = to_bits(f), magnitude = bits & 0x7FFFFFFF;
    // Normal: rebias the exponent (112 << 23) and round the 13 bits that go; a carry into the exponent is right, up to infinity.
    uint32_t normal = (magnitude - 0x38000000 + 0xFFF + (magnitude >> 13 & 1)) >> 13;
    // Below 2^-14: adding 0.5 makes the float unit round at 2^-24, the unit of denormals.
    uint32_t denormal = to_bits(from_bits(magnitude) + 0.5f) - 0x3F000000;
    uint32_t half = magnitude < 0x38800000 ? denormal : normal;
    half = magnitude >= 0x477FF000 ? 0x7C00 : half; // 65520 and more
    half = magnitude > 0x7F800000 ? (magnitude >> 13 & 0x3FF) | 0x7E00 : half;
    return (uint16_t)(half | (bits >> 16 & 0x8000));
}

static inline float f64_to_f32(double d) { return (float)d; }
static inline double f32_to_f64(float f) { return f; }

#define CAST(from, from_type, to, to_type)                           \
    struct cast_##from##_##to##_args {                               \
        const from_type *x;                                          \
        to_type *y;                                                  \
        int64_t n;                                                   \
    };                                                               \
    KERNEL(cast_##from##_##to) {                                     \
        const from_type *restrict x = a->x;                          \
        to_type *restrict y = a->y;                                  \
        ELEMENTS(i, a->n) y[i] = from##_to_##to(x[i]);               \
    }

CAST(bf16, uint16_t, f32, float)
CAST(f32, float, bf16, uint16_t)
CAST(f16, uint16_t, f32, float)
CAST(f32, float, f16, uint16_t)
CAST(f64, double, f32, float)
CAST(f32, float, f64, double)
