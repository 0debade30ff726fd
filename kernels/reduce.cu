// Sums and maxima over the middle of (outer, n, inner).
#include "sums.cuh"

// ---- sums: y[o, c, i] = scale * sum over r in run c of x[o, r, i] * w[o, r, i] ----

template <typename X, typename Y> struct sum_args {
    const X *x, *w;
    Y *y;
    double scale;
    int64_t outer, n, inner, run;
};
using sum_f32 = sum_args<float, float>;
using sum_bf16 = sum_args<bf16, bf16>;
using sum_wide = sum_args<bf16, float>;
using sum_narrow = sum_args<float, bf16>;
#define EXPORT_SUM(name)                                     \
    EXPORT_AS(name, sum_f32, 256, name(a))                   \
    EXPORT_AS(name##_bf16, sum_bf16, 256, name(a))           \
    EXPORT_AS(name##_bf16_f32, sum_wide, 256, name(a))       \
    EXPORT_AS(name##_bf16_bf16_f32, sum_wide, 256, name(a))  \
    EXPORT_AS(name##_f32_bf16, sum_narrow, 256, name(a))

// The sum of x (times w) at first, first + step, ... up to n of them.
template <typename X> __device__ __forceinline__ float sum_of(const X *x, const X *w, int64_t first, int64_t step, int64_t n) {
    float sum = 0;
    if (w) {
#pragma unroll 4
        for (int64_t k = 0; k < n; k++) sum += float(x[first + k * step]) * float(w[first + k * step]);
    } else {
#pragma unroll 8
        for (int64_t k = 0; k < n; k++) sum += float(x[first + k * step]);
    }
    return sum;
}
__device__ __forceinline__ int64_t share_of(int64_t n, int64_t who, int64_t of) { return who < n ? (n - who - 1) / of + 1 : 0; }

// Few terms (also one, or none): a thread makes a whole sum.
// launch sum: sum_short<<<ceil(outer * inner, 256), 256>>> if n <= 8 && n <= run
template <typename X, typename Y> __device__ void sum_short(const sum_args<X, Y> &a) {
    float scale = float(a.scale);
    ELEMENTS(k, a.outer * a.inner) {
        int64_t o = k / a.inner;
        a.y[k] = Y(scale * sum_of(a.x, a.w, o * a.n * a.inner + (k - o * a.inner), a.inner, a.n));
    }
}
EXPORT_SUM(sum_short)

// Terms beside each other: a warp makes a sum, or a block.
template <typename Row, typename X, typename Y> __device__ __forceinline__ void sum_row(const sum_args<X, Y> &a) {
    int64_t runs = (a.n + a.run - 1) / a.run, k = Row::index();
    if (k >= a.outer * runs) return;
    int64_t first = k % runs * a.run, terms = min(a.run, a.n - first);
    float sum = sum_of(a.x, a.w, k / runs * a.n + first + Row::thread(), Row::THREADS, share_of(terms, Row::thread(), Row::THREADS));
    sum = Row::sum(sum);
    if (Row::thread() == 0) a.y[k] = Y(float(a.scale) * sum);
}
// launch sum: sum_line<<<ceil(outer * ceil(n, run), 8), 256>>> if inner == 1 && (n > 8 || n > run) && min(n, run) <= LONG_ROW
template <typename X, typename Y> __device__ void sum_line(const sum_args<X, Y> &a) { sum_row<WarpRow>(a); }
EXPORT_SUM(sum_line)
// launch sum: sum_line_long<<<outer * ceil(n, run), 256>>> if inner == 1 && min(n, run) > LONG_ROW
template <typename X, typename Y> __device__ void sum_line_long(const sum_args<X, Y> &a) { sum_row<BlockRow>(a); }
EXPORT_SUM(sum_line_long)

// Up to 32 columns side by side: thread t adds rows t / width, t / width + 256 / width, ... of column t % width.
// launch sum: sum_columns<<<outer * ceil(n, run) * ceil(inner, 32), 256>>> if inner > 1 && (n > 8 || n > run)
template <typename X, typename Y> __device__ void sum_columns(const sum_args<X, Y> &a) {
    int thread = int(threadIdx.x), width = 32;
    while (width / 2 >= a.inner) width /= 2;
    int64_t runs = (a.n + a.run - 1) / a.run, tiles = (a.inner + 31) / 32, k = blockIdx.x / tiles;
    int64_t column = blockIdx.x % tiles * 32 + thread % width, row = thread / width, rows = 256 / width;
    int64_t first = k % runs * a.run, terms = min(a.run, a.n - first);
    float sum = 0;
    if (column < a.inner)
        sum = sum_of(a.x, a.w, (k / runs * a.n + first + row) * a.inner + column, rows * a.inner, share_of(terms, row, rows));
    sum = sum_of_column(sum, width);
    if (thread < width && column < a.inner) a.y[k * a.inner + column] = Y(float(a.scale) * sum);
}
EXPORT_SUM(sum_columns)

template <typename T> struct sum_backward_args {
    const T *dy;
    T *dx;
    double scale;
    int64_t outer, n, inner;
};
// launch sum_backward: sum_backward<<<ceil(outer * n * inner, 1024), 256>>>
template <typename T> __device__ void sum_backward(const sum_backward_args<T> &a) {
    float scale = float(a.scale);
    ELEMENTS(i, a.outer * a.n * a.inner) {
        int64_t row = i / a.inner;
        a.dx[i] = T(scale * float(a.dy[row / a.n * a.inner + (i - row * a.inner)]));
    }
}
EXPORT(sum_backward, 256)

// ---- maxima: the first largest; NaN counts as larger than all numbers ----

template <typename T> struct max_forward_args {
    const T *x;
    T *y;
    int32_t *index;
    int64_t outer, n, inner;
};

struct Largest {
    float value;
    int index;

    __device__ void take(float x, int i) {
        bool larger = x > value || (x != x && value == value), same = x == value || (x != x && value != value);
        if (larger || (same && i < index)) value = x, index = i;
    }
    // Of thread, thread + step, ... below n.
    template <typename T> static __device__ Largest of(const T *x, int64_t n, int64_t stride, int thread, int step) {
        Largest all{-INFINITE, 0x7fffffff};
#pragma unroll 4
        for (int64_t r = thread; r < n; r += step) all.take(x[r * stride], int(r));
        return all;
    }
    template <typename T> __device__ void store(const max_forward_args<T> &a, int64_t at) {
        a.y[at] = T(value);
        if (a.index) a.index[at] = index;
    }
};

// Values beside each other: a warp makes a maximum.
// launch max_forward: max_line<<<ceil(outer, 8), 256>>> if inner == 1
template <typename T> __device__ void max_line(const max_forward_args<T> &a) {
    int64_t o = grid_index() / 32;
    int lane = int(threadIdx.x) % 32;
    if (o >= a.outer) return;
    Largest all = Largest::of(a.x + o * a.n, a.n, 1, lane, 32);
    for (int bits = 16; bits > 0; bits /= 2) {
        float value = __shfl_xor_sync(ALL_LANES, all.value, bits);
        all.take(value, __shfl_xor_sync(ALL_LANES, all.index, bits));
    }
    if (lane == 0) all.store(a, o);
}
EXPORT_STAGE(max_line, max_forward, 256)

// A block makes the maxima of 32 columns, each warp looking at every eighth row.
// launch max_forward: max_columns<<<outer * ceil(inner, 32), 256>>> if inner > 1
template <typename T> __device__ void max_columns(const max_forward_args<T> &a) {
    __shared__ Largest parts[8][32];
    int64_t tiles = (a.inner + 31) / 32, o = blockIdx.x / tiles;
    int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    int64_t column = blockIdx.x % tiles * 32 + lane;
    Largest all{-INFINITE, 0x7fffffff};
    if (column < a.inner) all = Largest::of(a.x + o * a.n * a.inner + column, a.n, a.inner, warp, 8);
    parts[warp][lane] = all;
    __syncthreads();
    if (warp > 0 || column >= a.inner) return;
    for (int w = 1; w < 8; w++) all.take(parts[w][lane].value, parts[w][lane].index);
    all.store(a, o * a.inner + column);
}
EXPORT_STAGE(max_columns, max_forward, 256)

template <typename T> struct max_backward_args {
    const T *dy;
    const int32_t *index;
    T *dx;
    int64_t outer, n, inner;
};
// launch max_backward: max_backward<<<ceil(outer * n * inner, 1024), 256>>>
template <typename T> __device__ void max_backward(const max_backward_args<T> &a) {
    ELEMENTS(i, a.outer * a.n * a.inner) {
        int64_t row = i / a.inner, o = row / a.n, from = o * a.inner + (i - row * a.inner);
        a.dx[i] = a.index[from] == row - o * a.n ? a.dy[from] : T(0.0f);
    }
}
EXPORT(max_backward, 256)
