package dev.imu2clip.clip;

import dev.imu2clip.backend.Backend;
import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A whole CLIP, frozen: both encoders over the same weights, each opened when it is first asked for, and the scale of their logits.
 * Not thread-safe.
 */
public final class ClipModel implements AutoCloseable {
    private static final String LOGIT_SCALE = "logit_scale";
    /** CLIP clips its scale so (Radford et al. 2021, section 2.5). */
    private static final double MAX_SCALE = 100;

    private final Backend backend;
    private final ClipWeights weights;
    private final Path folder;
    private final Path vocab;
    private final Path cache;
    private final Consumer<String> notices;
    private TextEncoder texts;
    private ImageEncoder images;

    private ClipModel(Backend backend, Path clip, Path vocab, Path cache, Consumer<String> notices) {
        this.backend = backend;
        this.weights = ClipWeights.open(clip);
        this.folder = TextEncoder.folder(clip);
        this.vocab = vocab;
        this.cache = cache;
        this.notices = notices;
    }

    /**
     * Opens weights.
     *
     * @param clip    a file of weights or its folder, see {@link ClipWeights#open}
     * @param vocab   see {@link Vocabulary#read}; null for the one beside the weights
     * @param cache   folder to keep embeddings in, see {@link CacheFolder}; null for none
     * @param notices hears what goes wrong with the cache
     * @throws InputException when the weights are missing or damaged
     */
    public static ClipModel open(Backend backend, Path clip, Path vocab, Path cache, Consumer<String> notices) {
        return new ClipModel(backend, clip, vocab, cache, notices);
    }

    /** @throws InputException when the weights hold no whole text tower, or there is no vocabulary for it */
    public TextEncoder texts() {
        if (texts == null) {
            texts = TextEncoder.open(backend, new Shared(weights), folder, vocab);
            if (cache != null) texts.cachedIn(cache, notices);
            requireOneSpace();
        }
        return texts;
    }

    /** @throws InputException when the weights hold no whole image tower */
    public ImageEncoder images() {
        if (images == null) {
            images = ImageEncoder.open(backend, new Shared(weights), folder);
            if (cache != null) images.cachedIn(cache, notices);
            requireOneSpace();
        }
        return images;
    }

    private void requireOneSpace() {
        if (texts != null && images != null && texts.width() != images.width())
            throw new InputException(weights.origin() + ": embeds texts in " + texts.width() + " numbers and images in " + images.width()
                    + ", so they cannot be compared. Check that it is a whole CLIP");
    }

    /**
     * What a cosine is multiplied by before the softmax: the exponential of the learned logarithm, 100 at most.
     *
     * @throws InputException when the weights do not tell it
     */
    public double logitScale() {
        if (!weights.names().contains(LOGIT_SCALE))
            throw new InputException(weights.origin() + ": has no tensor '" + LOGIT_SCALE
                    + "', so it has no probabilities. Give the weights of a whole CLIP");
        Shape shape = weights.shape(LOGIT_SCALE);
        if (shape.count() != 1)
            throw new InputException(weights.origin() + ": tensor '" + LOGIT_SCALE + "' has shape " + shape + ", expected one number");
        float[] logarithm = new float[1];
        weights.copyTo(LOGIT_SCALE, MemorySegment.ofArray(logarithm));
        if (!Float.isFinite(logarithm[0]))
            throw new InputException(weights.origin() + ": tensor '" + LOGIT_SCALE + "' is " + logarithm[0] + ". Get the file again");
        return Math.min(Math.exp(logarithm[0]), MAX_SCALE);
    }

    @Override
    public void close() {
        if (texts != null) texts.close();
        if (images != null) images.close();
        weights.close();
    }

    /** The weights for an encoder, which closes what it is given. */
    private record Shared(ClipWeights weights) implements ClipWeights {
        @Override
        public Set<String> names() {
            return weights.names();
        }

        @Override
        public Shape shape(String name) {
            return weights.shape(name);
        }

        @Override
        public void copyTo(String name, MemorySegment target) {
            weights.copyTo(name, target);
        }

        @Override
        public String identity() {
            return weights.identity();
        }

        @Override
        public String origin() {
            return weights.origin();
        }

        @Override
        public Optional<HuggingFaceConfig> model(String section) {
            return weights.model(section);
        }

        @Override
        public void close() {}
    }
}
