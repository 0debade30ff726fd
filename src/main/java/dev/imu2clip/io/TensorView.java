package dev.imu2clip.io;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * One tensor of an open {@link TensorFile}: a strided view of bytes in the file. Parts and transposes are views too; nothing is read
 * before {@link #copyFloats}. Whoever makes one has checked that every element lies inside {@code storage}.
 *
 * @param strides elements between neighbours along each dimension
 * @param offset  element of the storage that comes first
 * @param storage read-only, little-endian; of no particular alignment
 */
public record TensorView(String name, DType dtype, Shape shape, long[] strides, long offset, MemorySegment storage) {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat TARGET = ValueLayout.JAVA_FLOAT_UNALIGNED;

    /** A tensor whose elements lie one after the other, row-major, from the start of {@code storage}. */
    static TensorView dense(String name, DType dtype, Shape shape, MemorySegment storage) {
        return new TensorView(name, dtype, shape, denseStrides(shape), 0, storage);
    }

    static long[] denseStrides(Shape shape) {
        long[] strides = new long[shape.rank()];
        long stride = 1;
        for (int i = strides.length - 1; i >= 0; i--) {
            strides[i] = stride;
            stride *= Math.max(1, shape.size(i));
        }
        return strides;
    }

    public TensorView renamed(String other) {
        return new TensorView(other, dtype, shape, strides, offset, storage);
    }

    /** Rows {@code from} to {@code to} of the first dimension. */
    public TensorView rows(long from, long to) {
        return new TensorView(name, dtype, shape.with(0, to - from), strides, offset + from * strides[0], storage);
    }

    /** The transpose of a matrix. */
    public TensorView transposed() {
        if (shape.rank() != 2) throw new IllegalArgumentException(name + " " + shape + " is no matrix");
        return new TensorView(name, dtype, Shape.of(shape.size(1), shape.size(0)), new long[] {strides[1], strides[0]}, offset, storage);
    }

    /** Whether the elements lie one after the other, row-major; the stride of a dimension of one element is of no account. */
    boolean isDense() {
        long[] dense = denseStrides(shape);
        for (int i = 0; i < dense.length; i++) if (shape.size(i) != 1 && strides[i] != dense[i]) return shape.count() == 0;
        return true;
    }

    /** Writes all values of a floating-point tensor, row-major, to the start of {@code target} as native float32. */
    public void copyFloats(MemorySegment target) {
        copyFloats(0, shape.count(), target);
    }

    /** Writes {@code count} values from the {@code from}-th on, in row-major order, to the start of {@code target} as native float32. */
    public void copyFloats(long from, long count, MemorySegment target) {
        if (from < 0 || count < 0 || from > shape.count() - count)
            throw new IllegalArgumentException("elements " + from + " to " + (from + count) + " of " + name + " " + shape);
        boolean dense = isDense();
        long run = dense ? shape.count() : shape.size(-1), stride = dense ? 1 : strides[strides.length - 1];
        for (long done = 0; done < count;) {
            long part = Math.min(run - (from + done) % run, count - done);
            copyRun(dense ? offset + from + done : place(from + done), stride, part, target.asSlice(4 * done, 4 * part));
            done += part;
        }
    }

    /** Where in the storage the {@code i}-th element in row-major order stands. */
    private long place(long i) {
        long place = offset;
        for (int axis = strides.length - 1; axis >= 0; axis--) {
            place += i % shape.size(axis) * strides[axis];
            i /= shape.size(axis);
        }
        return place;
    }

    private void copyRun(long at, long stride, long count, MemorySegment target) {
        switch (dtype) {
            case F32 -> {
                if (stride == 1) MemorySegment.copy(storage, FLOAT, 4 * at, target, TARGET, 0, count);
                else for (long i = 0; i < count; i++) target.set(TARGET, 4 * i, storage.get(FLOAT, 4 * (at + i * stride)));
            }
            case F64 -> {
                for (long i = 0; i < count; i++) target.set(TARGET, 4 * i, (float) storage.get(DOUBLE, 8 * (at + i * stride)));
            }
            case F16 -> {
                for (long i = 0; i < count; i++)
                    target.set(TARGET, 4 * i, Float.float16ToFloat(storage.get(SHORT, 2 * (at + i * stride))));
            }
            case BF16 -> {
                for (long i = 0; i < count; i++) target.set(TARGET, 4 * i, Reals.fromBf16(storage.get(SHORT, 2 * (at + i * stride))));
            }
            default -> throw new IllegalStateException(name + " holds " + dtype + ", not floating-point numbers");
        }
    }
}
