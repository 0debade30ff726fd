package dev.imu2clip.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The sizes of a tensor's dimensions, outermost first. A scalar has no dimensions and one element. Immutable. */
public final class Shape {
    private final long[] sizes;
    private final long count;

    private Shape(long[] sizes) {
        long product = 1;
        for (long size : sizes) {
            if (size < 0) throw new IllegalArgumentException("a dimension cannot be negative: " + Arrays.toString(sizes));
            product = Math.multiplyExact(product, size);
        }
        this.sizes = sizes;
        this.count = product;
    }

    public static Shape of(long... sizes) {
        return new Shape(sizes.clone());
    }

    public int rank() {
        return sizes.length;
    }

    /** Size of dimension {@code axis}; negative axes count from the end. */
    public long size(int axis) {
        return sizes[axis(axis)];
    }

    /** The axis as a number from 0, given that negative ones count from the end. */
    public int axis(int axis) {
        int positive = axis < 0 ? axis + sizes.length : axis;
        if (positive < 0 || positive >= sizes.length)
            throw new IllegalArgumentException("axis " + axis + " does not exist in shape " + this);
        return positive;
    }

    /** Number of elements. */
    public long count() {
        return count;
    }

    /** Product of the sizes of dimensions {@code from} (inclusive) to {@code to} (exclusive). */
    public long count(int from, int to) {
        long product = 1;
        for (int i = from; i < to; i++) product *= sizes[i];
        return product;
    }

    public long[] sizes() {
        return sizes.clone();
    }

    /** The same shape with dimension {@code axis} of another size. */
    public Shape with(int axis, long size) {
        long[] changed = sizes.clone();
        changed[axis(axis)] = size;
        return new Shape(changed);
    }

    /** The same shape without dimension {@code axis}. */
    public Shape without(int axis) {
        int gone = axis(axis);
        long[] rest = new long[sizes.length - 1];
        for (int i = 0, j = 0; i < sizes.length; i++) if (i != gone) rest[j++] = sizes[i];
        return new Shape(rest);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(sizes, shape.sizes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sizes);
    }

    /** As Python writes it: {@code (32, 6, 1000)}. */
    @Override
    public String toString() {
        return Arrays.stream(sizes).mapToObj(Long::toString).collect(Collectors.joining(", ", "(", sizes.length == 1 ? ",)" : ")"));
    }
}
