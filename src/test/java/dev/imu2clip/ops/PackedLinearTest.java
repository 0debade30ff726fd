package dev.imu2clip.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.imu2clip.TestDevices;
import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.ops.PackedLinear.Finish;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class PackedLinearTest {
    private static Tensor packed(Tape tape, Tensor weight, int width) {
        Tensor panels = tape.empty(weight.dtype(), PackedLinear.panels(weight.size(0), weight.size(1), width).sizes());
        PackedLinear.pack(weight, panels);
        return panels;
    }

    private static Tensor normal(Tape tape, int seed, long... sizes) {
        Tensor tensor = tape.empty(DType.F32, sizes);
        Random random = new Random(seed);
        return Tensors.set(tensor, random.doubles(tensor.count(), -1, 1).toArray());
    }

    /** Widths of this and of other instruction sets, and one of nobody. */
    @ParameterizedTest
    @CsvSource({"1,1,1,24", "3,7,5,24", "4,24,256,24", "7,25,257,24", "50,100,300,24", "200,47,513,24", "9,50,33,12", "9,50,33,48",
        "101,97,70,48", "5,3,4,7"})
    void products(int rows, int n, int k, int width) {
        OpCheck.of("packed linear", (tape, x) -> PackedLinear.linear(tape, x[0], packed(tape, x[1], width), n, x[2], Finish.NOTHING))
                .input(rows, k).input(n, k).input(n).terms(k).forwardOnly().check();
        OpCheck.of("packed linear, no bias", (tape, x) -> PackedLinear.linear(tape, x[0], packed(tape, x[1], width), n, null, Finish.NOTHING))
                .input(rows, k).input(n, k).terms(k).forwardOnly().check();
        OpCheck.of("added", (tape, x) -> {
            Tensor y = tape.like(x[3]).set(x[3]);
            PackedLinear.add(tape, x[0], packed(tape, x[1], width), x[2], y);
            return y;
        }).input(rows, k).input(n, k).input(n).input(rows, n).terms(k).forwardOnly().check();
    }

    @ParameterizedTest
    @EnumSource(Finish.class)
    void activations(Finish finish) {
        for (int rows : new int[] {1, 30}) // one pass over k, and two
            for (int k : new int[] {20, 300})
                OpCheck.of(finish.name(), (tape, x) -> PackedLinear.linear(tape, x[0], packed(tape, x[1], 24), 61, x[2], finish))
                        .input(2, rows, k).input(61, k).input(61).terms(k).forwardOnly().check();
    }

    /** Where the width is the device's own, nothing differs from a product with the weight as it is. */
    @Test
    void theSameBitsAsALinearLayer() {
        for (String device : TestDevices.all()) {
            Backend backend = Backends.get(device);
            if (backend.panelWidth() == 0) continue;
            try (var workspace = new Workspace(backend, "test"); var _ = workspace.step()) {
                Tape tape = new Tape(workspace);
                Tensor x = normal(tape, 1, 37, 300), weight = normal(tape, 2, 101, 300), bias = normal(tape, 3, 101);
                float[] plain = MatMul.linear(tape, x, weight, bias).toFloats();
                assertArrayEquals(plain, PackedLinear.linear(tape, x, packed(tape, weight, backend.panelWidth()), 101, bias, Finish.NOTHING)
                        .toFloats(), device);
            }
        }
    }

    @Test
    void wrongShapesAndGradientsAreRefused() {
        try (var workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = normal(tape, 1, 3, 8), panels = packed(tape, normal(tape, 2, 5, 8), 4);
            assertEquals("(2, 8, 4)", panels.shape().toString());
            for (Runnable wrong : new Runnable[] {
                () -> PackedLinear.linear(tape, x, panels, 9, null, Finish.NOTHING),
                () -> PackedLinear.linear(tape, normal(tape, 1, 3, 7), panels, 5, null, Finish.NOTHING),
                () -> PackedLinear.linear(tape, x, panels, 5, normal(tape, 1, 6), Finish.NOTHING),
                () -> PackedLinear.add(tape, x, panels, null, normal(tape, 1, 2, 5)),
                () -> PackedLinear.pack(normal(tape, 1, 5, 8), normal(tape, 1, 1, 8, 4))})
                assertThrows(IllegalArgumentException.class, wrong::run);
            tape.watch(x, tape.empty(DType.F32, 3, 8));
            assertThrows(UnsupportedOperationException.class, () -> PackedLinear.linear(tape, x, panels, 5, null, Finish.NOTHING));
        }
    }
}
