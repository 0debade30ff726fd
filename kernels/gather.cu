// Picking slices of the middle of (outer, n, inner) by index, and adding gradients back to where they came from.
#include "elements.cuh"

// The index, or -1 for one outside of [0, n), which must do no harm.
__device__ __forceinline__ int64_t index_at(const void *index, int64_t i, int64_t bytes, int64_t n) {
    int64_t k = bytes == 4 ? static_cast<const int32_t *>(index)[i] : static_cast<const int64_t *>(index)[i];
    return k >= 0 && k < n ? k : -1;
}

template <typename T> struct gather_forward_args {
    const T *x;
    const void *index;
    T *y;
    int64_t outer, n, inner, count;
    int64_t index_bytes;
};
// What an index outside picks is NaN: it shows in the loss, where an error would have to wait for the device.
// launch gather_forward: gather_forward<<<ceil(outer * count * inner, 1024), 256>>>
template <typename T> __device__ void gather_forward(const gather_forward_args<T> &a) {
    bool fours = a.inner % 4 == 0 && aligned4(a.x) && aligned4(a.y);
    T nan = T(__int_as_float(0x7fc00000));
    copy_elements(a.outer * a.count * a.inner, fours, nan, [&](int64_t i) { return a.y + i; }, [&](int64_t i) -> const T * {
        int64_t k = i / a.inner, o = k / a.count, row = index_at(a.index, k - o * a.count, a.index_bytes, a.n);
        return row < 0 ? nullptr : a.x + (o * a.n + row) * a.inner + (i - k * a.inner);
    });
}
EXPORT(gather_forward, 256)

constexpr int ROWS = 128;
constexpr int COLUMNS = 64;
constexpr int WARPS = 8;
constexpr int BATCH = 1024; // indices that a block looks at together
constexpr int HELD = 16;    // slices of dy that a warp holds in registers

template <typename T> struct gather_backward_args {
    const T *dy;
    const void *index;
    T *dx;
    int64_t outer, n, inner, count;
    int64_t index_bytes;
};

// A block owns ROWS x COLUMNS of dx, sums in shared memory and writes once, zeros too. It looks at all indices (a table of 49408 rows
// needs 386 blocks a column, so that reads the indices 386 times, from the cache) and lists those of its rows, in order. Warps load what
// is listed, HELD at a time each, and then add it in turns: sums are made in the order of the indices.
// launch gather_backward: gather_backward<<<outer * ceil(n, ROWS) * ceil(inner, COLUMNS), 256>>>
template <typename T> __device__ void gather_backward(const gather_backward_args<T> &a) {
    __shared__ float sums[ROWS][COLUMNS];
    __shared__ uint32_t listed[BATCH]; // row << 16 | place in the batch
    __shared__ int listed_by[WARPS];
    constexpr int EACH = BATCH / (32 * WARPS);
    int thread = int(threadIdx.x), lane = thread % 32, warp = thread / 32;
    int64_t ranges = (a.n + ROWS - 1) / ROWS, tiles = (a.inner + COLUMNS - 1) / COLUMNS;
    int64_t o = blockIdx.x / (ranges * tiles), first_row = blockIdx.x / tiles % ranges * ROWS, first_column = blockIdx.x % tiles * COLUMNS;
    int rows = int(min(int64_t(ROWS), a.n - first_row)), columns = int(min(int64_t(COLUMNS), a.inner - first_column));
    const T *dy = a.dy + o * a.count * a.inner + first_column + lane;
    bool left = lane < columns, right = lane + 32 < columns;
    for (int i = thread; i < ROWS * COLUMNS; i += 32 * WARPS) sums[i / COLUMNS][i % COLUMNS] = 0;

    for (int64_t base = 0; base < a.count; base += BATCH) {
        // Lane `lane` of round j of a warp looks at place (warp, j, lane): so places and lists are in the same order.
        int64_t row[EACH];
        unsigned mine[EACH];
        int found = 0;
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            int64_t i = base + (warp * EACH + j) * 32 + lane;
            row[j] = i < a.count ? index_at(a.index, i, a.index_bytes, a.n) - first_row : -1;
        }
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            mine[j] = __ballot_sync(ALL_LANES, row[j] >= 0 && row[j] < rows);
            found += __popc(mine[j]);
        }
        if (lane == 0) listed_by[warp] = found;
        __syncthreads();
        int at = 0, total = 0;
        for (int w = 0; w < WARPS; w++) {
            if (w < warp) at += listed_by[w];
            total += listed_by[w];
        }
#pragma unroll
        for (int j = 0; j < EACH; j++) {
            if (mine[j] >> lane & 1)
                listed[at + __popc(mine[j] & ((1u << lane) - 1))] = uint32_t(row[j]) << 16 | uint32_t((warp * EACH + j) * 32 + lane);
            at += __popc(mine[j]);
        }
        __syncthreads();
        for (int from = 0; from < total; from += WARPS * HELD) {
            float held[HELD][2];
            int mine_from = from + warp * HELD, mine_count = min(HELD, total - mine_from);
#pragma unroll
            for (int u = 0; u < HELD; u++) {
                if (u >= mine_count) continue;
                const T *slice = dy + (base + (listed[mine_from + u] & 0xffff)) * a.inner;
                held[u][0] = left ? float(slice[0]) : 0;
                held[u][1] = right ? float(slice[32]) : 0;
            }
            for (int turn = 0; turn < WARPS && from + turn * HELD < total; turn++) {
                if (turn == warp) {
#pragma unroll
                    for (int u = 0; u < HELD; u++) {
                        if (u >= mine_count) continue;
                        float *sum = sums[listed[mine_from + u] >> 16];
                        sum[lane] += held[u][0];
                        sum[lane + 32] += held[u][1];
                    }
                }
                __syncthreads();
            }
        }
    }
    T *dx = a.dx + (o * a.n + first_row) * a.inner + first_column;
    for (int i = thread; i < rows * COLUMNS; i += 32 * WARPS)
        if (i % COLUMNS < columns) dx[i / COLUMNS * a.inner + i % COLUMNS] = T(sums[i / COLUMNS][i % COLUMNS]);
}
EXPORT(gather_backward, 256)
