package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.nn.Module;
import dev.imu2clip.ops.AttentionMask;
import dev.imu2clip.tensor.Tensor;

import java.util.ArrayList;
import java.util.List;

/** Blocks one after the other. Of the first blocks, up to where gradients flow, little more than one block's results is kept at a time. */
final class Transformer extends Module {
    private final List<EncoderLayer> layers = new ArrayList<>();

    Transformer(int layers, int width, int heads, int hidden, boolean quickGelu) {
        for (int i = 0; i < layers; i++) this.layers.add(child(String.valueOf(i), new EncoderLayer(width, heads, hidden, quickGelu)));
    }

    List<EncoderLayer> layers() {
        return layers;
    }

    /** @param x (B, T, width), which frozen blocks may overwrite; so is the result */
    Tensor forward(Tape tape, Tensor x, AttentionMask mask) {
        return run(tape, layers, x, mask);
    }

    /**
     * The result for some tokens only: the last block leaves out what does not reach them, exactly.
     *
     * @param rows int32 (R): places of the tokens among the B * T
     * @return (R, width)
     */
    Tensor forward(Tape tape, Tensor x, AttentionMask mask, Tensor rows) {
        return layers.getLast().forward(tape, run(tape, layers.subList(0, layers.size() - 1), x, mask), mask, rows);
    }

    private static Tensor run(Tape tape, List<EncoderLayer> layers, Tensor x, AttentionMask mask) {
        for (EncoderLayer layer : layers) {
            Tensor in = x;
            if (layer.isInPlace()) {
                try (var _ = tape.workspace().scratch()) {
                    layer.forward(tape, in, mask);
                }
            } else if (tape.watches(in) || layer.watchedBy(tape)) x = layer.forward(tape, in, mask);
            else x = tape.keepOnlyResult(in, () -> layer.forward(tape, in, mask));
        }
        return x;
    }
}
