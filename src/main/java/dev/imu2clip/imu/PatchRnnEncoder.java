package dev.imu2clip.imu;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.io.InputException;
import dev.imu2clip.nn.Gru;
import dev.imu2clip.nn.Linear;
import dev.imu2clip.ops.Layout;
import dev.imu2clip.tensor.Tensor;

import java.util.List;
import java.util.Map;

/**
 * The reference's PatchRNN: patches of all channels, embedded linearly, and a GRU over them; the embedding is its last state, or those of
 * both directions, each of half the size. Any length from one patch on.
 *
 * <p>With several layers it is, as in the reference, the <em>first</em> layer's state that is taken; the others are there and learn
 * nothing.
 */
final class PatchRnnEncoder extends ImuEncoder {
    static final EncoderKind KIND = EncoderKind.of("patch_rnn", Map.of(Patches.SIZE, 1, "layers", 1, "bidirectional", true),
            PatchRnnEncoder::new, shapes -> {
                boolean both = shapes.of("gru.weight_ih_l0_reverse") != null;
                return Map.of("bidirectional", both, Patches.SIZE, shapes.size("imu_token_embed.weight", 1) / CHANNELS,
                        Arguments.SIZE, (both ? 2 : 1) * shapes.size("imu_token_embed.weight", 0),
                        "layers", shapes.count("gru.weight_ih_l%d"));
            });

    private final Patches patches;
    private final int directions;
    private final Linear embed;
    private final Gru gru;

    PatchRnnEncoder(Arguments arguments) {
        super(KIND, rounded(arguments));
        patches = new Patches(arguments.number(Patches.SIZE));
        directions = arguments.flag("bidirectional") ? 2 : 1;
        int units = width() / directions;
        embed = child("imu_token_embed", new Linear(patches.values(), units, false));
        gru = child("gru", new Gru(units, units, arguments.number("layers"), directions == 2));
    }

    /** Both directions have half the size: an odd one is rounded down, as in the reference. */
    private static Arguments rounded(Arguments arguments) {
        int size = arguments.number(Arguments.SIZE);
        if (!arguments.flag("bidirectional") || size % 2 == 0) return arguments;
        if (size == 1) throw new InputException("imu_encoder_args: bidirectional=true needs embeddings of at least 2 numbers");
        return arguments.with(Map.of(Arguments.SIZE, size - 1));
    }

    @Override
    Tensor forward(Tape tape, Tensor signals) {
        List<Tensor> last = gru.forward(tape, embed.forward(tape, patches.cut(tape, signals, true))).last();
        return directions == 1 ? last.getFirst() : Layout.concat(tape, 1, last.get(0), last.get(1));
    }

    @Override
    public void checkLength(long samples) {
        requireAtLeast(patches.size(), samples);
    }
}
