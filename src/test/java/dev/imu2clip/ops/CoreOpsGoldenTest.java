package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Products, activations, recurrence and InfoNCE against PyTorch; see {@code tools/goldens/core.py}. */
class CoreOpsGoldenTest {
    @Test
    void matmul() {
        try (var goldens = GoldenCheck.open("matmul")) {
            goldens.check("plain", (tape, x) -> MatMul.matmul(tape, x[0], x[1]));
            goldens.check("b_transposed", (tape, x) -> MatMul.matmul(tape, x[0], false, x[1], true));
            goldens.check("a_transposed", (tape, x) -> MatMul.matmul(tape, x[0], true, x[1], false));
            goldens.check("both_transposed", (tape, x) -> MatMul.matmul(tape, x[0], true, x[1], true));
            goldens.check("batched", (tape, x) -> MatMul.matmul(tape, x[0], x[1]));
            goldens.check("one_b", (tape, x) -> MatMul.matmul(tape, x[0], x[1]));
            goldens.check("linear", (tape, x) -> MatMul.linear(tape, x[0], x[1], x[2]));
        }
    }

    @Test
    void activation() {
        try (var goldens = GoldenCheck.open("activation")) {
            goldens.check("relu", (tape, x) -> Activation.relu(tape, x[0]));
            goldens.check("leaky_relu", (tape, x) -> Activation.leakyRelu(tape, x[0], 0.01));
            goldens.check("gelu", (tape, x) -> Activation.gelu(tape, x[0]));
            goldens.check("quick_gelu", (tape, x) -> Activation.quickGelu(tape, x[0]));
            goldens.check("sigmoid", (tape, x) -> Activation.sigmoid(tape, x[0]));
            goldens.check("tanh", (tape, x) -> Activation.tanh(tape, x[0]));
        }
    }

    @Test
    void gru() {
        try (var goldens = GoldenCheck.open("gru")) {
            for (int layers = 1; layers <= 2; layers++)
                for (int directions = 1; directions <= 2; directions++) {
                    String name = "layers" + layers + "_directions" + directions;
                    boolean bidirectional = directions == 2;
                    goldens.check(name + "_sequence", (tape, x) -> layers(tape, x, bidirectional).getLast());
                    goldens.check(name + "_last", (tape, x) -> {
                        List<Tensor> states = layers(tape, x, bidirectional);
                        Tensor[] last = states.subList(0, states.size() - 1).stream()
                                .map(h -> Layout.reshape(tape, h, 1, h.size(0), h.size(1))).toArray(Tensor[]::new);
                        return last.length == 1 ? last[0] : Layout.concat(tape, 0, last);
                    });
                }
        }
    }

    /** The last states of every layer and direction, then the last layer's sequence. Inputs: x, then PyTorch's parameters in order. */
    private static List<Tensor> layers(Tape tape, Tensor[] x, boolean bidirectional) {
        List<Tensor> states = new ArrayList<>();
        Tensor sequence = x[0];
        for (int at = 1; at < x.length; ) {
            List<Tensor> both = new ArrayList<>();
            for (int direction = 0; direction < (bidirectional ? 2 : 1); direction++, at += 4) {
                Tensor[] w = Arrays.copyOfRange(x, at, at + 4);
                Gru.Output output = Gru.layer(tape, sequence, new Gru.Weights(w[0], w[1], w[2], w[3]), direction == 1);
                states.add(output.last());
                both.add(output.sequence());
            }
            sequence = both.size() == 1 ? both.getFirst() : Layout.concat(tape, 2, both.toArray(Tensor[]::new));
        }
        states.add(sequence);
        return states;
    }

    @Test
    void infoNce() {
        try (var goldens = GoldenCheck.open("info_nce")) {
            for (Reduction reduction : Reduction.values()) {
                String name = reduction.name().toLowerCase();
                goldens.check("in_batch_" + name + "_one_sided", (tape, x) -> InfoNce.inBatch(tape, x[0], x[1], x[2], false, reduction));
                goldens.check("in_batch_" + name + "_symmetric", (tape, x) -> InfoNce.inBatch(tape, x[0], x[1], x[2], true, reduction));
                goldens.check("unpaired_" + name, (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction));
                goldens.check("paired_" + name, (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction));
            }
        }
    }
}
