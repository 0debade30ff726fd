package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/** Pooling over the last dimension of (N, C, L): a maximum or a mean of windows, with PyTorch's rules at the edges. */
public final class Pool1d {
    private static final String MAX_SIZES = ", size rows, size l, size lout, size kernel, size stride, size padding, size dilation";
    private static final String AVG_SIZES = ", size rows, size l, size lout, size kernel, size stride, size padding, size count_padding";

    private static final Kernel MAX_FORWARD = new Kernel("max_pool1d_forward", "in x, out y, out? i32 index" + MAX_SIZES, a -> {
        Reals x = a.reals("x"), y = a.reals("y"), index = a.reals("index");
        long l = a.size("l"), lout = a.size("lout");
        for (long out = 0; out < a.size("rows") * lout; out++) {
            double best = Double.NEGATIVE_INFINITY;
            long at = -1, row = out / lout * l;
            for (long k = 0; k < a.size("kernel"); k++) {
                long i = out % lout * a.size("stride") + k * a.size("dilation") - a.size("padding");
                if (i < 0 || i >= l) continue;
                double value = x.get(row + i);
                if (at < 0 || value > best || Double.isNaN(value)) {
                    best = value;
                    at = i;
                }
            }
            y.set(out, best);
            if (index != null) index.set(out, at);
        }
    });

    private static final Kernel MAX_BACKWARD = new Kernel("max_pool1d_backward", "in dy, in i32 index, out dx" + MAX_SIZES, a -> {
        Reals dy = a.reals("dy"), index = a.reals("index"), dx = a.reals("dx");
        long l = a.size("l"), lout = a.size("lout");
        for (long i = 0; i < a.size("rows") * l; i++) dx.set(i, 0);
        for (long out = 0; out < a.size("rows") * lout; out++)
            if (index.integer(out) >= 0) dx.add(out / lout * l + index.integer(out), dy.get(out));
    });

    private static final Kernel AVG_FORWARD = new Kernel("avg_pool1d_forward", "in x, out y" + AVG_SIZES,
            a -> means(a, u -> from(a, u), u -> to(a, u), u -> divisor(a, u)));
    private static final Kernel AVG_BACKWARD = new Kernel("avg_pool1d_backward", "in dy, out dx" + AVG_SIZES,
            a -> spread(a, u -> from(a, u), u -> to(a, u), u -> divisor(a, u)));

    private static final Kernel ADAPTIVE_FORWARD = new Kernel("adaptive_avg_pool1d_forward",
            "in x, out y, size rows, size l, size lout",
            a -> means(a, u -> binFrom(a, u), u -> binTo(a, u), u -> binTo(a, u) - binFrom(a, u)));
    private static final Kernel ADAPTIVE_BACKWARD = new Kernel("adaptive_avg_pool1d_backward",
            "in dy, out dx, size rows, size l, size lout",
            a -> spread(a, u -> binFrom(a, u), u -> binTo(a, u), u -> binTo(a, u) - binFrom(a, u)));

    private Pool1d() {}

    /** Maxima of windows that lie side by side: {@code maxPool(x, kernel, kernel, 0, 1)}. */
    public static Tensor maxPool(Tape tape, Tensor x, int kernel) {
        return maxPool(tape, x, kernel, kernel, 0, 1);
    }

    /**
     * Maxima of windows; padding counts as minus infinity, NaN wins, and of equal elements the first gets the gradient.
     *
     * @param x (N, C, L)
     * @param padding at most half the kernel
     * @return (N, C, (L + 2 padding - dilation (kernel - 1) - 1) / stride + 1), rounded down
     */
    public static Tensor maxPool(Tape tape, Tensor x, int kernel, int stride, int padding, int dilation) {
        long lout = outputLength("maxPool", x, kernel, stride, padding, dilation), l = x.size(2), rows = x.size(0) * x.size(1);
        Tensor y = tape.empty(x.dtype(), x.size(0), x.size(1), lout);
        Tensor index = tape.watches(x) ? tape.empty(DType.I32, x.size(0), x.size(1), lout) : null;
        MAX_FORWARD.run(x, y, index, rows, l, lout, kernel, stride, padding, dilation);
        return tape.record("max_pool1d", y,
                (dy, dx) -> MAX_BACKWARD.run(dy, index, dx[0], rows, l, lout, kernel, stride, padding, dilation), x);
    }

    /**
     * Means of windows.
     *
     * @param x (N, C, L)
     * @param padding zeros on each side, at most half the kernel
     * @param countIncludePad whether padding counts in the divisor
     */
    public static Tensor avgPool(Tape tape, Tensor x, int kernel, int stride, int padding, boolean countIncludePad) {
        long lout = outputLength("avgPool", x, kernel, stride, padding, 1), l = x.size(2), rows = x.size(0) * x.size(1);
        Tensor y = tape.empty(x.dtype(), x.size(0), x.size(1), lout);
        AVG_FORWARD.run(x, y, rows, l, lout, kernel, stride, padding, countIncludePad);
        return tape.record("avg_pool1d", y,
                (dy, dx) -> AVG_BACKWARD.run(dy, dx[0], rows, l, lout, kernel, stride, padding, countIncludePad), x);
    }

    /** Means of {@code outputLength} bins; bin u is [floor(u L / outputLength), ceil((u + 1) L / outputLength)), so bins may overlap. */
    public static Tensor adaptiveAvgPool(Tape tape, Tensor x, int outputLength) {
        if (x.shape().rank() != 3 || x.size(2) < 1 || outputLength < 1)
            throw new IllegalArgumentException("adaptiveAvgPool needs an input (N, C, L) and an output length of at least 1, got "
                    + x.shape() + " and " + outputLength);
        long l = x.size(2), rows = x.size(0) * x.size(1);
        Tensor y = tape.empty(x.dtype(), x.size(0), x.size(1), outputLength);
        ADAPTIVE_FORWARD.run(x, y, rows, l, outputLength);
        return tape.record("adaptive_avg_pool1d", y, (dy, dx) -> ADAPTIVE_BACKWARD.run(dy, dx[0], rows, l, outputLength), x);
    }

    private static long outputLength(String op, Tensor x, int kernel, int stride, int padding, int dilation) {
        if (x.shape().rank() != 3) throw new IllegalArgumentException(op + " needs an input (N, C, L), got " + x.shape());
        if (kernel < 1 || stride < 1 || dilation < 1 || padding < 0 || padding > kernel / 2)
            throw new IllegalArgumentException(op + ": kernel, stride and dilation must be at least 1 and padding at most half the kernel, "
                    + "got kernel " + kernel + ", stride " + stride + ", dilation " + dilation + ", padding " + padding);
        long free = x.size(2) + 2L * padding - dilation * (kernel - 1L) - 1;
        if (free < 0)
            throw new IllegalArgumentException(op + ": a window of " + kernel + " does not fit into the " + x.size(2) + " steps of "
                    + x.shape());
        return free / stride + 1;
    }

    // ---- definitions: window u of a row ----

    private interface Window {
        long of(long u);
    }

    private static long start(Args a, long u) {
        return u * a.size("stride") - a.size("padding");
    }

    private static long from(Args a, long u) {
        return Math.max(0, start(a, u));
    }

    private static long to(Args a, long u) {
        return Math.min(a.size("l"), start(a, u) + a.size("kernel"));
    }

    private static long divisor(Args a, long u) {
        return a.flag("count_padding") ? a.size("kernel") : to(a, u) - from(a, u);
    }

    private static long binFrom(Args a, long u) {
        return u * a.size("l") / a.size("lout");
    }

    private static long binTo(Args a, long u) {
        return Math.ceilDiv((u + 1) * a.size("l"), a.size("lout"));
    }

    private static void means(Args a, Window from, Window to, Window divisor) {
        Reals x = a.reals("x"), y = a.reals("y");
        long l = a.size("l"), lout = a.size("lout");
        for (long out = 0; out < a.size("rows") * lout; out++) {
            double sum = 0;
            for (long i = from.of(out % lout); i < to.of(out % lout); i++) sum += x.get(out / lout * l + i);
            y.set(out, sum / divisor.of(out % lout));
        }
    }

    private static void spread(Args a, Window from, Window to, Window divisor) {
        Reals dy = a.reals("dy"), dx = a.reals("dx");
        long l = a.size("l"), lout = a.size("lout");
        for (long i = 0; i < a.size("rows") * l; i++) dx.set(i, 0);
        for (long out = 0; out < a.size("rows") * lout; out++)
            for (long i = from.of(out % lout); i < to.of(out % lout); i++)
                dx.add(out / lout * l + i, dy.get(out) / divisor.of(out % lout));
    }
}
