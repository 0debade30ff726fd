// Dropout by Philox4x32-10 (Salmon et al., SC 2011): a block of four random words for every four elements.
#include "elements.cuh"

template <typename T> struct dropout_args {
    const T *x;
    const int32_t *key; // two words
    T *y;
    double p;
    int64_t offset, n;
};

__device__ __forceinline__ uint4 philox(uint64_t seed, uint64_t counter) {
    uint32_t c0 = uint32_t(counter), c1 = uint32_t(counter >> 32), c2 = 0, c3 = 0;
    uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        uint32_t high0 = __umulhi(0xd2511f53u, c0), low0 = 0xd2511f53u * c0, high1 = __umulhi(0xcd9e8d57u, c2), low1 = 0xcd9e8d57u * c2;
        c0 = high1 ^ c1 ^ k0;
        c2 = high0 ^ c3 ^ k1;
        c1 = low1;
        c3 = low0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return make_uint4(c0, c1, c2, c3);
}

// A thread draws for four neighbours.
// launch dropout: dropout<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void dropout(const dropout_args<T> &a) {
    // The 24 bits of the uniform number are compared as integers: no rounding stands between the backends.
    uint32_t threshold = uint32_t(ceil(a.p * 16777216.0));
    float scale = float(1 / (1 - a.p));
    uint64_t seed = uint64_t(uint32_t(a.key[1])) << 32 | uint32_t(a.key[0]);
    bool aligned = aligned4(a.x) && aligned4(a.y);
    auto drop = [=](uint32_t word, float x) { return word >> 8 >= threshold ? x * scale : 0.0f; };
    ELEMENTS(q, (a.n + 3) / 4) {
        uint4 words = philox(seed, uint64_t(a.offset) + uint64_t(q));
        int64_t i = 4 * q;
        if (aligned && i + 4 <= a.n) {
            float4 x = load4(a.x + i);
            store4(a.y + i, make_float4(drop(words.x, x.x), drop(words.y, x.y), drop(words.z, x.z), drop(words.w, x.w)));
        } else {
            a.y[i] = T(drop(words.x, a.x[i]));
            if (i + 1 < a.n) a.y[i + 1] = T(drop(words.y, a.x[i + 1]));
            if (i + 2 < a.n) a.y[i + 2] = T(drop(words.z, a.x[i + 2]));
            if (i + 3 < a.n) a.y[i + 3] = T(drop(words.w, a.x[i + 3]));
        }
    }
}
EXPORT(dropout, 256)
