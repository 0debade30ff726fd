package dev.imu2clip.ops;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class L2NormalizeTest {
    @ParameterizedTest
    @CsvSource({"1", "5", "3 2", "3 17", "700 3", "2 5 64", "33 512", "2 9001", "0 4", "4 0"})
    void sizes(String shape) {
        long[] sizes = ElementwiseTest.shape(shape);
        OpCheck.of("l2_normalize", (tape, x) -> L2Normalize.l2Normalize(tape, x[0])).input(sizes).terms(sizes[sizes.length - 1]).check();
    }

    /** Rows of zeros, below the bound, tiny and huge. The gradient of a row below the bound is dy / eps: compared relative to that. */
    @Test
    void oddRows() {
        double[] rows = {3e18, 4e18, 0, 3e-6, 0, 4e-6};
        OpCheck.of("l2_normalize", (tape, x) -> L2Normalize.l2Normalize(tape, x[0])).input(rows, 2, 3).withoutGradientCheck().check();
        double[] below = {0, 0, 0, 1e-13, 0, -2e-13};
        OpCheck.of("l2_normalize", (tape, x) -> L2Normalize.l2Normalize(tape, x[0])).input(below, 2, 3).withoutGradientCheck().check();
    }
}
