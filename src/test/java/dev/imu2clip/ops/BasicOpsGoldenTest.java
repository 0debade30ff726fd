package dev.imu2clip.ops;

import dev.imu2clip.tensor.DType;
import org.junit.jupiter.api.Test;

import java.util.List;

/** The basic ops against PyTorch; see {@code tools/goldens/ops.py}. */
class BasicOpsGoldenTest {
    @Test
    void elementwise() {
        try (var goldens = GoldenCheck.open("elementwise")) {
            for (String shapes : List.of("same", "scalar", "bias", "column", "channel", "outer", "mixed")) {
                goldens.check("add_" + shapes, (tape, x) -> Elementwise.add(tape, x[0], x[1]));
                goldens.check("subtract_" + shapes, (tape, x) -> Elementwise.subtract(tape, x[0], x[1]));
                goldens.check("multiply_" + shapes, (tape, x) -> Elementwise.multiply(tape, x[0], x[1]));
                goldens.check("divide_" + shapes, (tape, x) -> Elementwise.divide(tape, x[0], x[1]));
            }
            goldens.check("axpb", (tape, x) -> Elementwise.axpb(tape, x[0], -1.7, 0.3));
            goldens.check("exp", (tape, x) -> Elementwise.exp(tape, x[0]));
            goldens.check("log", (tape, x) -> Elementwise.log(tape, x[0]));
            goldens.check("sqrt", (tape, x) -> Elementwise.sqrt(tape, x[0]));
            goldens.check("square", (tape, x) -> Elementwise.square(tape, x[0]));
            goldens.check("abs", (tape, x) -> Elementwise.abs(tape, x[0]));
            goldens.check("clamp_max", (tape, x) -> Elementwise.clampMax(tape, x[0], 0.25));
        }
    }

    @Test
    void layout() {
        try (var goldens = GoldenCheck.open("layout")) {
            goldens.check("reshape", (tape, x) -> Layout.reshape(tape, x[0], 5, 6));
            goldens.check("transpose_matrix", (tape, x) -> Layout.transpose(tape, x[0], 1, 0));
            goldens.check("transpose_heads", (tape, x) -> Layout.transpose(tape, x[0], 0, 2, 1, 3));
            goldens.check("transpose_all", (tape, x) -> Layout.transpose(tape, x[0], 4, 2, 0, 3, 1));
            goldens.check("slice", (tape, x) -> Layout.slice(tape, x[0], 1, 2, 5));
            goldens.check("concat", (tape, x) -> Layout.concat(tape, 1, x));
        }
    }

    @Test
    void gather() {
        try (var goldens = GoldenCheck.open("gather")) {
            goldens.check("rows", (tape, x) -> Gather.rows(tape, x[0], x[1]));
            goldens.check("axis0", (tape, x) -> Gather.gather(tape, x[0], 0, x[1]));
            goldens.check("axis1", (tape, x) -> Gather.gather(tape, x[0], 1, x[1]));
            goldens.check("last", (tape, x) -> Gather.gather(tape, x[0], -1, x[1]));
        }
    }

    @Test
    void softmax() {
        try (var goldens = GoldenCheck.open("softmax")) {
            for (String values : List.of("small", "rank3", "large", "infinite")) {
                goldens.check("softmax_" + values, (tape, x) -> Softmax.softmax(tape, x[0]));
                goldens.check("log_softmax_" + values, (tape, x) -> Softmax.logSoftmax(tape, x[0]));
            }
        }
    }

    @Test
    void crossEntropy() {
        try (var goldens = GoldenCheck.open("cross_entropy")) {
            for (Reduction reduction : Reduction.values()) {
                String name = reduction.name().toLowerCase();
                goldens.check(name, (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1], null, reduction));
                goldens.check(name + "_weighted", (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1], x[2], reduction));
            }
            goldens.check("contrastive", (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1]));
            goldens.check("ignored", (tape, x) -> CrossEntropy.crossEntropy(tape, x[0], x[1]));
        }
    }

    @Test
    void reduce() {
        try (var goldens = GoldenCheck.open("reduce")) {
            for (int axis = 0; axis < 3; axis++) {
                int at = axis;
                goldens.check("sum" + axis, (tape, x) -> Reduce.sum(tape, x[0], at, false));
                goldens.check("mean" + axis + "_keep", (tape, x) -> Reduce.mean(tape, x[0], at, true));
                goldens.check("max" + axis, (tape, x) -> Reduce.max(tape, x[0], at, false));
            }
            goldens.check("max_ties_rows", (tape, x) -> Reduce.max(tape, x[0], 1, false));
            goldens.check("max_ties_columns", (tape, x) -> Reduce.max(tape, x[0], 0, false));
            goldens.check("sum_all", (tape, x) -> Reduce.sumAll(tape, x[0]));
            goldens.check("mean_all", (tape, x) -> Reduce.meanAll(tape, x[0]));
        }
    }

    @Test
    void l2Normalize() {
        try (var goldens = GoldenCheck.open("l2_normalize")) {
            for (String rows : List.of("rows", "rank3", "below_eps", "zeros"))
                goldens.check(rows, (tape, x) -> L2Normalize.l2Normalize(tape, x[0]));
        }
    }

    @Test
    void cast() {
        try (var goldens = GoldenCheck.open("cast")) {
            goldens.check("f16", (tape, x) -> Cast.cast(tape, Cast.cast(tape, x[0], DType.F16), DType.F32));
            goldens.check("bf16", (tape, x) -> Cast.cast(tape, Cast.cast(tape, x[0], DType.BF16), DType.F32));
        }
    }
}
