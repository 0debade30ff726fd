// One direction of a GRU layer over all its steps, in one cooperative launch. A block owns UNITS hidden units of a range of the batch for
// the whole sequence and keeps their part of W_hh in shared memory, if it fits. Only the states (backward: the gradients of the gates)
// of a step cross between blocks, through L2, and only between the blocks of the same range of the batch: they wait for each other once
// a step. Every sum has one owner and a fixed order.
//
//     block (x, y): units UNITS x .. UNITS (x + 1), sequences batch y / gridDim.y .. batch (y + 1) / gridDim.y
//     UNITS: 16, or 32 for large batches, because every slice of units reads all states of its sequences in every step
//     streamed: W_hh is read from L2, and a block goes through several slices of units where they outnumber the multiprocessors
//
// Products of bf16 run on tensor cores where the sizes allow it, all others as plain multiplications of float32.
#include "activation.cuh"
#include "mma.cuh"

constexpr int THREADS = 256;
constexpr int AREA = 49152;   // bytes of shared memory for the rows that come in and for sums
constexpr int ELEMENTS_OF = 8; // most pairs (sequence, unit) of a tile that a thread computes the gates of

// ---- memory that blocks exchange ----

// Of memory that other blocks wrote since this kernel began: not from L1, which may be stale.
__device__ __forceinline__ float fresh(const float *p) { return __ldcg(p); }
__device__ __forceinline__ float fresh(const bf16 *p) {
    bf16 x;
    x.bits = __ldcg(&p->bits);
    return x;
}
__device__ __forceinline__ float4 fresh4(const float *p) { return __ldcg(reinterpret_cast<const float4 *>(p)); }
__device__ __forceinline__ float4 fresh4(const bf16 *p) {
    uint2 u = __ldcg(reinterpret_cast<const uint2 *>(p));
    return make_float4(__uint_as_float(u.x << 16), __uint_as_float(u.x & 0xffff0000u), __uint_as_float(u.y << 16),
                       __uint_as_float(u.y & 0xffff0000u));
}

// Whether rows of `length` elements can be read in fours.
template <typename T> __device__ __forceinline__ bool whole_quads(const T *from, int64_t length) {
    return length % 4 == 0 && reinterpret_cast<uint64_t>(from) % (4 * sizeof(T)) == 0;
}

// Counters of arrivals, one for each range of the batch, each in a cache line of its own.
constexpr int COUNTER_WORDS = 32;

// A launch of its own zeroes them: a block each.
__device__ __forceinline__ void clear_counter(float *scratch) {
    reinterpret_cast<unsigned *>(scratch)[blockIdx.x * COUNTER_WORDS + threadIdx.x] = 0;
}

// Waits until all blocks of this range of the batch have come for the time'th time, from 1; what they wrote before is visible then.
__device__ void wait_for_blocks(float *scratch, unsigned time) {
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned *arrived = reinterpret_cast<unsigned *>(scratch) + blockIdx.y * COUNTER_WORDS;
        __threadfence();
        atomicAdd(arrived, 1u);
        while (int(*const_cast<volatile unsigned *>(arrived) - time * gridDim.x) < 0) __nanosleep(20);
        __threadfence();
    }
    __syncthreads();
}

// ---- slices of W_hh: COLUMNS columns of a product, `length` elements each. quad(i, column) is elements 4 i .. 4 i + 3, 0 outside ----

// Forward: column UNITS gate + u is the gate's row of W_hh for unit first + u.
template <typename T, int UNITS> struct GateRows {
    static constexpr int COLUMNS = 3 * UNITS, WIDE = 6;
    static constexpr bool ALONG_COLUMNS = true; // neighbours in memory are neighbours in a column
    const T *w;
    int units, first, length;
    bool whole;
    __device__ GateRows(const T *w, int64_t units)
        : w(w), units(int(units)), first(blockIdx.x * UNITS), length(int(units)), whole(whole_quads(w, units)) {}

    __device__ float4 quad(int i, int column) const {
        int unit = first + column % UNITS, k = 4 * i;
        if (unit >= units) return make_float4(0, 0, 0, 0);
        const T *p = w + (int64_t(column / UNITS) * units + unit) * units + k;
        if (whole) return load4(p);
        return make_float4(p[0], k + 1 < length ? float(p[1]) : 0.0f, k + 2 < length ? float(p[2]) : 0.0f, k + 3 < length ? float(p[3]) : 0.0f);
    }
};

// Backward: column u is the column of W_hh for unit first + u; sums go over the gates of all units.
template <typename T, int UNITS> struct UnitColumns {
    static constexpr int COLUMNS = UNITS, WIDE = 4;
    static constexpr bool ALONG_COLUMNS = false;
    const T *w;
    int units, first, length;
    __device__ UnitColumns(const T *w, int64_t units) : w(w), units(int(units)), first(blockIdx.x * UNITS), length(3 * int(units)) {}

    __device__ float at(int k, int column) const {
        return k < length && first + column < units ? float(w[int64_t(k) * units + first + column]) : 0.0f;
    }
    __device__ float4 quad(int i, int column) const {
        return make_float4(at(4 * i, column), at(4 * i + 1, column), at(4 * i + 2, column), at(4 * i + 3, column));
    }
};

// ---- products of rows of states with a slice ----

// sums[split][row][column] = parts of the products of `rows` rows with the slice, to be added over the splits (of the length).
template <int COLUMNS> struct Sums {
    float *area;
    int tile_rows, splits;
    __device__ __forceinline__ float *at(int split, int row, int column) const { return area + (split * tile_rows + row) * COLUMNS + column; }
    __device__ __forceinline__ float operator()(int row, int column) const {
        float sum = 0;
        for (int split = 0; split < splits; split++) sum += *at(split, row, column);
        return sum;
    }
};

// Threads form groups of COLUMNS / WIDE; a group computes ROWS rows, and a thread WIDE columns of them, for one split. Rows come through
// shared memory, in ROWS planes of quads, a chunk of the length at a time and the next one on its way. Quad q of the thread's chunk
// lies at q GROUPS + group in the plane whatever the number of row groups. Resident slices lie in shared memory as [quad][column][4].
template <typename T, bool RESIDENT, typename Slice> struct PlainProduct {
    static constexpr int COLUMNS = Slice::COLUMNS, WIDE = Slice::WIDE, LANES = COLUMNS / WIDE, GROUPS = THREADS / LANES;
    static constexpr int ROWS = 8, PLANE = 128, TILE = ROWS * PLANE, QUADS = PLANE / GROUPS, MINE = TILE / THREADS;
    static_assert(GROUPS * ROWS * COLUMNS * 4 <= AREA && 2 * TILE * 16 <= AREA, "the area is too small");

    Slice slice;
    T *shared;
    Sums<COLUMNS> sums;
    int quads, row_groups; // a power of two

    __device__ PlainProduct(const Slice &slice, float *area, int rows, int most_rows)
        : slice(slice), shared(reinterpret_cast<T *>(area + AREA / 4)), quads((slice.length + 3) / 4), row_groups(1) {
        while (row_groups * ROWS < min(rows, most_rows)) row_groups *= 2;
        sums = {area, row_groups * ROWS, GROUPS / row_groups};
        if constexpr (RESIDENT)
#pragma unroll 4
            for (int i = threadIdx.x; i < quads * COLUMNS; i += THREADS) store4(shared + 4 * i, slice.quad(i / COLUMNS, i % COLUMNS));
        __syncthreads();
    }

    __device__ __forceinline__ float4 weights(int quad, int column) const {
        if constexpr (RESIDENT) return load4(shared + (quad * COLUMNS + column) * 4);
        else return slice.quad(quad, column);
    }

    __device__ void fetch(float4 (&next)[MINE], const T *from, int rows, bool whole, int chunk) const {
#pragma unroll
        for (int j = 0; j < MINE; j++) {
            int at = threadIdx.x + THREADS * j, place = at % PLANE;
            int row = at / PLANE * row_groups + place % row_groups, k = 4 * (chunk * (PLANE / row_groups) + place / row_groups);
            next[j] = make_float4(0, 0, 0, 0);
            if (row >= rows || k >= slice.length) continue;
            const T *p = from + int64_t(row) * slice.length + k;
            if (whole) next[j] = fresh4(p);
            else {
                next[j].x = fresh(p);
                if (k + 1 < slice.length) next[j].y = fresh(p + 1);
                if (k + 2 < slice.length) next[j].z = fresh(p + 2);
                if (k + 3 < slice.length) next[j].w = fresh(p + 3);
            }
        }
    }

    __device__ void operator()(const T *from, int rows) const {
        float4 *buffers = reinterpret_cast<float4 *>(sums.area);
        int group = threadIdx.x / LANES, lane = threadIdx.x % LANES, split = group / row_groups;
        int chunk_quads = PLANE / row_groups, chunks = (quads + chunk_quads - 1) / chunk_quads;
        bool whole = whole_quads(from, slice.length);
        float sum[ROWS][WIDE] = {};
        float4 next[MINE];
        fetch(next, from, rows, whole, 0);
        for (int chunk = 0; chunk < chunks; chunk++) {
            float4 *tile = buffers + chunk % 2 * TILE;
#pragma unroll
            for (int j = 0; j < MINE; j++) tile[threadIdx.x + THREADS * j] = next[j];
            __syncthreads();
            if (chunk + 1 < chunks) fetch(next, from, rows, whole, chunk + 1);
#pragma unroll
            for (int q = 0; q < QUADS; q++) {
                int quad = min(chunk * chunk_quads + q * sums.splits + split, quads - 1); // beyond the end, rows are 0
                float4 w[WIDE];
#pragma unroll
                for (int j = 0; j < WIDE; j++) w[j] = weights(quad, lane + LANES * j);
#pragma unroll
                for (int i = 0; i < ROWS; i++) {
                    float4 h = tile[i * PLANE + q * GROUPS + group];
#pragma unroll
                    for (int j = 0; j < WIDE; j++) sum[i][j] += h.x * w[j].x + h.y * w[j].y + h.z * w[j].z + h.w * w[j].w;
                }
            }
        }
        __syncthreads(); // the sums take the place of the buffers
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < WIDE; j++) *sums.at(split, i * row_groups + group % row_groups, lane + LANES * j) = sum[i][j];
    }
};

// A warp computes 16 rows by all columns, for one split. It reads rows straight from L2, a lane 8 elements of two rows at a time; which
// element of the length a lane takes for which of the tensor core's does not matter as long as the slice's agree. The slice lies in
// shared memory as [column][length], where odd columns have the halves of every 64 elements exchanged: no bank conflicts.
template <typename Slice> struct TensorProduct {
    static constexpr int COLUMNS = Slice::COLUMNS, TILES = COLUMNS / 8, DEPTH = 4, WARPS = THREADS / 32;
    static_assert(16 * WARPS * COLUMNS * 4 <= AREA || COLUMNS > 48, "the area is too small"); // wide: at most 64 rows, 2 splits

    Slice slice;
    bf16 *shared;
    Sums<COLUMNS> sums;

    __device__ static bool fits(const bf16 *from, int64_t units) { return HAS_MMA && units % 64 == 0 && reinterpret_cast<uint64_t>(from) % 16 == 0; }

    __device__ TensorProduct(const Slice &slice, float *area, int rows, int most_rows)
        : slice(slice), shared(reinterpret_cast<bf16 *>(area + AREA / 4)) {
        int row_tiles = 1, quads = slice.length / 4;
        while (row_tiles * 16 < min(rows, most_rows)) row_tiles *= 2;
        sums = {area, row_tiles * 16, WARPS / row_tiles};
#pragma unroll 4
        for (int i = threadIdx.x; i < quads * COLUMNS; i += THREADS) {
            int quad = Slice::ALONG_COLUMNS ? i % quads : i / COLUMNS, column = Slice::ALONG_COLUMNS ? i / quads : i % COLUMNS;
            store4(shared + column * slice.length + (4 * quad ^ column % 2 * 32), slice.quad(quad, column));
        }
        __syncthreads();
    }

    __device__ void operator()(const bf16 *from, int rows) const {
        int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4, row_tiles = sums.tile_rows / 16;
        int row = threadIdx.x / 32 % row_tiles * 16 + g, split = threadIdx.x / 32 / row_tiles;
        int pieces = slice.length / 32, begin = pieces * split / sums.splits, end = pieces * (split + 1) / sums.splits;
        const bf16 *upper = from + int64_t(min(row, rows - 1)) * slice.length + 8 * t; // rows beyond the end are computed for nothing
        const bf16 *lower = from + int64_t(min(row + 8, rows - 1)) * slice.length + 8 * t;
        float sum[TILES][4] = {};
        uint4 next[DEPTH][2];
        auto fetch = [&](int piece) {
#pragma unroll
            for (int d = 0; d < DEPTH; d++)
                if (piece + d < end) {
                    next[d][0] = __ldcg(reinterpret_cast<const uint4 *>(upper + 32 * (piece + d)));
                    next[d][1] = __ldcg(reinterpret_cast<const uint4 *>(lower + 32 * (piece + d)));
                }
        };
        fetch(begin);
        for (int piece = begin; piece < end; piece += DEPTH) {
            uint4 now[DEPTH][2];
#pragma unroll
            for (int d = 0; d < DEPTH; d++) now[d][0] = next[d][0], now[d][1] = next[d][1];
            fetch(piece + DEPTH);
#pragma unroll
            for (int d = 0; d < DEPTH; d++)
                if (piece + d < end) {
                    uint4 u = now[d][0], l = now[d][1];
                    uint32_t first[4] = {u.x, l.x, u.y, l.y}, second[4] = {u.z, l.z, u.w, l.w};
#pragma unroll
                    for (int i = 0; i < TILES; i++) {
                        const bf16 *column = shared + (8 * i + g) * slice.length;
                        uint4 w = *reinterpret_cast<const uint4 *>(column + ((32 * (piece + d) + 8 * t) ^ g % 2 * 32));
                        mma_bf16(sum[i], first, {w.x, w.y});
                        mma_bf16(sum[i], second, {w.z, w.w});
                    }
                }
        }
#pragma unroll
        for (int i = 0; i < TILES; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) *sums.at(split, row + j / 2 * 8, 8 * i + 2 * t + j % 2) = sum[i][j];
    }
};

// ---- what a block does ----

// Where step s of the recurrence stands in time, and the states before and after it.
struct Step {
    int64_t t, before, after;
    __device__ Step(int64_t s, int64_t steps, bool reverse)
        : t(reverse ? steps - 1 - s : s), before(reverse ? t + 1 : t), after(reverse ? t : t + 1) {}
};

// The block's sequences.
struct Share {
    int from, to;
    __device__ explicit Share(int64_t batch)
        : from(int(batch * blockIdx.y / gridDim.y)), to(int(batch * (blockIdx.y + 1) / gridDim.y)) {}
};

// Pairs of a sequence and a unit, of which a thread has the same in every step: its unit, and every (THREADS / UNITS)th row of the tile.
// For each of them that exists: f(e, row), row from 0 to rows - 1.
template <int UNITS, typename F> __device__ __forceinline__ void for_mine(int rows, bool unit_exists, F f) {
#pragma unroll
    for (int e = 0; e < ELEMENTS_OF; e++) {
        int row = threadIdx.x / UNITS + e * (THREADS / UNITS);
        if (row < rows && unit_exists) f(e, row);
    }
}

// ---- forward ----

template <typename T> struct gru_forward_args {
    const T *gates_x; // (steps, batch, 3 units): W_ih x + b_ih, in the order r, z, n
    const T *w_hh;    // (3 units, units)
    const T *b_hh;    // (3 units)
    T *hidden;        // (steps + 1, batch, units): the initial state stands at the end where the recurrence starts
    T *saved;         // (steps, batch, 4 units): r, z, n and W_hn h + b_hn for backward, or null
    int64_t steps, batch, units, reverse;
};

template <typename T, int UNITS, typename Product> __device__ void forward(const gru_forward_args<T> &a, float *scratch) {
    DYNAMIC_SHARED(float, area);
    Share mine(a.batch);
    Product product({a.w_hh, a.units}, area, mine.to - mine.from, ELEMENTS_OF * THREADS / UNITS);
    const int units = int(a.units), u = threadIdx.x % UNITS, tile_rows = product.sums.tile_rows;
    for (int64_t s = 0; s < a.steps; s++) {
        Step step(s, a.steps, a.reverse);
        bool wait = s > 0;
        for (int x = blockIdx.x; x * UNITS < units; x += gridDim.x)
            for (int row0 = mine.from; row0 < mine.to; row0 += tile_rows) {
                int rows = min(mine.to - row0, tile_rows), unit = x * UNITS + u;
                const T *gates_x = a.gates_x + (step.t * a.batch + row0) * 3 * units + unit;
                T *saved = a.saved + (step.t * a.batch + row0) * 4 * units + unit;
                const T *before = a.hidden + (step.before * a.batch + row0) * units;
                T *after = a.hidden + (step.after * a.batch + row0) * units + unit;

                // What does not depend on other blocks is on its way while they are waited for.
                float xr[ELEMENTS_OF], xz[ELEMENTS_OF], xn[ELEMENTS_OF], h[ELEMENTS_OF];
                for_mine<UNITS>(rows, unit < units, [&](int e, int row) {
                    const T *gate = gates_x + int64_t(row) * 3 * units;
                    xr[e] = gate[0], xz[e] = gate[units], xn[e] = gate[2 * units];
                    h[e] = fresh(before + int64_t(row) * units + unit);
                });
                if (wait) wait_for_blocks(scratch, unsigned(s));
                wait = false;
                product.slice.first = x * UNITS;
                product(before, rows);
                __syncthreads();
                const T *b = a.b_hh + unit;
                for_mine<UNITS>(rows, unit < units, [&](int e, int row) {
                    float hn = product.sums(row, 2 * UNITS + u) + float(b[2 * units]);
                    float r = sigmoid_of(xr[e] + (product.sums(row, u) + float(b[0])));
                    float z = sigmoid_of(xz[e] + (product.sums(row, UNITS + u) + float(b[units])));
                    float n = tanhf(xn[e] + r * hn);
                    after[int64_t(row) * units] = T((1.0f - z) * n + z * h[e]);
                    if (!a.saved) return;
                    T *save = saved + int64_t(row) * 4 * units;
                    save[0] = T(r), save[units] = T(z), save[2 * units] = T(n), save[3 * units] = T(hn);
                });
                __syncthreads(); // the next rows take the place of the sums
            }
    }
}

template <typename T, int UNITS> __device__ void forward_resident(const gru_forward_args<T> &a, float *scratch) {
    using Slice = GateRows<T, UNITS>;
    if constexpr (HAS_MMA && sizeof(T) == 2)
        if (TensorProduct<Slice>::fits(a.hidden, a.units)) return forward<T, UNITS, TensorProduct<Slice>>(a, scratch);
    forward<T, UNITS, PlainProduct<T, true, Slice>>(a, scratch);
}

// launch gru_forward: gru_forward_clear<<<SMS, 32>>> scratch 128 * SMS
// launch gru_forward: gru_forward<<<(ceil(units, 16), max(1, min(SMS / ceil(units, 16), ceil(batch, 8)))), THREADS, AREA + 192 * ceil(units, 4) * T_BYTES>>> scratch 128 * SMS cooperative if ceil(units, 16) <= SMS && AREA + 192 * ceil(units, 4) * T_BYTES <= SHARED && (batch < 256 || AREA + 384 * ceil(units, 4) * T_BYTES > SHARED)
// launch gru_forward: gru_forward_wide<<<(ceil(units, 32), max(1, min(SMS / ceil(units, 32), ceil(batch, 8)))), THREADS, AREA + 384 * ceil(units, 4) * T_BYTES>>> scratch 128 * SMS cooperative if ceil(units, 16) <= SMS && batch >= 256 && AREA + 384 * ceil(units, 4) * T_BYTES <= SHARED
// launch gru_forward: gru_forward_streamed<<<(min(ceil(units, 16), SMS), max(1, min(SMS / ceil(units, 16), ceil(batch, 8)))), THREADS, AREA>>> scratch 128 * SMS cooperative if ceil(units, 16) > SMS || AREA + 192 * ceil(units, 4) * T_BYTES > SHARED
template <typename T> __device__ void gru_forward_clear(const gru_forward_args<T> &, float *scratch) { clear_counter(scratch); }
template <typename T> __device__ void gru_forward(const gru_forward_args<T> &a, float *scratch) { forward_resident<T, 16>(a, scratch); }
template <typename T> __device__ void gru_forward_wide(const gru_forward_args<T> &a, float *scratch) { forward_resident<T, 32>(a, scratch); }
template <typename T> __device__ void gru_forward_streamed(const gru_forward_args<T> &a, float *scratch) {
    forward<T, 16, PlainProduct<T, false, GateRows<T, 16>>>(a, scratch);
}
EXPORT_SCRATCH(gru_forward_clear, gru_forward, 32)
EXPORT_SCRATCH(gru_forward, gru_forward, 256)
EXPORT_SCRATCH(gru_forward_wide, gru_forward, 256)
EXPORT_SCRATCH(gru_forward_streamed, gru_forward, 256)

// ---- backward ----

template <typename T> struct gru_backward_args {
    const T *w_hh;
    const T *hidden; // (steps + 1, batch, units)
    const T *saved;  // (steps, batch, 4 units)
    const T *dy;     // (steps, batch, units): gradient of every state, or null
    T *dh;           // (batch, units): gradient of the last state in, of the initial state out
    T *dgates_x;     // (steps, batch, 3 units)
    T *dgates_h;     // (steps, batch, 3 units)
    int64_t steps, batch, units, reverse;
};

// Round s of the loop completes the gradient of the state after step s - 1 (the product passes step s, which the round before prepared)
// and takes it through the gates of that step. The gradient of the state stays float32 over all rounds, in scratch.
template <typename T, int UNITS, typename Product> __device__ void backward(const gru_backward_args<T> &a, float *scratch) {
    DYNAMIC_SHARED(float, area);
    Share mine(a.batch);
    Product product({a.w_hh, a.units}, area, mine.to - mine.from, ELEMENTS_OF * THREADS / UNITS);
    const int units = int(a.units), u = threadIdx.x % UNITS, tile_rows = product.sums.tile_rows;
    for (int64_t s = a.steps; s >= 0; s--) {
        Step passed(s, a.steps, a.reverse), step(s - 1, a.steps, a.reverse);
        bool wait = s < a.steps;
        for (int x = blockIdx.x; x * UNITS < units; x += gridDim.x)
            for (int row0 = mine.from; row0 < mine.to; row0 += tile_rows) {
                int rows = min(mine.to - row0, tile_rows), unit = x * UNITS + u;
                int64_t at = step.t * a.batch + row0; // of this step's first row
                float *gradient = scratch + gridDim.y * COUNTER_WORDS + int64_t(row0) * units + unit;
                T *dh = a.dh + int64_t(row0) * units + unit;

                float r[ELEMENTS_OF], z[ELEMENTS_OF], n[ELEMENTS_OF], hn[ELEMENTS_OF], before[ELEMENTS_OF], d[ELEMENTS_OF];
                for_mine<UNITS>(rows, unit < units, [&](int e, int row) {
                    d[e] = s == a.steps ? float(dh[int64_t(row) * units]) : gradient[int64_t(row) * units];
                    if (s == 0) return;
                    const T *saved = a.saved + (at + row) * 4 * units + unit;
                    r[e] = saved[0], z[e] = saved[units], n[e] = saved[2 * units], hn[e] = saved[3 * units];
                    before[e] = a.hidden[(step.before * a.batch + row0 + row) * units + unit];
                    if (a.dy) d[e] += float(a.dy[(at + row) * units + unit]);
                });
                if (s < a.steps) {
                    if (wait) wait_for_blocks(scratch, unsigned(a.steps - s));
                    wait = false;
                    product.slice.first = x * UNITS;
                    product(a.dgates_h + (passed.t * a.batch + row0) * 3 * units, rows);
                    __syncthreads();
                }
                for_mine<UNITS>(rows, unit < units, [&](int e, int row) {
                    if (s < a.steps) d[e] += product.sums(row, u);
                    if (s == 0) {
                        dh[int64_t(row) * units] = T(d[e]);
                        return;
                    }
                    float dn = d[e] * (1.0f - z[e]) * (1.0f - n[e] * n[e]);
                    float dz = d[e] * (before[e] - n[e]) * z[e] * (1.0f - z[e]);
                    float dr = dn * hn[e] * r[e] * (1.0f - r[e]);
                    T *dx = a.dgates_x + (at + row) * 3 * units + unit, *dgh = a.dgates_h + (at + row) * 3 * units + unit;
                    dx[0] = dgh[0] = T(dr);
                    dx[units] = dgh[units] = T(dz);
                    dx[2 * units] = T(dn);
                    dgh[2 * units] = T(dn * r[e]);
                    gradient[int64_t(row) * units] = d[e] * z[e]; // what does not pass W_hh
                });
                __syncthreads(); // the next rows take the place of the sums
            }
    }
}

template <typename T, int UNITS> __device__ void backward_resident(const gru_backward_args<T> &a, float *scratch) {
    using Slice = UnitColumns<T, UNITS>;
    if constexpr (HAS_MMA && sizeof(T) == 2)
        if (TensorProduct<Slice>::fits(a.dgates_h, a.units)) return backward<T, UNITS, TensorProduct<Slice>>(a, scratch);
    backward<T, UNITS, PlainProduct<T, true, Slice>>(a, scratch);
}

// launch gru_backward: gru_backward_clear<<<SMS, 32>>> scratch 128 * SMS + 4 * batch * units
// launch gru_backward: gru_backward<<<(ceil(units, 16), max(1, min(SMS / ceil(units, 16), ceil(batch, 8)))), THREADS, AREA + 64 * ceil(3 * units, 4) * T_BYTES>>> scratch 128 * SMS + 4 * batch * units cooperative if ceil(units, 16) <= SMS && AREA + 64 * ceil(3 * units, 4) * T_BYTES <= SHARED && (batch < 256 || AREA + 128 * ceil(3 * units, 4) * T_BYTES > SHARED)
// launch gru_backward: gru_backward_wide<<<(ceil(units, 32), max(1, min(SMS / ceil(units, 32), ceil(batch, 8)))), THREADS, AREA + 128 * ceil(3 * units, 4) * T_BYTES>>> scratch 128 * SMS + 4 * batch * units cooperative if ceil(units, 16) <= SMS && batch >= 256 && AREA + 128 * ceil(3 * units, 4) * T_BYTES <= SHARED
// launch gru_backward: gru_backward_streamed<<<(min(ceil(units, 16), SMS), max(1, min(SMS / ceil(units, 16), ceil(batch, 8)))), THREADS, AREA>>> scratch 128 * SMS + 4 * batch * units cooperative if ceil(units, 16) > SMS || AREA + 64 * ceil(3 * units, 4) * T_BYTES > SHARED
template <typename T> __device__ void gru_backward_clear(const gru_backward_args<T> &, float *scratch) { clear_counter(scratch); }
template <typename T> __device__ void gru_backward(const gru_backward_args<T> &a, float *scratch) { backward_resident<T, 16>(a, scratch); }
template <typename T> __device__ void gru_backward_wide(const gru_backward_args<T> &a, float *scratch) { backward_resident<T, 32>(a, scratch); }
template <typename T> __device__ void gru_backward_streamed(const gru_backward_args<T> &a, float *scratch) {
    backward<T, 16, PlainProduct<T, false, UnitColumns<T, 16>>>(a, scratch);
}
EXPORT_SCRATCH(gru_backward_clear, gru_backward, 32)
EXPORT_SCRATCH(gru_backward, gru_backward, 256)
EXPORT_SCRATCH(gru_backward_wide, gru_backward, 256)
EXPORT_SCRATCH(gru_backward_streamed, gru_backward, 256)
