package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

/**
 * Convolution over time (cross-correlation, as PyTorch's {@code conv1d}):
 * {@code y[n][o][t] = bias[o] + sum over c, k of w[o][c][k] * x[n][group(o), c][stride * t + dilation * k - padding]}.
 */
public final class Conv1d {
    private static final String SIZES = ", size n, size c, size l, size o, size k, size lout, "
            + "size stride, size padding, size dilation, size groups";

    private static final Kernel FORWARD = new Kernel("conv1d_forward", "in x, in w, in? bias, out y" + SIZES, a -> {
        Reals x = a.reals("x"), w = a.reals("w"), bias = a.reals("bias"), y = a.reals("y");
        long o = a.size("o"), lout = a.size("lout");
        double[] sums = new double[Math.toIntExact(a.size("n") * o * lout)];
        if (bias != null) for (int i = 0; i < sums.length; i++) sums[i] = bias.get(i / lout % o);
        forEachTerm(a, (xi, wi, yi) -> sums[(int) yi] += w.get(wi) * x.get(xi));
        for (int i = 0; i < sums.length; i++) y.set(i, sums[i]);
    });

    private static final Kernel BACKWARD_INPUT = new Kernel("conv1d_backward_input", "in dy, in w, out dx" + SIZES, a -> {
        Reals dy = a.reals("dy"), w = a.reals("w"), dx = a.reals("dx");
        double[] sums = new double[Math.toIntExact(a.size("n") * a.size("c") * a.size("l"))];
        forEachTerm(a, (xi, wi, yi) -> sums[(int) xi] += w.get(wi) * dy.get(yi));
        for (int i = 0; i < sums.length; i++) dx.set(i, sums[i]);
    });

    private static final Kernel BACKWARD_WEIGHT = new Kernel("conv1d_backward_weight", "in x, in dy, out wide dw, out? wide db" + SIZES, a -> {
        Reals x = a.reals("x"), dy = a.reals("dy"), dw = a.reals("dw"), db = a.reals("db");
        double[] sums = new double[Math.toIntExact(a.size("o") * (a.size("c") / a.size("groups")) * a.size("k"))];
        forEachTerm(a, (xi, wi, yi) -> sums[(int) wi] += dy.get(yi) * x.get(xi));
        for (int i = 0; i < sums.length; i++) dw.set(i, sums[i]);
        if (db == null) return;
        long batch = a.size("n"), o = a.size("o"), lout = a.size("lout");
        for (long channel = 0; channel < o; channel++) {
            double sum = 0;
            for (long n = 0; n < batch; n++) for (long t = 0; t < lout; t++) sum += dy.get((n * o + channel) * lout + t);
            db.set(channel, sum);
        }
    });

    private Conv1d() {}

    /** Convolution with stride 1, no padding and no bias. */
    public static Tensor conv1d(Tape tape, Tensor x, Tensor w, int dilation) {
        return conv1d(tape, x, w, null, 1, 0, dilation, 1);
    }

    /**
     * Convolution over time; differentiates in x, w and bias.
     *
     * @param x input (N, C, L)
     * @param w weights (O, C / groups, K)
     * @param bias (O), or null
     * @param padding zeros on each side
     * @return (N, O, (L + 2 padding - dilation (K - 1) - 1) / stride + 1), rounded down
     * @throws IllegalArgumentException for shapes that do not fit, numbers out of range, or a kernel longer than the padded input
     */
    public static Tensor conv1d(Tape tape, Tensor x, Tensor w, Tensor bias, int stride, int padding, int dilation, int groups) {
        if (x.shape().rank() != 3 || w.shape().rank() != 3)
            throw new IllegalArgumentException("conv1d needs an input (N, C, L) and weights (O, C / groups, K), got "
                    + x.shape() + " and " + w.shape());
        if (stride < 1 || padding < 0 || dilation < 1 || groups < 1)
            throw new IllegalArgumentException("conv1d: stride, dilation and groups must be at least 1 and padding at least 0, got stride "
                    + stride + ", padding " + padding + ", dilation " + dilation + ", groups " + groups);
        long n = x.size(0), c = x.size(1), l = x.size(2), o = w.size(0), k = w.size(2);
        if (c < 1 || o < 1 || c % groups != 0 || o % groups != 0 || w.size(1) != c / groups)
            throw new IllegalArgumentException("conv1d: input " + x.shape() + " with " + groups + " groups needs weights (O, "
                    + (double) c / groups + ", K) with C and O at least 1 and O a multiple of the groups, got "
                    + w.shape());
        if (bias != null && (bias.shape().rank() != 1 || bias.count() != o))
            throw new IllegalArgumentException("conv1d: weights " + w.shape() + " need a bias (" + o + ",), got " + bias.shape());
        long reach = Math.multiplyExact(dilation, k - 1) + 1, lout = (l + 2L * padding - reach) / stride + 1;
        if (k < 1 || l + 2L * padding < reach)
            throw new IllegalArgumentException("conv1d: a kernel of " + k + " with dilation " + dilation + " spans " + reach
                    + " steps, the input has " + l + " and " + 2L * padding + " of padding");
        Tensor y = tape.empty(x.dtype(), n, o, lout);
        FORWARD.run(x, w, bias, y, n, c, l, o, k, lout, stride, padding, dilation, groups);
        return tape.record("conv1d", y, (dy, dx) -> {
            if (dx[0] != null) BACKWARD_INPUT.run(dy, w, dx[0], n, c, l, o, k, lout, stride, padding, dilation, groups);
            if (dx[1] != null || dx[2] != null)
                BACKWARD_WEIGHT.run(x, dy, dx[1] != null ? dx[1] : tape.empty(w.dtype().wide(), w.shape().sizes()), dx[2], n, c, l, o, k, lout, stride, padding, dilation,
                        groups);
        }, new Tensor[] {x}, w, bias);
    }

    private interface Term {
        void at(long x, long w, long y);
    }

    /** Every product of the sum: the flat indices of its input, weight and output. */
    private static void forEachTerm(Args a, Term term) {
        long n = a.size("n"), c = a.size("c"), l = a.size("l"), o = a.size("o"), k = a.size("k"), lout = a.size("lout");
        long stride = a.size("stride"), padding = a.size("padding"), dilation = a.size("dilation"), groups = a.size("groups");
        long inputs = c / groups, outputs = o / groups;
        for (long ni = 0; ni < n; ni++) for (long oi = 0; oi < o; oi++) for (long ci = 0; ci < inputs; ci++) {
            long xRow = (ni * c + oi / outputs * inputs + ci) * l, wRow = (oi * inputs + ci) * k, yRow = (ni * o + oi) * lout;
            for (long ki = 0; ki < k; ki++) for (long t = 0; t < lout; t++) {
                long at = stride * t + dilation * ki - padding;
                if (at >= 0 && at < l) term.at(xRow + at, wRow + ki, yRow + t);
            }
        }
    }
}
