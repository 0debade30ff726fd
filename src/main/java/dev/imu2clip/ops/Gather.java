package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;

import java.util.Arrays;

/**
 * Picking by index: rows of a table (an embedding), or slices along any axis. x is seen as (outer, n, inner) with the indexed axis in the
 * middle; indices are I32 or I64 ({@code index_bytes}) in [0, n). Where an index occurs several times the gradients add up in order.
 * Indices are checked where the host sees them; on other devices one outside picks NaN, and its gradient goes nowhere.
 */
public final class Gather {
    private static final Kernel FORWARD = new Kernel("gather_forward",
            "in x, in ints index, out y, size outer, size n, size inner, size count, size index_bytes", Gather::defineForward);
    private static final Kernel BACKWARD = new Kernel("gather_backward",
            "in dy, in ints index, out dx, size outer, size n, size inner, size count, size index_bytes", Gather::defineBackward);

    private Gather() {}

    private static void defineForward(Args a) {
        Reals x = a.reals("x"), index = a.reals("index"), y = a.reals("y");
        long n = a.size("n"), inner = a.size("inner"), count = a.size("count");
        for (long o = 0; o < a.size("outer"); o++)
            for (long k = 0; k < count; k++)
                for (long i = 0; i < inner; i++) y.set((o * count + k) * inner + i, x.get((o * n + index.integer(k)) * inner + i));
    }

    /** Sums in double per element, so that many gradients of one row lose nothing. */
    private static void defineBackward(Args a) {
        Reals dy = a.reals("dy"), index = a.reals("index"), dx = a.reals("dx");
        long n = a.size("n"), inner = a.size("inner"), count = a.size("count");
        double[] sums = new double[Math.toIntExact(n * inner)];
        for (long o = 0; o < a.size("outer"); o++) {
            Arrays.fill(sums, 0);
            for (long k = 0; k < count; k++)
                for (long i = 0; i < inner; i++) sums[(int) (index.integer(k) * inner + i)] += dy.get((o * count + k) * inner + i);
            for (int i = 0; i < sums.length; i++) dx.set(o * n * inner + i, sums[i]);
        }
    }

    /**
     * Rows of a table, an embedding; differentiates in the table.
     *
     * @param table   (V, D)
     * @param indices any shape, I32 or I64, in [0, V)
     * @return the indices' shape and D behind it
     * @throws IllegalArgumentException for another rank or type, or an index outside of the table
     */
    public static Tensor rows(Tape tape, Tensor table, Tensor indices) {
        Require.rank("rows", "the table", table, 2);
        int rank = indices.shape().rank();
        long[] sizes = Arrays.copyOf(indices.shape().sizes(), rank + 1);
        sizes[rank] = table.size(1);
        return gather("rows", tape, table, indices, new Reduce.Axis(0, 1, table.size(0), table.size(1)), sizes);
    }

    /**
     * Slices of x along an axis (negative ones count from the end), in the order of the indices; differentiates in x.
     *
     * @param indices (K), I32 or I64, in [0, size of the axis)
     * @return the shape of x with K in place of the axis' size
     * @throws IllegalArgumentException for another rank or type, or an index outside of the axis
     */
    public static Tensor gather(Tape tape, Tensor x, int axis, Tensor indices) {
        Require.rank("gather", "the indices", indices, 1);
        return gather("gather", tape, x, indices, Reduce.Axis.of(x, axis), x.shape().with(axis, indices.count()).sizes());
    }

    private static Tensor gather(String op, Tape tape, Tensor x, Tensor indices, Reduce.Axis at, long[] sizes) {
        Require.floats(op, x);
        Require.indices(op, indices, at.n());
        Tensor y = tape.empty(x.dtype(), sizes);
        long count = indices.count(), bytes = indices.dtype().bytes();
        FORWARD.run(x, indices, y, at.outer(), at.n(), at.inner(), count, bytes);
        return tape.record(op, y, (dy, dx) -> BACKWARD.run(dy, indices, dx[0], at.outer(), at.n(), at.inner(), count, bytes), x);
    }
}
