package dev.imu2clip.ops;

import org.junit.jupiter.api.Test;

/** The layers' ops against PyTorch; see {@code tools/goldens/nn.py}. */
class LayerOpsGoldenTest {
    @Test
    void conv1d() {
        try (var goldens = GoldenCheck.open("conv1d")) {
            goldens.check("mw2_first", conv1d(1, 0, 2, 1));
            goldens.check("mw2_second", conv1d(1, 0, 2, 1));
            goldens.check("bias", conv1d(1, 0, 2, 1));
            goldens.check("padded", conv1d(1, 3, 1, 1));
            goldens.check("strided", conv1d(3, 2, 2, 1));
            goldens.check("groups", conv1d(2, 1, 1, 3));
            goldens.check("depthwise", conv1d(1, 1, 1, 8));
            goldens.check("patches", conv1d(16, 0, 1, 1));
            goldens.check("past_the_kernel", conv1d(5, 0, 1, 1));
        }
    }

    private static OpCheck.Op conv1d(int stride, int padding, int dilation, int groups) {
        return (tape, x) -> Conv1d.conv1d(tape, x[0], x[1], x.length > 2 ? x[2] : null, stride, padding, dilation, groups);
    }

    @Test
    void pool1d() {
        try (var goldens = GoldenCheck.open("pool1d")) {
            goldens.check("max_mw2", (tape, x) -> Pool1d.maxPool(tape, x[0], 3));
            goldens.check("max_pairs", (tape, x) -> Pool1d.maxPool(tape, x[0], 2));
            goldens.check("max_overlapping", (tape, x) -> Pool1d.maxPool(tape, x[0], 3, 2, 1, 1));
            goldens.check("max_dilated", (tape, x) -> Pool1d.maxPool(tape, x[0], 4, 3, 2, 2));
            goldens.check("max_ties", (tape, x) -> Pool1d.maxPool(tape, x[0], 3));
            goldens.check("avg", (tape, x) -> Pool1d.avgPool(tape, x[0], 4, 3, 0, true));
            goldens.check("avg_padded", (tape, x) -> Pool1d.avgPool(tape, x[0], 5, 2, 2, true));
            goldens.check("avg_padding_not_counted", (tape, x) -> Pool1d.avgPool(tape, x[0], 5, 2, 2, false));
            goldens.check("adaptive_942_20", (tape, x) -> Pool1d.adaptiveAvgPool(tape, x[0], 20));
            goldens.check("adaptive_29_7", (tape, x) -> Pool1d.adaptiveAvgPool(tape, x[0], 7));
            goldens.check("adaptive_5_12", (tape, x) -> Pool1d.adaptiveAvgPool(tape, x[0], 12));
            goldens.check("adaptive_9_1", (tape, x) -> Pool1d.adaptiveAvgPool(tape, x[0], 1));
        }
    }

    @Test
    void groupNorm() {
        try (var goldens = GoldenCheck.open("group_norm")) {
            goldens.check("mw2_input", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-5));
            goldens.check("mw2_features", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 4, x[1], x[2], 1e-5));
            goldens.check("image", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 3, x[1], x[2], 1e-3));
            goldens.check("gravity", (tape, x) -> GroupNorm.groupNorm(tape, x[0], 2, x[1], x[2], 1e-5));
        }
    }

    @Test
    void layerNorm() {
        try (var goldens = GoldenCheck.open("layer_norm")) {
            for (String shape : new String[] {"rows", "tokens", "one"})
                goldens.check(shape, (tape, x) -> LayerNorm.layerNorm(tape, x[0], x[1], x[2], 1e-5));
        }
    }

    @Test
    void attention() {
        AttentionMask none = AttentionMask.NONE, causal = AttentionMask.CAUSAL;
        try (var goldens = GoldenCheck.open("attention")) {
            goldens.check("cross", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], none));
            goldens.check("cross_padded", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], none.keyLengths(x[3])));
            goldens.check("causal", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], causal));
            goldens.check("self", (tape, x) -> Attention.selfAttention(tape, x[0], none));
            goldens.check("self_causal", (tape, x) -> Attention.selfAttention(tape, x[0], causal));
            goldens.check("self_padded", (tape, x) -> Attention.selfAttention(tape, x[0], none.lengths(x[1])));
            goldens.check("self_causal_padded", (tape, x) -> Attention.selfAttention(tape, x[0], causal.lengths(x[1])));
            goldens.check("several_tiles", (tape, x) -> Attention.attention(tape, x[0], x[1], x[2], none));
        }
    }
}
