package dev.imu2clip.io;

import dev.imu2clip.tensor.DType;

/** PyTorch's element types. {@code dtype} is null for one we have no use for: its tensors are checked and cannot be read. */
enum TorchType {
    FLOAT32("FloatStorage", 4, DType.F32), FLOAT64("DoubleStorage", 8, DType.F64), FLOAT16("HalfStorage", 2, DType.F16),
    BFLOAT16("BFloat16Storage", 2, DType.BF16), INT32("IntStorage", 4, DType.I32), INT64("LongStorage", 8, DType.I64),
    BOOL("BoolStorage", 1, DType.BOOL), UINT8("ByteStorage", 1, null), INT8("CharStorage", 1, null), INT16("ShortStorage", 2, null),
    COMPLEX64("ComplexFloatStorage", 8, null), COMPLEX128("ComplexDoubleStorage", 16, null), COMPLEX32("", 4, null), UINT16("", 2, null),
    UINT32("", 4, null), UINT64("", 8, null), FLOAT8_E4M3FN("", 1, null), FLOAT8_E5M2("", 1, null), FLOAT8_E4M3FNUZ("", 1, null),
    FLOAT8_E5M2FNUZ("", 1, null), FLOAT8_E8M0FNU("", 1, null),
    /** A storage of bytes that only its tensors have a type for. */
    UNTYPED("UntypedStorage", 1, null);

    /** Name of the storage's class, where it has one. */
    final String storage;
    final int bytes;
    final DType dtype;

    TorchType(String storage, int bytes, DType dtype) {
        this.storage = storage;
        this.bytes = bytes;
        this.dtype = dtype;
    }

    /** The type of {@code torch.FloatStorage} and its like; null where there is none. */
    static TorchType ofStorage(String global) {
        String name = global.startsWith("torch.storage.") ? global.substring(14) : global.startsWith("torch.") ? global.substring(6) : "";
        for (TorchType type : values()) if (!name.isEmpty() && type.storage.equals(name)) return type;
        return null;
    }

    /** The type of {@code torch.float16} and its like; null where there is none. */
    static TorchType ofDtype(String global) {
        for (TorchType type : values()) if (type != UNTYPED && global.equals("torch." + type)) return type;
        return null;
    }

    static TorchType of(DType dtype) {
        for (TorchType type : values()) if (type.dtype == dtype) return type;
        throw new AssertionError(dtype);
    }

    /** As Python writes it, without {@code torch.} before it. */
    @Override
    public String toString() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
