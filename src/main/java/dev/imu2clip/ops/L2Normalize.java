package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/** Scales rows along the last axis to length 1: {@code y = x / max(|x|, eps)}, so that a row of zeros stays zeros. */
public final class L2Normalize {
    /** The bound on the length that PyTorch's {@code functional.normalize} has. */
    public static final double EPS = 1e-12;

    private static final Kernel FORWARD = new Kernel("l2_normalize_forward",
            "in x, out y, out wide norm, real eps, size rows, size columns", a -> {
        Reals x = a.reals("x"), y = a.reals("y"), norm = a.reals("norm");
        long columns = a.size("columns");
        double eps = a.real("eps");
        for (long r = 0, rows = a.size("rows"); r < rows; r++) {
            double sum = 0;
            for (long i = r * columns; i < (r + 1) * columns; i++) sum += x.get(i) * x.get(i);
            norm.set(r, Math.sqrt(sum));
            for (long i = r * columns; i < (r + 1) * columns; i++) y.set(i, x.get(i) / Math.max(Math.sqrt(sum), eps));
        }
    });

    /** dx = (dy - y sum(dy y)) / |x|; below eps, where the divisor is constant, dx = dy / eps. */
    private static final Kernel BACKWARD = new Kernel("l2_normalize_backward",
            "in y, in wide norm, in dy, out dx, real eps, size rows, size columns", a -> {
        Reals y = a.reals("y"), norm = a.reals("norm"), dy = a.reals("dy"), dx = a.reals("dx");
        long columns = a.size("columns");
        double eps = a.real("eps");
        for (long r = 0, rows = a.size("rows"); r < rows; r++) {
            double dot = 0, divisor = Math.max(norm.get(r), eps);
            if (!(norm.get(r) < eps))
                for (long i = r * columns; i < (r + 1) * columns; i++) dot += dy.get(i) * y.get(i);
            for (long i = r * columns; i < (r + 1) * columns; i++) dx.set(i, (dy.get(i) - y.get(i) * dot) / divisor);
        }
    });

    private L2Normalize() {}

    /**
     * Rows of length 1; differentiates in x. A NaN anywhere in a row makes the whole row NaN.
     *
     * @param x (..., D), floating-point
     * @return the shape of x
     */
    public static Tensor l2Normalize(Tape tape, Tensor x) {
        Require.floats("l2Normalize", x);
        long columns = x.size(-1), rows = columns == 0 ? 0 : x.count() / columns;
        Tensor y = tape.like(x), norm = tape.empty(x.dtype().wide(), rows);
        FORWARD.run(x, y, norm, EPS, rows, columns);
        return tape.record("l2_normalize", y, (dy, dx) -> BACKWARD.run(y, norm, dy, dx[0], EPS, rows, columns), x);
    }
}
