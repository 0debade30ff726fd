package dev.imu2clip.tensor;

import dev.imu2clip.TestDevices;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Slab;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class TensorTest {
    private final Backend java = Backends.get("java");

    private Tensor counting(long... sizes) {
        Tensor tensor = Tensor.zeros(java, DType.F32, sizes);
        float[] values = new float[(int) tensor.count()];
        for (int i = 0; i < values.length; i++) values[i] = i;
        return tensor.set(values);
    }

    private static void refused(Runnable action, String... fragments) {
        String message = assertThrows(IllegalArgumentException.class, action::run).getMessage();
        for (String fragment : fragments) assertTrue(message.contains(fragment), message);
    }

    @Test
    void viewsShareTheElements() {
        Tensor x = counting(4, 3);
        assertArrayEquals(new float[] {3, 4, 5, 6, 7, 8}, x.rows(1, 3).toFloats());
        assertEquals(Shape.of(2, 3), x.rows(1, 3).shape());
        assertArrayEquals(new float[] {7, 8, 9, 10}, x.view(7, 2, 2).toFloats());
        assertEquals(Shape.of(2, 6), x.reshape(2, 6).shape());
        x.rows(3, 4).view(1, 1).set(99);
        assertEquals(99, x.toFloats()[10]);
        assertEquals(x.address() + 4 * 10, x.reshape(12).view(10, 1).address());
        assertEquals(0, x.rows(2, 2).count());
        assertEquals(99, x.view(10).item(), "a view without sizes is a scalar");
    }

    @Test
    void viewsStayInside() {
        Tensor x = counting(4, 3);
        refused(() -> x.reshape(5, 2), "(4, 3)", "(5, 2)", "12 against 10");
        refused(() -> x.view(10, 3), "(3,) from element 10", "(4, 3)");
        refused(() -> x.view(-1, 1), "from element -1");
        refused(() -> x.rows(3, 5), "(2, 3) from element 9");
        refused(() -> x.rows(2, 1), "negative");
        refused(() -> x.size(2), "axis 2 does not exist in shape (4, 3)");
        refused(() -> Shape.of(3, -1), "negative");
        assertThrows(ArithmeticException.class, () -> Shape.of(1L << 40, 1L << 40));
        refused(() -> Tensor.zeros(java, DType.F32, 1L << 62), "F32 (4611686018427387904,) has more bytes");
        refused(() -> x.view(Long.MAX_VALUE, 2), "reaches outside");
        assertThrows(ArithmeticException.class, () -> x.rows(1L << 62, (1L << 62) + 1));
        try (Slab slab = java.allocate(64, "sixteen numbers")) {
            Tensor.in(slab, 0, Shape.of(16), DType.F32);
            refused(() -> Tensor.in(slab, 0, Shape.of(1L << 62), DType.F32), "has more bytes");
            refused(() -> Tensor.in(slab, Long.MAX_VALUE, Shape.of(16), DType.F32), "does not fit");
            refused(() -> Tensor.in(slab, 4, Shape.of(16), DType.F32), "at byte 4 does not fit slab 'sixteen numbers' of 64");
            refused(() -> Tensor.in(slab, -4, Shape.of(1), DType.F32), "does not fit");
        }
    }

    @Test
    void wrongCopiesAreRefused() {
        Tensor x = counting(2, 3);
        refused(() -> x.set(1, 2), "2 values for shape (2, 3)");
        refused(() -> x.set(MemorySegment.ofArray(new byte[23])), "23 bytes for F32 (2, 3)");
        refused(() -> x.set(counting(7)), "F32 (7,) on java into F32 (2, 3)");
        refused(() -> x.set(Tensor.zeros(java, DType.F64, 6)), "F64 (6,)");
        assertThrows(IllegalStateException.class, x::item);
        for (String device : TestDevices.all())
            if (!device.equals("java")) refused(() -> x.set(Tensor.zeros(Backends.get(device), DType.F32, 6)), device);
    }

    @ParameterizedTest
    @EnumSource
    void everyTypeKeepsSmallWholeNumbers(DType dtype) {
        for (String device : TestDevices.all()) {
            Tensor x = Tensor.zeros(Backends.get(device), dtype, 5);
            assertArrayEquals(new float[5], x.toFloats(), "zeroed");
            assertEquals(5L * dtype.bytes(), x.bytes());
            float[] values = dtype == DType.BOOL ? new float[] {0, 1, 1, 0, 1} : new float[] {0, 1, -2, 127, -128};
            assertArrayEquals(values, x.set(values).toFloats(), device);
            try (Arena arena = Arena.ofConfined()) {
                assertArrayEquals(values, Tensor.zeros(Backends.get(device), dtype, 5).set(x.toHost(arena)).toFloats());
            }
            assertArrayEquals(new float[5], x.clear().toFloats());
        }
    }

    @Test
    void int64KeepsWhatDoublesCannot() {
        long big = (1L << 53) + 1;
        Tensor x = Tensor.zeros(java, DType.I64, 1).set(MemorySegment.ofArray(new long[] {big}));
        assertEquals(big, Reals.of(x.segment(), DType.I64).integer(0));
    }

    /** Every 16-bit pattern is a number that the conversion keeps; and a float32 goes to the nearer neighbour, ties to even. */
    @Test
    void sixteenBitTypesRoundTripAndRoundToNearest() {
        for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
            short[] bits = new short[1 << 16];
            for (int i = 0; i < bits.length; i++) bits[i] = (short) i;
            MemorySegment from = MemorySegment.ofArray(bits), to = MemorySegment.ofArray(new short[bits.length]);
            Reals source = Reals.of(from, dtype), target = Reals.of(to, dtype);
            for (int i = 0; i < bits.length; i++) {
                double value = source.get(i);
                target.set(i, value);
                if (Double.isNaN(value)) assertTrue(Double.isNaN(target.get(i)), dtype + " pattern " + i);
                else assertEquals(Double.doubleToRawLongBits(value), Double.doubleToRawLongBits(target.get(i)), dtype + " pattern " + i);
            }
            for (int i = 0; i < 1 << 15; i += 37) checkRounding(dtype, source.get(i), source.get(i + 1), i);
        }
        assertEquals(Float.POSITIVE_INFINITY, Reals.fromBf16(Reals.toBf16(Float.MAX_VALUE)));
        assertEquals(0x7FC0, Reals.toBf16(Float.NaN) & 0xFFFF);
        assertEquals(0x8000, Reals.toBf16(-0f) & 0xFFFF);
    }

    private static void checkRounding(DType dtype, double low, double high, int pattern) {
        if (Double.isNaN(low + high) || Double.isInfinite(high)) return;
        Reals one = Reals.of(MemorySegment.ofArray(new short[1]), dtype);
        double middle = (low + high) / 2; // exact in float32 unless subnormal
        if ((float) middle != middle) return;
        one.set(0, middle);
        assertEquals(pattern % 2 == 0 ? low : high, one.get(0), dtype + " tie above pattern " + pattern);
        one.set(0, Math.nextUp((float) middle));
        assertEquals(high, one.get(0), dtype + " above the tie of pattern " + pattern);
        one.set(0, Math.nextDown((float) middle));
        assertEquals(low, one.get(0), dtype + " below the tie of pattern " + pattern);
    }
}
