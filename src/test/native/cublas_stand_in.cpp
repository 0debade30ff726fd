// Stand-ins for libcublas and, with -DLT, for libcublasLt, on the emulated device: the functions that the project calls, in plain loops, by what
// NVIDIA's documentation says of them. Matrices lie column by column, element (i, j) at i + j * ld; D = alpha op(A) op(B) + beta C, and where beta
// is 0, C is not read. What the documentation forbids is an error here.
#include "stand_in.h"

enum { SUCCESS = 0, NOT_INITIALIZED = 1, INVALID_VALUE = 7, NOT_SUPPORTED = 15 };
enum { R_32F = 0, R_16BF = 14 };
enum { COMPUTE_32F = 68, COMPUTE_32F_FAST_TF32 = 77 };

namespace {

struct Matrix {
    int type;
    int64_t rows, columns, ld;
    int32_t batch;
    int64_t stride;

    bool valid() const { return rows > 0 && columns > 0 && ld >= rows && batch > 0; }
    bool bf16() const { return type == R_16BF; }
    int64_t at(int64_t b, int64_t i, int64_t j) const { return b * stride + i + j * ld; }
};

// Which types go together, by the tables of cublasGemmEx and cublasLtMatmul.
bool types_fit(int compute, int a, int b, int c) {
    if (compute == COMPUTE_32F) return (a == R_32F && b == R_32F && c == R_32F) || (a == R_16BF && b == R_16BF && (c == R_16BF || c == R_32F));
    return compute == COMPUTE_32F_FAST_TF32 && a == R_32F && b == R_32F && c == R_32F;
}

// A, B and C as they lie in memory; bias (of C's type, one for each row) may be null.
void multiply(bool ta, bool tb, int compute, float alpha, Matrix ma, const void *a, Matrix mb, const void *b, float beta, Matrix mc, const void *c,
              void *d, const void *bias) {
    int64_t k = ta ? ma.rows : ma.columns;
    auto read = [&](const Matrix &m, const void *p, int64_t at) {
        float x = get(p, m.bf16(), at);
        return compute == COMPUTE_32F_FAST_TF32 ? to_tf32(x) : x;
    };
    for (int64_t batch = 0; batch < mc.batch; batch++)
        for (int64_t j = 0; j < mc.columns; j++)
            for (int64_t i = 0; i < mc.rows; i++) {
                double sum = 0;
                for (int64_t p = 0; p < k; p++)
                    sum += double(read(ma, a, ta ? ma.at(batch, p, i) : ma.at(batch, i, p))) * read(mb, b, tb ? mb.at(batch, j, p) : mb.at(batch, p, j));
                float value = alpha * float(sum);
                if (beta != 0) value += beta * get(c, mc.bf16(), mc.at(batch, i, j));
                if (bias) value += get(bias, mc.bf16(), i);
                set(d, mc.bf16(), mc.at(batch, i, j), value);
            }
}

} // namespace

#ifndef LT

namespace {
struct Handle {
    void *stream = nullptr, *workspace = nullptr;
};
} // namespace

EXPORTED int cublasCreate_v2(Handle **handle) {
    if (std::getenv("CUBLAS_STAND_IN_FAILS")) return NOT_INITIALIZED;
    return *handle = new Handle, SUCCESS;
}
EXPORTED int cublasSetStream_v2(Handle *handle, void *stream) {
    handle->stream = stream;
    handle->workspace = nullptr; // as documented: back to the default one
    return SUCCESS;
}
EXPORTED int cublasSetWorkspace_v2(Handle *handle, void *workspace, size_t bytes) {
    if (!workspace || bytes == 0 || reinterpret_cast<uintptr_t>(workspace) % 256 != 0) return INVALID_VALUE;
    handle->workspace = workspace;
    return SUCCESS;
}
EXPORTED const char *cublasGetStatusString(int status) { return status == NOT_INITIALIZED ? "the library was not initialized" : "stand-in"; }

EXPORTED int cublasGemmStridedBatchedEx(Handle *handle, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda,
                                        long long a_stride, const void *b, int b_type, int ldb, long long b_stride, const void *beta, void *c,
                                        int c_type, int ldc, long long c_stride, int batch, int compute, int algorithm) {
    if (!handle || !handle->stream || !handle->workspace) return NOT_INITIALIZED;
    Matrix ma{a_type, ta ? k : m, ta ? m : k, lda, batch, a_stride}, mb{b_type, tb ? n : k, tb ? k : n, ldb, batch, b_stride},
        mc{c_type, m, n, ldc, batch, c_stride};
    if (ta < 0 || ta > 1 || tb < 0 || tb > 1 || !ma.valid() || !mb.valid() || !mc.valid() || algorithm != -1) return INVALID_VALUE;
    if (!types_fit(compute, a_type, b_type, c_type)) return NOT_SUPPORTED;
    float one = *static_cast<const float *>(alpha), more = *static_cast<const float *>(beta);
    return on_stream(handle->stream, [=] { multiply(ta, tb, compute, one, ma, a, mb, b, more, mc, c, c, nullptr); });
}
EXPORTED int cublasGemmEx(Handle *handle, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda, const void *b,
                          int b_type, int ldb, const void *beta, void *c, int c_type, int ldc, int compute, int algorithm) {
    return cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0, beta, c, c_type, ldc, 0, 1, compute,
                                      algorithm);
}

#else

namespace {

struct Operation {
    int32_t compute, scale, transposed[2] = {0, 0}, epilogue = 1;
    const void *bias = nullptr;
};
struct Preference {
    uint64_t workspace = 0;
    uint32_t alignment[4] = {256, 256, 256, 256}; // A, B, C, D
};
// What an algorithm was suggested for: it may be run for nothing else.
struct Algorithm {
    uint64_t magic, workspace;
    Operation operation;
    uint32_t alignment[4], bias_alignment;
};
constexpr uint64_t MAGIC = 0x616c676f72697468;
struct Algo {
    uint64_t data[8];
};
struct Heuristic {
    Algo algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};
static_assert(sizeof(Heuristic) == 96, "as in cublasLt.h");

uint32_t alignment(const void *p) {
    uint32_t a = 1;
    while (a < 256 && reinterpret_cast<uintptr_t>(p) % (2 * a) == 0) a *= 2;
    return a;
}

template <typename T> int put(T &field, const void *value, size_t bytes) {
    if (bytes != sizeof(T)) return INVALID_VALUE;
    std::memcpy(&field, value, bytes);
    return SUCCESS;
}

bool fits(const Operation &o, const Matrix &a, const Matrix &b, const Matrix &c) {
    bool ta = o.transposed[0], tb = o.transposed[1];
    return a.valid() && b.valid() && c.valid() && (ta ? a.columns : a.rows) == c.rows && (tb ? b.rows : b.columns) == c.columns
           && (ta ? a.rows : a.columns) == (tb ? b.columns : b.rows) && a.batch == c.batch && b.batch == c.batch;
}

} // namespace

EXPORTED int cublasLtCreate(void **handle) { return *handle = new int, SUCCESS; }
EXPORTED int cublasLtMatmulDescCreate(Operation **operation, int compute, int scale) {
    if (scale != R_32F) return NOT_SUPPORTED;
    *operation = new Operation;
    (*operation)->compute = compute, (*operation)->scale = scale;
    return SUCCESS;
}
EXPORTED int cublasLtMatmulDescSetAttribute(Operation *o, int attribute, const void *value, size_t bytes) {
    switch (attribute) {
    case 3: return put(o->transposed[0], value, bytes);
    case 4: return put(o->transposed[1], value, bytes);
    case 7: return put(o->epilogue, value, bytes);
    case 8: return put(o->bias, value, bytes);
    }
    return INVALID_VALUE;
}
EXPORTED int cublasLtMatrixLayoutCreate(Matrix **layout, int type, uint64_t rows, uint64_t columns, int64_t ld) {
    *layout = new Matrix{type, int64_t(rows), int64_t(columns), ld, 1, 0};
    return (*layout)->valid() ? SUCCESS : INVALID_VALUE;
}
EXPORTED int cublasLtMatrixLayoutSetAttribute(Matrix *layout, int attribute, const void *value, size_t bytes) {
    return attribute == 5 ? put(layout->batch, value, bytes) : attribute == 6 ? put(layout->stride, value, bytes) : int(INVALID_VALUE);
}
EXPORTED int cublasLtMatmulPreferenceCreate(Preference **preference) { return *preference = new Preference, SUCCESS; }
EXPORTED int cublasLtMatmulPreferenceDestroy(Preference *preference) {
    delete preference;
    return SUCCESS;
}
EXPORTED int cublasLtMatmulPreferenceSetAttribute(Preference *p, int attribute, const void *value, size_t bytes) {
    if (attribute == 1) return put(p->workspace, value, bytes);
    return attribute >= 5 && attribute <= 8 ? put(p->alignment[attribute - 5], value, bytes) : int(INVALID_VALUE);
}
EXPORTED int cublasLtMatmulAlgoGetHeuristic(void *handle, Operation *o, Matrix *a, Matrix *b, Matrix *c, Matrix *d, Preference *preference, int wanted,
                                            Heuristic *results, int *count) {
    *count = 0;
    if (!handle || wanted < 1 || !fits(*o, *a, *b, *c) || std::memcmp(c, d, sizeof(Matrix)) != 0) return INVALID_VALUE;
    if (!types_fit(o->compute, a->type, b->type, c->type) || (o->epilogue != 1 && o->epilogue != 4)) return NOT_SUPPORTED;
    // Behind a pointer: the 64 bytes of an algorithm hold no more.
    auto algorithm = new Algorithm{MAGIC, preference->workspace, *o, {}, alignment(o->bias)};
    std::memcpy(algorithm->alignment, preference->alignment, sizeof(algorithm->alignment));
    *results = {};
    results->algorithm.data[0] = reinterpret_cast<uint64_t>(algorithm);
    results->workspace = preference->workspace;
    *count = 1;
    return SUCCESS;
}
EXPORTED int cublasLtMatmul(void *handle, Operation *o, const void *alpha, const void *a, Matrix *ma, const void *b, Matrix *mb, const void *beta,
                            const void *c, Matrix *mc, void *d, Matrix *md, const Algo *algo, void *workspace, size_t bytes, void *stream) {
    auto algorithm = reinterpret_cast<const Algorithm *>(algo->data[0]);
    if (!handle || !stream || algorithm->magic != MAGIC || !workspace || bytes < algorithm->workspace) return INVALID_VALUE;
    const Operation &known = algorithm->operation;
    if (known.compute != o->compute || known.epilogue != o->epilogue || std::memcmp(known.transposed, o->transposed, sizeof(known.transposed)) != 0
        || !fits(*o, *ma, *mb, *mc) || std::memcmp(mc, md, sizeof(Matrix)) != 0)
        return INVALID_VALUE;
    const void *pointers[] = {a, b, c, d};
    for (int i = 0; i < 4; i++)
        if (alignment(pointers[i]) < algorithm->alignment[i]) return INVALID_VALUE;
    bool biased = o->epilogue == 4;
    if (biased && (!o->bias || alignment(o->bias) < algorithm->bias_alignment)) return INVALID_VALUE;
    float one = *static_cast<const float *>(alpha), more = *static_cast<const float *>(beta);
    return on_stream(stream, [o = *o, ma = *ma, mb = *mb, mc = *mc, one, more, a, b, c, d, biased] {
        multiply(o.transposed[0], o.transposed[1], o.compute, one, ma, a, mb, b, more, mc, c, d, biased ? o.bias : nullptr);
    });
}

#endif
