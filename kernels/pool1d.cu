// Pooling over time. Forward, a thread computes an output; backward, an element of dx, from the windows that hold it in their order.
// Memory sets the time: neighbours in a warp are neighbours in time.
#include "common.cuh"

// i = row * length + rest; 64-bit division only where it must be.
__device__ __forceinline__ void split(int64_t i, int64_t length, int64_t &row, int64_t &rest) {
    row = uint64_t(i | length) >> 32 ? i / length : int64_t(uint32_t(i) / uint32_t(length));
    rest = i - row * length;
}

// ---- maxima ----

template <typename T> struct max_pool1d_forward_args {
    const T *x;
    T *y;
    int32_t *index; // or null
    int64_t rows, l, lout, kernel, stride, padding, dilation;
};
// launch max_pool1d_forward: max_pool1d_forward<<<ceil(rows * lout, 512), 256>>>
template <typename T> __device__ void max_pool1d_forward(const max_pool1d_forward_args<T> &a) {
    ELEMENTS(i, a.rows * a.lout) {
        int64_t row, u;
        split(i, a.lout, row, u);
        const T *x = a.x + row * a.l;
        int64_t position = u * a.stride - a.padding;
        float best = -INFINITE;
        int32_t at = -1;
        for (int64_t k = 0; k < a.kernel; k++, position += a.dilation) {
            if (position < 0 || position >= a.l) continue;
            float value = x[position];
            if (at < 0 || value > best || value != value) best = value, at = int32_t(position);
        }
        a.y[i] = T(best);
        if (a.index) a.index[i] = at;
    }
}
EXPORT(max_pool1d_forward, 256)

// The windows that may hold an element: first .. last.
struct Windows {
    int64_t first, last;
    __device__ Windows(int64_t i, int64_t lout, int64_t reach, int64_t stride, int64_t padding) {
        int64_t late = i + padding, early = late - reach; // the window starts from early to late
        first = early <= 0 ? 0 : (early + stride - 1) / stride;
        last = min(late / stride, lout - 1);
    }
};

template <typename T> struct max_pool1d_backward_args {
    const T *dy;
    const int32_t *index;
    T *dx;
    int64_t rows, l, lout, kernel, stride, padding, dilation;
};
// launch max_pool1d_backward: max_pool1d_backward<<<ceil(rows * l, 512), 256>>>
template <typename T> __device__ void max_pool1d_backward(const max_pool1d_backward_args<T> &a) {
    ELEMENTS(i, a.rows * a.l) {
        int64_t row, position;
        split(i, a.l, row, position);
        Windows windows(position, a.lout, (a.kernel - 1) * a.dilation, a.stride, a.padding);
        float sum = 0;
        for (int64_t u = row * a.lout + windows.first; u <= row * a.lout + windows.last; u++)
            if (a.index[u] == position) sum += float(a.dy[u]);
        a.dx[i] = T(sum);
    }
}
EXPORT(max_pool1d_backward, 256)

// ---- means ----

template <typename T> struct avg_pool1d_forward_args {
    const T *x;
    T *y;
    int64_t rows, l, lout, kernel, stride, padding, count_padding;
};
// launch avg_pool1d_forward: avg_pool1d_forward<<<ceil(rows * lout, 512), 256>>>
template <typename T> __device__ void avg_pool1d_forward(const avg_pool1d_forward_args<T> &a) {
    ELEMENTS(i, a.rows * a.lout) {
        int64_t row, u;
        split(i, a.lout, row, u);
        int64_t start = u * a.stride - a.padding, from = max(int64_t(0), start), to = min(a.l, start + a.kernel);
        float sum = 0;
        for (int64_t at = from; at < to; at++) sum += float(a.x[row * a.l + at]);
        a.y[i] = T(sum / float(a.count_padding ? a.kernel : to - from));
    }
}
EXPORT(avg_pool1d_forward, 256)

template <typename T> struct avg_pool1d_backward_args {
    const T *dy;
    T *dx;
    int64_t rows, l, lout, kernel, stride, padding, count_padding;
};
// launch avg_pool1d_backward: avg_pool1d_backward<<<ceil(rows * l, 512), 256>>>
template <typename T> __device__ void avg_pool1d_backward(const avg_pool1d_backward_args<T> &a) {
    ELEMENTS(i, a.rows * a.l) {
        int64_t row, position;
        split(i, a.l, row, position);
        Windows windows(position, a.lout, a.kernel - 1, a.stride, a.padding);
        float sum = 0;
        for (int64_t u = windows.first; u <= windows.last; u++) {
            int64_t start = u * a.stride - a.padding, count = min(a.l, start + a.kernel) - max(int64_t(0), start);
            sum += float(a.dy[row * a.lout + u]) / float(a.count_padding ? a.kernel : count);
        }
        a.dx[i] = T(sum);
    }
}
EXPORT(avg_pool1d_backward, 256)

// ---- means of bins: bin u is floor(u l / lout) .. ceil((u + 1) l / lout) ----

template <typename T> struct adaptive_avg_pool1d_forward_args {
    const T *x;
    T *y;
    int64_t rows, l, lout;
};
// launch adaptive_avg_pool1d_forward: adaptive_avg_pool1d_forward<<<ceil(rows * lout, 512), 256>>> if l < 32 * lout
// launch adaptive_avg_pool1d_forward: adaptive_avg_pool1d_forward_long<<<ceil(rows * lout, 8), 256>>> if l >= 32 * lout
template <typename T> __device__ void adaptive_avg_pool1d_forward(const adaptive_avg_pool1d_forward_args<T> &a) {
    ELEMENTS(i, a.rows * a.lout) {
        int64_t row, u;
        split(i, a.lout, row, u);
        int64_t from = u * a.l / a.lout, to = ((u + 1) * a.l + a.lout - 1) / a.lout;
        float sum = 0;
        for (int64_t at = from; at < to; at++) sum += float(a.x[row * a.l + at]);
        a.y[i] = T(sum / float(to - from));
    }
}
// A warp for each bin.
template <typename T> __device__ void adaptive_avg_pool1d_forward_long(const adaptive_avg_pool1d_forward_args<T> &a) {
    int64_t i = grid_index() / 32, row, u;
    if (i >= a.rows * a.lout) return;
    split(i, a.lout, row, u);
    int64_t from = u * a.l / a.lout, to = ((u + 1) * a.l + a.lout - 1) / a.lout;
    float sum = 0;
    for (int64_t at = from + threadIdx.x % 32; at < to; at += 32) sum += float(a.x[row * a.l + at]);
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) a.y[i] = T(sum / float(to - from));
}
EXPORT(adaptive_avg_pool1d_forward, 256)
EXPORT_STAGE(adaptive_avg_pool1d_forward_long, adaptive_avg_pool1d_forward, 256)

template <typename T> struct adaptive_avg_pool1d_backward_args {
    const T *dy;
    T *dx;
    int64_t rows, l, lout;
};
// launch adaptive_avg_pool1d_backward: adaptive_avg_pool1d_backward<<<ceil(rows * l, 512), 256>>>
template <typename T> __device__ void adaptive_avg_pool1d_backward(const adaptive_avg_pool1d_backward_args<T> &a) {
    ELEMENTS(i, a.rows * a.l) {
        int64_t row, position;
        split(i, a.l, row, position);
        int64_t first = position * a.lout / a.l, last = ((position + 1) * a.lout - 1) / a.l; // bins whose end is past it, start before it
        float sum = 0;
        for (int64_t u = first; u <= last; u++) {
            int64_t from = u * a.l / a.lout, to = ((u + 1) * a.l + a.lout - 1) / a.lout;
            sum += float(a.dy[row * a.lout + u]) / float(to - from);
        }
        a.dx[i] = T(sum);
    }
}
EXPORT(adaptive_avg_pool1d_backward, 256)
