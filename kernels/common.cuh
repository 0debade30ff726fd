// What every kernel file includes: exporting kernels, the element types, small building blocks.
//
// A kernel is a template over its element type T, float or bf16, that gets the argument block of the call: a struct of 8-byte fields,
// the same as the C kernel's and in the order of the Java Kernel's fields. EXPORT makes the functions that are launched from it. How
// they are launched stands in a comment beside them:
//
//     // launch relu_forward: relu_forward<<<ceil(n, 1024), 256>>>
//
// says that kernel `relu_forward` runs the function of this name, with these blocks and threads (and dynamic shared memory in bytes,
// where there is a third number; a grid or block may be (x, y, z)). Expressions know the fields of the arguments (a tensor is its
// address, so 0 where it was left out), `constexpr int` constants of the file, T_BYTES, SMS (multiprocessors of the device), SHARED
// (bytes of shared memory that a block can have) and MAJOR (10 x its compute capability), C's operators,
// ceil(a, b) = (a + b - 1) / b, min and max. Behind the brackets may stand
// `scratch BYTES` (device memory, aligned to 256 bytes, with unspecified content; the functions exported by EXPORT_SCRATCH get it),
// `cooperative` (all blocks run at once and may wait for each other) and `if EXPRESSION`. Several launches of a kernel run one after the
// other. `launch relu_forward@v2: ...` is another implementation of the kernel, chosen by -Dimu2clip.impl.relu_forward=v2.
//
// Numbers are float inside: T(x) rounds to nearest. The same source compiles with nvcc, with NVRTC (no headers needed) and, for the
// emulated device, with g++.
#pragma once

#if defined(EMULATED)
#include "emulated/cuda_on_cpu.h"
#define EXPORT_AS(symbol, args_type, threads, call)                                                      \
    static void symbol##_body(void **params) {                                                           \
        const args_type &a = *static_cast<const args_type *>(params[0]);                                 \
        float *scratch = *static_cast<float **>(params[1]);                                              \
        (void)a, (void)scratch;                                                                          \
        call;                                                                                            \
    }                                                                                                    \
    extern "C" __attribute__((visibility("default"))) const ::emulated::Kernel imu2clip_##symbol;       \
    extern "C" const ::emulated::Kernel imu2clip_##symbol = {::emulated::run_grid, symbol##_body, #symbol, threads, sizeof(args_type)};
#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(::emulated::current()->worker->dynamic_shared())
#else
#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long int64_t;
typedef unsigned long uint64_t;
#else
#include <stdint.h>
#endif
#define EXPORT_AS(symbol, args_type, threads, call)                                                                              \
    extern "C" __global__ void __launch_bounds__(threads) imu2clip_##symbol(const __grid_constant__ args_type a, float *scratch) { \
        call;                                                                                                                    \
    }
#define DYNAMIC_SHARED(type, name)                      \
    extern __shared__ uint4 dynamic_shared_memory[];    \
    type *name = reinterpret_cast<type *>(dynamic_shared_memory)
#endif

// The launched functions of kernel template `name<T>(const name_args<T> &)`, for both element types.
#define EXPORT(name, threads) EXPORT_STAGE(name, name, threads)
// The same where a function is one stage of a kernel: it gets the kernel's arguments.
#define EXPORT_STAGE(name, kernel, threads)                         \
    EXPORT_AS(name, kernel##_args<float>, threads, name<float>(a))  \
    EXPORT_AS(name##_bf16, kernel##_args<bf16>, threads, name<bf16>(a))
// The same for functions name<T>(args, float *scratch).
#define EXPORT_SCRATCH(name, kernel, threads)                                \
    EXPORT_AS(name, kernel##_args<float>, threads, name<float>(a, scratch))  \
    EXPORT_AS(name##_bf16, kernel##_args<bf16>, threads, name<bf16>(a, scratch))

#define INFINITE __int_as_float(0x7f800000)
constexpr unsigned ALL_LANES = 0xffffffffu;

// ---- bfloat16: the upper half of a float32 ----

struct alignas(2) bf16 {
    uint16_t bits;

    bf16() = default;
    __device__ explicit bf16(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
        asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
#else
        uint32_t u = __float_as_uint(x);
        bits = uint16_t(x != x ? (u >> 16) | 0x40 : (u + 0x7fff + (u >> 16 & 1)) >> 16); // to nearest, ties to even
#endif
    }
    __device__ operator float() const { return __uint_as_float(uint32_t(bits) << 16); }
};

// Four elements in one access; the address is a multiple of 4 elements.
__device__ __forceinline__ float4 load4(const float *p) { return *reinterpret_cast<const float4 *>(p); }
__device__ __forceinline__ float4 load4(const bf16 *p) {
    uint2 u = *reinterpret_cast<const uint2 *>(p);
    return make_float4(__uint_as_float(u.x << 16), __uint_as_float(u.x & 0xffff0000u), __uint_as_float(u.y << 16),
                       __uint_as_float(u.y & 0xffff0000u));
}
__device__ __forceinline__ uint32_t pack2(float low, float high) { return bf16(low).bits | uint32_t(bf16(high).bits) << 16; }
__device__ __forceinline__ void store4(float *p, float4 v) { *reinterpret_cast<float4 *>(p) = v; }
__device__ __forceinline__ void store4(bf16 *p, float4 v) {
    *reinterpret_cast<uint2 *>(p) = make_uint2(pack2(v.x, v.y), pack2(v.z, v.w));
}

// ---- this thread among all of the grid, for loops over elements ----

__device__ __forceinline__ int64_t grid_index() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t grid_threads() { return int64_t(gridDim.x) * blockDim.x; }
// for (i = this thread; i < n; i += all threads)
#define ELEMENTS(i, n) for (int64_t i = grid_index(); i < (n); i += grid_threads())

// ---- sums and maxima of a warp and of a block; every thread gets the result, and the order is always the same ----

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int bits = 16; bits > 0; bits >>= 1) x += __shfl_xor_sync(ALL_LANES, x, bits);
    return x;
}
__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int bits = 16; bits > 0; bits >>= 1) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, bits));
    return x;
}

// THREADS is the size of the block, a multiple of 32; all of its threads must come.
template <int THREADS> __device__ float block_sum(float x) {
    if (THREADS == 32) return warp_sum(x);
    __shared__ float parts[THREADS / 32];
    x = warp_sum(x);
    __syncthreads(); // the last result may still be read
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    float sum = 0;
#pragma unroll
    for (int i = 0; i < THREADS / 32; i++) sum += parts[i];
    return sum;
}
template <int THREADS> __device__ float block_max(float x) {
    if (THREADS == 32) return warp_max(x);
    __shared__ float parts[THREADS / 32];
    x = warp_max(x);
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
    __syncthreads();
    float most = parts[0];
#pragma unroll
    for (int i = 1; i < THREADS / 32; i++) most = fmaxf(most, parts[i]);
    return most;
}
