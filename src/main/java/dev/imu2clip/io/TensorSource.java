package dev.imu2clip.io;

import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.LongAdder;

/**
 * A tensor to write, whose values are produced piece by piece: a file of any size is written in the memory of one piece.
 *
 * @param values writes elements {@code [from, from + count)}, row-major and little-endian, to the start of a segment
 */
public record TensorSource(String name, DType dtype, Shape shape, Values values) {
    /** Bytes of a piece. */
    private static final int CHUNK = 1 << 20;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @FunctionalInterface
    public interface Values {
        void write(long from, long count, MemorySegment target);
    }

    /** Takes bytes piece by piece. */
    @FunctionalInterface
    interface Sink {
        void take(ByteBuffer bytes) throws IOException;
    }

    /** Bytes in the file. */
    public long bytes() {
        return Math.multiplyExact(shape.count(), (long) dtype.bytes());
    }

    /** Elements that already lie in memory, little-endian. */
    public static TensorSource of(Safetensors.Source source) {
        int size = source.dtype().bytes();
        return new TensorSource(source.name(), source.dtype(), source.shape(),
                (from, count, target) -> MemorySegment.copy(source.bytes(), from * size, target, 0, count * size));
    }

    /**
     * A floating-point tensor of a file in another floating-point type: rounded to nearest, ties to even; NaN stays NaN.
     *
     * @param dtype      F32, F16 or BF16
     * @param overflowed counts finite values that became infinite
     */
    public static TensorSource of(TensorView view, DType dtype, LongAdder overflowed) {
        if (!view.dtype().isFloat()) throw new IllegalArgumentException(view.name() + " holds no floating-point numbers");
        return new TensorSource(view.name(), dtype, view.shape(), (from, count, target) -> {
            float[] floats = new float[(int) count];
            view.copyFloats(from, count, MemorySegment.ofArray(floats));
            switch (dtype) {
                case F32 -> MemorySegment.copy(floats, 0, target, FLOAT, 0, floats.length);
                case F16, BF16 -> overflowed.add(narrow(floats, dtype, target));
                default -> throw new IllegalArgumentException("conversion to " + dtype);
            }
        });
    }

    private static long narrow(float[] floats, DType dtype, MemorySegment target) {
        long overflows = 0;
        for (int i = 0; i < floats.length; i++) {
            short bits = dtype == DType.F16 ? Float.floatToFloat16(floats[i]) : Reals.toBf16(floats[i]);
            float back = dtype == DType.F16 ? Float.float16ToFloat(bits) : Reals.fromBf16(bits);
            if (Float.isInfinite(back) && !Float.isInfinite(floats[i])) overflows++;
            target.set(SHORT, 2L * i, bits);
        }
        return overflows;
    }

    /** Hands the whole tensor to {@code sink}. */
    void stream(Sink sink) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(CHUNK, bytes()));
        long elements = CHUNK / dtype.bytes();
        for (long at = 0; at < shape.count(); at += elements) {
            int count = (int) Math.min(elements, shape.count() - at);
            values.write(at, count, MemorySegment.ofBuffer(chunk.clear()));
            sink.take(chunk.limit(count * dtype.bytes()));
        }
    }
}
