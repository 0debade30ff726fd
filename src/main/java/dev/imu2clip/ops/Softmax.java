package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/** Softmax over the last axis and its logarithm. The row's maximum is taken off first, so that no exponential overflows. */
public final class Softmax {
    private static final Kernel FORWARD = new Kernel("softmax_forward",
            "in x, out y, size rows, size columns", a -> defineForward(a, false));
    private static final Kernel LOG_FORWARD = new Kernel("log_softmax_forward",
            "in x, out y, size rows, size columns", a -> defineForward(a, true));

    /** dx = y (dy - sum(dy y)) */
    private static final Kernel BACKWARD = new Kernel("softmax_backward", "in y, in dy, out dx, size rows, size columns", a -> {
        Reals y = a.reals("y"), dy = a.reals("dy"), dx = a.reals("dx");
        long columns = a.size("columns");
        for (long first = 0; first < a.size("rows") * columns; first += columns) {
            double dot = 0;
            for (long i = first; i < first + columns; i++) dot += dy.get(i) * y.get(i);
            for (long i = first; i < first + columns; i++) dx.set(i, y.get(i) * (dy.get(i) - dot));
        }
    });

    /** dx = dy - exp(y) sum(dy) */
    private static final Kernel LOG_BACKWARD = new Kernel("log_softmax_backward", "in y, in dy, out dx, size rows, size columns", a -> {
        Reals y = a.reals("y"), dy = a.reals("dy"), dx = a.reals("dx");
        long columns = a.size("columns");
        for (long first = 0; first < a.size("rows") * columns; first += columns) {
            double sum = 0;
            for (long i = first; i < first + columns; i++) sum += dy.get(i);
            for (long i = first; i < first + columns; i++) dx.set(i, dy.get(i) - Math.exp(y.get(i)) * sum);
        }
    });

    private Softmax() {}

    private static void defineForward(Args a, boolean log) {
        Reals x = a.reals("x"), y = a.reals("y");
        long columns = a.size("columns");
        for (long first = 0; first < a.size("rows") * columns; first += columns) {
            double max = max(x, first, columns), logSum = logSum(x, first, columns, max);
            for (long i = first; i < first + columns; i++) {
                double logarithm = x.get(i) - max - logSum;
                y.set(i, log ? logarithm : Math.exp(logarithm));
            }
        }
    }

    /** ln(sum(exp(x - max))) over {@code count} elements from {@code first}. */
    static double logSum(Reals x, long first, long count, double max) {
        double sum = 0;
        for (long i = first; i < first + count; i++) sum += Math.exp(x.get(i) - max);
        return Math.log(sum);
    }

    static double max(Reals x, long first, long count) {
        double max = Double.NEGATIVE_INFINITY;
        for (long i = first; i < first + count; i++) max = Math.max(max, x.get(i));
        return max;
    }

    /**
     * {@code exp(x) / sum(exp(x))} over the last axis; a row with a NaN, or of minus infinities alone, is NaN throughout.
     *
     * @param x (..., C), floating-point
     * @return the shape of x
     */
    public static Tensor softmax(Tape tape, Tensor x) {
        return apply("softmax", tape, x, FORWARD, BACKWARD);
    }

    /**
     * {@code x - log(sum(exp(x)))} over the last axis, exact where the softmax would be rounded to 0.
     *
     * @param x (..., C), floating-point
     * @return the shape of x
     */
    public static Tensor logSoftmax(Tape tape, Tensor x) {
        return apply("log_softmax", tape, x, LOG_FORWARD, LOG_BACKWARD);
    }

    private static Tensor apply(String op, Tape tape, Tensor x, Kernel forward, Kernel backward) {
        Require.floats(op, x);
        long columns = x.size(-1), rows = columns == 0 ? 0 : x.count() / columns;
        Tensor y = tape.like(x);
        forward.run(x, y, rows, columns);
        return tape.record(op, y, (dy, dx) -> backward.run(y, dy, dx[0], rows, columns), x);
    }
}
