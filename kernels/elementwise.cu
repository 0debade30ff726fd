// Arithmetic element by element: of two tensors that broadcast, and of one.
#include "elements.cuh"

// ---- two tensors: y = f(a, b) over up to 6 dimensions. Along the innermost one each operand steps by 1 or stays (step 0). ----

constexpr int RANK = 6;

template <typename T> struct binary_args {
    const T *a, *b;
    T *y;
    int64_t size[RANK], step_a[RANK], step_b[RANK];
};

// Four neighbours of an operand on one line.
template <typename T> __device__ __forceinline__ float4 line4(const T *p, int64_t step) {
    if (step) return load4(p);
    float x = *p;
    return make_float4(x, x, x, x);
}

// A thread finds the place of its element, or of four on one line, in both operands. Dimensions of size 1 cost no division, so that the
// usual shapes, like ones and a bias, need none or one.
template <typename T, typename F> __device__ __forceinline__ void broadcast(const binary_args<T> &args, F f) {
    int64_t n = 1, line = args.size[RANK - 1], step_a = args.step_a[RANK - 1], step_b = args.step_b[RANK - 1];
#pragma unroll
    for (int d = 0; d < RANK; d++) n *= args.size[d];
    auto place = [&](int64_t i, int64_t &at_a, int64_t &at_b) {
        at_a = at_b = 0;
#pragma unroll
        for (int d = RANK - 1; d >= 0; d--) {
            if (args.size[d] == 1) continue;
            int64_t outer = i < args.size[d] ? 0 : i / args.size[d], index = i - outer * args.size[d];
            at_a += index * args.step_a[d];
            at_b += index * args.step_b[d];
            i = outer;
        }
    };
    // An operand that steps along lines of a multiple of 4 starts each at a multiple of 4.
    if (line % 4 == 0 && aligned4(args.y) && (step_a == 0 || aligned4(args.a)) && (step_b == 0 || aligned4(args.b))) {
        ELEMENTS(q, n / 4) {
            int64_t at_a, at_b;
            place(4 * q, at_a, at_b);
            float4 u = line4(args.a + at_a, step_a), v = line4(args.b + at_b, step_b);
            store4(args.y + 4 * q, make_float4(f(u.x, v.x), f(u.y, v.y), f(u.z, v.z), f(u.w, v.w)));
        }
    } else {
        ELEMENTS(i, n) {
            int64_t at_a, at_b;
            place(i, at_a, at_b);
            args.y[i] = T(f(float(args.a[at_a]), float(args.b[at_b])));
        }
    }
}

#define BINARY(name, operation)                                                       \
    template <typename T> using name##_args = binary_args<T>;                         \
    template <typename T> __device__ void name(const binary_args<T> &a) {             \
        broadcast(a, [](float first, float second) { return first operation second; }); \
    }                                                                                 \
    EXPORT(name, 256)

// launch add: add<<<ceil(size0 * size1 * size2 * size3 * size4 * size5, 1024), 256>>>
BINARY(add, +)
// launch subtract: subtract<<<ceil(size0 * size1 * size2 * size3 * size4 * size5, 1024), 256>>>
BINARY(subtract, -)
// launch multiply: multiply<<<ceil(size0 * size1 * size2 * size3 * size4 * size5, 1024), 256>>>
BINARY(multiply, *)
// launch divide: divide<<<ceil(size0 * size1 * size2 * size3 * size4 * size5, 1024), 256>>>
BINARY(divide, /)

// ---- one tensor ----

template <typename T> struct axpb_args {
    const T *x;
    T *y;
    double alpha, beta;
    int64_t n;
};
// launch axpb: axpb<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void axpb(const axpb_args<T> &a) {
    float alpha = float(a.alpha), beta = float(a.beta);
    map(a.x, a.y, a.n, [=](float x) { return alpha * x + beta; });
}
EXPORT(axpb, 256)

template <typename T> struct clamp_max_forward_args {
    const T *x;
    T *y;
    double max;
    int64_t n;
};
// launch clamp_max_forward: clamp_max_forward<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void clamp_max_forward(const clamp_max_forward_args<T> &a) {
    float most = float(a.max);
    map(a.x, a.y, a.n, [=](float x) { return x > most ? most : x; });
}
EXPORT(clamp_max_forward, 256)

template <typename T> struct clamp_max_backward_args {
    const T *x, *dy;
    T *dx;
    double max;
    int64_t n;
};
// launch clamp_max_backward: clamp_max_backward<<<ceil(n, 1024), 256>>>
template <typename T> __device__ void clamp_max_backward(const clamp_max_backward_args<T> &a) {
    float most = float(a.max);
    map(a.x, a.dy, a.dx, a.n, [=](float x, float dy) { return x <= most ? dy : 0.0f; });
}
EXPORT(clamp_max_backward, 256)

// y = value of x; dx = gradient, of dy and s: x, or y where that is simpler.
#define UNARY(name, value, gradient)                                                        \
    template <typename T> struct name##_forward_args {                                      \
        const T *x;                                                                         \
        T *y;                                                                               \
        int64_t n;                                                                          \
    };                                                                                      \
    template <typename T> __device__ void name##_forward(const name##_forward_args<T> &a) { \
        map(a.x, a.y, a.n, [](float x) { return value; });                                  \
    }                                                                                       \
    EXPORT(name##_forward, 256)                                                             \
    template <typename T> struct name##_backward_args {                                     \
        const T *saved, *dy;                                                                \
        T *dx;                                                                              \
        int64_t n;                                                                          \
    };                                                                                      \
    template <typename T> __device__ void name##_backward(const name##_backward_args<T> &a) { \
        map(a.saved, a.dy, a.dx, a.n, [](float s, float dy) { return gradient; });          \
    }                                                                                       \
    EXPORT(name##_backward, 256)

// launch exp_forward: exp_forward<<<ceil(n, 1024), 256>>>
// launch exp_backward: exp_backward<<<ceil(n, 1024), 256>>>
UNARY(exp, expf(x), dy * s)
// launch log_forward: log_forward<<<ceil(n, 1024), 256>>>
// launch log_backward: log_backward<<<ceil(n, 1024), 256>>>
UNARY(log, logf(x), dy / s)
// launch sqrt_forward: sqrt_forward<<<ceil(n, 1024), 256>>>
// launch sqrt_backward: sqrt_backward<<<ceil(n, 1024), 256>>>
UNARY(sqrt, sqrtf(x), 0.5f * dy / s)
// launch square_forward: square_forward<<<ceil(n, 1024), 256>>>
// launch square_backward: square_backward<<<ceil(n, 1024), 256>>>
UNARY(square, x * x, 2.0f * s * dy)
// launch abs_forward: abs_forward<<<ceil(n, 1024), 256>>>
// launch abs_backward: abs_backward<<<ceil(n, 1024), 256>>>
UNARY(abs, fabsf(x), s > 0 ? dy : s < 0 ? -dy : 0.0f)
