package dev.imu2clip.ops;

import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

/** Checks of ops' arguments; each failure says what was expected and what came. */
final class Require {
    private Require() {}

    static void floats(String op, Tensor... tensors) {
        for (Tensor x : tensors)
            if (!x.dtype().isFloat())
                throw new IllegalArgumentException(op + " needs a floating-point tensor, got " + x.dtype() + " " + x.shape());
    }

    static void sameType(String op, Tensor a, Tensor b) {
        if (a.dtype() != b.dtype())
            throw new IllegalArgumentException(op + " needs two tensors of one type, got " + a.dtype() + " and " + b.dtype()
                    + ": cast one of them");
    }

    static void shape(String op, String what, Tensor tensor, Shape expected) {
        if (!tensor.shape().equals(expected))
            throw new IllegalArgumentException(op + ": " + what + " must have shape " + expected + ", has " + tensor.shape());
    }

    static void rank(String op, String what, Tensor tensor, int rank) {
        if (tensor.shape().rank() != rank)
            throw new IllegalArgumentException(op + ": " + what + " must have " + rank + " dimensions, has shape " + tensor.shape());
    }

    /**
     * Indices must lie in [0, limit), or be {@code ignored}. Their values are looked at on host devices only: elsewhere that would
     * wait for the device, and the kernels there must cope.
     */
    static void indices(String op, Tensor indices, long limit, long ignored) {
        if (indices.dtype() != DType.I32 && indices.dtype() != DType.I64)
            throw new IllegalArgumentException(op + " needs I32 or I64 indices, got " + indices.dtype());
        if (!(indices.device() instanceof HostBackend)) return;
        Reals values = Reals.of(indices.segment(), indices.dtype());
        for (long i = 0, n = indices.count(); i < n; i++) {
            long value = values.integer(i);
            if ((value < 0 || value >= limit) && value != ignored)
                throw new IllegalArgumentException(op + ": index " + value + " at position " + i + " is outside of [0, " + limit + ")");
        }
    }

    static void indices(String op, Tensor indices, long limit) {
        indices(op, indices, limit, 0);
        if (limit == 0 && indices.count() > 0)
            throw new IllegalArgumentException(op + ": there is nothing to index, the dimension is empty");
    }
}
