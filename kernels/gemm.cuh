// Matrix products by tiles: what matmul.cu and packed_linear.cu share.
//
// A block of 256 threads computes a tile of TILE x TILE of the result. It walks along the sum in steps of 64 bytes a row: the next step's
// pieces of both matrices travel from memory to registers while this one's are multiplied out of shared memory, which holds two steps in
// turn. Rows in shared memory lie 80 bytes apart, so that neither the 16-byte accesses of the loads nor the fragments of the tensor cores
// meet in a bank. How the products are formed is a template parameter: PLAIN by float32 multiply-adds, TENSOR by tensor cores (bfloat16
// as it is, float32 rounded to TF32), both with float32 sums.
#pragma once

#include "mma.cuh"

constexpr int GEMM_THREADS = 256;
constexpr int GEMM_STEP_BYTES = 64;
constexpr int GEMM_ROW_BYTES = 80;

// One factor of a product as it lies in memory: `rows` of `depth` elements, where depth is what is summed over. `along` says that the
// elements of a row are neighbours, and rows `step` elements apart; else the reverse.
template <typename T> struct Factor {
    const T *data;
    int64_t rows, depth, step;
    bool along;

    static constexpr int VECTOR = 16 / sizeof(T);

    // Whether whole vectors can be read in one access.
    __device__ bool aligned() const { return reinterpret_cast<uint64_t>(data) % 16 == 0 && step % VECTOR == 0; }

    // VECTOR elements from (row, p) on, along the row or, where that is how they lie, along the column; zeros beyond the edges.
    __device__ uint4 vector(int64_t row, int64_t p, bool aligned) const {
        int64_t at = along ? row * step + p : p * step + row;
        int64_t left = along ? (row < rows ? depth - p : 0) : (p < depth ? rows - row : 0);
        if (aligned && left >= VECTOR) return *reinterpret_cast<const uint4 *>(data + at);
        union {
            uint4 vector;
            T elements[VECTOR];
        } u;
#pragma unroll
        for (int i = 0; i < VECTOR; i++) u.elements[i] = i < left ? data[at + i] : T(0.0f);
        return u.vector;
    }
};

// TILE rows of one step of a factor, on their way through the registers of the block's threads into shared memory.
template <typename T, int TILE> struct Piece {
    static constexpr int VECTOR = Factor<T>::VECTOR, DEPTH = GEMM_STEP_BYTES / int(sizeof(T)), ROW = GEMM_ROW_BYTES / int(sizeof(T));
    static constexpr int COUNT = TILE * DEPTH / VECTOR / GEMM_THREADS;
    uint4 held[COUNT];

    // Where this thread's vector number i lies in the tile.
    static __device__ void place(bool along, int i, int &row, int &p) {
        int index = int(threadIdx.x) + i * GEMM_THREADS;
        row = along ? index / (DEPTH / VECTOR) : index % (TILE / VECTOR) * VECTOR;
        p = along ? index % (DEPTH / VECTOR) * VECTOR : index / (TILE / VECTOR);
    }

    __device__ void load(const Factor<T> &from, int64_t row0, int64_t p0, bool aligned) {
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            int row, p;
            place(from.along, i, row, p);
            held[i] = from.vector(row0 + row, p0 + p, aligned);
        }
    }

    __device__ void store(T *shared, bool along) const {
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            int row, p;
            place(along, i, row, p);
            if (along) {
                *reinterpret_cast<uint4 *>(shared + row * ROW + p) = held[i];
                continue;
            }
            union {
                uint4 vector;
                T elements[VECTOR];
            } u;
            u.vector = held[i];
#pragma unroll
            for (int e = 0; e < VECTOR; e++) shared[(row + e) * ROW + p] = u.elements[e];
        }
    }
};

// Multiply-adds: thread (x, y) of 16 x 16 has rows y + 16 i and columns x + 16 j of the tile.
template <typename T, int TILE> struct Plain {
    static constexpr int EACH = TILE / 16, ROW = Piece<T, TILE>::ROW, DEPTH = Piece<T, TILE>::DEPTH;
    float sums[EACH][EACH] = {};

    __device__ void multiply(const T *a, const T *b) {
        int x = threadIdx.x % 16, y = threadIdx.x / 16;
#pragma unroll
        for (int p = 0; p < DEPTH; p += 4) {
            float4 right[EACH];
#pragma unroll
            for (int j = 0; j < EACH; j++) right[j] = load4(b + (x + 16 * j) * ROW + p);
#pragma unroll
            for (int i = 0; i < EACH; i++) {
                float4 left = load4(a + (y + 16 * i) * ROW + p);
#pragma unroll
                for (int j = 0; j < EACH; j++)
                    sums[i][j] += left.x * right[j].x + left.y * right[j].y + left.z * right[j].z + left.w * right[j].w;
            }
        }
    }

    // Calls put(row, column, sum) for every element of this thread.
    template <typename Put> __device__ void each(Put put) const {
        int x = threadIdx.x % 16, y = threadIdx.x / 16;
#pragma unroll
        for (int i = 0; i < EACH; i++)
#pragma unroll
            for (int j = 0; j < EACH; j++) put(y + 16 * i, x + 16 * j, sums[i][j]);
    }
};

// Fragments of a tile in shared memory (mma.cuh has their layout), rows of ROW elements.
template <typename T, int ROW> struct Fragments;

template <int ROW> struct Fragments<bf16, ROW> {
    static constexpr int K = 16;
    // 16 rows of the left factor, from element p on of each.
    static __device__ void left(uint32_t (&a)[4], const bf16 *rows, int p) {
        int lane = threadIdx.x % 32;
        load_matrices(a, rows + (lane / 8 % 2 * 8 + lane % 8) * ROW + p + lane / 16 * 8);
    }
    // Twice 8 rows of the right factor.
    static __device__ void right(uint32_t (&b)[2][2], const bf16 *rows, int p) {
        int lane = threadIdx.x % 32;
        uint32_t r[4];
        load_matrices(r, rows + (lane / 16 * 8 + lane % 8) * ROW + p + lane / 8 % 2 * 8);
        b[0][0] = r[0], b[0][1] = r[1], b[1][0] = r[2], b[1][1] = r[3];
    }
    static __device__ void multiply(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_bf16(c, a, b); }
};

template <int ROW> struct Fragments<float, ROW> {
    static constexpr int K = 8;
    static __device__ void left(uint32_t (&a)[4], const float *rows, int p) {
        const float *at = rows + threadIdx.x % 32 / 4 * ROW + p + threadIdx.x % 4;
        a[0] = to_tf32(at[0]), a[1] = to_tf32(at[8 * ROW]), a[2] = to_tf32(at[4]), a[3] = to_tf32(at[8 * ROW + 4]);
    }
    static __device__ void right(uint32_t (&b)[2][2], const float *rows, int p) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            const float *at = rows + (8 * i + threadIdx.x % 32 / 4) * ROW + p + threadIdx.x % 4;
            b[i][0] = to_tf32(at[0]), b[i][1] = to_tf32(at[4]);
        }
    }
    static __device__ void multiply(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_tf32(c, a, b); }
};

// Tensor cores: 8 warps, 2 x 4 of them over the tile, each with products of 16 x 8.
template <typename T, int TILE> struct Tensor {
    static constexpr int ROW = Piece<T, TILE>::ROW, DEPTH = Piece<T, TILE>::DEPTH;
    static constexpr int DOWN = TILE / 2 / 16, ACROSS = TILE / 4 / 8;
    using Of = Fragments<T, ROW>;
    float sums[DOWN][ACROSS][4] = {};

    static __device__ int row0() { return threadIdx.x / 32 % 2 * (TILE / 2); }
    static __device__ int column0() { return threadIdx.x / 64 * (TILE / 4); }

    __device__ void multiply(const T *a, const T *b) {
#pragma unroll
        for (int p = 0; p < DEPTH; p += Of::K) {
            uint32_t right[ACROSS / 2][2][2];
#pragma unroll
            for (int j = 0; j < ACROSS / 2; j++) Of::right(right[j], b + (column0() + 16 * j) * ROW, p);
#pragma unroll
            for (int i = 0; i < DOWN; i++) {
                uint32_t left[4];
                Of::left(left, a + (row0() + 16 * i) * ROW, p);
#pragma unroll
                for (int j = 0; j < ACROSS; j++) Of::multiply(sums[i][j], left, right[j / 2][j % 2]);
            }
        }
    }

    template <typename Put> __device__ void each(Put put) const {
        int lane = threadIdx.x % 32;
#pragma unroll
        for (int i = 0; i < DOWN; i++)
#pragma unroll
            for (int j = 0; j < ACROSS; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    put(row0() + 16 * i + lane / 4 + e / 2 * 8, column0() + 8 * j + lane % 4 * 2 + e % 2, sums[i][j][e]);
    }
};

// Tensor cores where the device has them.
template <bool HAS, typename T, int TILE> struct Choose {
    using Math = Tensor<T, TILE>;
};
template <typename T, int TILE> struct Choose<false, T, TILE> {
    using Math = Plain<T, TILE>;
};
template <typename T, int TILE> using TensorOrPlain = typename Choose<HAS_MMA, T, TILE>::Math;

// The tile of a b^T that begins at (row0, column0); put(row, column, sum) gets its elements, those beyond the edges included.
template <typename Math, typename T, int TILE, typename Put>
__device__ void gemm_tile(const Factor<T> &a, const Factor<T> &b, int64_t row0, int64_t column0, Put put) {
    constexpr int DEPTH = Piece<T, TILE>::DEPTH, ROW = Piece<T, TILE>::ROW;
    __shared__ uint4 memory[2][2][TILE * GEMM_ROW_BYTES / 16]; // step, factor
    bool a_aligned = a.aligned(), b_aligned = b.aligned();
    Math math;
    Piece<T, TILE> left, right;
    int64_t steps = (a.depth + DEPTH - 1) / DEPTH;
    static_assert(ROW * sizeof(T) == GEMM_ROW_BYTES, "rows of shared memory");
    if (steps > 0) {
        left.load(a, row0, 0, a_aligned);
        right.load(b, column0, 0, b_aligned);
    }
    for (int64_t step = 0; step < steps; step++) {
        T *left_now = reinterpret_cast<T *>(memory[step % 2][0]), *right_now = reinterpret_cast<T *>(memory[step % 2][1]);
        left.store(left_now, a.along);
        right.store(right_now, b.along);
        // One barrier a step: who stores step + 1 into the other half has passed this one, and so all have multiplied step - 1.
        __syncthreads();
        if (step + 1 < steps) {
            left.load(a, row0, (step + 1) * DEPTH, a_aligned);
            right.load(b, column0, (step + 1) * DEPTH, b_aligned);
        }
        math.multiply(left_now, right_now);
    }
    math.each([&](int row, int column, float sum) { put(row0 + row, column0 + column, sum); });
}
