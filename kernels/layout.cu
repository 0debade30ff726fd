// Moving elements: transposition, blocks of rows.
#include "elements.cuh"

constexpr int RANK = 6;
constexpr int TILE = 32;

template <typename T> struct transpose_args {
    const T *x;
    T *y;
    int64_t size[RANK], step[RANK];
};

// An element of y is fetched from where it stands in x.
template <typename T> __device__ void transpose_elements(const transpose_args<T> &a, int64_t n) {
    bool fours = a.size[RANK - 1] % 4 == 0 && a.step[RANK - 1] == 1 && aligned4(a.x) && aligned4(a.y);
#pragma unroll
    for (int d = 0; d < RANK - 1; d++) fours &= a.size[d] == 1 || a.step[d] % 4 == 0;
    copy_elements(n, fours, T(0.0f), [&](int64_t i) { return a.y + i; }, [&](int64_t i) {
        const T *from = a.x;
#pragma unroll
        for (int d = RANK - 1; d >= 0; d--) {
            if (a.size[d] == 1) continue;
            int64_t outer = i < a.size[d] ? 0 : i / a.size[d];
            from += (i - outer * a.size[d]) * a.step[d];
            i = outer;
        }
        return from;
    });
}

// Matrices whose rows in y, `columns` long, are columns in x: a block moves square tiles of them through shared memory, so that both
// sides are touched line by line. Rows of y are dimension `across`, along which x is contiguous.
template <typename T> __device__ void transpose_tiles(const transpose_args<T> &a, int64_t n, int across) {
    __shared__ T tile[TILE][TILE + 1]; // one more, so that a column lies in different banks
    int64_t columns = a.size[RANK - 1], x_stride = a.step[RANK - 1], rows = 1, y_stride = 1;
#pragma unroll
    for (int d = 0; d < RANK; d++) {
        if (d == across) rows = a.size[d];
        if (d > across) y_stride *= a.size[d];
    }
    int64_t across_tiles = (columns + TILE - 1) / TILE, bands = (rows + TILE - 1) / TILE;
    int64_t tiles = n / (rows * columns) * bands * across_tiles;
    int lane = int(threadIdx.x) % TILE, line = int(threadIdx.x) / TILE, lines = int(blockDim.x) / TILE;
    for (int64_t k = blockIdx.x; k < tiles; k += gridDim.x) {
        int64_t column = k % across_tiles * TILE, row = k / across_tiles % bands * TILE, matrix = k / (across_tiles * bands);
        int64_t x_at = column * x_stride + row, y_at = row * y_stride + column, y_step = columns;
#pragma unroll
        for (int d = RANK - 2; d >= 0; d--) {
            if (d != across && a.size[d] != 1) {
                int64_t i = matrix % a.size[d];
                matrix /= a.size[d];
                x_at += i * a.step[d];
                y_at += i * y_step;
            }
            y_step *= a.size[d];
        }
        if (row + lane < rows)
            for (int j = line; j < TILE && column + j < columns; j += lines) tile[j][lane] = a.x[x_at + j * x_stride + lane];
        __syncthreads();
        if (column + lane < columns)
            for (int i = line; i < TILE && row + i < rows; i += lines) a.y[y_at + i * y_stride + lane] = tile[lane][i];
        __syncthreads();
    }
}

// launch transpose: transpose<<<min(ceil(size0 * size1 * size2 * size3 * size4 * size5, 1024), 16 * SMS), 256>>>
template <typename T> __device__ void transpose(const transpose_args<T> &a) {
    int64_t n = 1, rows = 0;
    int across = RANK - 1; // the outermost dimension along which x is contiguous
#pragma unroll
    for (int d = RANK - 1; d >= 0; d--) {
        n *= a.size[d];
        if (a.size[d] > 1 && a.step[d] == 1) across = d, rows = a.size[d];
    }
    // Narrow matrices would leave most of a tile empty; caches serve them well.
    if (across < RANK - 1 && rows >= 8 && a.size[RANK - 1] >= 8) transpose_tiles(a, n, across);
    else transpose_elements(a, n);
}
EXPORT(transpose, 256)

template <typename T> struct copy_block_args {
    const T *x;
    T *y;
    int64_t rows, columns;
    int64_t x_offset, x_stride;
    int64_t y_offset, y_stride;
};
// launch copy_block: copy_block<<<ceil(rows * columns, 1024), 256>>>
template <typename T> __device__ void copy_block(const copy_block_args<T> &a) {
    const T *x = a.x + a.x_offset;
    T *y = a.y + a.y_offset;
    bool fours = (a.columns | a.x_stride | a.y_stride) % 4 == 0 && aligned4(x) && aligned4(y);
    copy_elements(a.rows * a.columns, fours, T(0.0f),
                  [&](int64_t i) { return y + i / a.columns * a.y_stride + i % a.columns; },
                  [&](int64_t i) { return x + i / a.columns * a.x_stride + i % a.columns; });
}
EXPORT(copy_block, 256)

template <typename T> struct slice_backward_args {
    const T *dy;
    T *dx;
    int64_t rows, columns, offset, stride;
};
// launch slice_backward: slice_backward<<<ceil(rows * stride, 1024), 256>>>
template <typename T> __device__ void slice_backward(const slice_backward_args<T> &a) {
    bool fours = (a.columns | a.offset | a.stride) % 4 == 0 && aligned4(a.dy) && aligned4(a.dx);
    copy_elements(a.rows * a.stride, fours, T(0.0f), [&](int64_t i) { return a.dx + i; }, [&](int64_t i) -> const T * {
        int64_t column = i % a.stride - a.offset;
        return column >= 0 && column < a.columns ? a.dy + i / a.stride * a.columns + column : nullptr;
    });
}
EXPORT(slice_backward, 256)
