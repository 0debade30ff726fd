// Tensor cores: products of small matrices by a whole warp, in registers, with float32 sums. Lane l = 4 g + t (g = l / 4, t = l % 4)
// holds these elements; a register of bf16 holds two, the first in its lower half.
//
//     mma_bf16: c (16 x 8) += a (16 x 16) b (16 x 8)
//       a[0] = a(g, 2t..2t+1)    a[1] = a(g+8, 2t..)    a[2] = a(g, 2t+8..)    a[3] = a(g+8, 2t+8..)
//       b[0] = b(2t..2t+1, g)    b[1] = b(2t+8.., g)
//     mma_tf32: c (16 x 8) += a (16 x 8) b (8 x 8), elements float32 bits rounded by to_tf32
//       a[0] = a(g, t)    a[1] = a(g+8, t)    a[2] = a(g, t+4)    a[3] = a(g+8, t+4)
//       b[0] = b(t, g)    b[1] = b(t+4, g)
//     both:
//       c[0..1] = c(g, 2t..2t+1)    c[2..3] = c(g+8, 2t..2t+1)
//
// So two registers of c side by side, packed by pack2, are registers of a of the next product: c(16 x 8) pairs at columns 0 and 8 make
// a = {pack2(left[0..1]), pack2(left[2..3]), pack2(right[0..1]), pack2(right[2..3])}.
//
// load_matrices fills such registers from shared memory: four matrices of 8 x 8 bf16, of which lane l names the address of row l % 8 of
// matrix l / 8 (a multiple of 16 bytes). Register m of lane l gets elements (g, 2t..2t+1) of matrix m; of its transpose, elements
// (2t, g) and (2t+1, g), from load_matrices_transposed.
//
// All 32 lanes come together. Where HAS_MMA is false (before compute capability 8.0), callers compute with plain multiplications.
#pragma once

#include "common.cuh"

#if defined(EMULATED) && !defined(WITHOUT_MMA) || defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
constexpr bool HAS_MMA = true;
#else
constexpr bool HAS_MMA = false;
#endif

// To the nearest number of 10 bits of mantissa, ties away from zero: what mma_tf32 keeps of a float.
__device__ __forceinline__ uint32_t to_tf32(float x) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t u;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(u) : "f"(x));
    return u;
#else
    uint32_t u = __float_as_uint(x);
    return (u & 0x7f800000u) == 0x7f800000u ? u : (u + 0x1000) & 0xffffe000u;
#endif
}

#if defined(EMULATED)

struct mma_operands {
    uint32_t a[4], b[2];
};

// c += a b over the lanes that hold this lane's rows of a and columns of b; `terms` multiplies what one register of each holds.
template <int REGISTERS, typename Terms>
void mma_emulated(float (&c)[4], const mma_operands &mine, Terms terms) {
    auto lanes = ::emulated::meet(ALL_LANES, mine);
    unsigned lane = ::emulated::lane(), g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < 4; i++) {
        unsigned lower = i / 2, column = 2 * t + i % 2;
        for (unsigned k = 0; k < REGISTERS; k++)
            for (unsigned j = 0; j < 4; j++) terms(c[i], lanes[4 * g + j].a[2 * k + lower], lanes[4 * column + j].b[k]);
    }
}

inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    mma_emulated<2>(c, {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, [](float &sum, uint32_t x, uint32_t y) {
        sum += __uint_as_float(x << 16) * __uint_as_float(y << 16);
        sum += __uint_as_float(x & 0xffff0000u) * __uint_as_float(y & 0xffff0000u);
    });
}

inline void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    mma_emulated<2>(c, {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, [](float &sum, uint32_t x, uint32_t y) {
        sum += __uint_as_float(x & 0xffffe000u) * __uint_as_float(y & 0xffffe000u);
    });
}

inline void load_matrices_emulated(uint32_t (&r)[4], const bf16 *row, bool transposed) {
    auto rows = ::emulated::meet(ALL_LANES, row);
    unsigned lane = ::emulated::lane(), g = lane / 4, t = lane % 4;
    for (unsigned m = 0; m < 4; m++) {
        const bf16 *of[8];
        for (unsigned i = 0; i < 8; i++) of[i] = rows[8 * m + i];
        if (transposed) r[m] = of[2 * t][g].bits | uint32_t(of[2 * t + 1][g].bits) << 16;
        else r[m] = of[g][2 * t].bits | uint32_t(of[g][2 * t + 1].bits) << 16;
    }
}
inline void load_matrices(uint32_t (&r)[4], const bf16 *row) { load_matrices_emulated(r, row, false); }
inline void load_matrices_transposed(uint32_t (&r)[4], const bf16 *row) { load_matrices_emulated(r, row, true); }

#else

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define MMA_ASM(instruction)                                                                                                       \
    asm(instruction " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                                              \
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                                                           \
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
#else
#define MMA_ASM(instruction) __trap()
#endif

__device__ __forceinline__ void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    MMA_ASM("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32");
}
__device__ __forceinline__ void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    MMA_ASM("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32");
}
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], const bf16 *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(uint32_t(__cvta_generic_to_shared(row)))
                 : "memory");
}
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], const bf16 *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(uint32_t(__cvta_generic_to_shared(row)))
                 : "memory");
}

#endif
