package dev.imu2clip.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Numbers of any element type, read and written as double: what a kernel's plain definition computes with. Indices count elements.
 */
public abstract sealed class Reals {
    final MemorySegment data;

    private Reals(MemorySegment data) {
        this.data = data;
    }

    public abstract double get(long i);

    public abstract void set(long i, double value);

    public void add(long i, double value) {
        set(i, get(i) + value);
    }

    public long integer(long i) {
        return (long) get(i);
    }

    public static Reals of(MemorySegment data, DType dtype) {
        return switch (dtype) {
            case F32 -> new F32(data);
            case F64 -> new F64(data);
            case BF16 -> new BF16(data);
            case F16 -> new F16(data);
            case I32 -> new I32(data);
            case I64 -> new I64(data);
            case BOOL -> new Bool(data);
        };
    }

    /** bfloat16 bits of a value, rounded to nearest, ties to even; NaN stays NaN. */
    public static short toBf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) return (short) (bits >>> 16 | 0x40);
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }

    public static float fromBf16(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    private static final class F32 extends Reals {
        F32(MemorySegment data) {
            super(data);
        }

        @Override
        public double get(long i) {
            return data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4);
        }

        @Override
        public void set(long i, double value) {
            data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4, (float) value);
        }
    }

    private static final class F64 extends Reals {
        F64(MemorySegment data) {
            super(data);
        }

        @Override
        public double get(long i) {
            return data.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, i * 8);
        }

        @Override
        public void set(long i, double value) {
            data.set(ValueLayout.JAVA_DOUBLE_UNALIGNED, i * 8, value);
        }
    }

    private static final class BF16 extends Reals {
        BF16(MemorySegment data) {
            super(data);
        }

        @Override
        public double get(long i) {
            return fromBf16(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, i * 2));
        }

        @Override
        public void set(long i, double value) {
            data.set(ValueLayout.JAVA_SHORT_UNALIGNED, i * 2, toBf16((float) value));
        }
    }

    private static final class F16 extends Reals {
        F16(MemorySegment data) {
            super(data);
        }

        @Override
        public double get(long i) {
            return Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, i * 2));
        }

        @Override
        public void set(long i, double value) {
            data.set(ValueLayout.JAVA_SHORT_UNALIGNED, i * 2, Float.floatToFloat16((float) value));
        }
    }

    private static final class I32 extends Reals {
        I32(MemorySegment data) {
            super(data);
        }

        @Override
        public double get(long i) {
            return data.get(ValueLayout.JAVA_INT_UNALIGNED, i * 4);
        }

        @Override
        public void set(long i, double value) {
            data.set(ValueLayout.JAVA_INT_UNALIGNED, i * 4, (int) value);
        }
    }

    private static final class I64 extends Reals {
        I64(MemorySegment data) {
            super(data);
        }

        @Override
        public double get(long i) {
            return integer(i);
        }

        @Override
        public long integer(long i) {
            return data.get(ValueLayout.JAVA_LONG_UNALIGNED, i * 8);
        }

        @Override
        public void set(long i, double value) {
            data.set(ValueLayout.JAVA_LONG_UNALIGNED, i * 8, (long) value);
        }
    }

    private static final class Bool extends Reals {
        Bool(MemorySegment data) {
            super(data);
        }

        @Override
        public double get(long i) {
            return data.get(ValueLayout.JAVA_BYTE, i) != 0 ? 1 : 0;
        }

        @Override
        public void set(long i, double value) {
            data.set(ValueLayout.JAVA_BYTE, i, (byte) (value != 0 ? 1 : 0));
        }
    }
}
