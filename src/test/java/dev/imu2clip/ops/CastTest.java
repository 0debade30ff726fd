package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Reals;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CastTest {
    /** All 65536 half-precision and bfloat16 numbers, on every device, bit by bit. */
    @Test
    void widensEveryHalf() {
        short[] halves = new short[1 << 16];
        MemorySegment data = MemorySegment.ofArray(halves);
        for (int i = 0; i < halves.length; i++) halves[i] = (short) i;
        forEachDevice((device, tape) -> {
            float[] f16 = cast(tape, DType.F16, data), bf16 = cast(tape, DType.BF16, data);
            for (int i = 0; i < halves.length; i++) {
                same(Float.float16ToFloat(halves[i]), f16[i], device + " half " + i);
                same(Reals.fromBf16(halves[i]), bf16[i], device + " bfloat16 " + i);
            }
        });
    }

    /** Random bits, and every boundary between two halves with its neighbours: rounding, ties, denormals, overflow, NaN. */
    @Test
    void narrowsLikeJava() {
        int[] bits = new Random(5).ints(400_000).toArray();
        for (int i = 0; i < 65535; i++) {
            float lower = Float.float16ToFloat((short) i), upper = Float.float16ToFloat((short) (i + 1));
            int middle = Float.floatToRawIntBits((lower + upper) / 2);
            for (int near = -1; near <= 1; near++) bits[4 * i + near + 1] = middle + near;
            bits[4 * i + 3] = i << 16 | 0x8000; // a tie between bfloat16 numbers
        }
        forEachDevice((device, tape) -> {
            try (Arena arena = Arena.ofConfined()) {
                Tensor x = tape.empty(DType.F32, bits.length).set(MemorySegment.ofArray(bits));
                MemorySegment f16 = Cast.cast(tape, x, DType.F16).toHost(arena);
                MemorySegment bf16 = Cast.cast(tape, x, DType.BF16).toHost(arena);
                for (int i = 0; i < bits.length; i++) {
                    float value = Float.intBitsToFloat(bits[i]);
                    short half = f16.getAtIndex(ValueLayout.JAVA_SHORT, i), brain = bf16.getAtIndex(ValueLayout.JAVA_SHORT, i);
                    if (Float.isNaN(value))
                        assertTrue(Float.isNaN(Float.float16ToFloat(half)) && Float.isNaN(Reals.fromBf16(brain)), device);
                    else {
                        assertEquals(Float.floatToFloat16(value), half, () -> device + " half of " + value);
                        assertEquals(Reals.toBf16(value), brain, () -> device + " bfloat16 of " + value);
                    }
                }
            }
        });
    }

    @Test
    void float64AndTheGradient() {
        forEachDevice((device, tape) -> {
            Tensor x = Tensors.set(tape.empty(DType.F64, 5003), new Random(1).doubles(5003, -2, 2).toArray());
            Tensor gradient = tape.like(x);
            tape.watch(x, gradient);
            Tensor narrow = Cast.cast(tape, x, DType.F32), back = Cast.cast(tape, narrow, DType.F64);
            Tensor half = Cast.cast(tape, narrow, DType.BF16);
            double[] exact = Tensors.get(x), rounded = Tensors.get(back);
            for (int i = 0; i < exact.length; i++) assertEquals((float) exact[i], rounded[i], device);
            Tensor cotangent = Tensors.set(tape.like(half), exact);
            tape.backward(half, cotangent);
            assertArrayEquals(Tensors.get(cotangent), Tensors.get(gradient), device);
            assertSame(x, Cast.cast(tape, x, DType.F64));
            assertThrows(IllegalArgumentException.class, () -> Cast.cast(tape, x, DType.I32));
        });
    }

    private static float[] cast(Tape tape, DType from, MemorySegment data) {
        return Cast.cast(tape, tape.empty(from, data.byteSize() / 2).set(data), DType.F32).toFloats();
    }

    private static void same(float expected, float actual, String what) {
        if (Float.compare(expected, actual) != 0 && !(Float.isNaN(expected) && Float.isNaN(actual)))
            assertEquals(expected, actual, what);
    }

    @FunctionalInterface
    private interface Body {
        void run(String device, Tape tape);
    }

    private static void forEachDevice(Body body) {
        for (String device : TestDevices.all()) {
            Backend backend = Backends.get(device);
            try (Workspace workspace = new Workspace(backend, "cast"); var _ = workspace.step()) {
                body.run(device, new Tape(workspace));
            }
        }
    }
}
