package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertThrows;

class LayerNormTest {
    @ParameterizedTest(name = "{0} rows of {1}")
    @CsvSource({"1, 1", "1, 2", "3, 512", "17, 31", "150, 768", "1100, 5", "2, 5003"})
    void likeItsDefinition(int rows, int d) {
        OpCheck.of("layerNorm", (tape, x) -> LayerNorm.layerNorm(tape, x[0], x[1], x[2], 1e-5))
                .input(rows, d).uniform(0.5, 2, d).input(d).terms(Math.max(rows, d))
                .tolerance(d == 1 ? 1e-5 : 1e-6).check(); // of one value: variance 0, so what cancels is multiplied by 1 / sqrt(eps)
    }

    @Test
    void meanFarFromZero() {
        OpCheck.of("layerNorm", (tape, x) -> LayerNorm.layerNorm(tape, x[0], x[1], x[2], 1e-5))
                .uniform(9.79, 9.83, 2, 5, 203).uniform(0.5, 2, 203).input(203).terms(203).tolerance(1e-5).withoutGradientCheck().check();
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            var x = tape.empty(DType.F32, 2, 6);
            assertThrows(IllegalArgumentException.class, () -> LayerNorm.layerNorm(tape, x, x, x, 1e-5));
            assertThrows(IllegalArgumentException.class, () -> LayerNorm.layerNorm(tape, x, x.view(0, 6), x.view(0, 5), 1e-5));
        }
    }
}
