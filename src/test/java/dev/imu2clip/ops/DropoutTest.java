package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Philox;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

class DropoutTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 63, 1021, 20_011})
    void sizes(int n) {
        OpCheck.of("dropout", (tape, x) -> Dropout.dropout(tape, x[0], 0.3, 123456789012345L, 1L << 33)).input(n).check();
        OpCheck.of("dropout", (tape, x) -> Dropout.dropout(tape, x[0], 1, -1, 0)).input(n).check();
    }

    /** Every backend keeps exactly the elements that Philox says. */
    @ParameterizedTest
    @ValueSource(doubles = {0.1, 0.5, 0.9, 0x1p-24, 1 - 0x1p-24})
    void theMaskIsPhilox(double p) {
        long seed = 0xABCDEF0123456789L, offset = 0xFFFFFFF0L; // the counter's low word overflows on the way
        int n = 10_007;
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                double[] ones = new double[n];
                Arrays.fill(ones, 1);
                Tensor x = Tensors.set(tape.empty(DType.F32, n), ones);
                double[] kept = Tensors.get(Dropout.dropout(tape, x, p, seed, offset));
                for (int i = 0; i < n; i++)
                    assertEquals(Philox.uniform(seed, 4 * offset + i) >= p ? (float) (1 / (1 - p)) : 0, kept[i], device + " element " + i);
            }
    }

    /** A number that equals p keeps its element, the next larger p drops it. */
    @Test
    void theBoundItselfIsKept() {
        double p = Philox.uniform(77, 5);
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                Tensor ones = Tensors.set(tape.empty(DType.F32, 8), 1, 1, 1, 1, 1, 1, 1, 1);
                assertNotEquals(0, Tensors.get(Dropout.dropout(tape, ones, p, 77, 0))[5], device);
                assertEquals(0, Tensors.get(Dropout.dropout(tape, ones, Math.nextUp(p), 77, 0))[5], device);
            }
    }

    @Test
    void edges() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, 3);
            assertSame(x, Dropout.dropout(tape, x, 0, 1, 0));
            assertThrows(IllegalArgumentException.class, () -> Dropout.dropout(tape, x, -0.1, 1, 0));
            assertThrows(IllegalArgumentException.class, () -> Dropout.dropout(tape, x, Double.NaN, 1, 0));
            assertEquals(2, Dropout.counters(5));
        }
    }
}
