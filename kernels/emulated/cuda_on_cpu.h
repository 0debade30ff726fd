// CUDA device code on the CPU: a .cu file that includes common.cuh compiles with g++ as it is and runs under the stand-in driver
// (driver.cpp), for tests and debugging without a GPU.
//
// A thread of a block is a fibre: it runs until it waits (for the block, or for its warp) and then others run (block.h). Blocks are spread
// over the processor's cores, one at a time on each; a cooperative launch gives every block a system thread of its own, so that they can
// wait for each other. What a GPU would answer with a hang or with garbage is an error of the launch here, with file and line:
//
// - a barrier that only part of a block reaches, or that its threads reach in different places;
// - a lane that waits for one that has ended, or for one that does something else, or reads from one that its mask leaves out;
// - an index beyond an array, an address that is null or not aligned for its type, a division of whole numbers by zero;
// - a write outside of the dynamic shared memory; all shared memory is full of NaN when a block begins;
// - a wait for what does not come, where the loop calls __nanosleep, an atomic function or __ldcg.
//
// Not found: races within a block. Reads and writes beyond a tensor are what the sanitizers are for (docs/kernels.md).
#pragma once

#include "block.h"

#include <cmath>
#include <type_traits>

// ---- the language ----

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static thread_local
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline float2 make_float2(float x, float y) { return {x, y}; }
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

namespace emulated {

inline unsigned lane() { return current()->thread->linear % WARP; }

// What the lanes of `mask` brought, in registers of type T.
template <typename T> struct Lanes {
    const Meeting &meeting;
    Where where;
    T operator[](unsigned lane) const {
        if (!(meeting.mask >> lane & 1))
            current()->worker->fail("%s at %s:%d reads from lane %u, which the mask %#x leaves out", meeting.operation, where.file, where.line,
                                    lane, meeting.mask);
        T value;
        std::memcpy(&value, meeting.brought[lane], sizeof(T));
        return value;
    }
};
template <typename T>
Lanes<T> meet(unsigned mask, const T &value, const char *operation = "a warp operation", Where where = Where::here()) {
    static_assert(sizeof(T) <= LANE_BYTES, "more than a lane can bring");
    return {current()->worker->meet(mask, operation, &value, sizeof(T), where), where};
}


} // namespace emulated

// ---- built-in names ----

#define threadIdx (static_cast<const uint3 &>(::emulated::current()->thread->index))
#define blockIdx (static_cast<const uint3 &>(::emulated::current()->worker->block_index))
#define blockDim (::emulated::current()->worker->block)
#define gridDim (::emulated::current()->worker->grid)
#define warpSize 32
#define __syncthreads() ::emulated::current()->worker->barrier(::emulated::Where::here())
#define EMULATED_HERE ::emulated::Where where = ::emulated::Where::here()

// Which thread a debugger stands in: call emulated_where()
extern "C" __attribute__((weak, used, noinline, visibility("hidden"))) const char *emulated_where() {
    static char text[128];
    std::snprintf(text, sizeof(text), "block %u,%u,%u, thread %u,%u,%u, lane %u", blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y,
                  threadIdx.z, ::emulated::lane());
    return text;
}

inline void __syncwarp(unsigned mask = ~0u, EMULATED_HERE) { emulated::meet(mask, 0, "__syncwarp", where); }
inline void __threadfence() { std::atomic_thread_fence(std::memory_order_seq_cst); }
inline void __threadfence_block() {}
inline void __nanosleep(unsigned, EMULATED_HERE) { emulated::current()->worker->poll(where); }

template <typename T> T __shfl_sync(unsigned mask, T value, int from, int width = 32, EMULATED_HERE) {
    unsigned lane = emulated::lane();
    return emulated::meet(mask, value, "__shfl_sync", where)[(lane & ~unsigned(width - 1)) + (unsigned(from) & unsigned(width - 1))];
}
template <typename T> T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, EMULATED_HERE) {
    unsigned lane = emulated::lane(), other = lane ^ unsigned(bits);
    auto all = emulated::meet(mask, value, "__shfl_xor_sync", where);
    return all[other / unsigned(width) > lane / unsigned(width) ? lane : other];
}
template <typename T> T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATED_HERE) {
    unsigned lane = emulated::lane();
    auto all = emulated::meet(mask, value, "__shfl_down_sync", where);
    return all[lane % unsigned(width) + by < unsigned(width) ? lane + by : lane];
}
template <typename T> T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATED_HERE) {
    unsigned lane = emulated::lane();
    auto all = emulated::meet(mask, value, "__shfl_up_sync", where);
    return all[lane % unsigned(width) >= by ? lane - by : lane];
}
inline unsigned __ballot_sync(unsigned mask, int predicate, EMULATED_HERE) {
    auto all = emulated::meet(mask, predicate, "__ballot_sync", where);
    unsigned votes = 0;
    for (unsigned i = 0; i < 32; i++)
        if (mask >> i & 1) votes |= unsigned(all[i] != 0) << i;
    return votes;
}
inline int __any_sync(unsigned mask, int predicate, EMULATED_HERE) { return __ballot_sync(mask, predicate, where) != 0; }
inline int __all_sync(unsigned mask, int predicate, EMULATED_HERE) { return __ballot_sync(mask, predicate, where) == mask; }

// As in CUDA, the type is that of the place and the value is converted to it.
template <typename T> using emulated_value = typename std::enable_if<true, T>::type;
template <typename T> T atomicAdd(T *at, emulated_value<T> value, EMULATED_HERE) {
    emulated::current()->worker->glance(where);
    return __atomic_fetch_add(at, value, __ATOMIC_ACQ_REL);
}
template <typename T> T atomicExch(T *at, emulated_value<T> value, EMULATED_HERE) {
    emulated::current()->worker->glance(where);
    return __atomic_exchange_n(at, value, __ATOMIC_ACQ_REL);
}
template <typename T> T atomicCAS(T *at, emulated_value<T> expected, emulated_value<T> value, EMULATED_HERE) {
    emulated::current()->worker->glance(where);
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    return expected;
}
template <typename T> T __ldcg(const T *p, EMULATED_HERE) {
    emulated::current()->worker->glance(where);
    std::atomic_signal_fence(std::memory_order_seq_cst); // not what was read before
    return *p;
}
template <typename T> T __ldg(const T *p) { return *p; }

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline int __float_as_int(float f) {
    int i;
    std::memcpy(&i, &f, 4);
    return i;
}
inline unsigned __float_as_uint(float f) { return unsigned(__float_as_int(f)); }
inline float __int_as_float(int i) {
    float f;
    std::memcpy(&f, &i, 4);
    return f;
}
inline float __uint_as_float(unsigned i) { return __int_as_float(int(i)); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
#define __expf(x) expf(x) // names that glibc keeps for itself
#define __logf(x) logf(x)
using std::max;
using std::min;

// ---- what gcc calls for -fsanitize=bounds-strict,alignment,null,integer-divide-by-zero ----

#if !defined(EMULATED_SANITIZERS)
struct emulated_type {
    unsigned short kind, info;
    char name[1];
};
struct emulated_place {
    const char *file;
    unsigned line, column;
};
struct emulated_bounds {
    emulated_place at;
    const emulated_type *array, *index;
};
struct emulated_address {
    emulated_place at;
    const emulated_type *type;
    unsigned char log_alignment, kind;
};
#define EMULATED_HANDLER extern "C" __attribute__((weak, visibility("hidden"))) void
EMULATED_HANDLER __ubsan_handle_out_of_bounds_abort(emulated_bounds *a, uintptr_t index) {
    emulated::current()->worker->fail("index %lld out of bounds for %s at %s:%u", (long long)index, a->array->name, a->at.file, a->at.line);
}
EMULATED_HANDLER __ubsan_handle_type_mismatch_v1_abort(emulated_address *a, uintptr_t address) {
    const char *what = address == 0 ? "null where there should be" : "an address that is not aligned for";
    emulated::current()->worker->fail("%s %s at %s:%u", what, a->type->name, a->at.file, a->at.line);
}
EMULATED_HANDLER __ubsan_handle_divrem_overflow_abort(emulated_place *at, uintptr_t, uintptr_t) {
    emulated::current()->worker->fail("a division by zero, or of the smallest number by -1, at %s:%u", at->file, at->line);
}
#endif
