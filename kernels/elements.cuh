// Loops over elements that take four at a time where every address allows it.
#pragma once

#include "common.cuh"

template <typename T> __device__ __forceinline__ bool aligned4(const T *p) {
    return reinterpret_cast<uint64_t>(p) % (4 * sizeof(T)) == 0;
}

// y[i] = f(x[i])
template <typename X, typename Y, typename F> __device__ __forceinline__ void map(const X *x, Y *y, int64_t n, F f) {
    int64_t fours = aligned4(x) && aligned4(y) ? n / 4 : 0;
    ELEMENTS(q, fours) {
        float4 v = load4(x + 4 * q);
        store4(y + 4 * q, make_float4(f(v.x), f(v.y), f(v.z), f(v.w)));
    }
    for (int64_t i = 4 * fours + grid_index(); i < n; i += grid_threads()) y[i] = Y(f(float(x[i])));
}

// y[i] = f(x[i], w[i])
template <typename T, typename F> __device__ __forceinline__ void map(const T *x, const T *w, T *y, int64_t n, F f) {
    int64_t fours = aligned4(x) && aligned4(w) && aligned4(y) ? n / 4 : 0;
    ELEMENTS(q, fours) {
        float4 u = load4(x + 4 * q), v = load4(w + 4 * q);
        store4(y + 4 * q, make_float4(f(u.x, v.x), f(u.y, v.y), f(u.z, v.z), f(u.w, v.w)));
    }
    for (int64_t i = 4 * fours + grid_index(); i < n; i += grid_threads()) y[i] = T(f(float(x[i]), float(w[i])));
}

// ---- copies, which keep every bit ----

__device__ __forceinline__ void copy4(float *to, const float *from) {
    *reinterpret_cast<uint4 *>(to) = *reinterpret_cast<const uint4 *>(from);
}
__device__ __forceinline__ void copy4(bf16 *to, const bf16 *from) {
    *reinterpret_cast<uint2 *>(to) = *reinterpret_cast<const uint2 *>(from);
}

// Element i of n goes from address from(i), or is `missing` where that is null, to address to(i). With `fours` n is a multiple of 4, and
// from(i) and to(i) of every fourth i are aligned and stand for the three behind them too.
template <typename T, typename To, typename From>
__device__ __forceinline__ void copy_elements(int64_t n, bool fours, T missing, To to, From from) {
    if (fours) {
        ELEMENTS(q, n / 4) {
            const T *source = from(4 * q);
            T *target = to(4 * q);
            if (source) copy4(target, source);
            else
                for (int j = 0; j < 4; j++) target[j] = missing;
        }
    } else {
        ELEMENTS(i, n) {
            const T *source = from(i);
            *to(i) = source ? *source : missing;
        }
    }
}
