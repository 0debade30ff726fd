package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class ElementwiseTest {
    /** Shapes as texts: "2 3" is (2, 3), "" is a scalar. */
    @ParameterizedTest
    @CsvSource(nullValues = "-", value = {
        "1,1", "17,17", "5003,5003", // alike
        "'',''", "5 7,''", "'',5003", "33 67,1", // scalar
        "129 65,65", "65,129 65", "3 17 5,5", "500 3,3", // row vector
        "33 67,33 1", "129 1,129 65", // column vector
        "4 17 31,17 1", "1 17 1,4 17 31", "3 5 7 11,5 1 1", // channel vector
        "5 1,1 7", "5 1 7,1 6 1", "2 1 3 1 5,1 4 1 3 1", "2 1 3 1 5 1,1 2 1 3 1 5", "1 2 3,2 1 1", // both repeat
        "70 130,1 130", "2 3 1 5 1 2,2 3 4 5 6 2"})
    void binary(String first, String second) {
        long[] a = shape(first), b = shape(second);
        long terms = 1;
        for (long size : a) terms *= size;
        for (long size : b) terms *= size;
        OpCheck.of("add", (tape, x) -> Elementwise.add(tape, x[0], x[1])).input(a).input(b).terms(terms).check();
        OpCheck.of("subtract", (tape, x) -> Elementwise.subtract(tape, x[0], x[1])).input(a).input(b).terms(terms).check();
        OpCheck.of("multiply", (tape, x) -> Elementwise.multiply(tape, x[0], x[1])).input(a).input(b).terms(terms).check();
        OpCheck.of("divide", (tape, x) -> Elementwise.divide(tape, x[0], x[1])).input(a).uniform(0.5, 2, b).terms(terms).check();
    }

    @Test
    void binaryOfOneTensorTwice() {
        OpCheck.of("x * x", (tape, x) -> Elementwise.multiply(tape, x[0], x[0])).input(37).check();
        OpCheck.of("x - x", (tape, x) -> Elementwise.subtract(tape, x[0], x[0])).input(37).check();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 64, 1021, 20_011})
    void unary(int n) {
        OpCheck.of("axpb", (tape, x) -> Elementwise.axpb(tape, x[0], -1.7, 0.3)).input(n).check();
        OpCheck.of("negate", (tape, x) -> Elementwise.negate(tape, x[0])).input(n).check();
        OpCheck.of("exp", (tape, x) -> Elementwise.exp(tape, x[0])).input(n).check();
        OpCheck.of("log", (tape, x) -> Elementwise.log(tape, x[0])).uniform(0.1, 30, n).check();
        OpCheck.of("sqrt", (tape, x) -> Elementwise.sqrt(tape, x[0])).uniform(0.1, 30, n).check();
        OpCheck.of("square", (tape, x) -> Elementwise.square(tape, x[0])).input(n).check();
        OpCheck.of("abs", (tape, x) -> Elementwise.abs(tape, x[0])).input(n).check();
        OpCheck.of("clamp_max", (tape, x) -> Elementwise.clampMax(tape, x[0], 0.25)).input(n).check();
    }

    @Test
    void unaryAtTheEdges() {
        double inf = Double.POSITIVE_INFINITY, nan = Double.NaN;
        double[] odd = {0, 1, 1e-40, 1e-45, 1e38, inf, -1, nan, 0.70710678, 0.7071068, 1.4142135, 1.4142137};
        OpCheck.of("log", (tape, x) -> Elementwise.log(tape, x[0])).input(odd, odd.length).forwardOnly().check();
        double[] exponents = {0, -200, -inf, inf, nan, -87.2, 1e-8};
        OpCheck.of("exp", (tape, x) -> Elementwise.exp(tape, x[0])).input(exponents, exponents.length).tolerance(1e-7)
                .forwardOnly().check();
        OpCheck.of("abs", (tape, x) -> Elementwise.abs(tape, x[0])).input(new double[] {0, -0.0, -inf, nan}, 4)
                .withoutGradientCheck().check();
        // The gradient passes at the bound itself.
        OpCheck.of("clamp_max", (tape, x) -> Elementwise.clampMax(tape, x[0], 2)).input(new double[] {2, nan, inf, -inf}, 4)
                .withoutGradientCheck().check();
    }

    /** The logarithm's own accuracy, which a tolerance relative to the largest element would hide. */
    @Test
    void logIsExactToTwoUnits() {
        double[] values = new double[4000];
        for (int i = 0; i < values.length; i++) values[i] = (float) Math.exp((i - 2000) * 0.043);
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "log"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                double[] logs = Tensors.get(Elementwise.log(tape, Tensors.set(tape.empty(DType.F32, values.length), values)));
                for (int i = 0; i < values.length; i++) {
                    double exact = Math.log(values[i]);
                    assertEquals(exact, logs[i], 2 * Math.ulp((float) exact), device + " log(" + values[i] + ")");
                }
            }
    }

    @Test
    void emptyTensors() {
        OpCheck.of("add", (tape, x) -> Elementwise.add(tape, x[0], x[1])).input(0, 3).input(3).check();
        OpCheck.of("exp", (tape, x) -> Elementwise.exp(tape, x[0])).input(0).check();
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, 2, 3), y = tape.empty(DType.F32, 2), z = tape.empty(DType.F64, 2, 3);
            Tensor i = tape.empty(DType.I32, 2, 3);
            String message = assertThrows(IllegalArgumentException.class, () -> Elementwise.add(tape, x, y)).getMessage();
            assertTrue(message.contains("(2, 3)") && message.contains("(2,)") && message.contains("3 against 2"), message);
            assertThrows(IllegalArgumentException.class, () -> Elementwise.add(tape, x, z));
            assertThrows(IllegalArgumentException.class, () -> Elementwise.multiply(tape, i, i));
            Tensor seven = tape.empty(DType.F32, 1, 1, 1, 1, 1, 1, 1);
            assertThrows(IllegalArgumentException.class, () -> Elementwise.add(tape, seven, x));
        }
    }

    @Test
    void dimensionsMerge() {
        Broadcast bias = Broadcast.of("add", Shape.of(4, 5, 6), Shape.of(6));
        assertArrayEquals(new long[] {1, 1, 1, 1, 20, 6}, bias.sizes());
        assertArrayEquals(new long[] {0, 0, 0, 0, 0, 1}, bias.b());
    }

    static long[] shape(String text) {
        return text.isBlank() ? new long[0] : Arrays.stream(text.strip().split(" ")).mapToLong(Long::parseLong).toArray();
    }
}
