package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

/**
 * Sums, means and maxima over one axis or all elements. Every tensor is seen as (outer, n, inner) with the axis in the middle.
 *
 * <p>Long sums are made in rounds: each adds runs of at most a fixed length, so that errors stay small, many threads have work, and
 * the result depends neither on their number nor on timing. Sums in between are float32 also where the elements are of 16 bits.
 */
public final class Reduce {
    /** Longest run of one round: contiguous numbers are added in many lanes, rows one after the other. */
    private static final long CONTIGUOUS_RUN = 16384, ROWS_RUN = 256;

    /** y[o, c, i] = scale * sum over r in run c of x[o, r, i] * w[o, r, i], where run c is r from c * run. */
    private static final Kernel SUM = new Kernel("sum",
            "in x, in? w, out y, real scale, size outer, size n, size inner, size run", Reduce::defineSum);

    /** y[o, r, i] = scale * x[o, i] */
    private static final Kernel SUM_BACKWARD = new Kernel("sum_backward",
            "in dy, out dx, real scale, size outer, size n, size inner", a -> {
        Reals dy = a.reals("dy"), dx = a.reals("dx");
        long n = a.size("n"), inner = a.size("inner");
        double scale = a.real("scale");
        for (long o = 0; o < a.size("outer"); o++)
            for (long r = 0; r < n; r++)
                for (long i = 0; i < inner; i++) dx.set((o * n + r) * inner + i, scale * dy.get(o * inner + i));
    });

    private static final Kernel MAX_FORWARD = new Kernel("max_forward",
            "in x, out y, out? i32 index, size outer, size n, size inner", Reduce::defineMax);

    private static final Kernel MAX_BACKWARD = new Kernel("max_backward", "in dy, in i32 index, out dx, size outer, size n, size inner",
            a -> {
        Reals dy = a.reals("dy"), index = a.reals("index"), dx = a.reals("dx");
        long n = a.size("n"), inner = a.size("inner");
        for (long o = 0; o < a.size("outer"); o++)
            for (long r = 0; r < n; r++)
                for (long i = 0; i < inner; i++)
                    dx.set((o * n + r) * inner + i, index.integer(o * inner + i) == r ? dy.get(o * inner + i) : 0);
    });

    private Reduce() {}

    private static void defineSum(Args a) {
        Reals x = a.reals("x"), w = a.reals("w"), y = a.reals("y");
        long n = a.size("n"), inner = a.size("inner"), run = a.size("run"), runs = Math.max(1, (n + run - 1) / run);
        double scale = a.real("scale");
        for (long o = 0; o < a.size("outer"); o++)
            for (long c = 0; c < runs; c++)
                for (long i = 0; i < inner; i++) {
                    double sum = 0;
                    for (long r = c * run; r < Math.min(n, (c + 1) * run); r++) {
                        long at = (o * n + r) * inner + i;
                        sum += w == null ? x.get(at) : x.get(at) * w.get(at);
                    }
                    y.set((o * runs + c) * inner + i, scale * sum);
                }
    }

    /** The first largest; NaN counts as larger than all numbers. */
    private static void defineMax(Args a) {
        Reals x = a.reals("x"), y = a.reals("y"), index = a.reals("index");
        long n = a.size("n"), inner = a.size("inner");
        for (long o = 0; o < a.size("outer"); o++)
            for (long i = 0; i < inner; i++) {
                long best = 0;
                double max = x.get(o * n * inner + i);
                for (long r = 1; r < n; r++) {
                    double value = x.get((o * n + r) * inner + i);
                    if (value > max || Double.isNaN(value) && !Double.isNaN(max)) {
                        max = value;
                        best = r;
                    }
                }
                y.set(o * inner + i, max);
                if (index != null) index.set(o * inner + i, best);
            }
    }

    /** Sum over an axis (negative ones count from the end); {@code keepDims} leaves it with size 1. */
    public static Tensor sum(Tape tape, Tensor x, int axis, boolean keepDims) {
        return scaledSum("sum", tape, x, axis, keepDims, 1);
    }

    /** Mean over an axis; NaN over an empty one. */
    public static Tensor mean(Tape tape, Tensor x, int axis, boolean keepDims) {
        return scaledSum("mean", tape, x, axis, keepDims, 1.0 / x.size(axis));
    }

    /** Sum of all elements, as a scalar of no dimensions. */
    public static Tensor sumAll(Tape tape, Tensor x) {
        return scaledSumAll("sum_all", tape, x, 1);
    }

    /** Mean of all elements, as a scalar of no dimensions. */
    public static Tensor meanAll(Tape tape, Tensor x) {
        return scaledSumAll("mean_all", tape, x, 1.0 / x.count());
    }

    /** Maximum over an axis. The whole gradient goes to the first maximum; a NaN counts as the maximum. */
    public static Tensor max(Tape tape, Tensor x, int axis, boolean keepDims) {
        Require.floats("max", x);
        Axis at = Axis.of(x, axis);
        if (at.n == 0) throw new IllegalArgumentException("max over an empty dimension: shape " + x.shape() + ", axis " + axis);
        Tensor y = tape.empty(x.dtype(), at.reduced(x.shape(), keepDims).sizes());
        Tensor index = tape.watches(x) ? tape.empty(DType.I32, at.outer, at.inner) : null;
        MAX_FORWARD.run(x, y, index, at.outer, at.n, at.inner);
        return tape.record("max", y, (dy, dx) -> MAX_BACKWARD.run(dy, index, dx[0], at.outer, at.n, at.inner), x);
    }

    private static Tensor scaledSum(String op, Tape tape, Tensor x, int axis, boolean keepDims, double scale) {
        Require.floats(op, x);
        Axis at = Axis.of(x, axis);
        Tensor y = tape.empty(x.dtype(), at.reduced(x.shape(), keepDims).sizes());
        sum(tape, x, null, y, scale, at.outer, at.n, at.inner);
        return tape.record(op, y, (dy, dx) -> SUM_BACKWARD.run(dy, dx[0], scale, at.outer, at.n, at.inner), x);
    }

    private static Tensor scaledSumAll(String op, Tape tape, Tensor x, double scale) {
        Require.floats(op, x);
        Tensor y = tape.empty(x.dtype());
        sum(tape, x, null, y, scale, 1, x.count(), 1);
        return tape.record(op, y, (dy, dx) -> SUM_BACKWARD.run(dy, dx[0], scale, 1, x.count(), 1), x);
    }

    /** y (outer, inner) = scale * sum over n of x * w, for x and w (outer, n, inner); w may be null. */
    static void sum(Tape tape, Tensor x, Tensor w, Tensor y, double scale, long outer, long n, long inner) {
        long run = inner == 1 ? CONTIGUOUS_RUN : ROWS_RUN;
        if (n <= run) {
            // Also for n = 0, which leaves one run without terms.
            SUM.run(x, w, y, scale, outer, n, inner, run);
            return;
        }
        long runs = (n + run - 1) / run;
        try (var _ = tape.workspace().scratch()) {
            Tensor partial = tape.empty(x.dtype().wide(), outer, runs, inner);
            SUM.run(x, w, partial, 1, outer, n, inner, run);
            sum(tape, partial, null, y, scale, outer, runs, inner);
        }
    }

    /**
     * The reverse of broadcasting: sums x (times w, of the same shape, where given) over the dimensions along which {@code target} was
     * repeated.
     */
    static void sumTo(Tape tape, Tensor x, Tensor w, Tensor target, double scale) {
        // Dimensions next to each other that are all kept, or all summed, act as one.
        long[] sizes = new long[x.shape().rank()];
        boolean[] summed = new boolean[sizes.length];
        int groups = 0, offset = sizes.length - target.shape().rank();
        for (int i = 0; i < sizes.length; i++) {
            boolean repeated = x.size(i) != (i < offset ? 1 : target.size(i - offset));
            if (x.size(i) == 1) continue;
            if (groups > 0 && summed[groups - 1] == repeated) sizes[groups - 1] *= x.size(i);
            else {
                sizes[groups] = x.size(i);
                summed[groups++] = repeated;
            }
        }
        sumGroups(tape, x, w, target, scale, sizes, summed, groups);
    }

    /** Sums the innermost of the summed groups, then the rest: the first pass reads everything, the others little. */
    private static void sumGroups(Tape tape, Tensor x, Tensor w, Tensor target, double scale, long[] sizes, boolean[] summed, int groups) {
        int last = -1, more = 0;
        for (int g = 0; g < groups; g++)
            if (summed[g]) {
                last = g;
                more++;
            }
        if (last < 0) {
            sum(tape, x, w, target, scale, 1, 1, x.count());
            return;
        }
        Shape shape = Shape.of(sizes);
        long outer = shape.count(0, last), n = sizes[last], inner = shape.count(last + 1, groups);
        if (more == 1) {
            sum(tape, x, w, target, scale, outer, n, inner);
            return;
        }
        long[] rest = sizes.clone();
        boolean[] still = summed.clone();
        rest[last] = 1;
        still[last] = false;
        try (var _ = tape.workspace().scratch()) {
            Tensor partial = tape.empty(x.dtype().wide(), outer * inner);
            sum(tape, x, w, partial, 1, outer, n, inner);
            sumGroups(tape, partial, null, target, scale, rest, still, groups);
        }
    }

    /** A tensor as (outer, n, inner) around an axis. */
    record Axis(int axis, long outer, long n, long inner) {
        static Axis of(Tensor x, int axis) {
            Shape shape = x.shape();
            int at = shape.axis(axis);
            return new Axis(at, shape.count(0, at), shape.size(at), shape.count(at + 1, shape.rank()));
        }

        Shape reduced(Shape shape, boolean keepDims) {
            return keepDims ? shape.with(axis, 1) : shape.without(axis);
        }
    }
}
