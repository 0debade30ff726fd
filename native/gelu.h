// GELU and QuickGELU, by themselves and behind a matrix product.
#pragma once

#include "imu2clip.h"

// exp(x) for x within +-87, and the value at the bound beyond; NaN gives a number. Half of fast_exp's work, relative error below 2e-7.
static inline float bounded_exp(float x) {
    float clamped = x > -87.0f ? x : -87.0f;
    clamped = clamped < 87.0f ? clamped : 87.0f;
    float n = (clamped * 1.44269504f + 12582912.0f) - 12582912.0f;
    float r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    return p * bits_to_float(((int32_t)n + 127) << 23);
}

// erf(x) by a rational approximation (Abramowitz and Stegun 7.1.26), absolute error below 2e-7 in float32.
static inline float fast_erf(float x) {
    float ax = x < 0 ? -x : x;
    float t = 1.0f / (1.0f + 0.3275911f * ax);
    float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    float y = 1.0f - p * bounded_exp(-ax * ax);
    return x < 0 ? -y : y;
}

static inline float gelu(float x) { return 0.5f * x * (1.0f + fast_erf(x * 0.70710678f)); }
static inline float quick_gelu(float x) { return x / (1.0f + bounded_exp(-1.702f * x)); }
