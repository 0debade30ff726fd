package dev.imu2clip.check;

import static dev.imu2clip.ops.Activation.*;
import static dev.imu2clip.ops.Elementwise.*;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.ops.Attention;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.ops.Conv1d;
import dev.imu2clip.ops.CrossEntropy;
import dev.imu2clip.ops.Dropout;
import dev.imu2clip.ops.Gather;
import dev.imu2clip.ops.GroupNorm;
import dev.imu2clip.ops.Gru;
import dev.imu2clip.ops.InfoNce;
import dev.imu2clip.ops.L2Normalize;
import dev.imu2clip.ops.LayerNorm;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.MatMul;
import dev.imu2clip.ops.PackedLinear;
import dev.imu2clip.ops.Pool1d;
import dev.imu2clip.ops.Reduce;
import dev.imu2clip.ops.Reduction;
import dev.imu2clip.ops.Softmax;
import dev.imu2clip.optim.Adam;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.List;

/**
 * What the self-test runs: every op at sizes that are awkward (odd, one, more than a block) and like those of the models. All that it gives
 * is the kernels' calls, forward and backward.
 */
final class Cases {
    /** Computes something of its inputs; what can be differentiated is. */
    interface Op {
        Tensor apply(Tape tape, Inputs in);
    }

    /** @param products whether float32 products are in it, which TF32 changes */
    record Case(String name, boolean products, Op op) {}

    private Cases() {}

    private static Case of(String name, Op op) {
        return new Case(name, false, op);
    }

    private static Case products(String name, Op op) {
        return new Case(name, true, op);
    }

    static final List<Case> ALL = List.of(
            of("relu", (t, in) -> relu(t, in.normal(3, 1117))),
            of("leaky relu", (t, in) -> leakyRelu(t, in.normal(1117), 0.1)),
            of("gelu", (t, in) -> gelu(t, in.normal(50, 768))),
            of("quick gelu", (t, in) -> quickGelu(t, in.normal(50, 768))),
            of("sigmoid", (t, in) -> sigmoid(t, in.normal(1117))),
            of("tanh", (t, in) -> tanh(t, in.normal(1117))),
            of("add", (t, in) -> add(t, in.normal(5, 7, 33), in.normal(7, 1))),
            of("add to itself", (t, in) -> {
                Tensor x = in.normal(999);
                return add(t, x, x);
            }),
            of("subtract", (t, in) -> subtract(t, in.normal(5, 1, 33), in.normal(7, 33))),
            of("multiply", (t, in) -> multiply(t, in.normal(64, 513), in.normal(513))),
            of("divide", (t, in) -> divide(t, in.normal(9, 31), in.uniform(1, 2, 31))),
            of("axpb", (t, in) -> axpb(t, in.normal(1117), 2.5, -1)),
            of("clamp", (t, in) -> clampMax(t, in.normal(1117), 0.5)),
            of("exp", (t, in) -> exp(t, in.normal(1117))),
            of("log", (t, in) -> log(t, in.uniform(0.5, 3, 1117))),
            of("sqrt", (t, in) -> sqrt(t, in.uniform(0.5, 3, 1117))),
            of("square", (t, in) -> square(t, in.normal(1117))),
            of("abs", (t, in) -> abs(t, in.normal(1117))),
            of("cast", (t, in) -> Cast.cast(t, Cast.cast(t, in.normal(1117), DType.BF16), DType.F32)),
            of("dropout", (t, in) -> Dropout.dropout(t.drawFrom(in.integers(DType.I32, 1000, 2)), in.normal(1117), 0.3)),
            of("reshape, transpose", (t, in) -> Layout.transpose(t, Layout.reshape(t, in.normal(4, 35, 9), 4, 5, 7, 9), 2, 0, 3, 1)),
            of("slice", (t, in) -> Layout.slice(t, in.normal(6, 41, 3), 1, 5, 30)),
            of("concat", (t, in) -> Layout.concat(t, 1, in.normal(6, 11), in.normal(6, 30))),
            of("gather rows", (t, in) -> Gather.rows(t, in.normal(97, 64), in.integers(DType.I32, 97, 50))),
            of("gather", (t, in) -> Gather.gather(t, in.normal(5, 20, 7), 1, in.integers(DType.I64, 20, 30))),
            of("sum", (t, in) -> Reduce.sum(t, in.normal(6, 301, 5), 1, false)),
            of("mean of all", (t, in) -> Reduce.meanAll(t, in.normal(40, 513))),
            of("max", (t, in) -> Reduce.max(t, in.normal(6, 301, 5), 1, false)),
            of("softmax", (t, in) -> Softmax.softmax(t, in.normal(65, 77))),
            of("long softmax", (t, in) -> Softmax.softmax(t, in.normal(3, 4099))),
            of("log softmax", (t, in) -> Softmax.logSoftmax(t, in.normal(65, 77))),
            of("cross-entropy", (t, in) -> CrossEntropy.crossEntropy(t, in.normal(33, 12), in.integers(DType.I32, 12, 33))),
            of("cross-entropy, weighted", (t, in) -> CrossEntropy.crossEntropy(t, in.normal(33, 1003), in.integers(DType.I64, 1003, 33),
                    in.wide(1, 2, 1003), Reduction.NONE)),
            of("layer norm", (t, in) -> LayerNorm.layerNorm(t, in.normal(101, 768), in.normal(768), in.normal(768), 1e-5)),
            of("narrow layer norm", (t, in) -> LayerNorm.layerNorm(t, in.normal(37, 13), in.normal(13), in.normal(13), 1e-5)),
            of("group norm", (t, in) -> GroupNorm.groupNorm(t, in.normal(8, 6, 1000), 2, in.normal(6), in.normal(6), 1e-5)),
            of("group norm of channels", (t, in) -> GroupNorm.groupNorm(t, in.normal(5, 32, 33), 4, in.normal(32), in.normal(32), 1e-5)),
            of("L2 norm", (t, in) -> L2Normalize.l2Normalize(t, in.normal(33, 512))),
            of("max pool", (t, in) -> Pool1d.maxPool(t, in.normal(8, 32, 982), 3)),
            of("padded max pool", (t, in) -> Pool1d.maxPool(t, in.normal(3, 5, 40), 4, 2, 1, 2)),
            of("average pool", (t, in) -> Pool1d.avgPool(t, in.normal(3, 5, 41), 4, 2, 1, false)),
            of("adaptive average pool", (t, in) -> Pool1d.adaptiveAvgPool(t, in.normal(3, 5, 41), 6)),
            products("conv1d", (t, in) -> Conv1d.conv1d(t, in.normal(4, 6, 500), in.normal(32, 6, 10), 2)),
            products("conv1d between channels", (t, in) -> Conv1d.conv1d(t, in.normal(4, 32, 165), in.normal(32, 32, 5), 2)),
            products("conv1d with all settings", (t, in) -> Conv1d.conv1d(t, in.normal(3, 6, 50), in.normal(4, 3, 5), in.normal(4), 2, 3, 2, 2)),
            products("matmul", (t, in) -> MatMul.matmul(t, in.normal(3, 65, 130), in.normal(3, 130, 67))),
            products("transposed matmul", (t, in) -> MatMul.matmul(t, in.normal(131, 70), true, in.normal(33, 131), true)),
            products("linear", (t, in) -> MatMul.linear(t, in.normal(150, 512), in.normal(384, 512), in.normal(384))),
            products("packed linear", (t, in) -> packed(t, in, PackedLinear.Finish.NOTHING, 150, 512, 384)),
            products("packed linear, gelu", (t, in) -> packed(t, in, PackedLinear.Finish.GELU, 17, 131, 67)),
            products("packed linear, quick gelu", (t, in) -> packed(t, in, PackedLinear.Finish.QUICK_GELU, 130, 256, 260)),
            products("attention", (t, in) -> Attention.attention(t, in.normal(2, 19, 3, 8), in.normal(2, 23, 3, 8), in.normal(2, 23, 3, 8),
                    AttentionMask.NONE)),
            products("self-attention of 12 heads", (t, in) -> selfAttention(t, in, AttentionMask.NONE, 2, 50)),
            products("causal self-attention", (t, in) -> selfAttention(t, in,
                    AttentionMask.CAUSAL.lengths(in.values(DType.I32, 77, 40, 1)), 3, 77)),
            products("GRU", (t, in) -> gru(t, in, false, 9, 5, 6, 37)),
            products("reversed GRU", (t, in) -> gru(t, in, true, 9, 33, 6, 64)),
            products("GRU of 512 units", (t, in) -> gru(t, in, false, 4, 32, 32, 512)),
            products("InfoNCE in a batch", (t, in) -> InfoNce.inBatch(t, unit(t, in, 37, 512), unit(t, in, 37, 512), in.wide(10, 10.1, 1), true,
                    Reduction.MEAN)),
            products("InfoNCE with shared negatives", (t, in) -> InfoNce.withNegatives(t, unit(t, in, 19, 64), unit(t, in, 19, 64),
                    unit(t, in, 131, 64), in.wide(10, 10.1, 1), Reduction.NONE)),
            products("InfoNCE with own negatives", (t, in) -> InfoNce.withNegatives(t, unit(t, in, 19, 64), unit(t, in, 19, 64),
                    Layout.reshape(t, unit(t, in, 19 * 7, 64), 19, 7, 64), in.wide(10, 10.1, 1), Reduction.SUM)),
            products("Adam with clipping", (t, in) -> adam(t, in, new Adam.Settings(1e-3, 0.9, 0.999, 1e-8, 0.1, true, 0.5))),
            products("Adam", (t, in) -> adam(t, in, new Adam.Settings(1e-3, 0.9, 0.999, 1e-8, 0.1, false, 0))));

    private static Tensor packed(Tape tape, Inputs in, PackedLinear.Finish finish, long rows, long k, long n) {
        int width = Math.max(1, in.backend().panelWidth());
        Tensor panels = tape.empty(in.dtype(), PackedLinear.panels(n, k, width).sizes());
        PackedLinear.pack(in.constant(n, k), panels);
        Tensor x = in.constant(rows, k), bias = in.constant(n);
        Tensor y = PackedLinear.linear(tape, x, panels, n, bias, finish);
        PackedLinear.add(tape, x, panels, bias, y);
        return y;
    }

    private static Tensor selfAttention(Tape tape, Inputs in, AttentionMask mask, long batch, long tokens) {
        return Attention.selfAttention(tape, in.normal(batch, tokens, 3, 12, 64), mask);
    }

    private static Tensor gru(Tape tape, Inputs in, boolean reverse, long steps, long batch, long features, long units) {
        double scale = 1 / Math.sqrt(units);
        var weights = new Gru.Weights(in.uniform(-scale, scale, 3 * units, features), in.uniform(-scale, scale, 3 * units, units),
                in.uniform(-scale, scale, 3 * units), in.uniform(-scale, scale, 3 * units));
        Gru.Output output = Gru.layer(tape, in.normal(steps, batch, features), weights, reverse);
        return add(tape, output.sequence(), output.last());
    }

    private static Tensor unit(Tape tape, Inputs in, long rows, long width) {
        return L2Normalize.l2Normalize(tape, in.normal(rows, width));
    }

    private static Tensor adam(Tape tape, Inputs in, Adam.Settings settings) {
        Linear linear = new Linear(300, 70, true);
        try (ParameterStore store = ParameterStore.allocate(in.backend(), linear, _ -> 1, in.dtype()).initialise(0);
                Adam adam = new Adam(store, settings)) {
            store.watch(tape);
            tape.backward(Reduce.meanAll(tape, linear.forward(tape, in.normal(40, 300))));
            adam.step(1);
            adam.step(0.5);
            in.backend().synchronize();
            return null;
        }
    }
}
