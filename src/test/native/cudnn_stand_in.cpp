// A stand-in for libcudnn on the emulated device: the functions that the project calls, in plain loops, by what NVIDIA's documentation says of
// them. Tensors are dense, n c h w; a convolution here is cross-correlation in groups. Algorithm 0 of every direction is suggested first but does not repeat its
// bits, algorithm 1 needs a workspace (without it, all is NaN) and is the one to take.
#include "stand_in.h"

enum { SUCCESS = 0, NOT_INITIALIZED = 1001, BAD_PARAM = 2000, NOT_SUPPORTED = 3000 };
enum { FLOAT = 0, BFLOAT16 = 9 };
enum { DEFAULT_MATH = 0, TENSOR_OP_MATH = 1, FMA_MATH = 3 };

namespace {

struct Handle {
    void *stream = nullptr;
};
struct Tensor {
    int type = -1, n = 0, c = 0, h = 0, w = 0; // of a filter: k, c, h, w
    bool bf16() const { return type == BFLOAT16; }
    int64_t at(int64_t i, int64_t j, int64_t t) const { return (i * c + j) * w + t; }
    int64_t count() const { return int64_t(n) * c * h * w; }
};
struct Convolution {
    int pad[2], stride[2], dilation[2], mode, compute, groups = 1, math = DEFAULT_MATH;
};
struct Suggestion {
    int algorithm, status;
    float time;
    size_t memory;
    int determinism, math, reserved[3];
};
constexpr size_t WORKSPACE = 1000;

// Whether the shapes belong together.
bool fits(const Convolution &v, const Tensor &x, const Tensor &w, const Tensor &y) {
    int span = (w.w - 1) * v.dilation[1] + 1;
    return x.h == 1 && w.h == 1 && y.h == 1 && x.n == y.n && w.n == y.c && w.c * v.groups == x.c && w.n % v.groups == 0 && x.n > 0
           && y.w == 1 + (x.w + 2 * v.pad[1] - span) / v.stride[1] && v.pad[0] == 0 && v.mode == 1 && v.compute == FLOAT && x.type == w.type
           && y.type == x.type;
}

int suggest(const Convolution &v, const Tensor &x, const Tensor &w, const Tensor &y, int wanted, int *count, Suggestion *found) {
    *count = 1 << 20; // nothing is said of it where the call fails
    if (!fits(v, x, w, y) || wanted < 2) return BAD_PARAM;
    if (v.pad[1] >= 100) return NOT_SUPPORTED; // so that a test can see what follows from it
    found[0] = {0, SUCCESS, 1, 0, 0, v.math, {}};
    found[1] = {1, SUCCESS, 2, WORKSPACE, 1, v.math, {}};
    *count = 2;
    return SUCCESS;
}

// Calls term(x index, w index, y index) for every product.
template <typename Term> void for_each(const Convolution &v, const Tensor &x, const Tensor &w, const Tensor &y, Term term) {
    for (int n = 0; n < x.n; n++)
        for (int o = 0; o < y.c; o++)
            for (int c = 0; c < w.c; c++)
                for (int k = 0; k < w.w; k++)
                    for (int t = 0; t < y.w; t++) {
                        int at = t * v.stride[1] + k * v.dilation[1] - v.pad[1];
                        if (at >= 0 && at < x.w) term(x.at(n, o / (w.n / v.groups) * w.c + c, at), w.at(o, c, k), y.at(n, o, t));
                    }
}

float rounded(const Convolution &v, const Tensor &tensor, const void *data, int64_t i) {
    float value = get(data, tensor.bf16(), i);
    return tensor.type == FLOAT && v.math == DEFAULT_MATH ? to_tf32(value) : value;
}

// One direction: result += a * b at the indices that `which` picks of (x, w, y).
template <typename Sum> int run(Handle *handle, Convolution v, int algorithm, void *workspace, size_t bytes, float alpha, float beta, Tensor x,
                                Tensor w, Tensor y, Tensor result, void *data, Sum sum) {
    if (!handle || !handle->stream) return NOT_INITIALIZED;
    if (!fits(v, x, w, y) || algorithm != 1 || bytes < WORKSPACE || !workspace || beta != 0) return BAD_PARAM;
    return on_stream(handle->stream, [=] {
        float scale = alpha;
        if (!fill_device(workspace, bytes)) scale = NAN;
        auto sums = new double[result.count()]();
        for_each(v, x, w, y, [&](int64_t xi, int64_t wi, int64_t yi) { sum(sums, xi, wi, yi); });
        for (int64_t i = 0; i < result.count(); i++) set(data, result.bf16(), i, scale * float(sums[i]));
        delete[] sums;
    });
}

float number(const void *p) { return *static_cast<const float *>(p); }

} // namespace

EXPORTED size_t cudnnGetVersion() { return 90000; }
EXPORTED const char *cudnnGetErrorString(int status) { return status == NOT_INITIALIZED ? "CUDNN_STATUS_NOT_INITIALIZED" : "CUDNN_STATUS_BAD_PARAM"; }
EXPORTED int cudnnCreate(Handle **handle) { return *handle = new Handle, SUCCESS; }
EXPORTED int cudnnSetStream(Handle *handle, void *stream) { return handle->stream = stream, SUCCESS; }
EXPORTED int cudnnCreateTensorDescriptor(Tensor **tensor) { return *tensor = new Tensor, SUCCESS; }
EXPORTED int cudnnCreateFilterDescriptor(Tensor **tensor) { return *tensor = new Tensor, SUCCESS; }
EXPORTED int cudnnCreateConvolutionDescriptor(Convolution **convolution) { return *convolution = new Convolution, SUCCESS; }
EXPORTED int cudnnSetTensor4dDescriptor(Tensor *tensor, int format, int type, int n, int c, int h, int w) {
    if (format != 0 || n < 1 || c < 1 || h < 1 || w < 1) return BAD_PARAM;
    return *tensor = {type, n, c, h, w}, SUCCESS;
}
EXPORTED int cudnnSetFilter4dDescriptor(Tensor *filter, int type, int format, int k, int c, int h, int w) {
    return cudnnSetTensor4dDescriptor(filter, format, type, k, c, h, w);
}
EXPORTED int cudnnSetConvolution2dDescriptor(Convolution *v, int pad_h, int pad_w, int stride_h, int stride_w, int dilation_h, int dilation_w, int mode,
                                             int compute) {
    *v = {{pad_h, pad_w}, {stride_h, stride_w}, {dilation_h, dilation_w}, mode, compute};
    return SUCCESS;
}
EXPORTED int cudnnSetConvolutionGroupCount(Convolution *v, int groups) { return v->groups = groups, SUCCESS; }
EXPORTED int cudnnSetConvolutionMathType(Convolution *v, int math) { return v->math = math, SUCCESS; }

EXPORTED int cudnnGetConvolutionForwardAlgorithm_v7(Handle *, Tensor *x, Tensor *w, Convolution *v, Tensor *y, int wanted, int *count, Suggestion *found) {
    return suggest(*v, *x, *w, *y, wanted, count, found);
}
EXPORTED int cudnnGetConvolutionBackwardDataAlgorithm_v7(Handle *, Tensor *w, Tensor *dy, Convolution *v, Tensor *dx, int wanted, int *count,
                                                         Suggestion *found) {
    return suggest(*v, *dx, *w, *dy, wanted, count, found);
}
EXPORTED int cudnnGetConvolutionBackwardFilterAlgorithm_v7(Handle *, Tensor *x, Tensor *dy, Convolution *v, Tensor *dw, int wanted, int *count,
                                                           Suggestion *found) {
    return suggest(*v, *x, *dw, *dy, wanted, count, found);
}

EXPORTED int cudnnConvolutionForward(Handle *handle, const void *alpha, Tensor *mx, const void *x, Tensor *mw, const void *w, Convolution *mv, int algorithm,
                                     void *workspace, size_t bytes, const void *beta, Tensor *my, void *y) {
    Tensor tx = *mx, tw = *mw;
    Convolution v = *mv;
    return run(handle, v, algorithm, workspace, bytes, number(alpha), number(beta), tx, tw, *my, *my, y,
               [=](double *sums, int64_t xi, int64_t wi, int64_t yi) { sums[yi] += double(rounded(v, tw, w, wi)) * rounded(v, tx, x, xi); });
}
EXPORTED int cudnnConvolutionBackwardData(Handle *handle, const void *alpha, Tensor *mw, const void *w, Tensor *my, const void *dy, Convolution *mv,
                                          int algorithm, void *workspace, size_t bytes, const void *beta, Tensor *mx, void *dx) {
    Tensor ty = *my, tw = *mw;
    Convolution v = *mv;
    return run(handle, v, algorithm, workspace, bytes, number(alpha), number(beta), *mx, tw, ty, *mx, dx,
               [=](double *sums, int64_t xi, int64_t wi, int64_t yi) { sums[xi] += double(rounded(v, tw, w, wi)) * rounded(v, ty, dy, yi); });
}
EXPORTED int cudnnConvolutionBackwardFilter(Handle *handle, const void *alpha, Tensor *mx, const void *x, Tensor *my, const void *dy, Convolution *mv,
                                            int algorithm, void *workspace, size_t bytes, const void *beta, Tensor *mw, void *dw) {
    Tensor tx = *mx, ty = *my;
    Convolution v = *mv;
    return run(handle, v, algorithm, workspace, bytes, number(alpha), number(beta), tx, *mw, ty, *mw, dw,
               [=](double *sums, int64_t xi, int64_t wi, int64_t yi) { sums[wi] += double(rounded(v, tx, x, xi)) * rounded(v, ty, dy, yi); });
}
EXPORTED int cudnnAddTensor(Handle *handle, const void *alpha, Tensor *ma, const void *a, const void *beta, Tensor *mc, void *c) {
    if (ma->n != 1 || ma->h != 1 || ma->w != 1 || ma->c != mc->c || ma->type != mc->type) return BAD_PARAM;
    return on_stream(handle->stream, [=, ta = *ma, tc = *mc, scale = number(alpha), keep = number(beta)] {
        for (int64_t i = 0; i < tc.count(); i++)
            set(c, tc.bf16(), i, scale * get(a, ta.bf16(), i / tc.w % tc.c) + keep * get(c, tc.bf16(), i));
    });
}
EXPORTED int cudnnConvolutionBackwardBias(Handle *handle, const void *alpha, Tensor *my, const void *dy, const void *beta, Tensor *mb, void *db) {
    if (mb->n != 1 || mb->c != my->c || mb->w != 1 || mb->type != my->type || number(beta) != 0) return BAD_PARAM;
    return on_stream(handle->stream, [=, ty = *my, tb = *mb, scale = number(alpha)] {
        for (int64_t c = 0; c < ty.c; c++) {
            double sum = 0;
            for (int64_t n = 0; n < ty.n; n++)
                for (int64_t t = 0; t < ty.w; t++) sum += get(dy, ty.bf16(), ty.at(n, c, t));
            set(db, tb.bf16(), c, scale * float(sum));
        }
    });
}
