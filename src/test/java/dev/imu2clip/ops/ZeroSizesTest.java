package dev.imu2clip.ops;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backends;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;
import org.junit.jupiter.api.Test;

import static org.junit.jupiter.api.Assertions.assertThrows;

/** Sizes of zero: an empty result whose gradients to everything else are zeros, or an error; never a crash or a gradient left unwritten. */
class ZeroSizesTest {
    private static OpCheck op(String name, OpCheck.Op op) {
        return OpCheck.of("empty " + name, op);
    }

    @Test
    void everyOpTakesAnEmptyBatch() {
        op("relu", (tape, x) -> Activation.relu(tape, x[0])).input(0, 3).check();
        op("leaky", (tape, x) -> Activation.leakyRelu(tape, x[0], 0.1)).input(0, 3).check();
        op("axpb", (tape, x) -> Elementwise.axpb(tape, x[0], 2, 1)).input(0, 3).check();
        op("clamp", (tape, x) -> Elementwise.clampMax(tape, x[0], 1)).input(0, 3).check();
        op("exp", (tape, x) -> Elementwise.exp(tape, x[0])).input(0, 3).check();
        op("add", (tape, x) -> Elementwise.add(tape, x[0], x[1])).input(0, 3).input(3).check();
        op("subtract", (tape, x) -> Elementwise.subtract(tape, x[0], x[1])).input(0, 3, 2).input(3, 1).check();
        op("multiply", (tape, x) -> Elementwise.multiply(tape, x[0], x[1])).input(0, 3).input(1).check();
        op("divide", (tape, x) -> Elementwise.divide(tape, x[0], x[1])).input(0, 3).input(3).check();
        op("cast", (tape, x) -> Cast.cast(tape, Cast.cast(tape, x[0], DType.F16), x[0].dtype())).input(0, 3).check();
        op("dropout", (tape, x) -> Dropout.dropout(tape.drawFrom(x[1]), x[0], 0.5)).input(0, 3)
                .integers(DType.I32, new long[] {1, 2}, 2).check();
        op("sum", (tape, x) -> Reduce.sum(tape, x[0], 0, false)).input(0, 3).check();
        op("sum of rows", (tape, x) -> Reduce.sum(tape, x[0], 1, true)).input(0, 3).check();
        op("sum of all", (tape, x) -> Reduce.sumAll(tape, x[0])).input(0, 3).check();
        op("mean of all", (tape, x) -> Reduce.meanAll(tape, x[0])).input(0, 3).check();
        op("max", (tape, x) -> Reduce.max(tape, x[0], 1, false)).input(0, 3).check();
        op("max of columns", (tape, x) -> Reduce.max(tape, x[0], 1, false)).input(4, 3, 0).check();
        op("softmax", (tape, x) -> Softmax.softmax(tape, x[0])).input(0, 3).check();
        op("log-softmax", (tape, x) -> Softmax.logSoftmax(tape, x[0])).input(0, 3).check();
        op("softmax of nothing", (tape, x) -> Softmax.softmax(tape, x[0])).input(3, 0).check();
        op("normalise", (tape, x) -> L2Normalize.l2Normalize(tape, x[0])).input(0, 3).check();
        op("normalise nothing", (tape, x) -> L2Normalize.l2Normalize(tape, x[0])).input(3, 0).check();
    }

    @Test
    void everyMoveTakesAnEmptyBatch() {
        op("reshape", (tape, x) -> Layout.reshape(tape, x[0], 3, 0)).input(0, 3).check();
        op("transpose", (tape, x) -> Layout.transpose(tape, x[0], 2, 0, 1)).input(0, 3, 5).check();
        op("slice", (tape, x) -> Layout.slice(tape, x[0], 1, 1, 3)).input(0, 3).check();
        op("slice of nothing", (tape, x) -> Layout.slice(tape, x[0], 1, 1, 1)).input(2, 3).check();
        op("concat", (tape, x) -> Layout.concat(tape, 1, x[0], x[1])).input(0, 3).input(0, 2).check();
        op("concat with nothing", (tape, x) -> Layout.concat(tape, 0, x[0], x[1])).input(0, 3).input(2, 3).check();
        op("rows", (tape, x) -> Gather.rows(tape, x[0], x[1])).input(4, 3).integers(DType.I32, new long[0], 0).check();
        op("gather", (tape, x) -> Gather.gather(tape, x[0], 1, x[1])).input(0, 3).integers(DType.I64, new long[] {2, 0}, 2).check();
    }

    @Test
    void everyLayerTakesAnEmptyBatch() {
        op("linear", (tape, x) -> MatMul.linear(tape, x[0], x[1], x[2])).input(0, 3).input(5, 3).input(5).check();
        for (boolean aT : new boolean[] {false, true})
            for (boolean bT : new boolean[] {false, true})
                op("one b", (tape, x) -> MatMul.matmul(tape, x[0], aT, x[1], bT)).input(0, 3, 3).input(3, 3).check();
        op("batches", (tape, x) -> MatMul.matmul(tape, x[0], x[1])).input(0, 3, 4).input(0, 4, 5).check();
        op("sum over nothing", (tape, x) -> MatMul.matmul(tape, x[0], x[1])).input(3, 0).input(0, 5).check();
        op("convolution", (tape, x) -> Conv1d.conv1d(tape, x[0], x[1], x[2], 1, 0, 1, 1)).input(0, 3, 9).input(5, 3, 2).input(5).check();
        op("strided", (tape, x) -> Conv1d.conv1d(tape, x[0], x[1], null, 2, 1, 2, 1)).input(0, 3, 9).input(5, 3, 2).check();
        op("max-pool", (tape, x) -> Pool1d.maxPool(tape, x[0], 3)).input(0, 2, 9).check();
        op("avg-pool", (tape, x) -> Pool1d.avgPool(tape, x[0], 3, 2, 1, true)).input(0, 2, 9).check();
        op("bins", (tape, x) -> Pool1d.adaptiveAvgPool(tape, x[0], 4)).input(0, 2, 9).check();
        op("group norm", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-5)).input(0, 4, 9).input(4).input(4).check();
        op("group norm of no time", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-5)).input(3, 4, 0).input(4).input(4)
                .check();
        op("layer norm", (tape, x) -> LayerNorm.layerNorm(tape, x[0], x[1], x[2], 1e-5)).input(0, 4).input(4).input(4).check();
        op("gru", ZeroSizesTest::gru).input(3, 0, 2).input(12, 2).input(12, 4).input(12).input(12).check();
        op("gru of no time", ZeroSizesTest::gru).input(0, 3, 2).input(12, 2).input(12, 4).input(12).input(12).check();
        op("attention", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], AttentionMask.CAUSAL)).input(0, 3, 2, 5)
                .input(0, 4, 2, 5).input(0, 4, 2, 5).check();
        op("attention to nothing", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], AttentionMask.NONE)).input(2, 3, 2, 5)
                .input(2, 0, 2, 5).input(2, 0, 2, 5).check();
        op("self-attention", (tape, x) -> Attention.selfAttention(tape, x[0], AttentionMask.CAUSAL)).input(0, 3, 3, 2, 5).check();
    }

    private static Tensor gru(Tape tape, Tensor[] x) {
        return Gru.layer(tape, x[0], new Gru.Weights(x[1], x[2], x[3], x[4]), false).last();
    }

    @Test
    void everyLossTakesAnEmptyBatch() {
        double[] scale = {2};
        for (Reduction reduction : new Reduction[] {Reduction.SUM, Reduction.NONE}) {
            op("cross-entropy", (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1], null, reduction)).input(0, 3)
                    .integers(DType.I64, new long[0], 0).check();
            op("in batch", (tape, x) -> InfoNce.inBatch(tape, x[0], x[1], x[2], true, reduction)).input(0, 3).input(0, 3).wide(scale, 1)
                    .check();
            op("common negatives", (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction)).input(0, 3).input(0, 3)
                    .input(4, 3).wide(scale, 1).check();
            op("own negatives", (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction)).input(0, 3).input(0, 3)
                    .input(0, 4, 3).wide(scale, 1).check();
            op("no negatives", (tape, x) -> InfoNce.withNegatives(tape, x[0], x[1], x[2], x[3], reduction)).input(2, 3).input(2, 3)
                    .input(0, 3).wide(scale, 1).check();
        }
    }

    @Test
    void whatHasNoMeaningIsRefused() {
        try (Workspace workspace = new Workspace(Backends.get("java"), "test"); var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, 2, 3, 9);
            refused(() -> Conv1d.conv1d(tape, x, tape.empty(DType.F32, 0, 3, 2), 1));
            refused(() -> Conv1d.conv1d(tape, tape.empty(DType.F32, 2, 0, 9), tape.empty(DType.F32, 5, 0, 2), 1));
            refused(() -> Conv1d.conv1d(tape, x, tape.empty(DType.F32, 5, 3, 0), 1));
            refused(() -> Conv1d.conv1d(tape, x, tape.empty(DType.F32, 5, 3, 10), 1));
            refused(() -> Pool1d.maxPool(tape, x, 10));
            refused(() -> Pool1d.adaptiveAvgPool(tape, tape.empty(DType.F32, 2, 3, 0), 2));
            refused(() -> Reduce.max(tape, tape.empty(DType.F32, 2, 0), 1, false));
            refused(() -> LayerNorm.layerNorm(tape, tape.empty(DType.F32, 2, 0), tape.empty(DType.F32, 0), tape.empty(DType.F32, 0), 1e-5));
            refused(() -> MatMul.linear(tape, tape.empty(DType.F32, 2, 0), tape.empty(DType.F32, 5, 0), null));
            refused(() -> MatMul.linear(tape, x, tape.empty(DType.F32, 9), null));
            Tensor bias = tape.empty(DType.F32, 0), recurrent = tape.empty(DType.F32, 0, 0);
            refused(() -> Gru.layer(tape, x, new Gru.Weights(tape.empty(DType.F32, 0, 9), recurrent, bias, bias), false));
            refused(() -> Gru.layer(tape, x, new Gru.Weights(bias, recurrent, bias, bias), false));
        }
    }

    private static void refused(Runnable op) {
        assertThrows(IllegalArgumentException.class, op::run);
    }
}
