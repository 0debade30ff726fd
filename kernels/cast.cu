// Conversion between floating-point types: to nearest, ties to even; float64 goes by way of float32.
#include "elements.cuh"

using f32 = float;
using f64 = double;

// IEEE half precision, in plain bit operations.
struct alignas(2) f16 {
    uint16_t bits;

    f16() = default;
    __device__ explicit f16(float x) {
        uint32_t u = __float_as_uint(x), magnitude = u & 0x7fffffff, half;
        if (magnitude > 0x7f800000) half = (magnitude >> 13 & 0x3ff) | 0x7e00; // NaN
        else if (magnitude >= 0x477ff000) half = 0x7c00; // 65520 and more
        // Below 2^-14: adding 0.5 makes the float unit round at 2^-24, the unit of denormals.
        else if (magnitude < 0x38800000) half = __float_as_uint(__uint_as_float(magnitude) + 0.5f) - 0x3f000000;
        // Rebias the exponent and round the 13 bits that go; a carry into the exponent is right.
        else half = (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13;
        bits = uint16_t(half | (u >> 16 & 0x8000));
    }
    __device__ operator float() const {
        uint32_t sign = uint32_t(bits & 0x8000) << 16, magnitude = uint32_t(bits & 0x7fff) << 13;
        // The exponent moves from bias 15 to 127 by a multiplication, which also makes denormals normal.
        uint32_t finite = __float_as_uint(__uint_as_float(magnitude) * 0x1p112f);
        return __uint_as_float(sign | (magnitude >= 0x0f800000 ? magnitude | 0x7f800000 : finite));
    }
};

template <typename X, typename Y> struct cast_args {
    const X *x;
    Y *y;
    int64_t n;
};
// launch cast: cast<<<ceil(n, 1024), 256>>>
template <typename X, typename Y> __device__ void cast(const cast_args<X, Y> &a) {
    ELEMENTS(i, a.n) a.y[i] = Y(float(a.x[i]));
}
__device__ void cast(const cast_args<float, bf16> &a) {
    map(a.x, a.y, a.n, [](float x) { return x; });
}
__device__ void cast(const cast_args<bf16, float> &a) {
    map(a.x, a.y, a.n, [](float x) { return x; });
}

#define CAST(from, to)                                     \
    using cast_##from##_##to##_args = cast_args<from, to>; \
    EXPORT_AS(cast_##from##_##to, cast_##from##_##to##_args, 256, cast(a))

CAST(f32, bf16)
CAST(f32, f16)
CAST(f32, f64)
CAST(bf16, f32)
CAST(bf16, f16)
CAST(bf16, f64)
CAST(f16, f32)
CAST(f16, bf16)
CAST(f16, f64)
CAST(f64, f32)
CAST(f64, bf16)
CAST(f64, f16)
