package dev.imu2clip.ops;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SoftmaxTest {
    @ParameterizedTest
    @CsvSource({"1", "5", "3 1", "3 17", "700 3", "2 5 64", "33 129", "2 9001", "0 4", "4 0"})
    void softmaxAndItsLogarithm(String shape) {
        long[] sizes = ElementwiseTest.shape(shape);
        long columns = sizes[sizes.length - 1];
        OpCheck.of("softmax", (tape, x) -> Softmax.softmax(tape, x[0])).input(sizes).terms(columns).check();
        OpCheck.of("log_softmax", (tape, x) -> Softmax.logSoftmax(tape, x[0])).input(sizes).terms(columns).check();
    }

    @Test
    void largeValues() {
        double inf = Double.POSITIVE_INFINITY, nan = Double.NaN;
        double[] rows = {
            1e30, 1e30, 0, -1e30, //
            10000, 10001, 9999, 10000, //
            -10000, -10001, -9999, -10000, //
            -inf, 3, -inf, 2, //
            nan, 1, 2, 3, //
            -inf, -inf, -inf, -inf, //
            inf, 0, 1, 2};
        OpCheck.of("softmax", (tape, x) -> Softmax.softmax(tape, x[0])).input(rows, 7, 4).withoutGradientCheck().check();
        OpCheck.of("log_softmax", (tape, x) -> Softmax.logSoftmax(tape, x[0])).input(rows, 7, 4).forwardOnly().check();
    }

    /** Beside a large maximum the logarithm of the sum still counts in full. */
    @Test
    void logarithmBesideALargeMaximum() {
        double[] row = {1 << 20, (1 << 20) - 0.125, (1 << 20) - 1};
        OpCheck.of("log_softmax", (tape, x) -> Softmax.logSoftmax(tape, x[0])).input(row, 1, 3).withoutGradientCheck().check();
    }
}
