package dev.imu2clip.io;

import dev.imu2clip.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** A memory-mapped npy file. Elements are read by logical index, whatever their type and order on disk. */
public final class NpyArray {
    private final Path file;
    private final NpyHeader header;
    private final MemorySegment data;
    private final long[] strides;

    NpyArray(Path file, NpyHeader header, MemorySegment data) {
        this.file = file;
        this.header = header;
        this.data = data;
        int rank = header.shape().rank();
        strides = new long[rank];
        long stride = 1;
        for (int i = 0; i < rank; i++) {
            int axis = header.fortran() ? i : rank - 1 - i;
            strides[axis] = stride;
            stride *= header.shape().size(axis);
        }
    }

    public Path file() {
        return file;
    }

    public NpyHeader header() {
        return header;
    }

    public Shape shape() {
        return header.shape();
    }

    public Npy.Type type() {
        return header.type();
    }

    /** The elements as they lie in the file. */
    public MemorySegment data() {
        return data;
    }

    /** Distance, in elements, between neighbours along {@code axis}. */
    public long stride(int axis) {
        return strides[axis];
    }

    /** Element of a one-dimensional array, or the i-th element in the file's own order. */
    public double at(long i) {
        long byteAt = i * header.type().bytes;
        return switch (header.type()) {
            case F4 -> data.get(Npy.FLOAT, byteAt);
            case F8 -> data.get(Npy.DOUBLE, byteAt);
            case F2 -> Float.float16ToFloat(data.get(Npy.SHORT, byteAt));
            case I4 -> data.get(Npy.INT, byteAt);
            case I8 -> data.get(Npy.LONG, byteAt);
            case U1 -> data.get(ValueLayout.JAVA_BYTE, byteAt) & 0xFF;
            case B1 -> data.get(ValueLayout.JAVA_BYTE, byteAt) != 0 ? 1 : 0;
        };
    }

    /** Element of a two-dimensional array. */
    public double at(long i, long j) {
        return at(i * strides[0] + j * strides[1]);
    }

    /**
     * Copies {@code rows} entries of the first axis, from entry {@code row} on, as float32 in C order.
     *
     * @param byteOffset where in {@code target} the first value goes
     */
    public void copyRows(long row, long rows, MemorySegment target, long byteOffset) {
        int rank = shape().rank();
        long width = rank == 0 ? 1 : shape().count(1, rank);
        if (header.type() == Npy.Type.F4 && (!header.fortran() || rank <= 1)) {
            MemorySegment.copy(data, row * width * Float.BYTES, target, byteOffset, rows * width * Float.BYTES);
            return;
        }
        for (long i = 0; i < rows * width; i++) {
            long rest = i + row * width;
            long index = 0;
            for (int axis = rank - 1; axis >= 0; axis--) {
                index += rest % shape().size(axis) * strides[axis];
                rest /= shape().size(axis);
            }
            target.set(ValueLayout.JAVA_FLOAT_UNALIGNED, byteOffset + i * Float.BYTES, (float) at(index));
        }
    }

    /** All elements as float32 in C order. */
    public float[] toFloats() {
        long count = shape().count();
        if (count > Integer.MAX_VALUE - 8)
            throw InputException.in(file, "has " + count + " elements, too many to hold at once", "Split the file");
        float[] values = new float[(int) count];
        if (count == 0) return values;
        MemorySegment target = MemorySegment.ofArray(values);
        copyRows(0, shape().rank() == 0 ? 1 : shape().size(0), target, 0);
        return values;
    }
}
