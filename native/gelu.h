// GELU and QuickGELU, by themselves and behind a matrix product.
#pragma once

#include "imu2clip.h"

// erf(x) by a rational approximation (Abramowitz and Stegun 7.1.26), absolute error below 2e-7 in float32.
static inline float fast_erf(float x) {
    float ax = x < 0 ? -x : x;
    float t = 1.0f / (1.0f + 0.3275911f * ax);
    float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    float y = 1.0f - p * fast_exp(-ax * ax);
    return x < 0 ? -y : y;
}

static inline float gelu(float x) { return 0.5f * x * (1.0f + fast_erf(x * 0.70710678f)); }
static inline float quick_gelu(float x) { return x * fast_sigmoid(1.702f * x); }
