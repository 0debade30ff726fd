package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class ReduceTest {
    @ParameterizedTest
    @CsvSource({"1,0", "7,0", "20011,0", "5 7,0", "5 7,1", "33 257,-1", "257 33,0", "600 131,0", "3 17 5,1",
        "2 300 9,1", "2 7 700,1", "1500 3,1",
        "3 1 5,1", "2 3 4 5,2"})
    void alongAnAxis(String shape, int axis) {
        long[] sizes = ElementwiseTest.shape(shape);
        long n = sizes[axis < 0 ? axis + sizes.length : axis];
        for (boolean keep : new boolean[] {false, true}) {
            OpCheck.of("sum", (tape, x) -> Reduce.sum(tape, x[0], axis, keep)).input(sizes).terms(n).check();
            OpCheck.of("mean", (tape, x) -> Reduce.mean(tape, x[0], axis, keep)).input(sizes).terms(1).check();
            OpCheck.of("max", (tape, x) -> Reduce.max(tape, x[0], axis, keep)).input(sizes).check();
        }
    }

    @ParameterizedTest
    @CsvSource({"''", "1", "3 5", "40000", "17 1 1201"})
    void overEverything(String shape) {
        long[] sizes = ElementwiseTest.shape(shape);
        OpCheck.of("sum_all", (tape, x) -> Reduce.sumAll(tape, x[0])).input(sizes).terms(1000).check();
        OpCheck.of("mean_all", (tape, x) -> Reduce.meanAll(tape, x[0])).input(sizes).terms(1).check();
    }

    /** Ties and NaN: the first one wins and takes the gradient. */
    @Test
    void firstMaximumWins() {
        double nan = Double.NaN, inf = Double.POSITIVE_INFINITY;
        double[] rows = {2, 2, 1, -inf, -inf, -inf, 1, nan, nan, 3, inf, inf};
        OpCheck.of("max", (tape, x) -> Reduce.max(tape, x[0], 1, false)).input(rows, 4, 3).withoutGradientCheck().check();
        OpCheck.of("max", (tape, x) -> Reduce.max(tape, x[0], 0, false)).input(rows, 6, 2).withoutGradientCheck().check();
    }

    /** A sum of a million numbers far from zero, to almost the accuracy of float32 itself. */
    @Test
    void longSumsStayAccurate() {
        double[] values = new double[1 << 20];
        Random random = new Random(3);
        double exact = 0;
        for (int i = 0; i < values.length; i++) exact += values[i] = (float) (1 + random.nextDouble());
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                Tensor x = Tensors.set(tape.empty(DType.F32, values.length), values);
                assertEquals(exact, Reduce.sumAll(tape, x).item(), 4e-7 * exact, device);
                double[] columns = Tensors.get(Reduce.sum(tape, x.reshape(1 << 19, 2), 0, false));
                assertEquals(exact, columns[0] + columns[1], 4e-7 * exact, device);
            }
    }

    @Test
    void emptyDimensions() {
        try (Workspace workspace = new Workspace(Backends.preferred(), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor empty = tape.empty(DType.F32, 0, 3), flat = tape.empty(DType.F32, 3, 0);
            assertArrayEquals(new double[3], Tensors.get(Reduce.sum(tape, empty, 0, false)));
            assertArrayEquals(new double[3], Tensors.get(Reduce.sum(tape, flat, 1, false)));
            assertEquals(0, Reduce.sumAll(tape, empty).item());
            assertEquals(Double.NaN, Reduce.meanAll(tape, empty).item());
            assertThrows(IllegalArgumentException.class, () -> Reduce.max(tape, empty, 0, false));
            assertThrows(IllegalArgumentException.class, () -> Reduce.sum(tape, empty, 2, false));
        }
    }
}
