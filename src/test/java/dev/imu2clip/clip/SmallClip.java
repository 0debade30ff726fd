package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.io.Safetensors;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.Init;
import dev.imu2clip.nn.Module;
import dev.imu2clip.nn.Parameter;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.ops.Elementwise;
import dev.imu2clip.ops.InfoNce;
import dev.imu2clip.ops.L2Normalize;
import dev.imu2clip.ops.Reduction;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** The whole golden CLIP of tools/goldens/fine_tuning.py: both towers and the temperature, with its loss. */
final class SmallClip extends Module implements AutoCloseable {
    static final Path WEIGHTS = golden("clip_small");
    static final HuggingFaceConfig TWO_HEADS = new HuggingFaceConfig(2, true);
    static final String TEXT = "text.", IMAGE = "image.", SCALE = "logit_scale";

    final Parameter logitScale = parameter(SCALE, new Init.Constant(2), 1);
    final TextTower text;
    final ImageTower image;
    final ParameterStore store;
    final Workspace workspace;
    final Safetensors expected = Safetensors.open(golden("clip_small_expected"));

    /** @param tuning what learns beside the temperature; null for nothing at all */
    SmallClip(Backend backend, Tuning tuning) {
        try (ClipWeights weights = ClipWeights.open(WEIGHTS)) {
            text = child("text", new TextTower(TextConfig.of(weights, TWO_HEADS)));
            image = child("image", new ImageTower(ImageConfig.of(weights, TWO_HEADS)));
            Set<String> learning = new HashSet<>();
            if (tuning != null) {
                learning.add(SCALE);
                text.tune(tuning).forEach(name -> learning.add(TEXT + name));
                image.tune(tuning).forEach(name -> learning.add(IMAGE + name));
            }
            // The temperature learns twice as fast as the towers.
            store = ParameterStore.allocate(backend, this, name -> !learning.contains(name) ? 0 : name.equals(SCALE) ? 1 : 0.5);
            store.initialise(1);
            text.fill(weights);
            image.fill(weights);
        }
        workspace = new Workspace(backend, "small CLIP");
    }

    private static Path golden(String name) {
        try {
            return Path.of(SmallClip.class.getResource("/goldens/" + name + ".safetensors").toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** A parameter's name in PyTorch; that of a fused one with {@code qkv_proj}. */
    static String theirs(String name) {
        return name.startsWith(TEXT) ? name.substring(TEXT.length()) : name.startsWith(IMAGE) ? name.substring(IMAGE.length()) : name;
    }

    /** transformers' loss of the golden pairs: the mean of both directions. */
    Tensor loss(Tape tape) {
        Tensor pixels = tape.empty(DType.F32, 4, 3, 8, 8).set(MemorySegment.ofArray(expected.floats("pixels")));
        Tensor texts = L2Normalize.l2Normalize(tape, texts(tape)), images = L2Normalize.l2Normalize(tape, image.forward(tape, pixels));
        Tensor both = InfoNce.inBatch(tape, texts, images, Elementwise.exp(tape, logitScale.value()), true, Reduction.MEAN);
        return Elementwise.axpb(tape, both, 0.5, 0);
    }

    /** Embeddings of the golden texts. */
    Tensor texts(Tape tape) {
        return embed(tape, text);
    }

    Tensor embed(Tape tape, TextTower tower) {
        int[][] ids = TinyTower.ids(expected);
        int longest = ids[0].length;
        int[] all = new int[ids.length * longest], ends = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            System.arraycopy(ids[i], 0, all, i * longest, longest);
            ends[i] = i * longest + TextEncoder.untilEnd(ids[i]).length - 1;
        }
        return tower.forward(tape, tape.empty(DType.I32, ids.length, longest).set(MemorySegment.ofArray(all)),
                tape.empty(DType.I32, ends.length).set(MemorySegment.ofArray(ends)));
    }

    @Override
    public void close() {
        expected.close();
        workspace.close();
        store.close();
    }
}
