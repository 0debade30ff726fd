package dev.imu2clip.tensor;

/** Element types of a {@link Tensor}. Kernels compute in float32; the definitions also in float64; the 16-bit types are storage. */
public enum DType {
    F32(4), F64(8), BF16(2), F16(2), I32(4), I64(8), BOOL(1);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Size of one element in bytes. */
    public int bytes() {
        return bytes;
    }

    /** The type of sums and statistics over elements of this one: float64 for float64, else float32. */
    public DType wide() {
        return this == F64 ? F64 : F32;
    }

    public boolean isFloat() {
        return this == F32 || this == F64 || this == BF16 || this == F16;
    }
}
