// Moving elements: transposition, blocks of rows.
#include "imu2clip.h"
#include "vec.h"

#define RANK 6
// Side of a square tile: both its rows in x and its rows in y fit the first-level cache.
#define TILE 32

struct transpose_args {
    const float *x;
    float *y;
    int64_t size[RANK];
    int64_t step[RANK];
};

// y[i][j] = x[j][i], rows x columns of y, by way of a dense tile: rows of x and of y a power of two apart share few cache sets, so each is
// touched once, whole cache lines at a time. Blocks at the edge reach back over what is done already, so that they are whole.
static void transpose_tile(const float *x, int64_t x_stride, float *y, int64_t y_stride, int64_t rows, int64_t columns) {
    float tile[TILE * TILE];
    if (rows < VL || columns < VL) {
        for (int64_t j = 0; j < columns; j++)
            for (int64_t i = 0; i < rows; i++) tile[i * TILE + j] = x[j * x_stride + i];
    } else {
        for (int64_t j = 0; j < columns; j += VL)
            for (int64_t i = 0; i < rows; i += VL) {
                int64_t column = MIN(j, columns - VL), row = MIN(i, rows - VL);
                vtranspose(tile + row * TILE + column, TILE, x + column * x_stride + row, x_stride);
            }
    }
    for (int64_t i = 0; i < rows; i++) memcpy(y + i * y_stride, tile + i * TILE, (size_t)columns * sizeof(float));
}

// A place in y and in x: an odometer over the outer dimensions of y.
struct place {
    int64_t x, y;
};

static struct place place(const struct transpose_args *a, const int64_t *y_step, int64_t number, int skip) {
    struct place p = {0, 0};
    for (int d = RANK - 2; d >= 0; d--) {
        if (d == skip || a->size[d] == 1) continue; // divisions are slow
        int64_t i = number % a->size[d];
        number /= a->size[d];
        p.x += i * a->step[d];
        p.y += i * y_step[d];
    }
    return p;
}

KERNEL(transpose) {
    int64_t y_step[RANK], count = 1, columns = a->size[RANK - 1];
    int across = -1; // the dimension of y along which x is contiguous
    for (int d = RANK - 1; d >= 0; d--) {
        y_step[d] = count;
        count *= a->size[d];
        if (a->size[d] > 1 && a->step[d] == 1) across = d;
    }
    if (count == 0) return;
    if (across == RANK - 1 || across < 0) {
        struct range mine = share(count / columns, part, parts, columns >= 16 ? 1 : 16);
        for (int64_t row = mine.from; row < mine.to; row++) {
            const float *restrict from = a->x + place(a, y_step, row, -1).x;
            float *restrict to = a->y + row * columns;
            for (int64_t i = 0; i < columns; i++) to[i] = from[i];
        }
        return;
    }
    int64_t rows = a->size[across], bands = (rows + TILE - 1) / TILE, tiles = (columns + TILE - 1) / TILE;
    struct range mine = share(count / (rows * columns) * bands * tiles, part, parts, 1);
    for (int64_t k = mine.from; k < mine.to; k++) {
        // Tiles along a row of y follow each other, so that one thread fills whole cache lines and pages.
        int64_t column = k % tiles * TILE, row = k / tiles % bands * TILE;
        struct place p = place(a, y_step, k / (tiles * bands), across);
        int64_t x_stride = a->step[RANK - 1], y_stride = y_step[across];
        transpose_tile(a->x + p.x + row + column * x_stride, x_stride, a->y + p.y + row * y_stride + column, y_stride,
                       MIN(TILE, rows - row), MIN(TILE, columns - column));
    }
}

struct copy_block_args {
    const float *x;
    float *y;
    int64_t rows, columns;
    int64_t x_offset, x_stride;
    int64_t y_offset, y_stride;
};

KERNEL(copy_block) {
    // Elements are shared out, because there may be few rows or short ones.
    struct range mine = share(a->rows * a->columns, part, parts, 1024);
    for (int64_t at = mine.from; at < mine.to;) {
        int64_t row = at / a->columns, column = at % a->columns, n = MIN(a->columns - column, mine.to - at);
        const float *restrict x = a->x + a->x_offset + row * a->x_stride + column;
        float *restrict y = a->y + a->y_offset + row * a->y_stride + column;
        for (int64_t i = 0; i < n; i++) y[i] = x[i];
        at += n;
    }
}

struct slice_backward_args {
    const float *dy;
    float *dx;
    int64_t rows, columns, offset, stride;
};

KERNEL(slice_backward) {
    int64_t columns = a->columns, offset = a->offset, stride = a->stride;
    struct range mine = share(a->rows * stride, part, parts, 1024);
    for (int64_t at = mine.from; at < mine.to;) {
        int64_t row = at / stride, column = at % stride;
        // Three runs a row: zeros, dy, zeros.
        int64_t end = column < offset ? offset : column < offset + columns ? offset + columns : stride;
        int64_t n = MIN(end - column, mine.to - at);
        int inside = column >= offset && column < offset + columns;
        if (inside) memcpy(a->dx + at, a->dy + row * columns + column - offset, (size_t)n * sizeof(float));
        else memset(a->dx + at, 0, (size_t)n * sizeof(float));
        at += n;
    }
}
