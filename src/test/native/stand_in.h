// What the stand-ins for CUDA's libraries have in common: work on a stream goes through the driver (which may be recording a graph), numbers are
// those of the library's headers, and every call is counted so that a test knows that it was the library that computed.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>

#define EXPORTED extern "C" __attribute__((visibility("default")))

// How often the library was asked to compute.
EXPORTED int64_t stand_in_calls;
int64_t stand_in_calls = 0;

// Runs `work` when the stream comes to it, and again in every replay of a graph that it is recorded in; it is never freed.
static inline int on_stream(void *stream, std::function<void()> work) {
    stand_in_calls++;
    using Launch = int (*)(void *, void (*)(void *), void *);
    static Launch launch = reinterpret_cast<Launch>(dlsym(dlopen("libcuda.so.1", RTLD_NOLOAD | RTLD_NOW), "cuLaunchHostFunc"));
    auto call = [](void *data) { (*static_cast<std::function<void()> *>(data))(); };
    return launch(stream, call, new std::function<void()>(std::move(work)));
}

// Fills device memory; false where it is none, or no more.
static inline bool fill_device(void *memory, size_t bytes) {
    using Fill = int (*)(unsigned long long, unsigned char, size_t);
    static Fill fill = reinterpret_cast<Fill>(dlsym(dlopen("libcuda.so.1", RTLD_NOLOAD | RTLD_NOW), "cuMemsetD8_v2"));
    return fill(reinterpret_cast<unsigned long long>(memory), 0xFF, bytes) == 0;
}

static inline float from_bf16(uint16_t bits) {
    uint32_t u = uint32_t(bits) << 16;
    float x;
    std::memcpy(&x, &u, 4);
    return x;
}

static inline uint16_t to_bf16(float x) {
    uint32_t u;
    std::memcpy(&u, &x, 4);
    return uint16_t(x != x ? (u >> 16) | 0x40 : (u + 0x7fff + (u >> 16 & 1)) >> 16);
}

// As tensor cores read a float32: 10 bits behind the point.
static inline float to_tf32(float x) {
    uint32_t u;
    std::memcpy(&u, &x, 4);
    u = (u + 0xfff + (u >> 13 & 1)) & ~0x1fffu;
    std::memcpy(&x, &u, 4);
    return x;
}

// An element of a matrix or tensor of float32 or bf16.
static inline float get(const void *data, bool bf16, int64_t i) {
    return bf16 ? from_bf16(static_cast<const uint16_t *>(data)[i]) : static_cast<const float *>(data)[i];
}
static inline void set(void *data, bool bf16, int64_t i, float x) {
    if (bf16) static_cast<uint16_t *>(data)[i] = to_bf16(x);
    else static_cast<float *>(data)[i] = x;
}
