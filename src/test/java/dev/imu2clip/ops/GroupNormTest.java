package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertThrows;

class GroupNormTest {
    @ParameterizedTest(name = "n {0} c {1} l {2} groups {3}")
    @CsvSource({"1, 1, 2, 1", "3, 6, 1000, 2", "5, 32, 32, 4", "2, 6, 7, 6", "1, 4, 17, 1", "2, 4, 5003, 2", "40, 8, 1, 2"})
    void likeItsDefinition(int n, int c, int l, int groups) {
        OpCheck.of("groupNorm", (tape, x) -> GroupNorm.groupNorm(tape, x[0], groups, x[1], x[2], 1e-5))
                .input(n, c, l).uniform(0.5, 2, c).input(c).terms(Math.max(n, c / groups) * l).check();
    }

    /** Gravity in an accelerometer: a mean hundreds of times the spread must not cost the result its digits. */
    @Test
    void meanFarFromZero() {
        OpCheck.of("groupNorm", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-5))
                .uniform(9.79, 9.83, 2, 6, 1003).uniform(0.5, 2, 6).input(6).terms(3009).withoutGradientCheck().check();
    }

    @Test
    void constantInputAndFurtherDimensions() {
        OpCheck.of("groupNorm", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-5))
                .input(new double[24], 1, 4, 6).input(4).input(4).withoutGradientCheck().check();
        OpCheck.of("groupNorm", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-3))
                .input(2, 4, 3, 5).input(4).input(4).terms(30).check();
        OpCheck.of("groupNorm", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-3))
                .input(7, 4).input(4).input(4).terms(7).check();
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            var x = tape.empty(DType.F32, 2, 6, 4);
            var six = tape.empty(DType.F32, 6);
            assertThrows(IllegalArgumentException.class, () -> GroupNorm.groupNorm(tape, x, 4, six, six, 1e-5));
            assertThrows(IllegalArgumentException.class, () -> GroupNorm.groupNorm(tape, x, 2, six, six.view(0, 4), 1e-5));
            assertThrows(IllegalArgumentException.class, () -> GroupNorm.groupNorm(tape, six, 2, six, six, 1e-5));
        }
    }
}
