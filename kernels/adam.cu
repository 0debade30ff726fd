// Adam and AdamW over a flat vector of parameters, and the norm that clipping needs.
#include "elements.cuh"

constexpr int NORM_BLOCKS = 512; // not the device's number, so that every device adds in the same order

template <typename T> struct sum_of_squares_args {
    const T *x;
    float *y;
    int64_t n;
};

// Every block leaves a sum, and one block adds those up.
// launch sum_of_squares: sum_of_squares_parts<<<max(1, min(ceil(n, 4096), NORM_BLOCKS)), 256>>> scratch 4 * NORM_BLOCKS
template <typename T> __device__ void sum_of_squares_parts(const sum_of_squares_args<T> &a, float *parts) {
    float sum = 0;
    int64_t fours = aligned4(a.x) ? a.n / 4 : 0;
#pragma unroll 4
    ELEMENTS(q, fours) {
        float4 x = load4(a.x + 4 * q);
        sum += (x.x * x.x + x.y * x.y) + (x.z * x.z + x.w * x.w);
    }
    for (int64_t i = 4 * fours + grid_index(); i < a.n; i += grid_threads()) sum += float(a.x[i]) * float(a.x[i]);
    sum = block_sum<256>(sum);
    if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}
EXPORT_SCRATCH(sum_of_squares_parts, sum_of_squares, 256)

// launch sum_of_squares: sum_of_squares_total<<<1, 256>>> scratch 4 * NORM_BLOCKS
template <typename T> __device__ void sum_of_squares_total(const sum_of_squares_args<T> &a, const float *parts) {
    int count = int(max(int64_t(1), min((a.n + 4095) / 4096, int64_t(NORM_BLOCKS))));
    float sum = 0;
    for (int i = int(threadIdx.x); i < count; i += 256) sum += parts[i];
    sum = block_sum<256>(sum);
    if (threadIdx.x == 0) *a.y = sum;
}
EXPORT_SCRATCH(sum_of_squares_total, sum_of_squares, 256)

template <typename T> struct adam_args {
    float *value;
    const T *gradient;
    float *m, *v;
    const float *rates, *squared_norm;
    double beta1, beta2, eps, weight_decay, max_norm;
    int64_t decoupled, n;
};

struct AdamStep {
    float beta1, rest1, beta2, rest2, eps, rate, inverse_root, shrink, add, clip;

    template <typename T> __device__ explicit AdamStep(const adam_args<T> &a)
        : beta1(float(a.beta1)), rest1(float(1 - a.beta1)), beta2(float(a.beta2)), rest2(float(1 - a.beta2)), eps(float(a.eps)),
          rate(a.rates[0]), inverse_root(1.0f / a.rates[1]), shrink(a.decoupled ? 1.0f - a.rates[2] * float(a.weight_decay) : 1.0f),
          add(a.decoupled ? 0.0f : float(a.weight_decay)), clip(1.0f) {
        if (!a.squared_norm) return;
        float share = float(a.max_norm) / (sqrtf(*a.squared_norm) + 1e-6f);
        clip = share > 1.0f ? 1.0f : share; // NaN stays
    }

    __device__ void operator()(float &value, float gradient, float &m, float &v) const {
        float g = clip * gradient + add * value;
        m = beta1 * m + rest1 * g;
        v = beta2 * v + rest2 * g * g;
        value = shrink * value - rate * m / (sqrtf(v) * inverse_root + eps);
    }
};

// launch adam: adam<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void adam(const adam_args<T> &a) {
    AdamStep step(a);
    int64_t fours = aligned4(a.value) && aligned4(a.gradient) && aligned4(a.m) && aligned4(a.v) ? a.n / 4 : 0;
    ELEMENTS(q, fours) {
        float4 value = load4(a.value + 4 * q), g = load4(a.gradient + 4 * q), m = load4(a.m + 4 * q), v = load4(a.v + 4 * q);
        step(value.x, g.x, m.x, v.x);
        step(value.y, g.y, m.y, v.y);
        step(value.z, g.z, m.z, v.z);
        step(value.w, g.w, m.w, v.w);
        store4(a.value + 4 * q, value);
        store4(a.m + 4 * q, m);
        store4(a.v + 4 * q, v);
    }
    for (int64_t i = 4 * fours + grid_index(); i < a.n; i += grid_threads()) step(a.value[i], a.gradient[i], a.m[i], a.v[i]);
}
EXPORT(adam, 256)
