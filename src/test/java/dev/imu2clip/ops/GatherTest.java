package dev.imu2clip.ops;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.backend.HostBackend;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.Random;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class GatherTest {
    private static final Random RANDOM = new Random(7);

    private static long[] indices(int count, int limit) {
        return RANDOM.ints(count, 0, limit).asLongStream().toArray();
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "5,3,7", "50,17,333", "997,40,64", "20,130,65", "9,257,100"})
    void rows(int v, int d, int count) {
        OpCheck.of("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(v, d)
                .integers(DType.I64, indices(count, v), count).terms(count).check();
        OpCheck.of("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(v, d)
                .integers(DType.I32, indices(count, v), count).terms(count).check();
    }

    /** The gradient of one row that everything picks is a sum of many terms, and rows that nothing picks get zeros. */
    @Test
    void oneRowPickedByAll() {
        OpCheck.of("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(11, 70)
                .integers(DType.I64, new long[400], 400).terms(400).check();
    }

    @Test
    void indicesOfAnyShape() {
        OpCheck.of("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(31, 8).integers(DType.I32, indices(24, 31), 2, 3, 4).check();
        OpCheck.of("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(31, 8).integers(DType.I32, new long[] {30}).check();
        OpCheck.of("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(31, 8).integers(DType.I32, new long[0], 0).check();
    }

    @ParameterizedTest
    @CsvSource({"7,0,9", "40 6,1,5", "40 6,0,60", "3 50 33,1,70", "3 5 33,-1,40", "1 1 1,1,4", "2 3 4 5 6,2,9", "70 1 90,2,45"})
    void alongAnAxis(String shape, int axis, int count) {
        long[] sizes = ElementwiseTest.shape(shape);
        int n = (int) sizes[axis < 0 ? axis + sizes.length : axis];
        OpCheck.of("gather", (tape, x) -> Gather.gather(tape, x[0], axis, x[1])).input(sizes).integers(DType.I64, indices(count, n), count)
                .terms(count).check();
    }

    /** On host devices; elsewhere the values are not looked at. */
    @Test
    void refusesIndicesOutside() {
        for (String device : TestDevices.all())
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                Tensor table = tape.empty(DType.F32, 5, 4), real = tape.empty(DType.F32, 3);
                Tensor negative = Tensors.set(tape.empty(DType.I32, 1), -1);
                assertThrows(IllegalArgumentException.class, () -> Gather.rows(tape, table, real));
                assertThrows(IllegalArgumentException.class, () -> Gather.rows(tape, real, negative));
                if (!(Backends.get(device) instanceof HostBackend)) continue;
                Tensor bad = Tensors.set(tape.empty(DType.I64, 3), 0, 4, 5);
                String message = assertThrows(IllegalArgumentException.class, () -> Gather.rows(tape, table, bad)).getMessage();
                assertEquals("rows: index 5 at position 2 is outside of [0, 5)", message);
                assertThrows(IllegalArgumentException.class, () -> Gather.gather(tape, table, 1, bad));
                message = assertThrows(IllegalArgumentException.class, () -> Gather.rows(tape, table, negative)).getMessage();
                assertTrue(message.contains("-1"), message);
            }
    }

    /** Where nobody looks at the indices, one outside picks NaN, and its gradient goes nowhere. */
    @Test
    void indicesOutsideDoNoHarm() {
        for (String device : TestDevices.all()) {
            if (Backends.get(device) instanceof HostBackend) continue;
            try (Workspace workspace = new Workspace(Backends.get(device), "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                Tensor table = Tensors.set(tape.empty(DType.F32, 2, 2), 1, 2, 3, 4), gradient = tape.like(table);
                tape.watch(table, gradient);
                Tensor y = Gather.rows(tape, table, Tensors.set(tape.empty(DType.I64, 5), 1, -1, 2, 1L << 40, 1));
                double nan = Double.NaN;
                assertArrayEquals(new double[] {3, 4, nan, nan, nan, nan, nan, nan, 3, 4}, Tensors.get(y), device);
                tape.backward(y, Tensors.set(tape.like(y), 1, 2, 10, 20, 30, 40, 50, 60, 3, 4));
                assertArrayEquals(new double[] {0, 0, 4, 6}, Tensors.get(gradient), device);
            }
        }
    }

    /** Many more indices than are looked at together, in several ranges of rows. */
    @Test
    void manyIndices() {
        OpCheck.of("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(300, 3)
                .integers(DType.I32, indices(3000, 300), 3000).terms(40).check();
    }
}
