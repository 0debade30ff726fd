// One direction of a GRU layer over all its steps, in one cooperative launch. A block owns UNITS hidden units of a range of the batch for
// the whole sequence and keeps their part of W_hh in shared memory, if it fits. Only the states (backward: the gradients of the gates)
// of a step cross between blocks, through L2, and only between the blocks of the same range of the batch: they wait for each other once
// a step. Every sum has one owner and a fixed order.
//
//     block (x, y): units UNITS x .. UNITS x + UNITS, sequences batch y / gridDim.y .. batch (y + 1) / gridDim.y
//     W_hh resident: gridDim.x = ceil(units, UNITS); else a block goes through several slices of units where they outnumber the blocks
#include "activation.cuh"

constexpr int THREADS = 256;
constexpr int UNITS = 16; // hidden units of a block
constexpr int ROWS = 8;       // sequences of a thread
constexpr int TILE = 1024;    // quads of states in a buffer: ROWS planes of 128
constexpr int PLANE = 128;
constexpr int AREA = 49152;   // bytes of the buffers, or of the sums
constexpr int MOST = 16;      // most row groups: a tile of the batch has at most ROWS x MOST rows

// ---- what blocks exchange ----

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

// Counters of arrivals, one for each range of the batch, each in a cache line of its own.
constexpr int COUNTER_WORDS = 32;

// Zeroes them: one block each.
template <typename T, typename Args> __device__ void gru_clear(const Args &, float *scratch) {
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

// ---- products: rows of states by a slice of W_hh ----

// The slice: COLUMNS columns of LENGTH elements, in quads of the sum. Resident, it lies in shared memory as [quad][column][4].
template <typename T, bool RESIDENT, int COLUMNS, typename Source> struct Slice {
    Source source; // (k, column) -> element, 0 outside
    T *shared;
    int quads;

    __device__ void load() {
        if constexpr (RESIDENT)
            for (int i = threadIdx.x; i < quads * COLUMNS * 4; i += THREADS) {
                int k = Source::K_FIRST ? i % (4 * quads) : i / COLUMNS, column = Source::K_FIRST ? i / (4 * quads) : i % COLUMNS;
                shared[(k / 4 * COLUMNS + column) * 4 + k % 4] = T(source(k, column));
            }
    }
    __device__ __forceinline__ float4 operator()(int quad, int column) const {
        if constexpr (RESIDENT) return load4(shared + (quad * COLUMNS + column) * 4);
        else {
            int k = 4 * quad;
            return make_float4(source(k, column), source(k + 1, column), source(k + 2, column), source(k + 3, column));
        }
    }
};

// sums[split][row][column] = parts of the products of `rows` rows of `length` elements by the slice, to be added over the splits.
// Threads form groups of COLUMNS / WIDE, each of which computes ROWS rows: g = split * row_groups + row group. A thread has ROWS rows and
// WIDE columns in registers. Rows come through shared memory, a chunk of the sum at a time and the next one on its way; there they lie
// so that a thread finds its quads at places that do not depend on the number of row groups.
template <int COLUMNS, int WIDE> struct Product {
    static constexpr int LANES = COLUMNS / WIDE, GROUPS = THREADS / LANES, QUADS = PLANE / GROUPS;
    static_assert(GROUPS * ROWS * COLUMNS * 4 <= AREA && 2 * TILE * 16 <= AREA, "the area is too small");

    int row_groups; // a power of two, at most GROUPS
    __device__ int splits() const { return GROUPS / row_groups; }
    __device__ int tile_rows() const { return ROWS * row_groups; }

    template <typename T> __device__ void fetch(float4 (&next)[TILE / THREADS], const T *from, int rows, int length, bool whole, int chunk) const {
#pragma unroll
        for (int j = 0; j < TILE / THREADS; j++) {
            int at = threadIdx.x + THREADS * j, place = at % PLANE;
            int row = at / PLANE * row_groups + place % row_groups, k = 4 * (chunk * (PLANE / row_groups) + place / row_groups);
            next[j] = make_float4(0, 0, 0, 0);
            if (row >= rows || k >= length) continue;
            const T *p = from + int64_t(row) * length + k;
            if (whole) next[j] = fresh4(p);
            else {
                next[j].x = fresh(p);
                if (k + 1 < length) next[j].y = fresh(p + 1);
                if (k + 2 < length) next[j].z = fresh(p + 2);
                if (k + 3 < length) next[j].w = fresh(p + 3);
            }
        }
    }

    template <typename T, typename S>
    __device__ void operator()(const T *from, int rows, int length, const S &slice, float *area) const {
        float4 *buffers = reinterpret_cast<float4 *>(area);
        int group = threadIdx.x / LANES, lane = threadIdx.x % LANES, split = group / row_groups;
        int chunk_quads = PLANE / row_groups, chunks = (slice.quads + chunk_quads - 1) / chunk_quads;
        bool whole = length % 4 == 0 && reinterpret_cast<uint64_t>(from) % (4 * sizeof(T)) == 0;
        float sums[ROWS][WIDE] = {};
        float4 next[TILE / THREADS];
        fetch(next, from, rows, length, whole, 0);
        for (int chunk = 0; chunk < chunks; chunk++) {
            float4 *tile = buffers + chunk % 2 * TILE;
#pragma unroll
            for (int j = 0; j < TILE / THREADS; j++) tile[threadIdx.x + THREADS * j] = next[j];
            __syncthreads();
            if (chunk + 1 < chunks) fetch(next, from, rows, length, whole, chunk + 1);
#pragma unroll
            for (int q = 0; q < QUADS; q++) {
                int quad = min(chunk * chunk_quads + q * splits() + split, slice.quads - 1); // beyond the end, rows are 0
                float4 w[WIDE];
#pragma unroll
                for (int j = 0; j < WIDE; j++) w[j] = slice(quad, lane + LANES * j);
#pragma unroll
                for (int i = 0; i < ROWS; i++) {
                    float4 h = tile[i * PLANE + q * GROUPS + group];
#pragma unroll
                    for (int j = 0; j < WIDE; j++) sums[i][j] += h.x * w[j].x + h.y * w[j].y + h.z * w[j].z + h.w * w[j].w;
                }
            }
        }
        __syncthreads(); // the sums take the place of the buffers
#pragma unroll
        for (int i = 0; i < ROWS; i++)
#pragma unroll
            for (int j = 0; j < WIDE; j++)
                area[(split * tile_rows() + i * row_groups + group % row_groups) * COLUMNS + lane + LANES * j] = sums[i][j];
        __syncthreads();
    }

    __device__ __forceinline__ float sum(const float *area, int row, int column) const {
        float sum = 0;
        for (int split = 0; split < splits(); split++) sum += area[(split * tile_rows() + row) * COLUMNS + column];
        return sum;
    }
};

// The block's range of the batch, and how many row groups fit it.
struct Share {
    int from, to, row_groups;
    __device__ explicit Share(int64_t batch)
        : from(int(batch * blockIdx.y / gridDim.y)), to(int(batch * (blockIdx.y + 1) / gridDim.y)), row_groups(1) {
        while (row_groups < MOST && row_groups * ROWS < to - from) row_groups *= 2;
    }
};

// Where step s of the recurrence stands in time, and the state before it.
struct Step {
    int64_t t, before, after;
    __device__ Step(int64_t s, int64_t steps, bool reverse)
        : t(reverse ? steps - 1 - s : s), before(reverse ? t + 1 : t), after(reverse ? t : t + 1) {}
};

// ---- forward ----

template <typename T> struct gru_forward_args {
    const T *gates_x; // (steps, batch, 3 units): W_ih x + b_ih, in the order r, z, n
    const T *w_hh;    // (3 units, units)
    const T *b_hh;    // (3 units)
    T *hidden;        // (steps + 1, batch, units): the initial state stands at the end where the recurrence starts
    T *saved;         // (steps, batch, 4 units): r, z, n and W_hn h + b_hn for backward, or null
    int64_t steps, batch, units, reverse;
};

// Column 16 gate + u of a forward slice is the gate's row of W_hh for its unit u.
template <typename T> struct GateRows {
    static constexpr bool K_FIRST = true;
    const T *w;
    int units, first;
    __device__ float operator()(int k, int column) const {
        int unit = first + column % UNITS;
        return k < units && unit < units ? float(w[(int64_t(column / UNITS) * units + unit) * units + k]) : 0.0f;
    }
};

template <typename T, bool RESIDENT> __device__ void forward(const gru_forward_args<T> &a, float *scratch) {
    DYNAMIC_SHARED(float, area);
    Share mine(a.batch);
    Product<3 * UNITS, 6> product{mine.row_groups};
    int units = int(a.units), slices = (units + UNITS - 1) / UNITS;
    Slice<T, RESIDENT, 3 * UNITS, GateRows<T>> slice{
        {a.w_hh, units, int(blockIdx.x) * UNITS}, reinterpret_cast<T *>(area + AREA / 4), (units + 3) / 4};
    slice.load();
    for (int64_t s = 0; s < a.steps; s++) {
        Step step(s, a.steps, a.reverse);
        if (s > 0) wait_for_blocks(scratch, unsigned(s));
        for (int x = blockIdx.x; x < slices; x += gridDim.x)
            for (int row0 = mine.from; row0 < mine.to; row0 += product.tile_rows()) {
                int rows = min(mine.to - row0, product.tile_rows());
                slice.source.first = x * UNITS;
                product(a.hidden + (step.before * a.batch + row0) * units, rows, units, slice, area);
                for (int i = threadIdx.x; i < rows * UNITS; i += THREADS) {
                    int row = i / UNITS, u = i % UNITS, unit = x * UNITS + u;
                    if (unit >= units) continue;
                    int64_t at = step.t * a.batch + row0 + row;
                    const T *gates = a.gates_x + at * 3 * units + unit, *b = a.b_hh + unit;
                    float hn = product.sum(area, row, 2 * UNITS + u) + float(b[2 * units]);
                    float r = sigmoid_of(float(gates[0]) + (product.sum(area, row, u) + float(b[0])));
                    float z = sigmoid_of(float(gates[units]) + (product.sum(area, row, UNITS + u) + float(b[units])));
                    float n = tanhf(float(gates[2 * units]) + r * hn);
                    float h = fresh(a.hidden + (step.before * a.batch + row0 + row) * units + unit);
                    a.hidden[(step.after * a.batch + row0 + row) * units + unit] = T((1.0f - z) * n + z * h);
                    if (!a.saved) continue;
                    T *saved = a.saved + at * 4 * units + unit;
                    saved[0] = T(r);
                    saved[units] = T(z);
                    saved[2 * units] = T(n);
                    saved[3 * units] = T(hn);
                }
                __syncthreads(); // the buffers take the place of the sums
            }
    }
}
// launch gru_forward: gru_forward_clear<<<SMS, 32>>> scratch 128 * SMS
// launch gru_forward: gru_forward<<<(ceil(units, UNITS), max(1, min(SMS / ceil(units, UNITS), ceil(batch, ROWS)))), THREADS, AREA + 192 * ceil(units, 4) * T_BYTES>>> scratch 128 * SMS cooperative if ceil(units, UNITS) <= SMS && AREA + 192 * ceil(units, 4) * T_BYTES <= SHARED
// launch gru_forward: gru_forward_streamed<<<(min(ceil(units, UNITS), SMS), max(1, min(SMS / ceil(units, UNITS), ceil(batch, ROWS)))), THREADS, AREA>>> scratch 128 * SMS cooperative if ceil(units, UNITS) > SMS || AREA + 192 * ceil(units, 4) * T_BYTES > SHARED
template <typename T> __device__ void gru_forward_clear(const gru_forward_args<T> &a, float *scratch) { gru_clear<T>(a, scratch); }
template <typename T> __device__ void gru_forward(const gru_forward_args<T> &a, float *scratch) { forward<T, true>(a, scratch); }
template <typename T> __device__ void gru_forward_streamed(const gru_forward_args<T> &a, float *scratch) { forward<T, false>(a, scratch); }
EXPORT_SCRATCH(gru_forward_clear, gru_forward, 32)
EXPORT_SCRATCH(gru_forward, gru_forward, 256)
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

// Column u of a backward slice is the column of W_hh for its unit u: the gates of all units are summed over.
template <typename T> struct UnitColumns {
    static constexpr bool K_FIRST = false;
    const T *w;
    int units, first;
    __device__ float operator()(int k, int column) const {
        int unit = first + column;
        return k < 3 * units && unit < units ? float(w[int64_t(k) * units + unit]) : 0.0f;
    }
};

// Calls f(row, unit) for the units and rows that are this block's, each from the same thread every time.
template <typename F> __device__ void for_own(int slices, const Share &mine, int units, F f) {
    for (int x = blockIdx.x; x < slices; x += gridDim.x)
        for (int i = threadIdx.x; i < (mine.to - mine.from) * UNITS; i += THREADS)
            if (x * UNITS + i % UNITS < units) f(mine.from + i / UNITS, x * UNITS + i % UNITS);
}

// Gradients of the gates of one unit and sequence at one step. Returns the part of the old state's gradient that does not pass W_hh.
template <typename T> __device__ float gate_backward(const gru_backward_args<T> &a, const Step &step, int row, int unit, float d) {
    int64_t units = a.units, at = step.t * a.batch + row;
    const T *saved = a.saved + at * 4 * units + unit;
    float r = saved[0], z = saved[units], n = saved[2 * units], hn = saved[3 * units];
    float before = a.hidden[(step.before * a.batch + row) * units + unit];
    if (a.dy) d += float(a.dy[at * units + unit]);
    float dn = d * (1.0f - z) * (1.0f - n * n);
    float dz = d * (before - n) * z * (1.0f - z);
    float dr = dn * hn * r * (1.0f - r);
    T *dx = a.dgates_x + at * 3 * units + unit, *dgh = a.dgates_h + at * 3 * units + unit;
    dx[0] = dgh[0] = T(dr);
    dx[units] = dgh[units] = T(dz);
    dx[2 * units] = T(dn);
    dgh[2 * units] = T(dn * r);
    return d * z;
}

// The gradient of the state stays float32 over all steps, in scratch.
template <typename T, bool RESIDENT> __device__ void backward(const gru_backward_args<T> &a, float *scratch) {
    DYNAMIC_SHARED(float, area);
    Share mine(a.batch);
    Product<UNITS, 4> product{mine.row_groups};
    int units = int(a.units), slices = (units + UNITS - 1) / UNITS;
    float *gradient = scratch + gridDim.y * COUNTER_WORDS;
    Slice<T, RESIDENT, UNITS, UnitColumns<T>> slice{
        {a.w_hh, units, int(blockIdx.x) * UNITS}, reinterpret_cast<T *>(area + AREA / 4), (3 * units + 3) / 4};
    slice.load();
    for_own(slices, mine, units, [&](int row, int unit) { gradient[int64_t(row) * units + unit] = a.dh[int64_t(row) * units + unit]; });
    for (int64_t s = a.steps - 1; s >= 0; s--) {
        Step step(s, a.steps, a.reverse);
        for_own(slices, mine, units, [&](int row, int unit) {
            float *d = gradient + int64_t(row) * units + unit;
            *d = gate_backward(a, step, row, unit, *d);
        });
        wait_for_blocks(scratch, unsigned(a.steps - s));
        for (int x = blockIdx.x; x < slices; x += gridDim.x)
            for (int row0 = mine.from; row0 < mine.to; row0 += product.tile_rows()) {
                int rows = min(mine.to - row0, product.tile_rows());
                slice.source.first = x * UNITS;
                product(a.dgates_h + (step.t * a.batch + row0) * 3 * units, rows, 3 * units, slice, area);
                for (int i = threadIdx.x; i < rows * UNITS; i += THREADS) {
                    int row = i / UNITS, u = i % UNITS;
                    if (x * UNITS + u < units) gradient[int64_t(row0 + row) * units + x * UNITS + u] += product.sum(area, row, u);
                }
                __syncthreads(); // the buffers take the place of the sums
            }
    }
    for_own(slices, mine, units, [&](int row, int unit) { a.dh[int64_t(row) * units + unit] = T(gradient[int64_t(row) * units + unit]); });
}
// launch gru_backward: gru_backward_clear<<<SMS, 32>>> scratch 128 * SMS + 4 * batch * units
// launch gru_backward: gru_backward<<<(ceil(units, UNITS), max(1, min(SMS / ceil(units, UNITS), ceil(batch, ROWS)))), THREADS, AREA + 64 * ceil(3 * units, 4) * T_BYTES>>> scratch 128 * SMS + 4 * batch * units cooperative if ceil(units, UNITS) <= SMS && AREA + 64 * ceil(3 * units, 4) * T_BYTES <= SHARED
// launch gru_backward: gru_backward_streamed<<<(min(ceil(units, UNITS), SMS), max(1, min(SMS / ceil(units, UNITS), ceil(batch, ROWS)))), THREADS, AREA>>> scratch 128 * SMS + 4 * batch * units cooperative if ceil(units, UNITS) > SMS || AREA + 64 * ceil(3 * units, 4) * T_BYTES > SHARED
template <typename T> __device__ void gru_backward_clear(const gru_backward_args<T> &a, float *scratch) { gru_clear<T>(a, scratch); }
template <typename T> __device__ void gru_backward(const gru_backward_args<T> &a, float *scratch) { backward<T, true>(a, scratch); }
template <typename T> __device__ void gru_backward_streamed(const gru_backward_args<T> &a, float *scratch) { backward<T, false>(a, scratch); }
EXPORT_SCRATCH(gru_backward_clear, gru_backward, 32)
EXPORT_SCRATCH(gru_backward, gru_backward, 256)
EXPORT_SCRATCH(gru_backward_streamed, gru_backward, 256)
