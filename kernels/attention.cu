// Scaled dot-product attention that never writes the scores (Dao et al., arXiv 2205.14135): a block keeps 64 queries and looks at the
// keys tile by tile, with a running maximum and sum for each row's softmax. The backward pass computes the probabilities again from the
// logarithm of each row's sum; the gradients of queries and of keys are sums of different directions and have launches of their own, so
// that every element is summed by one thread, in one order.
//
// A row's result has the same bits whatever stands beside it: tiles begin at key 0 and query 0, and what lies past a sequence's length
// is never read. What the causal mask alone hides counts exactly zero as long as it is finite.
//
// bfloat16 goes to tensor cores where there are any (attention_mma.cuh), all else to attention_plain.cuh. Heads of up to 64 elements are
// what they are made for; of longer ones a block computes 64 elements of the result, and all scores for them.
#include "attention_mma.cuh"
#include "attention_plain.cuh"

template <typename T> __device__ void attention_forward_mma(const attention_forward_args<T> &a) {
    if constexpr (HAS_MMA && sizeof(T) == 2) attention_forward_tensor(a);
}
// launch attention_forward: attention_forward<<<(b * h * ceil(t, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), TILE_THREADS>>> if T_BYTES == 4 || MAJOR < 80
// launch attention_forward: attention_forward_mma<<<(b * h * ceil(t, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), ATTENTION_MMA_THREADS>>> if T_BYTES == 2 && MAJOR >= 80
// launch attention_forward@plain: attention_forward<<<(b * h * ceil(t, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), TILE_THREADS>>>
EXPORT(attention_forward, TILE_THREADS)
EXPORT_STAGE(attention_forward_mma, attention_forward, ATTENTION_MMA_THREADS)

// <dy, y> of every row: (b, t, h), a warp each.
template <typename T> __device__ void attention_backward_dots(const attention_backward_args<T> &a, float *dots) {
    int64_t row = int64_t(blockIdx.x) * 8 + threadIdx.x / 32;
    if (row >= a.b * a.t * a.h) return;
    const T *y = a.y + row * a.d, *dy = a.dy + row * a.d;
    float sum = 0;
    for (int64_t i = threadIdx.x % 32; i < a.d; i += 32) sum += float(y[i]) * float(dy[i]);
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) dots[row] = sum;
}
template <typename T> __device__ void attention_backward_queries(const attention_backward_args<T> &a, float *dots) {
    attention_backward_rows<false>(a, dots);
}
template <typename T> __device__ void attention_backward_keys(const attention_backward_args<T> &a, float *dots) {
    attention_backward_rows<true>(a, dots);
}
template <typename T> __device__ void attention_backward_queries_mma(const attention_backward_args<T> &a, float *dots) {
    if constexpr (HAS_MMA && sizeof(T) == 2) attention_backward_tensor<false>(a, dots);
}
template <typename T> __device__ void attention_backward_keys_mma(const attention_backward_args<T> &a, float *dots) {
    if constexpr (HAS_MMA && sizeof(T) == 2) attention_backward_tensor<true>(a, dots);
}
constexpr int BACKWARD_SHARED = 61440;
static_assert(sizeof(attention_backward_shared) == BACKWARD_SHARED, "what the launches ask for");
// launch attention_backward: attention_backward_dots<<<ceil(b * t * h, 8), 256>>> scratch 4 * b * t * h
// launch attention_backward: attention_backward_queries<<<(b * h * ceil(t, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), TILE_THREADS, BACKWARD_SHARED>>> scratch 4 * b * t * h if dq && (T_BYTES == 4 || MAJOR < 80)
// launch attention_backward: attention_backward_keys<<<(b * h * ceil(s, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), TILE_THREADS, BACKWARD_SHARED>>> scratch 4 * b * t * h if (dk || dv) && (T_BYTES == 4 || MAJOR < 80)
// launch attention_backward: attention_backward_queries_mma<<<(b * h * ceil(t, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), ATTENTION_MMA_THREADS>>> scratch 4 * b * t * h if dq && T_BYTES == 2 && MAJOR >= 80
// launch attention_backward: attention_backward_keys_mma<<<(b * h * ceil(s, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), ATTENTION_MMA_THREADS>>> scratch 4 * b * t * h if (dk || dv) && T_BYTES == 2 && MAJOR >= 80
// launch attention_backward@plain: attention_backward_dots<<<ceil(b * t * h, 8), 256>>> scratch 4 * b * t * h
// launch attention_backward@plain: attention_backward_queries<<<(b * h * ceil(t, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), TILE_THREADS, BACKWARD_SHARED>>> scratch 4 * b * t * h if dq
// launch attention_backward@plain: attention_backward_keys<<<(b * h * ceil(s, ATTENTION_OWN), ceil(d, ATTENTION_DEPTH)), TILE_THREADS, BACKWARD_SHARED>>> scratch 4 * b * t * h if dk || dv
EXPORT_SCRATCH(attention_backward_dots, attention_backward, 256)
EXPORT_SCRATCH(attention_backward_queries, attention_backward, TILE_THREADS)
EXPORT_SCRATCH(attention_backward_keys, attention_backward, TILE_THREADS)
EXPORT_SCRATCH(attention_backward_queries_mma, attention_backward, ATTENTION_MMA_THREADS)
EXPORT_SCRATCH(attention_backward_keys_mma, attention_backward, ATTENTION_MMA_THREADS)
