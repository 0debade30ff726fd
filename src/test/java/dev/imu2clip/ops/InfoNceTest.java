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

import static org.junit.jupiter.api.Assertions.assertTrue;

class InfoNceTest {
    private static final double SCALE = 3;

    @ParameterizedTest
    @CsvSource({"1,1", "2,3", "5,8", "33,17", "70,40", "600,8"})
    void inBatch(int n, int dim) {
        double size = 1 / Math.sqrt(dim);
        for (Reduction reduction : n > 100 ? new Reduction[] {Reduction.MEAN} : Reduction.values())
            for (boolean symmetric : new boolean[] {false, true})
                OpCheck.of("in batch " + reduction + symmetric, (tape, x) -> InfoNce.inBatch(tape, x[0], x[1], x[2], symmetric, reduction))
                        .uniform(-size, size, n, dim).uniform(-size, size, n, dim).wide(new double[] {SCALE}, 1)
                        .terms(n + dim).tolerance(2e-6).differences(n > 50 ? 3 : 40).check();
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "2,3,4", "5,9,8", "33,70,17", "3,600,5"})
    void negativesInCommon(int n, int m, int dim) {
        for (Reduction reduction : Reduction.values())
            OpCheck.of("common " + reduction, (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction))
                    .input(n, dim).input(n, dim).input(m, dim).wide(new double[] {0.5}, 1)
                    .terms(m + dim).tolerance(2e-6).differences(m > 50 ? 3 : 40).check();
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "2,3,4", "5,9,8", "33,7,17", "3,600,5"})
    void negativesOfTheirOwn(int n, int m, int dim) {
        for (Reduction reduction : Reduction.values())
            OpCheck.of("own " + reduction, (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction))
                    .input(n, dim).input(n, dim).input(n, m, dim).wide(new double[] {0.5}, 1)
                    .terms(m + dim).tolerance(2e-6).differences(m > 50 ? 3 : 40).check();
    }

    @Test
    void aNanInTheQueryOrAKeyReachesTheLoss() {
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                int n = 7, dim = 33;
                float[] poisoned = new float[n * dim];
                Arrays.fill(poisoned, 0.1f);
                Tensor clean = tape.empty(DType.F32, n, dim).set(poisoned), scale = tape.empty(DType.F32, 1).set(2f);
                poisoned[2 * dim + 5] = Float.NaN;
                Tensor bad = L2Normalize.l2Normalize(tape, tape.empty(DType.F32, n, dim).set(poisoned));
                assertNan(device, InfoNce.inBatch(tape, bad, clean, scale, false, Reduction.MEAN));
                assertNan(device, InfoNce.inBatch(tape, clean, bad, scale, false, Reduction.MEAN));
                assertNan(device, InfoNce.inBatch(tape, bad, clean, scale, true, Reduction.SUM));
                assertNan(device, InfoNce.withNegatives(tape, bad, clean, clean, scale, Reduction.MEAN));
                assertNan(device, InfoNce.withNegatives(tape, clean, bad, clean, scale, Reduction.MEAN));
                assertNan(device, InfoNce.withNegatives(tape, clean, clean, bad, scale, Reduction.MEAN));
                for (int i = 0; i < dim; i++) assertTrue(Float.isNaN(bad.toFloats()[2 * dim + i]), device + ": a row with a NaN");
            }
    }

    private static void assertNan(String device, Tensor loss) {
        assertTrue(Double.isNaN(loss.item()), device + ": " + loss.item());
    }
}
