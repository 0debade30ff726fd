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

import java.util.Arrays;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class LayoutTest {
    @Test
    void reshape() {
        // The result is used twice, so that the view's gradient is a sum.
        OpCheck.of("reshape", (tape, x) -> {
            Tensor y = Layout.reshape(tape, x[0], 6, 35);
            return Elementwise.multiply(tape, y, y);
        }).input(2, 3, 5, 7).check();
    }

    @ParameterizedTest
    @CsvSource({
        "'',''", "7,0", "1 1,1 0", "5 7,1 0", "33 65,1 0", "128 96,1 0", "130 131,1 0", // matrices
        "3 35 66,0 2 1", "2 9 17 5,0 2 1 3", "4 3 9 5,0 2 3 1", "3 4 5,2 1 0", "3 4 5,1 0 2", "1 40 1 70,3 2 1 0", // heads, channels
        "2 3 4 5 6,4 2 0 3 1", "2 3 2 3 2 3,5 4 3 2 1 0", "2 3 2 3 2 40,1 0 3 2 4 5", "40 2 3 2 2 37,5 1 2 3 4 0", "0 5,1 0"})
    void transpose(String shape, String permutation) {
        int[] order = Arrays.stream(ElementwiseTest.shape(permutation)).mapToInt(d -> (int) d).toArray();
        OpCheck.of("transpose", (tape, x) -> Layout.transpose(tape, x[0], order)).input(ElementwiseTest.shape(shape)).check();
    }

    /** All values are distinct, so that a wrong place cannot go unseen, and compared exactly. */
    @Test
    void transposeMovesEveryElement() {
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                double[] values = new double[3 * 37 * 45];
                for (int i = 0; i < values.length; i++) values[i] = i;
                Tensor x = Tensors.set(tape.empty(DType.F32, 3, 37, 45), values);
                double[] moved = Tensors.get(Layout.transpose(tape, x, 0, 2, 1));
                for (int b = 0; b < 3; b++)
                    for (int i = 0; i < 45; i++)
                        for (int j = 0; j < 37; j++) assertEquals(values[(b * 37 + j) * 45 + i], moved[(b * 45 + i) * 37 + j], device);
            }
    }

    @ParameterizedTest
    @CsvSource({"7,0,0,7", "7,0,2,5", "7,0,3,3", "9 5,0,4,9", "9 5,1,0,2", "9 5,-1,4,5",
        "3 40 50,1,7,33", "3 40 50,2,1,50", "700 3,1,1,2", "1 9 5,1,2,4"})
    void slice(String shape, int axis, int from, int to) {
        OpCheck.of("slice", (tape, x) -> Layout.slice(tape, x[0], axis, from, to)).input(ElementwiseTest.shape(shape)).check();
    }

    /** Two slices of one tensor: their gradients meet in it. */
    @Test
    void overlappingSlices() {
        OpCheck.of("slices", (tape, x) -> Elementwise.multiply(tape, Layout.slice(tape, x[0], 0, 0, 5), Layout.slice(tape, x[0], 0, 2, 7)))
                .input(7, 3).check();
    }

    @ParameterizedTest
    @CsvSource({"0,3 5,1 5,4 5", "1,3 5,3 1,3 40", "-1,2 3 7,2 3 1,2 3 60", "1,500 2,500 1,500 3", "1,1 2 9,1 1 9,1 3 9", "0,2,0,3"})
    void concat(int axis, String first, String second, String third) {
        OpCheck.of("concat", (tape, x) -> Layout.concat(tape, axis, x)).input(ElementwiseTest.shape(first))
                .input(ElementwiseTest.shape(second)).input(ElementwiseTest.shape(third)).check();
    }

    @Test
    void concatOfOneTensorTwice() {
        OpCheck.of("concat", (tape, x) -> Layout.concat(tape, 0, x[0], x[0])).input(3, 4).check();
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, 2, 3), y = tape.empty(DType.F32, 3, 3);
            assertThrows(IllegalArgumentException.class, () -> Layout.reshape(tape, x, 7));
            assertThrows(IllegalArgumentException.class, () -> Layout.transpose(tape, x, 0));
            assertThrows(IllegalArgumentException.class, () -> Layout.transpose(tape, x, 0, 0));
            assertThrows(IllegalArgumentException.class, () -> Layout.transpose(tape, x, 0, 2));
            assertThrows(IllegalArgumentException.class, () -> Layout.slice(tape, x, 0, 1, 3));
            assertThrows(IllegalArgumentException.class, () -> Layout.slice(tape, x, 1, 2, 1));
            assertThrows(IllegalArgumentException.class, () -> Layout.slice(tape, x, 2, 0, 1));
            assertThrows(IllegalArgumentException.class, () -> Layout.concat(tape, 1, x, y));
            assertThrows(IllegalArgumentException.class, () -> Layout.concat(tape, 0));
            assertArrayEquals(new long[] {5, 3}, Layout.concat(tape, 0, x, y).shape().sizes());
        }
    }
}
