// C (batch, m, n) = op(A) op(B) (+ bias). op transposes where the flag is set; a batch stride of 0 repeats one matrix.
#include "gemm.cuh"

// T: of the factors and the bias; C: of the result.
template <typename T, typename C> struct matmul_args {
    const T *a, *b, *bias;
    C *c;
    int64_t batch, m, n, k;
    int64_t a_transposed, b_transposed;
    int64_t a_stride, b_stride;
};

// A block computes one tile; tiles of one row of tiles are neighbours, since they share rows of A.
template <template <typename, int> class Math, int TILE, typename T, typename C> __device__ void matmul(const matmul_args<T, C> &a) {
    int64_t across = (a.n + TILE - 1) / TILE, down = (a.m + TILE - 1) / TILE, tile = blockIdx.x;
    int64_t column0 = tile % across * TILE, row0 = tile / across % down * TILE, batch = tile / across / down;
    Factor<T> left = {a.a + batch * a.a_stride, a.m, a.k, a.a_transposed ? a.m : a.k, !a.a_transposed};
    Factor<T> right = {a.b + batch * a.b_stride, a.n, a.k, a.b_transposed ? a.k : a.n, a.b_transposed != 0};
    C *c = a.c + batch * a.m * a.n;
    gemm_tile<Math<T, TILE>, T, TILE>(left, right, row0, column0, [&](int64_t row, int64_t column, float sum) {
        if (row < a.m && column < a.n) c[row * a.n + column] = C(a.bias ? sum + float(a.bias[column]) : sum);
    });
}

using matmul_f32 = matmul_args<float, float>;
using matmul_of_bf16 = matmul_args<bf16, bf16>;
using matmul_into_f32 = matmul_args<bf16, float>;

// Large tiles where they are enough for all multiprocessors, else small ones.
// launch matmul: matmul_128<<<ceil(m, 128) * ceil(n, 128) * batch, GEMM_THREADS>>> if ceil(m, 128) * ceil(n, 128) * batch >= SMS
// launch matmul: matmul_64<<<ceil(m, 64) * ceil(n, 64) * batch, GEMM_THREADS>>> if ceil(m, 128) * ceil(n, 128) * batch < SMS
EXPORT_AS(matmul_128, matmul_f32, GEMM_THREADS, (matmul<Plain, 128>(a)))
EXPORT_AS(matmul_64, matmul_f32, GEMM_THREADS, (matmul<Plain, 64>(a)))
EXPORT_AS(matmul_128_bf16, matmul_of_bf16, GEMM_THREADS, (matmul<TensorOrPlain, 128>(a)))
EXPORT_AS(matmul_64_bf16, matmul_of_bf16, GEMM_THREADS, (matmul<TensorOrPlain, 64>(a)))
EXPORT_AS(matmul_128_bf16_bf16_f32, matmul_into_f32, GEMM_THREADS, (matmul<TensorOrPlain, 128>(a)))
EXPORT_AS(matmul_64_bf16_bf16_f32, matmul_into_f32, GEMM_THREADS, (matmul<TensorOrPlain, 64>(a)))

// Float32 by tensor cores: the factors lose 13 bits of their fraction.
// launch matmul@tf32: matmul_tf32_128<<<ceil(m, 128) * ceil(n, 128) * batch, GEMM_THREADS>>> if ceil(m, 128) * ceil(n, 128) * batch >= SMS
// launch matmul@tf32: matmul_tf32_64<<<ceil(m, 64) * ceil(n, 64) * batch, GEMM_THREADS>>> if ceil(m, 128) * ceil(n, 128) * batch < SMS
EXPORT_AS(matmul_tf32_128, matmul_f32, GEMM_THREADS, (matmul<TensorOrPlain, 128>(a)))
EXPORT_AS(matmul_tf32_64, matmul_f32, GEMM_THREADS, (matmul<TensorOrPlain, 64>(a)))
