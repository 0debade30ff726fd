package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.util.function.LongFunction;

/** Pooling over the last dimension of (N, C, L): a maximum or a mean of windows, with PyTorch's rules at the edges. */
public final class Pool1d {
    private static final String MAX_SIZES = ", size rows, size l, size lout, size kernel, size stride, size padding, size dilation";
    private static final String AVG_SIZES = ", size rows, size l, size lout, size kernel, size stride, size padding, size count_padding";

    private static final Kernel MAX_FORWARD = new Kernel("max_pool1d_forward", "in x, out y, out? i32 index" + MAX_SIZES, a -> {
        Reals x = a.reals("x"), y = a.reals("y"), index = a.reals("index");
        long l = a.size("l"), lout = a.size("lout"), outputs = a.size("rows") * lout;
        long kernel = a.size("kernel"), stride = a.size("stride"), padding = a.size("padding"), dilation = a.size("dilation");
        for (long out = 0; out < outputs; out++) {
            double best = Double.NEGATIVE_INFINITY;
            long at = -1, row = out / lout * l;
            for (long k = 0; k < kernel; k++) {
                long i = out % lout * stride + k * dilation - padding;
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
        long l = a.size("l"), lout = a.size("lout"), rows = a.size("rows");
        for (long i = 0; i < rows * l; i++) dx.set(i, 0);
        for (long out = 0; out < rows * lout; out++)
            if (index.integer(out) >= 0) dx.add(out / lout * l + index.integer(out), dy.get(out));
    });

    private static final Kernel AVG_FORWARD = new Kernel("avg_pool1d_forward", "in x, out y" + AVG_SIZES,
            a -> means(a, windows(a)));
    private static final Kernel AVG_BACKWARD = new Kernel("avg_pool1d_backward", "in dy, out dx" + AVG_SIZES,
            a -> spread(a, windows(a)));

    private static final Kernel ADAPTIVE_FORWARD = new Kernel("adaptive_avg_pool1d_forward",
            "in x, out y, size rows, size l, size lout",
            a -> means(a, bins(a)));
    private static final Kernel ADAPTIVE_BACKWARD = new Kernel("adaptive_avg_pool1d_backward",
            "in dy, out dx, size rows, size l, size lout",
            a -> spread(a, bins(a)));

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
     * @throws IllegalArgumentException for another rank, numbers out of range, or a window longer than the padded input
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
     * @return (N, C, (L + 2 padding - kernel) / stride + 1), rounded down
     * @throws IllegalArgumentException for another rank, numbers out of range, or a window longer than the padded input
     */
    public static Tensor avgPool(Tape tape, Tensor x, int kernel, int stride, int padding, boolean countIncludePad) {
        long lout = outputLength("avgPool", x, kernel, stride, padding, 1), l = x.size(2), rows = x.size(0) * x.size(1);
        Tensor y = tape.empty(x.dtype(), x.size(0), x.size(1), lout);
        AVG_FORWARD.run(x, y, rows, l, lout, kernel, stride, padding, countIncludePad);
        return tape.record("avg_pool1d", y,
                (dy, dx) -> AVG_BACKWARD.run(dy, dx[0], rows, l, lout, kernel, stride, padding, countIncludePad), x);
    }

    /**
     * Means of {@code outputLength} bins; bin u is [floor(u L / outputLength), ceil((u + 1) L / outputLength)), so bins may overlap.
     *
     * @param x (N, C, L), L at least 1
     * @return (N, C, outputLength)
     */
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

    /** What window u takes the mean of: elements {@code from} to {@code to}, their sum divided by {@code divisor}. */
    private record Window(long from, long to, long divisor) {}

    private static LongFunction<Window> windows(Args a) {
        long l = a.size("l"), kernel = a.size("kernel"), stride = a.size("stride"), padding = a.size("padding");
        boolean countPadding = a.flag("count_padding");
        return u -> {
            long start = u * stride - padding, from = Math.max(0, start), to = Math.min(l, start + kernel);
            return new Window(from, to, countPadding ? kernel : to - from);
        };
    }

    private static LongFunction<Window> bins(Args a) {
        long l = a.size("l"), lout = a.size("lout");
        return u -> {
            long from = u * l / lout, to = Math.ceilDiv((u + 1) * l, lout);
            return new Window(from, to, to - from);
        };
    }

    private static void means(Args a, LongFunction<Window> windows) {
        Reals x = a.reals("x"), y = a.reals("y");
        long l = a.size("l"), lout = a.size("lout"), outputs = a.size("rows") * lout;
        for (long out = 0; out < outputs; out++) {
            Window window = windows.apply(out % lout);
            double sum = 0;
            for (long i = window.from; i < window.to; i++) sum += x.get(out / lout * l + i);
            y.set(out, sum / window.divisor);
        }
    }

    private static void spread(Args a, LongFunction<Window> windows) {
        Reals dy = a.reals("dy"), dx = a.reals("dx");
        long l = a.size("l"), lout = a.size("lout"), rows = a.size("rows");
        for (long i = 0; i < rows * l; i++) dx.set(i, 0);
        for (long out = 0; out < rows * lout; out++) {
            Window window = windows.apply(out % lout);
            for (long i = window.from; i < window.to; i++) dx.add(out / lout * l + i, dy.get(out) / window.divisor);
        }
    }
}
