// What is left of packed_linear when cuBLASLt has written x W^T + bias + add: the activation, in place. cuBLASLt's own GELU is the
// approximation by tanh.
#include "activation.cuh"

template <typename T> struct packed_linear_args {
    const T *x, *panels, *bias, *add;
    T *y;
    int64_t rows, n, k, width, activation;
};

// launch packed_linear@cublas: packed_linear_activate<<<ceil(rows * n, 1024), 256>>> if activation
template <typename T> __device__ void packed_linear_activate(const packed_linear_args<T> &a) {
    bool gelu = a.activation == 1; // else QuickGELU
    ELEMENTS(i, a.rows * a.n) a.y[i] = T(gelu ? Gelu::value(a.y[i]) : QuickGelu::value(a.y[i]));
}
EXPORT_STAGE(packed_linear_activate, packed_linear, 256)
