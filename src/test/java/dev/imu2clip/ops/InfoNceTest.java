package dev.imu2clip.ops;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InfoNceTest {
    private static final double SCALE = 3;

    @ParameterizedTest
    @CsvSource({"1,1", "2,3", "5,8", "33,17", "70,40", "600,8"})
    void inBatch(int n, int dim) {
        double size = 1 / Math.sqrt(dim);
        for (Reduction reduction : n > 100 ? new Reduction[] {Reduction.MEAN} : Reduction.values())
            for (boolean symmetric : new boolean[] {false, true})
                OpCheck.of("in batch " + reduction + symmetric, (tape, x) -> InfoNce.inBatch(tape, x[0], x[1], x[2], symmetric, reduction))
                        .uniform(-size, size, n, dim).uniform(-size, size, n, dim).input(new double[] {SCALE}, 1).terms(n + dim).tolerance(2e-6).differences(n > 50 ? 3 : 40).check();
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "2,3,4", "5,9,8", "33,70,17", "3,600,5"})
    void negativesInCommon(int n, int m, int dim) {
        for (Reduction reduction : Reduction.values())
            OpCheck.of("common " + reduction, (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction))
                    .input(n, dim).input(n, dim).input(m, dim).input(new double[] {0.5}, 1).terms(m + dim).tolerance(2e-6).differences(m > 50 ? 3 : 40).check();
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "2,3,4", "5,9,8", "33,7,17", "3,600,5"})
    void negativesOfTheirOwn(int n, int m, int dim) {
        for (Reduction reduction : Reduction.values())
            OpCheck.of("own " + reduction, (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction))
                    .input(n, dim).input(n, dim).input(n, m, dim).input(new double[] {0.5}, 1).terms(m + dim).tolerance(2e-6).differences(m > 50 ? 3 : 40).check();
    }
}
