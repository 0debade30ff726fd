// Tiles of matrices in shared memory, as float, for kernels that multiply without tensor cores. A block has 256 threads, 16 x 16; the 16
// threads of one `ty` are neighbours in a warp and share rows.
#pragma once

#include "common.cuh"

constexpr int TILE_THREADS = 256;
constexpr int TILE_DEPTH = 64; // elements of a row that are in shared memory at a time
constexpr int TILE_PAD = 4;    // behind them, so that reading down a column meets all banks

template <int ROWS> using Tile = float[ROWS][TILE_DEPTH + TILE_PAD];

struct TileThread {
    int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
};

// `count` rows of `width` elements, and zeros around them.
template <int WIDTH, int ROWS, int STRIDE, typename T>
__device__ void load_tile(float (&to)[ROWS][STRIDE], const T *from, int64_t row, int count, int width) {
    if (row % 4 == 0 && width % 4 == 0 && reinterpret_cast<uint64_t>(from) % (4 * sizeof(T)) == 0) {
#pragma unroll 4
        for (int i = threadIdx.x; i < ROWS * WIDTH / 4; i += TILE_THREADS) {
            int r = i / (WIDTH / 4), x = i % (WIDTH / 4) * 4;
            store4(&to[r][x], r < count && x < width ? load4(from + r * row + x) : make_float4(0, 0, 0, 0));
        }
    } else {
#pragma unroll 1
        for (int i = threadIdx.x; i < ROWS * WIDTH; i += TILE_THREADS) {
            int r = i / WIDTH, x = i % WIDTH;
            to[r][x] = r < count && x < width ? float(from[r * row + x]) : 0.0f;
        }
    }
}

// sum[i][j] += <row ty + 16 i of x, row tx + 16 j of z> over the first `width` elements (rounded up to 4)
template <int M, int N, int X_ROWS, int Z_ROWS>
__device__ __forceinline__ void multiply_rows(float (&sum)[M][N], const Tile<X_ROWS> &x, const Tile<Z_ROWS> &z, int width) {
    static_assert(M * 16 == X_ROWS && N * 16 == Z_ROWS, "16 x 16 threads");
    TileThread at;
#pragma unroll 1 // few registers: more warps hide what a longer loop would
    for (int c = 0; c < width; c += 4) {
        float4 zs[N];
#pragma unroll
        for (int j = 0; j < N; j++) zs[j] = load4(&z[at.tx + 16 * j][c]);
#pragma unroll
        for (int i = 0; i < M; i++) {
            float4 xs = load4(&x[at.ty + 16 * i][c]);
#pragma unroll
            for (int j = 0; j < N; j++) {
                sum[i][j] += xs.x * zs[j].x;
                sum[i][j] += xs.y * zs[j].y;
                sum[i][j] += xs.z * zs[j].z;
                sum[i][j] += xs.w * zs[j].w;
            }
        }
    }
}

// What multiply_rows computed, to shared memory.
template <int M, int N, int ROWS, int STRIDE>
__device__ __forceinline__ void store_tile(float (&to)[ROWS][STRIDE], const float (&values)[M][N]) {
    TileThread at;
#pragma unroll
    for (int i = 0; i < M; i++)
#pragma unroll
        for (int j = 0; j < N; j++) to[at.ty + 16 * i][at.tx + 16 * j] = values[i][j];
}

// Over the 16 threads that share rows.
__device__ __forceinline__ float row_max(float x) {
#pragma unroll
    for (int bits = 8; bits > 0; bits >>= 1) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, bits));
    return x;
}
__device__ __forceinline__ float row_sum(float x) {
#pragma unroll
    for (int bits = 8; bits > 0; bits >>= 1) x += __shfl_xor_sync(ALL_LANES, x, bits);
    return x;
}
