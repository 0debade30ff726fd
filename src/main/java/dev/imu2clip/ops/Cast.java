package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/**
 * Conversion between floating-point types: to nearest, ties to even; what is too large becomes infinity; NaN stays NaN. Float64 goes to the
 * 16-bit types by way of float32. The gradient is converted back.
 */
public final class Cast {
    private static final Kernel CAST = new Kernel("cast", "in x, out y, size n", a -> {
        Reals x = a.reals("x"), y = a.reals("y");
        for (long i = 0, n = a.size("n"); i < n; i++) y.set(i, x.get(i));
    });

    private Cast() {}

    /** Converts outside of the tape: y of x's count gets its elements in y's type. */
    public static void convert(Tensor x, Tensor y) {
        if (x.count() != y.count()) throw new IllegalArgumentException("cannot convert " + x + " into " + y);
        CAST.run(x, y, x.count());
    }

    /** x as {@code dtype}; x itself where it already is. */
    public static Tensor cast(Tape tape, Tensor x, DType dtype) {
        Require.floats("cast", x);
        if (!dtype.isFloat()) throw new IllegalArgumentException("cast is to floating-point types, not to " + dtype);
        if (x.dtype() == dtype) return x;
        Tensor y = tape.empty(dtype, x.shape().sizes());
        CAST.run(x, y, x.count());
        return tape.record("cast", y, (dy, dx) -> CAST.run(dy, dx[0], x.count()), x);
    }
}
