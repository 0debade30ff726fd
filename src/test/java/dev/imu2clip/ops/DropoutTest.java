package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Randomness;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.Recording;
import dev.imu2clip.memory.Slab;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Philox;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

class DropoutTest {
    private static final long[] KEY = {0x89ABCDEFL - (1L << 32), 0x01234567L};
    private static final long SEED = 0x0123456789ABCDEFL;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 63, 1021, 20_011})
    void sizes(int n) {
        for (double p : new double[] {0.3, 1})
            OpCheck.of("dropout", (tape, x) -> Dropout.dropout(tape.drawFrom(x[1]), x[0], p)).input(n).integers(DType.I32, KEY, 2).check();
    }

    /** An element for each number: what dropout makes of ones on a device, from a counter on. */
    private static double[] ofOnes(String device, int n, double p, long counter) {
        try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            tape.drawFrom(tape.empty(DType.I32, 2).set(MemorySegment.ofArray(new int[] {(int) KEY[0], (int) KEY[1]})));
            tape.draw(counter);
            return Tensors.get(Dropout.dropout(tape, tape.full(DType.F32, 1, n), p));
        }
    }

    /** Every backend keeps exactly the elements that Philox says. */
    @ParameterizedTest
    @ValueSource(doubles = {0.1, 0.5, 0.9, 0x1p-24, 1 - 0x1p-24})
    void theMaskIsPhilox(double p) {
        long offset = 0xFFFFFFF0L; // the counter's low word overflows on the way
        int n = 10_007;
        for (String device : TestDevices.all()) {
            double[] kept = ofOnes(device, n, p, offset);
            for (int i = 0; i < n; i++)
                assertEquals(Philox.uniform(SEED, 4 * offset + i) >= p ? (float) (1 / (1 - p)) : 0, kept[i], device + " element " + i);
        }
    }

    /** A number that equals p keeps its element, the next larger p drops it. */
    @Test
    void theBoundItselfIsKept() {
        double p = Philox.uniform(SEED, 5);
        for (String device : TestDevices.all()) {
            assertNotEquals(0, ofOnes(device, 8, p, 0)[5], device);
            assertEquals(0, ofOnes(device, 8, Math.nextUp(p), 0)[5], device);
        }
    }

    /** Two calls of a step, two steps, and two replays of a recorded step draw different numbers; the same step draws the same. */
    @Test
    void everyCallOfEveryStepHasItsOwnNumbers() {
        int n = 64;
        for (String device : TestDevices.all()) {
            Backend backend = Backends.get(device);
            try (Workspace workspace = new Workspace(backend, "test"); Randomness randomness = new Randomness(backend, 5);
                    Slab memory = backend.allocate(8L * n, "masks")) {
                Tensor masks = Tensor.in(memory, 0, Shape.of(2, n), DType.F32);
                Runnable step = () -> {
                    try (var _ = workspace.step()) {
                        Tape tape = new Tape(workspace).drawFrom(randomness.key());
                        Tensor ones = tape.full(DType.F32, 1, 1, n);
                        for (int i = 0; i < 2; i++) masks.rows(i, i + 1).set(Dropout.dropout(tape, ones, 0.5));
                    }
                };
                Set<String> seen = new HashSet<>();
                List<String> first = new ArrayList<>();
                for (int i = 0; i < 2; i++) {
                    randomness.prepare(i);
                    step.run();
                    first.add(Arrays.toString(masks.toFloats()));
                    for (int row = 0; row < 2; row++) seen.add(Arrays.toString(masks.rows(row, row + 1).toFloats()));
                }
                assertEquals(4, seen.size(), device);
                try (Recording recording = backend.record(step)) {
                    for (int i = 0; i < 2; i++) {
                        randomness.prepare(i);
                        recording.replay();
                        assertEquals(first.get(i), Arrays.toString(masks.toFloats()), device + ": step " + i + " replayed");
                    }
                }
            }
        }
    }

    @Test
    void edges() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, 3);
            assertSame(x, Dropout.dropout(tape, x, 0.5), "not a step of training");
            tape.drawFrom(tape.empty(DType.I32, 2).clear());
            assertSame(x, Dropout.dropout(tape, x, 0));
            assertThrows(IllegalArgumentException.class, () -> Dropout.dropout(tape, x, -0.1));
            assertThrows(IllegalArgumentException.class, () -> Dropout.dropout(tape, x, Double.NaN));
            assertThrows(IllegalArgumentException.class, () -> tape.drawFrom(x));
        }
    }
}
