package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.junit.jupiter.api.Assertions.assertThrows;

class Conv1dTest {
    @ParameterizedTest(name = "n {0} c {1} l {2} o {3} k {4} stride {5} padding {6} dilation {7} groups {8}")
    @CsvSource({
            "1, 1, 1, 1, 1, 1, 0, 1, 1",
            "2, 6, 103, 32, 10, 1, 0, 2, 1", // the first convolution of mw2, shorter
            "3, 32, 37, 32, 5, 1, 0, 2, 1",
            "1, 3, 19, 5, 3, 1, 0, 1, 1",
            "2, 5, 61, 7, 4, 1, 3, 2, 1",
            "2, 4, 23, 6, 3, 2, 1, 1, 2",
            "2, 6, 50, 9, 5, 3, 4, 2, 3",
            "3, 8, 31, 8, 3, 1, 1, 1, 8", // depthwise
            "3, 8, 21, 8, 3, 1, 1, 1, 8",
            "3, 4, 13, 4, 2, 1, 1, 1, 4",
            "2, 6, 64, 11, 16, 16, 0, 1, 1", // patches
            "1, 6, 130, 6, 50, 1, 0, 1, 1",
            "2, 6, 45, 1, 10, 1, 0, 1, 1",
            "2, 2, 9, 3, 2, 5, 0, 1, 1", // stride past the kernel: some input is never read
            "1, 2, 3, 4, 1, 1, 5, 1, 1", // padding past the kernel
            "1, 2, 5, 3, 3, 2, 6, 1, 1",
            "2, 3, 7, 13, 2, 3, 2, 4, 1",
            "0, 3, 7, 2, 2, 1, 0, 1, 1",
    })
    void likeItsDefinition(int n, int c, int l, int o, int k, int stride, int padding, int dilation, int groups) {
        int lout = (l + 2 * padding - dilation * (k - 1) - 1) / stride + 1;
        if (n > 0)
            OpCheck.of("conv1d", (tape, x) -> Conv1d.conv1d(tape, x[0], x[1], x[2], stride, padding, dilation, groups))
                    .input(n, c, l).input(o, c / groups, k).input(o).terms(Math.max(n * lout, Math.max(c, o) * k)).check();
        OpCheck.of("conv1d", (tape, x) -> Conv1d.conv1d(tape, x[0], x[1], null, stride, padding, dilation, groups))
                .input(n, c, l).input(o, c / groups, k).terms(Math.max(n * lout, Math.max(c, o) * k)).check();
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            var x = tape.empty(DType.F32, 2, 6, 9);
            var w = tape.empty(DType.F32, 4, 6, 5);
            assertThrows(IllegalArgumentException.class, () -> Conv1d.conv1d(tape, x, w, 3)); // spans 13
            assertThrows(IllegalArgumentException.class, () -> Conv1d.conv1d(tape, x, w, null, 1, 0, 1, 2));
            assertThrows(IllegalArgumentException.class, () -> Conv1d.conv1d(tape, x, w, x.view(0, 3), 1, 0, 1, 1));
            assertThrows(IllegalArgumentException.class, () -> Conv1d.conv1d(tape, x, w, null, 0, 0, 1, 1));
            assertThrows(IllegalArgumentException.class, () -> Conv1d.conv1d(tape, x.reshape(12, 9), w, 1));
        }
    }
}
