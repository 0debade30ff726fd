package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class CrossEntropyTest {
    private static final int[][] SIZES = {{1, 1}, {3, 2}, {17, 5}, {64, 64}, {5, 9001}, {700, 7}, {0, 3}};

    private static long[] labels(int rows, int classes) {
        long[] labels = new Random(rows).ints(rows, 0, classes).asLongStream().toArray();
        for (int i = 2; i < rows; i += 5) labels[i] = CrossEntropy.IGNORED;
        return labels;
    }

    @ParameterizedTest
    @EnumSource
    void everyReduction(Reduction reduction) {
        for (int[] size : SIZES) {
            if (size[0] == 0 && reduction == Reduction.MEAN) continue;
            OpCheck.of("cross_entropy", (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1], null, reduction)).input(size[0], size[1])
                    .integers(DType.I64, labels(size[0], size[1]), size[0]).terms(size[0] + size[1]).check();
            // The weights come from the labels' side, as constants: an input would be watched.
            double[] weights = new Random(1).doubles(size[1], 0.25, 2).toArray();
            OpCheck.of("weighted cross_entropy", (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1],
                            Tensors.set(tape.empty(x[0].dtype().wide(), size[1]), weights), reduction))
                    .input(size[0], size[1]).integers(DType.I32, labels(size[0], size[1]), size[0]).terms(size[0] + size[1]).check();
        }
    }

    @Test
    void largeLogits() {
        double[] logits = {1e4, 1e4 - 1, -1e30, 100, 99.875, 98};
        OpCheck.of("cross_entropy", (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1], null, Reduction.NONE)).input(logits, 2, 3)
                .integers(DType.I64, new long[] {1, 2}, 2).withoutGradientCheck().check();
    }

    @Test
    void allRowsIgnored() {
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                Tensor logits = Tensors.set(tape.empty(DType.F32, 2, 3), 1, 2, 3, 4, 5, 6), gradient = tape.like(logits);
                Tensor labels = Tensors.set(tape.empty(DType.I64, 2), -100, -100);
                tape.watch(logits, gradient);
                Tensor loss = CrossEntropy.crossEntropy(tape, logits, labels);
                assertTrue(Double.isNaN(loss.item()), device);
                tape.backward(loss);
                assertArrayEquals(new double[6], Tensors.get(gradient), device);
            }
    }

    @Test
    void refusesWhatDoesNotFit() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor logits = tape.empty(DType.F32, 2, 3);
            String message = assertThrows(IllegalArgumentException.class,
                    () -> CrossEntropy.crossEntropy(tape, logits, Tensors.set(tape.empty(DType.I64, 2), 0, 3))).getMessage();
            assertEquals("crossEntropy: index 3 at position 1 is outside of [0, 3)", message);
            Tensor three = Tensors.set(tape.empty(DType.I64, 3), 0, 0, 0);
            assertThrows(IllegalArgumentException.class, () -> CrossEntropy.crossEntropy(tape, logits, three));
            assertThrows(IllegalArgumentException.class, () -> CrossEntropy.crossEntropy(tape, logits, tape.empty(DType.F32, 2)));
            Tensor labels = Tensors.set(tape.empty(DType.I64, 2), 0, 1), weights = tape.empty(DType.F32, 3), few = tape.empty(DType.F32, 2);
            assertThrows(IllegalArgumentException.class, () -> CrossEntropy.crossEntropy(tape, logits, labels, few, Reduction.SUM));
            tape.watch(weights, tape.like(weights));
            assertThrows(UnsupportedOperationException.class,
                    () -> CrossEntropy.crossEntropy(tape, logits, labels, weights, Reduction.SUM));
        }
    }
}
