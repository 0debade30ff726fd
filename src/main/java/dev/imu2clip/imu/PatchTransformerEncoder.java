package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.io.InputException;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.nn.TransformerLayer;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.ops.Reduce;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The reference's PatchTransformer: patches of all channels, embedded linearly, behind a learned token; post-norm transformer layers; the
 * embedding is the token's output, or the mean of all where {@code cls_token} is false. There are no position embeddings: the order of the
 * patches does not matter. Any length from one patch on. In training, dropout of 0.1 as in PyTorch's layer.
 */
final class PatchTransformerEncoder extends ImuEncoder {
    static final EncoderKind KIND = EncoderKind.of("patch_transformer",
            Map.of(Patches.SIZE, 1, "nhead", 1, "ff_hidden_size", 128, "layers", 1, "cls_token", true),
            PatchTransformerEncoder::new, shapes -> Map.of(Patches.SIZE, shapes.size("imu_token_embed.weight", 1) / CHANNELS,
                    Arguments.SIZE, shapes.size("imu_token_embed.weight", 0),
                    "ff_hidden_size", shapes.size("model.layers.0.linear1.weight", 0),
                    "layers", shapes.count("model.layers.%d.linear1.weight")));
    private static final double DROPOUT = 0.1;

    private final Patches patches;
    private final boolean pools;
    private final Parameter token; // the reference has it also where it is not used
    private final Linear embed;
    private final List<TransformerLayer> layers = new ArrayList<>();

    PatchTransformerEncoder(Arguments arguments) {
        super(KIND, arguments);
        int heads = arguments.number("nhead");
        if (width() % heads != 0)
            throw new InputException("imu_encoder_args: nhead=" + heads + " does not divide the " + width() + " numbers of an embedding");
        patches = new Patches(arguments.number(Patches.SIZE));
        pools = !arguments.flag("cls_token");
        token = parameter("cls", Init.ZEROS, 1, 1, width());
        embed = child("imu_token_embed", new Linear(patches.values(), width(), false));
        for (int i = 0; i < arguments.number("layers"); i++)
            layers.add(child("model.layers." + i, new TransformerLayer(width(), heads, arguments.number("ff_hidden_size"), DROPOUT)));
    }

    @Override
    Tensor forward(Tape tape, Tensor signals) {
        Tensor x = embed.forward(tape, patches.cut(tape, signals, false));
        if (!pools) {
            Tensor tokens = Elementwise.add(tape, tape.full(x.dtype(), 0, x.size(0), 1, width()), token.value());
            x = Layout.concat(tape, 1, tokens, x);
        }
        for (TransformerLayer layer : layers) x = layer.forward(tape, x);
        return pools ? Reduce.mean(tape, x, 1, false)
                : Layout.reshape(tape, Layout.slice(tape, x, 1, 0, 1), x.size(0), width());
    }

    @Override
    public void checkLength(long samples) {
        requireAtLeast(patches.size(), samples);
    }
}
