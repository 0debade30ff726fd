// Convolution over time as matrix products whose second factor is gathered from the input as it is needed. A tap is a pair (channel, k).
//
//     forward          y (rows o, columns (n, t))   = w (o, taps (c, k))        x at stride t + dilation k - padding
//     backward_input   dx (rows c, columns (n, i))  = w (c, taps (o, k))        dy at (i + padding - dilation k) / stride, if it is whole
//     backward_weight  dw (rows o, columns (c, k))  = dy (o, (n, t))            x at the same places as forward
//
// Columns (n, t) run on over the sequences, so that short ones fill tiles as well as long ones.
#include "common.cuh"

constexpr int THREADS = 128;
constexpr int TAPS = 16; // of a tile
constexpr int ROWS = 8;  // of a thread
constexpr int COLUMNS = 4;

// ---- forward and backward_input ----

// Sums over taps (c, k): to[n][row][t] = bias[row] + sum of w[row row_step + c channel_step + k] from[n][c][at(t, k)], where
// at = (scale t + offset + step k) / divisor. `rows` and `channels` are those of one group.
template <typename T> struct Correlation {
    const T *from, *w, *bias;
    T *to;
    int64_t n;
    int rows, channels, groups, k, length, to_length, scale, offset, step, divisor, row_step, channel_step;
};

// Block: 8 WARPS_DOWN rows by 512 / WARPS_DOWN columns; a warp has 8 rows and 128 columns, a thread 8 rows and every 32nd of them.
template <typename T, int WARPS_DOWN> __device__ void correlate(const Correlation<T> &a) {
    constexpr int TILE_ROWS = ROWS * WARPS_DOWN, TILE_COLUMNS = THREADS * COLUMNS / WARPS_DOWN, MINE = TILE_COLUMNS / THREADS;
    [[maybe_unused]] constexpr int AHEAD = MINE == 1 ? 4 : 1;
    __shared__ __align__(16) float weights[TAPS][TILE_ROWS + 4], values[TAPS][TILE_COLUMNS];
    int row_tiles = (a.rows + TILE_ROWS - 1) / TILE_ROWS, group = blockIdx.y / row_tiles, row0 = blockIdx.y % row_tiles * TILE_ROWS;
    int64_t column0 = int64_t(blockIdx.x) * TILE_COLUMNS, columns = a.n * a.to_length;

    // What this thread gathers: columns threadIdx.x + 128 j.
    const T *from[MINE];
    int at[MINE];
#pragma unroll
    for (int j = 0; j < MINE; j++) {
        int64_t column = column0 + threadIdx.x + THREADS * j, n = column / a.to_length;
        from[j] = column < columns ? a.from + (n * a.groups + group) * a.channels * a.length : nullptr;
        at[j] = int(column - n * a.to_length) * a.scale + a.offset;
    }

    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int down = warp % WARPS_DOWN * ROWS, across = warp / WARPS_DOWN * 32 * COLUMNS + lane;
    const T *w = a.w + int64_t(group) * a.rows * a.channels * a.k;
    float sums[ROWS][COLUMNS] = {};
    int taps = a.channels * a.k, k = 0, shift = 0;
    int64_t channel = 0; // where it begins in a sequence
    for (int tap0 = 0; tap0 < taps; tap0 += TAPS) {
        __syncthreads(); // the tile before is used up
        int own = threadIdx.x % TAPS, tap = tap0 + own;
        const T *w_tap = w + int64_t(tap / a.k) * a.channel_step + tap % a.k;
#pragma unroll
        for (int i = threadIdx.x / TAPS; i < TILE_ROWS; i += THREADS / TAPS)
            weights[own][i] = tap < taps && row0 + i < a.rows ? float(w_tap[int64_t(row0 + i) * a.row_step]) : 0.0f;
#pragma unroll AHEAD
        for (int i = 0; i < TAPS; i++) {
#pragma unroll
            for (int j = 0; j < MINE; j++) {
                int position = at[j] + shift;
                bool inside = from[j] && tap0 + i < taps && position >= 0;
                if (a.divisor > 1) {
                    inside &= position % a.divisor == 0;
                    position /= a.divisor;
                }
                inside &= position < a.length;
                values[i][threadIdx.x + THREADS * j] = inside ? float(from[j][channel + position]) : 0.0f;
            }
            shift += a.step;
            if (++k == a.k) k = 0, shift = 0, channel += a.length;
        }
        __syncthreads();
#pragma unroll
        for (int tap = 0; tap < TAPS; tap++) {
            float4 low = load4(&weights[tap][down]), high = load4(&weights[tap][down + 4]);
            float left[ROWS] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) {
                float value = values[tap][across + 32 * j];
#pragma unroll
                for (int i = 0; i < ROWS; i++) sums[i][j] += left[i] * value;
            }
        }
    }
#pragma unroll
    for (int j = 0; j < COLUMNS; j++) {
        int64_t column = column0 + across + 32 * j, n = column / a.to_length;
        if (column >= columns) continue;
        T *to = a.to + (n * a.groups + group) * a.rows * a.to_length + (column - n * a.to_length);
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            int row = row0 + down + i;
            if (row < a.rows) to[int64_t(row) * a.to_length] = T(sums[i][j] + (a.bias ? float(a.bias[group * a.rows + row]) : 0.0f));
        }
    }
}

template <typename T> struct conv1d_forward_args {
    const T *x;    // (n, c, l)
    const T *w;    // (o, c / groups, k)
    const T *bias; // (o) or null
    T *y;          // (n, o, lout)
    int64_t n, c, l, o, k, lout, stride, padding, dilation, groups;
};
// launch conv1d_forward: conv1d_forward_low<<<(ceil(n * lout, 512), groups * ceil(o / groups, 8)), THREADS>>> if o / groups <= 8
// launch conv1d_forward: conv1d_forward<<<(ceil(n * lout, 128), groups * ceil(o / groups, 32)), THREADS>>> if o / groups > 8
template <typename T> __device__ Correlation<T> correlation(const conv1d_forward_args<T> &a) {
    int o = int(a.o / a.groups), c = int(a.c / a.groups), k = int(a.k);
    return {a.x, a.w, a.bias, a.y, a.n, o, c, int(a.groups), k, int(a.l), int(a.lout), int(a.stride), -int(a.padding), int(a.dilation), 1,
            c * k, k};
}
template <typename T> __device__ void conv1d_forward(const conv1d_forward_args<T> &a) { correlate<T, 4>(correlation(a)); }
template <typename T> __device__ void conv1d_forward_low(const conv1d_forward_args<T> &a) { correlate<T, 1>(correlation(a)); }
EXPORT(conv1d_forward, 128)
EXPORT_STAGE(conv1d_forward_low, conv1d_forward, 128)

template <typename T> struct conv1d_backward_input_args {
    const T *dy, *w;
    T *dx;
    int64_t n, c, l, o, k, lout, stride, padding, dilation, groups;
};
// launch conv1d_backward_input: conv1d_backward_input_low<<<(ceil(n * l, 512), groups * ceil(c / groups, 8)), THREADS>>> if c / groups <= 8
// launch conv1d_backward_input: conv1d_backward_input<<<(ceil(n * l, 128), groups * ceil(c / groups, 32)), THREADS>>> if c / groups > 8
template <typename T> __device__ Correlation<T> correlation(const conv1d_backward_input_args<T> &a) {
    int o = int(a.o / a.groups), c = int(a.c / a.groups), k = int(a.k);
    return {a.dy, a.w, nullptr, a.dx, a.n, c, o, int(a.groups), k, int(a.lout), int(a.l), 1, int(a.padding), -int(a.dilation),
            int(a.stride), k, c * k};
}
template <typename T> __device__ void conv1d_backward_input(const conv1d_backward_input_args<T> &a) { correlate<T, 4>(correlation(a)); }
template <typename T> __device__ void conv1d_backward_input_low(const conv1d_backward_input_args<T> &a) { correlate<T, 1>(correlation(a)); }
EXPORT(conv1d_backward_input, 128)
EXPORT_STAGE(conv1d_backward_input_low, conv1d_backward_input, 128)

// ---- backward_weight ----

// The sum over (n, t) is cut into gridDim.y parts, whose sums go to scratch and are added in order by a second launch. The gradient of
// the bias is one more tap, of ones.
constexpr int TILE_O = 32;
constexpr int TILE_TAPS = 64;
constexpr int TIMES = 32; // columns (n, t) of a tile
constexpr int PITCH = 36; // of a row in shared memory: quads of 16 neighbouring rows do not share banks
constexpr int HEAD = 64;  // floats before the sums: how many parts there are

template <typename T> struct conv1d_backward_weight_args {
    const T *x, *dy;
    float *dw; // (o, c / groups, k)
    float *db; // (o) or null
    int64_t n, c, l, o, k, lout, stride, padding, dilation, groups;
};
// launch conv1d_backward_weight: conv1d_backward_weight<<<(groups * ceil(o / groups, TILE_O) * ceil(c / groups * k + 1, TILE_TAPS), max(1, min(ceil(n * lout, 128), ceil(4 * SMS, groups * ceil(o / groups, TILE_O) * ceil(c / groups * k + 1, TILE_TAPS))))), THREADS>>> scratch 4 * HEAD + 4 * o * (c / groups * k + 1) * max(1, min(ceil(n * lout, 128), ceil(4 * SMS, groups * ceil(o / groups, TILE_O) * ceil(c / groups * k + 1, TILE_TAPS))))
// launch conv1d_backward_weight: conv1d_add_parts<<<ceil(o * (c / groups * k + 1), 32), 1024>>> scratch 4 * HEAD

// Block: 32 outputs by 64 taps. Half of the threads take every second quad of columns each; of its half, a thread has 8 outputs and
// every 16th tap.
template <typename T> __device__ void conv1d_backward_weight(const conv1d_backward_weight_args<T> &a, float *scratch) {
    __shared__ __align__(16) float dy[TILE_O][PITCH], x[TILE_TAPS][PITCH], other[TILE_O][TILE_TAPS];
    __shared__ int shifts[TILE_TAPS];
    __shared__ int64_t offsets[TILE_TAPS];
    int outputs = int(a.o / a.groups), channels = int(a.c / a.groups), k = int(a.k), taps = channels * k, all = taps + 1;
    int tap_tiles = (all + TILE_TAPS - 1) / TILE_TAPS, o_tiles = (outputs + TILE_O - 1) / TILE_O;
    int tap0 = blockIdx.x % tap_tiles * TILE_TAPS, o0 = blockIdx.x / tap_tiles % o_tiles * TILE_O, group = blockIdx.x / tap_tiles / o_tiles;
    int64_t columns = a.n * a.lout, from = columns * blockIdx.y / gridDim.y, to = columns * (blockIdx.y + 1) / gridDim.y;
    if (threadIdx.x < TILE_TAPS) {
        int tap = tap0 + threadIdx.x;
        shifts[threadIdx.x] = int(tap % k * a.dilation - a.padding);
        offsets[threadIdx.x] = tap / k * a.l;
    }
    if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0) *reinterpret_cast<int *>(scratch) = int(gridDim.y);

    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;                          // gathers column `lane` of every 4th row
    int half = threadIdx.x / 64, down = threadIdx.x % 64 / 16 * ROWS, across = threadIdx.x % 16; // computes
    float sums[ROWS][COLUMNS] = {};
    for (int64_t column0 = from; column0 < to; column0 += TIMES) {
        __syncthreads();
        int64_t column = column0 + lane, n = column / a.lout;
        int t = int(column - n * a.lout), start = t * int(a.stride);
        bool inside = column < to;
        const T *dy_column = a.dy + (n * a.o + group * outputs + o0) * a.lout + t;
        const T *x_row = a.x + (n * a.groups + group) * channels * a.l;
#pragma unroll
        for (int i = warp; i < TILE_O; i += THREADS / 32) dy[i][lane] = inside && o0 + i < outputs ? float(dy_column[i * a.lout]) : 0.0f;
#pragma unroll 4
        for (int i = warp; i < TILE_TAPS; i += THREADS / 32) {
            int position = start + shifts[i], tap = tap0 + i;
            bool there = inside && tap < taps && position >= 0 && position < a.l;
            x[i][lane] = there ? float(x_row[offsets[i] + position]) : inside && tap == taps ? 1.0f : 0.0f;
        }
        __syncthreads();
#pragma unroll
        for (int quad = 0; quad < TIMES / 4; quad += 2) {
            float4 right[COLUMNS];
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) right[j] = load4(&x[across + 16 * j][4 * (quad + half)]);
#pragma unroll
            for (int i = 0; i < ROWS; i++) {
                float4 left = load4(&dy[down + i][4 * (quad + half)]);
#pragma unroll
                for (int j = 0; j < COLUMNS; j++)
                    sums[i][j] += left.x * right[j].x + left.y * right[j].y + left.z * right[j].z + left.w * right[j].w;
            }
        }
    }
    if (half == 1)
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < COLUMNS; j++) other[down + i][across + 16 * j] = sums[i][j];
    __syncthreads();
    if (half == 1) return;
    float *part = scratch + HEAD + blockIdx.y * a.o * all;
#pragma unroll
    for (int i = 0; i < ROWS; i++)
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            int o = o0 + down + i, tap = tap0 + across + 16 * j;
            if (o < outputs && tap < all) part[int64_t(group * outputs + o) * all + tap] = sums[i][j] + other[down + i][across + 16 * j];
        }
}

// Block: 32 elements, 32 warps that take every 32nd part each.
template <typename T> __device__ void conv1d_add_parts(const conv1d_backward_weight_args<T> &a, float *scratch) {
    __shared__ float sums[32][32];
    int parts = *reinterpret_cast<const int *>(scratch), lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int64_t all = a.c / a.groups * a.k + 1, count = a.o * all, at = int64_t(blockIdx.x) * 32 + lane;
    float sum = 0;
    if (at < count)
#pragma unroll 4
        for (int part = warp; part < parts; part += 32) sum += scratch[HEAD + part * count + at];
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp > 0 || at >= count) return;
    sum = 0;
#pragma unroll
    for (int i = 0; i < 32; i++) sum += sums[i][lane];
    int64_t o = at / all, tap = at % all;
    if (tap < all - 1) a.dw[o * (all - 1) + tap] = sum;
    else if (a.db) a.db[o] = sum;
}
EXPORT_SCRATCH(conv1d_backward_weight, conv1d_backward_weight, 128)
EXPORT_SCRATCH(conv1d_add_parts, conv1d_backward_weight, 1024)
