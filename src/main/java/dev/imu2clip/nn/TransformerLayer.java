package dev.imu2clip.nn;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.ops.Activation;
import dev.imu2clip.ops.Attention;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.MatMul;
import dev.imu2clip.ops.Softmax;
import dev.imu2clip.tensor.Tensor;

import static dev.imu2clip.ops.Dropout.dropout;

/**
 * A layer of the transformer's encoder as first published (Vaswani et al., arXiv 1706.03762), post-norm with ReLU:
 * {@code x = norm1(x + attention(x))}, {@code x = norm2(x + linear2(relu(linear1(x))))}, over all tokens. Dropout, in training only, on
 * the attention's probabilities, the hidden features, and both sums' right sides. Parameters and initial values are those of PyTorch's
 * {@code TransformerEncoderLayer}: {@code self_attn.in_proj_weight} (3 width, width), {@code self_attn.in_proj_bias},
 * {@code self_attn.out_proj}, {@code linear1}, {@code linear2}, {@code norm1}, {@code norm2}.
 */
public final class TransformerLayer extends Module {
    private final Parameter inWeight;
    private final Parameter inBias;
    private final Linear out;
    private final Linear linear1;
    private final Linear linear2;
    private final LayerNorm norm1;
    private final LayerNorm norm2;
    private final int heads;
    private final double dropout;

    /**
     * @param hidden  features between both linear layers
     * @param dropout probability of a zero
     * @throws IllegalArgumentException where the heads do not divide the width
     */
    public TransformerLayer(long width, int heads, long hidden, double dropout) {
        if (heads < 1 || width % heads != 0) throw new IllegalArgumentException(heads + " heads cannot share " + width + " features");
        inWeight = parameter("self_attn.in_proj_weight", Init.xavier(width, 3 * width), 3 * width, width);
        inBias = parameter("self_attn.in_proj_bias", Init.ZEROS, 3 * width);
        out = child("self_attn.out_proj", new Linear(width, width, Init.uniformOf(width), Init.ZEROS));
        linear1 = child("linear1", new Linear(width, hidden, true));
        linear2 = child("linear2", new Linear(hidden, width, true));
        norm1 = child("norm1", new LayerNorm(width));
        norm2 = child("norm2", new LayerNorm(width));
        this.heads = heads;
        this.dropout = dropout;
    }

    /** @param x (N, T, width); so is the result */
    public Tensor forward(Tape tape, Tensor x) {
        long width = x.size(2);
        Tensor packed = Layout.reshape(tape, MatMul.linear(tape, x, inWeight.value(), inBias.value()), x.size(0), x.size(1), 3, heads,
                width / heads);
        boolean drops = tape.randomKey() != null && dropout > 0;
        Tensor attended = drops ? attendDropping(tape, packed, dropout) : Attention.selfAttention(tape, packed, AttentionMask.NONE);
        Tensor y = norm1.forward(tape, Elementwise.add(tape, x, dropout(tape, out.forward(tape, attended), dropout)));
        Tensor hidden = dropout(tape, Activation.relu(tape, linear1.forward(tape, y)), dropout);
        return norm2.forward(tape, Elementwise.add(tape, y, dropout(tape, linear2.forward(tape, hidden), dropout)));
    }

    /**
     * Attention with dropout on its probabilities, which the fused kernel does not have: they take N x heads x T x T elements.
     *
     * @param qkv (N, T, 3, H, D)
     * @return (N, T, H * D)
     */
    static Tensor attendDropping(Tape tape, Tensor qkv, double p) {
        long n = qkv.size(0), t = qkv.size(1), h = qkv.size(3), d = qkv.size(4);
        Tensor heads = Layout.transpose(tape, qkv, 2, 0, 3, 1, 4); // (3, N, H, T, D)
        Tensor[] parts = new Tensor[3];
        for (int i = 0; i < 3; i++) parts[i] = Layout.reshape(tape, Layout.slice(tape, heads, 0, i, i + 1), n, h, t, d);
        Tensor query = Elementwise.axpb(tape, parts[0], 1 / Math.sqrt(d), 0);
        Tensor probabilities = Softmax.softmax(tape, MatMul.matmul(tape, query, false, parts[1], true));
        Tensor y = MatMul.matmul(tape, dropout(tape, probabilities, p), parts[2]);
        return Layout.reshape(tape, Layout.transpose(tape, y, 0, 2, 1, 3), n, t, h * d);
    }
}
