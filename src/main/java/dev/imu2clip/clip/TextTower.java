package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.LayerNorm;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.Gather;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.util.Map;

/**
 * CLIP's text transformer (Radford et al. 2021, section 2.4): token and position embeddings, pre-norm blocks with causal attention, a final
 * norm, and the end token's features projected without bias. Parameters by Hugging Face's names (see {@link EncoderLayer} for the one
 * exception).
 *
 * <p>Attention is causal, so what follows the end token changes nothing: texts are given at their own length, padded to the longest of a
 * batch with any ids, and a text's embedding has the same bits whatever it is batched with. Differentiable in all parameters; with a tape
 * that watches nothing it keeps little more than one block's results at a time.
 */
public final class TextTower extends Tower {
    private final TextConfig config;
    private final Parameter tokens;
    private final Parameter positions;
    private final Transformer transformer;
    private final LayerNorm finalNorm;
    private final Linear projection;

    public TextTower(TextConfig config) {
        this.config = config;
        tokens = parameter(TextConfig.TOKENS, new Init.Normal(0.02), config.vocabulary(), config.width());
        positions = parameter(TextConfig.POSITIONS, new Init.Normal(0.01), config.positions(), config.width());
        transformer = child("text_model.encoder.layers",
                new Transformer(config.layers(), config.width(), config.heads(), config.hidden(), config.quickGelu()));
        finalNorm = child(TextConfig.FINAL_NORM, new LayerNorm(config.width()));
        projection = child(TextConfig.PROJECTION, new Linear(config.width(), config.projection(), false));
    }

    public TextConfig config() {
        return config;
    }

    @Override
    Transformer transformer() {
        return transformer;
    }

    @Override
    Map<String, Shape> shapes() {
        return config.shapes();
    }

    @Override
    String blocks() {
        return TextConfig.LAYERS;
    }

    /**
     * Embeds texts.
     *
     * @param ids  int32 (B, T): start token, text, end token, and beyond that anything; T at most {@code config.positions()}
     * @param ends int32 (B): where each text's end token is among the B * T ids, that is {@code b * T + length - 1}
     * @return (B, projection), not normalised
     */
    public Tensor forward(Tape tape, Tensor ids, Tensor ends) {
        Tensor pooled = transformer.forward(tape, embed(tape, ids), AttentionMask.CAUSAL, ends);
        return projection.forward(tape, finalNorm.forward(tape, pooled));
    }

    /** The features of every token after the final norm, (B, T, width). */
    public Tensor hidden(Tape tape, Tensor ids) {
        return finalNorm.forward(tape, transformer.forward(tape, embed(tape, ids), AttentionMask.CAUSAL));
    }

    private Tensor embed(Tape tape, Tensor ids) {
        if (ids.dtype() != DType.I32 || ids.shape().rank() != 2 || ids.size(1) > config.positions())
            throw new IllegalArgumentException("the text tower takes int32 ids (B, T) with T up to " + config.positions() + ", got " + ids);
        return Elementwise.add(tape, Gather.rows(tape, tokens.value(), ids), Layout.slice(tape, positions.value(), 0, 0, ids.size(1)));
    }
}
