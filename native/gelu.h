// GELU and QuickGELU, by themselves and behind a matrix product.
#pragma once

#include "imu2clip.h"

// 2^x for x within +-126, and the value at the bound beyond; NaN gives a number. 2^x = 2^n 2^f with n whole and |f| <= 1/2, a minimax
// polynomial of degree 5 for 2^f: relative error below 3e-7. Two thirds of fast_exp's work, and behind a product that shows.
static inline float bounded_exp2(float x) {
    float t = x > -126.0f ? x : -126.0f;
    t = t < 126.0f ? t : 126.0f;
    float shifted = t + 12582912.0f; // 1.5 * 2^23: the last bits are n
    float f = t - (shifted - 12582912.0f);
    float p = 0.001327642472f;
    p = p * f + 0.009675531648f;
    p = p * f + 0.055507134646f;
    p = p * f + 0.240221202374f;
    p = p * f + 0.693146944046f;
    p = p * f + 1.000000119209f;
    uint32_t power, n;
    memcpy(&power, &p, 4);
    memcpy(&n, &shifted, 4);
    return bits_to_float((int32_t)(power + (n << 23)));
}

// erf(x) by a rational approximation (Abramowitz and Stegun 7.1.26), absolute error below 2e-7 in float32.
static inline float fast_erf(float x) {
    float ax = x < 0 ? -x : x;
    float t = 1.0f / (1.0f + 0.3275911f * ax);
    float p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    float y = 1.0f - p * bounded_exp2(-1.44269504f * ax * ax);
    return x < 0 ? -y : y;
}

static inline float gelu(float x) { return 0.5f * x * (1.0f + fast_erf(x * 0.70710678f)); }
static inline float quick_gelu(float x) { return x / (1.0f + bounded_exp2(-2.45546696f * x)); }
