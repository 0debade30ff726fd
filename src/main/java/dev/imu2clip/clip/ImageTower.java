package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.LayerNorm;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.ops.Cast;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.Gather;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.MatMul;
import dev.imu2clip.ops.PackedLinear;
import dev.imu2clip.ops.PackedLinear.Finish;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Shape;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * CLIP's vision transformer (Dosovitskiy et al., arXiv 2010.11929; Radford et al. 2021, section 2.4): every patch of the image a token,
 * a class token in front, position embeddings, a norm, pre-norm blocks with full attention, and the class token's features normed and
 * projected without bias. The patch embedding is a convolution whose stride is its size, that is one product over the patches.
 * Differentiable in all parameters.
 */
public final class ImageTower extends Tower {
    private final ImageConfig config;
    private final Parameter classToken;
    private final Parameter patches;
    private final Parameter positions;
    private final LayerNorm firstNorm;
    private final Transformer transformer;
    private final LayerNorm finalNorm;
    private final Linear projection;

    public ImageTower(ImageConfig config) {
        this.config = config;
        double deviation = 1 / Math.sqrt(config.width());
        classToken = parameter(ImageConfig.CLASS, new Init.Normal(deviation), config.width());
        patches = linearWeight(ImageConfig.PATCHES + ".weight", Init.uniformOf((long) ImageConfig.CHANNELS * config.patch() * config.patch()),
                config.width(), ImageConfig.CHANNELS, config.patch(), config.patch());
        positions = parameter(ImageConfig.POSITIONS, new Init.Normal(deviation), config.positions(), config.width());
        firstNorm = child(ImageConfig.FIRST_NORM, new LayerNorm(config.width()));
        transformer = child("vision_model.encoder.layers",
                new Transformer(config.layers(), config.width(), config.heads(), config.hidden(), config.quickGelu()));
        finalNorm = child(ImageConfig.FINAL_NORM, new LayerNorm(config.width()));
        projection = child(ImageConfig.PROJECTION, new Linear(config.width(), config.projection(), false));
    }

    public ImageConfig config() {
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
        return ImageConfig.LAYERS;
    }

    /**
     * Embeds images.
     *
     * @param pixels (B, 3, resolution, resolution), normalised as CLIP's preprocessing does
     * @return (B, projection), not normalised
     */
    public Tensor forward(Tape tape, Tensor pixels) {
        int batch = Math.toIntExact(pixels.size(0));
        Tensor embedded = Elementwise.add(tape, tokens(tape, Cast.cast(tape, pixels, positions.dtype())), positions.value());
        Tensor x = firstNorm.forward(tape, embedded);
        int[] rows = new int[batch];
        for (int i = 0; i < batch; i++) rows[i] = i * config.positions();
        Tensor pooled = transformer.forward(tape, x, AttentionMask.NONE, ints(tape, rows));
        return projection.forward(tape, finalNorm.forward(tape, pooled));
    }

    /** The class token and the patches of every image, (B, positions, width). */
    private Tensor tokens(Tape tape, Tensor pixels) {
        int edge = config.patch(), grid = config.grid(), width = config.width();
        if (pixels.shape().rank() != 4 || pixels.size(1) != ImageConfig.CHANNELS || pixels.size(2) != config.resolution()
                || pixels.size(3) != config.resolution())
            throw new IllegalArgumentException("the image tower takes pixels (B, 3, " + config.resolution() + ", " + config.resolution()
                    + "), got " + pixels);
        long batch = pixels.size(0), values = (long) ImageConfig.CHANNELS * edge * edge;
        Tensor cut = Layout.transpose(tape, Layout.reshape(tape, pixels, batch, ImageConfig.CHANNELS, grid, edge, grid, edge), 0, 2, 4, 1, 3, 5);
        Tensor flat = Layout.reshape(tape, cut, batch, (long) grid * grid, values);
        Tensor embedded = patches.panels() != null ? PackedLinear.linear(tape, flat, patches.panels(), width, null, Finish.NOTHING)
                : MatMul.linear(tape, flat, Layout.reshape(tape, patches.value(), width, values), null);
        Tensor first = Gather.rows(tape, Layout.reshape(tape, classToken.value(), 1, width),
                ints(tape, new int[(int) batch]).reshape(batch, 1));
        return Layout.concat(tape, 1, first, embedded);
    }

    private static Tensor ints(Tape tape, int[] values) {
        return tape.empty(DType.I32, values.length).set(MemorySegment.ofArray(values));
    }
}
