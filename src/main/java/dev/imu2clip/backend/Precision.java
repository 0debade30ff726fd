package dev.imu2clip.backend;

import dev.imu2clip.tensor.DType;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What kind of numbers a model computes in: float32, float32 with products in TF32, or bfloat16. */
public enum Precision {
    FP32, TF32, BF16;

    /** The element type of activations and weights. */
    public DType dtype() {
        return this == BF16 ? DType.BF16 : DType.F32;
    }

    /** Those that a backend has. */
    public static List<Precision> of(Backend backend) {
        return Arrays.stream(values()).filter(one -> one == FP32 || backend.computesIn(DType.BF16)).toList();
    }

    /** Makes a backend's float32 products such from here on. */
    public void choose(Backend backend) {
        backend.useTf32(this == TF32);
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
