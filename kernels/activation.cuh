// Activation functions as values and slopes, for activation.cu and for products that end in one.
#pragma once

#include "common.cuh"

__device__ __forceinline__ float sigmoid_of(float x) { return 1.0f / (1.0f + expf(-x)); }

struct Relu {
    static __device__ float value(float x) { return x > 0 ? x : x != x ? x : 0.0f; }
    static __device__ float slope(float x) { return x > 0 ? 1.0f : 0.0f; }
};

// x Phi(x), Phi the normal distribution's.
struct Gelu {
    static __device__ float value(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678f)); }
    static __device__ float slope(float x) {
        return 0.5f * (1.0f + erff(x * 0.70710678f)) + x * 0.39894228f * expf(-0.5f * x * x);
    }
};

struct QuickGelu {
    static __device__ float value(float x) { return x * sigmoid_of(1.702f * x); }
    static __device__ float slope(float x) {
        float s = sigmoid_of(1.702f * x);
        return s * (1.0f + 1.702f * x * (1.0f - s));
    }
};

struct Sigmoid {
    static __device__ float value(float x) { return sigmoid_of(x); }
    static __device__ float slope(float x) {
        float s = sigmoid_of(x);
        return s * (1.0f - s);
    }
};

struct Tanh {
    static __device__ float value(float x) { return tanhf(x); }
    static __device__ float slope(float x) {
        float y = tanhf(x);
        return 1.0f - y * y;
    }
};
