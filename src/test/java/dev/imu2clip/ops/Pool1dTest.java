package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertThrows;

class Pool1dTest {
    @ParameterizedTest(name = "n {0} c {1} l {2} kernel {3} stride {4} padding {5} dilation {6}")
    @CsvSource({
            "1, 1, 1, 1, 1, 0, 1",
            "2, 3, 98, 3, 3, 0, 1",
            "3, 5, 101, 3, 3, 0, 1",
            "2, 3, 17, 2, 2, 0, 1",
            "2, 3, 29, 3, 2, 1, 1",
            "1, 2, 31, 5, 1, 2, 1",
            "1, 7, 40, 3, 4, 1, 3",
            "2, 2, 13, 2, 3, 0, 2",
            "20, 31, 31, 3, 3, 0, 1",
    })
    void maxima(int n, int c, int l, int kernel, int stride, int padding, int dilation) {
        OpCheck.of("maxPool", (tape, x) -> Pool1d.maxPool(tape, x[0], kernel, stride, padding, dilation)).input(n, c, l).check();
        OpCheck.of("maxPool", (tape, x) -> Pool1d.maxPool(tape, x[0], kernel, stride, padding, dilation))
                .input(n, c, l).forwardOnly().check();
    }

    /** The first of equal elements gets the gradient; NaN goes through; a window of minus infinities has one too. */
    @ParameterizedTest
    @CsvSource({"3, 3, 0", "2, 2, 0", "3, 1, 1", "4, 4, 0"})
    void tiesAndSpecialValues(int kernel, int stride, int padding) {
        double inf = Double.POSITIVE_INFINITY, nan = Double.NaN;
        double[] values = {1, 1, 1, 0, 2, 2, nan, 3, 4, 5, nan, 1, -inf, -inf, -inf, -inf, 6, nan, 7, inf, inf, nan, nan, 1, 8};
        OpCheck.of("maxPool", (tape, x) -> Pool1d.maxPool(tape, x[0], kernel, stride, padding, 1)).input(values, 1, 1, values.length)
                .withoutGradientCheck().check();
    }

    @ParameterizedTest(name = "n {0} c {1} l {2} kernel {3} stride {4} padding {5}")
    @CsvSource({"1, 1, 1, 1, 1, 0", "2, 3, 50, 4, 3, 2", "1, 5, 37, 3, 1, 1", "2, 2, 100, 33, 7, 16",
            "3, 4, 10, 2, 5, 0", "20, 31, 31, 3, 3, 0"})
    void means(int n, int c, int l, int kernel, int stride, int padding) {
        for (boolean countIncludePad : new boolean[] {true, false})
            OpCheck.of("avgPool", (tape, x) -> Pool1d.avgPool(tape, x[0], kernel, stride, padding, countIncludePad))
                    .input(n, c, l).terms(kernel).check();
    }

    @ParameterizedTest(name = "n {0} c {1} l {2} -> {3}")
    @CsvSource({"1, 1, 1, 1", "2, 3, 942, 13", "2, 3, 7, 7", "1, 2, 5, 12", "3, 1, 100, 1", "20, 31, 31, 10"})
    void adaptiveMeans(int n, int c, int l, int lout) {
        OpCheck.of("adaptiveAvgPool", (tape, x) -> Pool1d.adaptiveAvgPool(tape, x[0], lout)).input(n, c, l).terms(l).check();
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            var x = tape.empty(DType.F32, 2, 3, 4);
            assertThrows(IllegalArgumentException.class, () -> Pool1d.maxPool(tape, x, 5));
            assertThrows(IllegalArgumentException.class, () -> Pool1d.maxPool(tape, x, 3, 1, 2, 1));
            assertThrows(IllegalArgumentException.class, () -> Pool1d.avgPool(tape, x.reshape(6, 4), 2, 2, 0, true));
            assertThrows(IllegalArgumentException.class, () -> Pool1d.adaptiveAvgPool(tape, x, 0));
        }
    }
}
