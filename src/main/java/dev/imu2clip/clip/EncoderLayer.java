package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.LayerNorm;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.nn.LowRank;
import dev.imu2clip.nn.Module;
import dev.imu2clip.ops.Attention;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.ops.Gather;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.PackedLinear.Finish;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A transformer block of CLIP, pre-norm: {@code x += attention(norm1(x))}, {@code x += fc2(gelu(fc1(norm2(x))))}. Parameters by Hugging
 * Face's names, but for {@code self_attn.qkv_proj}, which is q_proj, k_proj and v_proj one after the other along their first dimension:
 * one product instead of three, and attention reads its result as it lies.
 */
final class EncoderLayer extends Module {
    private final LayerNorm norm1;
    private final Linear qkv;
    private final Linear out;
    private final LayerNorm norm2;
    private final Linear fc1;
    private final Linear fc2;
    private final int heads;
    private final Finish activation;

    EncoderLayer(int width, int heads, int hidden, boolean quickGelu) {
        norm1 = child("layer_norm1", new LayerNorm(width));
        qkv = child("self_attn.qkv_proj", new Linear(width, 3L * width, true));
        out = child("self_attn.out_proj", new Linear(width, width, true));
        norm2 = child("layer_norm2", new LayerNorm(width));
        fc1 = child("mlp.fc1", new Linear(width, hidden, true));
        fc2 = child("mlp.fc2", new Linear(hidden, width, true));
        this.heads = heads;
        this.activation = quickGelu ? Finish.QUICK_GELU : Finish.GELU;
    }

    /** Whether {@link #forward} writes its result over x: a frozen block does, where its device keeps weights in panels. */
    boolean isInPlace() {
        return out.addsInPlace() && fc2.addsInPlace();
    }

    /** Adds low-rank updates to the layers that {@code adapters} names, under those names: {@code self_attn.q_proj.lora_A.weight}. */
    void adapt(Tuning.Adapters adapters) {
        adapt(qkv, adapters, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj");
        adapt(out, adapters, "self_attn.out_proj");
        adapt(fc1, adapters, "mlp.fc1");
        adapt(fc2, adapters, "mlp.fc2");
    }

    private void adapt(Linear linear, Tuning.Adapters adapters, String... parts) {
        List<LowRank.Update> updates = new ArrayList<>();
        long out = linear.out() / parts.length;
        for (String part : parts) updates.add(adapters.on(part) ? update(part, linear.in(), out, adapters.rank()) : null);
        if (updates.stream().anyMatch(Objects::nonNull)) linear.adapt(new LowRank(adapters.rank(), adapters.alpha(), updates));
    }

    private LowRank.Update update(String layer, long in, long out, int rank) {
        return new LowRank.Update(parameter(layer + LowRank.A, Init.uniformOf(in), rank, in),
                parameter(layer + LowRank.B, Init.ZEROS, out, rank));
    }

    /** @param x (B, T, width); so is the result */
    Tensor forward(Tape tape, Tensor x, AttentionMask mask) {
        return feedForward(tape, out.addTo(tape, x, attend(tape, x, mask)));
    }

    /**
     * The result for some tokens only. All tokens are attended to, but what follows is left out for the others, exactly.
     *
     * @param rows int32 (R): places of the tokens among the B * T
     * @return (R, width)
     */
    Tensor forward(Tape tape, Tensor x, AttentionMask mask, Tensor rows) {
        Tensor attended = rowsOf(tape, attend(tape, x, mask), rows);
        return feedForward(tape, out.addTo(tape, rowsOf(tape, x, rows), attended));
    }

    private Tensor attend(Tape tape, Tensor x, AttentionMask mask) {
        long width = x.size(2);
        Tensor packed = qkv.forward(tape, norm1.forward(tape, x));
        return Attention.selfAttention(tape, Layout.reshape(tape, packed, x.size(0), x.size(1), 3, heads, width / heads), mask);
    }

    private Tensor feedForward(Tape tape, Tensor x) {
        return fc2.addTo(tape, x, fc1.forward(tape, norm2.forward(tape, x), activation));
    }

    private static Tensor rowsOf(Tape tape, Tensor x, Tensor rows) {
        return Gather.rows(tape, Layout.reshape(tape, x, x.count() / x.size(-1), x.size(-1)), rows);
    }
}
