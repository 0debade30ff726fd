package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Args;
import dev.imu2clip.backend.Kernel;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Ops that move elements and change none: reshape, transpose, slice, concatenate. */
public final class Layout {
    private static final int RANK = Broadcast.RANK;

    /** y, dense with these sizes, from x with these steps (in elements) along the same dimensions. */
    private static final Kernel TRANSPOSE = new Kernel("transpose",
            "in x, out y, size size0, size size1, size size2, size size3, size size4, size size5, "
                    + "size step0, size step1, size step2, size step3, size step4, size step5", Layout::defineTranspose);

    /** A block of rows from one matrix into another, whose rest stays; strides are row lengths, offsets where the block starts. */
    private static final Kernel COPY_BLOCK = new Kernel("copy_block",
            "in x, inout y, size rows, size columns, size x_offset, size x_stride, size y_offset, size y_stride", a -> {
        Reals x = a.reals("x"), y = a.reals("y");
        long xOffset = a.size("x_offset"), xStride = a.size("x_stride"), yOffset = a.size("y_offset"), yStride = a.size("y_stride");
        long rows = a.size("rows"), columns = a.size("columns");
        for (long r = 0; r < rows; r++)
            for (long c = 0; c < columns; c++) y.set(yOffset + r * yStride + c, x.get(xOffset + r * xStride + c));
    });

    /** Rows of dx are dy's with zeros around them. */
    private static final Kernel SLICE_BACKWARD = new Kernel("slice_backward",
            "in dy, out dx, size rows, size columns, size offset, size stride", a -> {
        Reals dy = a.reals("dy"), dx = a.reals("dx");
        long columns = a.size("columns"), offset = a.size("offset"), stride = a.size("stride");
        for (long r = 0; r < a.size("rows"); r++)
            for (long c = 0; c < stride; c++)
                dx.set(r * stride + c, c < offset || c >= offset + columns ? 0 : dy.get(r * columns + c - offset));
    });

    private Layout() {}

    private static void defineTranspose(Args a) {
        Reals x = a.reals("x"), y = a.reals("y");
        long[] sizes = new long[RANK], steps = new long[RANK];
        for (int d = 0; d < RANK; d++) {
            sizes[d] = a.size("size" + d);
            steps[d] = a.size("step" + d);
        }
        for (long i = 0, count = Shape.of(sizes).count(); i < count; i++) {
            long rest = i, at = 0;
            for (int d = RANK - 1; d >= 0; d--) {
                at += rest % sizes[d] * steps[d];
                rest /= sizes[d];
            }
            y.set(i, x.get(at));
        }
    }

    /** The same elements in another shape of the same count, without a copy; gradients flow through. */
    public static Tensor reshape(Tape tape, Tensor x, long... sizes) {
        return tape.recordView(x.reshape(sizes), x);
    }

    /**
     * Dimension i of the result is dimension {@code permutation[i]} of x.
     *
     * @throws IllegalArgumentException for more than 6 dimensions, or where the permutation does not name each axis once
     */
    public static Tensor transpose(Tape tape, Tensor x, int... permutation) {
        Require.floats("transpose", x);
        int rank = x.shape().rank();
        int[] inverse = inverse(x.shape(), permutation);
        long[] sizes = new long[rank];
        for (int i = 0; i < rank; i++) sizes[i] = x.size(permutation[i]);
        Tensor y = tape.empty(x.dtype(), sizes);
        permute(x, y, permutation);
        return tape.record("transpose", y, (dy, dx) -> permute(dy, dx[0], inverse), x);
    }

    private static int[] inverse(Shape shape, int[] permutation) {
        int rank = shape.rank();
        if (rank > RANK) throw new IllegalArgumentException("transpose takes up to " + RANK + " dimensions, got " + shape);
        int[] inverse = new int[rank];
        Arrays.fill(inverse, -1);
        boolean valid = permutation.length == rank;
        for (int i = 0; valid && i < rank; i++) {
            int from = permutation[i];
            valid = from >= 0 && from < rank && inverse[from] < 0;
            if (valid) inverse[from] = i;
        }
        if (!valid)
            throw new IllegalArgumentException("transpose of " + shape + " needs each of its axes 0 to " + (rank - 1) + " once, got "
                    + Arrays.toString(permutation));
        return inverse;
    }

    private static void permute(Tensor x, Tensor y, int[] permutation) {
        int rank = permutation.length;
        long[] steps = new long[rank];
        for (int i = 0; i < rank; i++) steps[i] = x.shape().count(permutation[i] + 1, rank);
        // Neighbours in y that are neighbours in x too move as one dimension.
        long[] values = new long[2 * RANK];
        Arrays.fill(values, 0, RANK, 1);
        int to = RANK;
        for (int i = rank - 1; i >= 0; i--) {
            if (y.size(i) == 1) continue;
            if (to < RANK && steps[i] == values[RANK + to] * values[to]) values[to] *= y.size(i);
            else {
                values[--to] = y.size(i);
                values[RANK + to] = steps[i];
            }
        }
        if (to == RANK) values[2 * RANK - 1] = 1; // one element
        List<Object> all = new ArrayList<>(List.of(x, y));
        for (long value : values) all.add(value);
        TRANSPOSE.run(all.toArray());
    }

    /**
     * Elements {@code from} (inclusive) to {@code to} (exclusive) along an axis (negative ones count from the end); along the outermost
     * one without a copy.
     *
     * @return the shape of x with {@code to - from} in place of the axis' size
     * @throws IllegalArgumentException where the range is not within the axis
     */
    public static Tensor slice(Tape tape, Tensor x, int axis, long from, long to) {
        Require.floats("slice", x);
        var at = Reduce.Axis.of(x, axis);
        if (from < 0 || to < from || to > at.n())
            throw new IllegalArgumentException("slice " + from + " to " + to + " is outside of axis " + axis + " of " + x.shape());
        long columns = (to - from) * at.inner(), stride = at.n() * at.inner(), offset = from * at.inner();
        Shape shape = x.shape().with(axis, to - from);
        Tensor y;
        if (at.outer() == 1) y = x.view(offset, shape.sizes());
        else {
            y = tape.empty(x.dtype(), shape.sizes());
            COPY_BLOCK.run(x, y, at.outer(), columns, offset, stride, 0, columns);
        }
        return tape.record("slice", y, (dy, dx) -> SLICE_BACKWARD.run(dy, dx[0], at.outer(), columns, offset, stride), x);
    }

    /**
     * Tensors one after the other along an axis (negative ones count from the end).
     *
     * @return the common shape with the sum of the sizes along the axis
     * @throws IllegalArgumentException for no tensors, for types that differ, or for other dimensions that differ
     */
    public static Tensor concat(Tape tape, int axis, Tensor... parts) {
        if (parts.length == 0) throw new IllegalArgumentException("concat needs at least one tensor");
        Require.floats("concat", parts);
        long total = 0;
        for (Tensor part : parts) {
            Require.sameType("concat", parts[0], part);
            if (part.shape().rank() != parts[0].shape().rank() || !part.shape().without(axis).equals(parts[0].shape().without(axis)))
                throw new IllegalArgumentException("concat along axis " + axis + ": shapes " + parts[0].shape() + " and " + part.shape()
                        + " differ in another dimension");
            total += part.size(axis);
        }
        Tensor y = tape.empty(parts[0].dtype(), parts[0].shape().with(axis, total).sizes());
        var whole = Reduce.Axis.of(y, axis);
        long stride = whole.n() * whole.inner(), offset = 0;
        for (Tensor part : parts) {
            long columns = part.size(axis) * whole.inner();
            COPY_BLOCK.run(part, y, whole.outer(), columns, 0, columns, offset, stride);
            offset += columns;
        }
        return tape.record("concat", y, (dy, dx) -> {
            long at = 0;
            for (int i = 0; i < parts.length; i++) {
                long columns = parts[i].size(axis) * whole.inner();
                if (dx[i] != null) COPY_BLOCK.run(dy, dx[i], whole.outer(), columns, at, stride, 0, columns);
                at += columns;
            }
        }, parts);
    }
}
