package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.io.InputException;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;
import dev.imu2clip.tensor.DType;
import dev.imu2clip.tensor.Tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Preprocessed images to embeddings, through a frozen {@link ImageTower}. Images are read beside the tower's work, one batch ahead. The
 * weights are read when the first image needs them: where a cache knows all images, never. Not thread-safe.
 */
public final class ImageEncoder implements AutoCloseable {
    /** Changed whenever the tower's results change in any bit, since they are cached. */
    private static final String RECIPE = "image tower 1";
    /** Images of a batch: enough rows for the matrix products, few enough that a block's results stay near the cores. */
    private static final int BATCH = 16;
    /** Images between two writes to the cache: what a crash can cost. */
    private static final int CHUNK = 512;

    /** See {@link Pixels#read}. */
    @FunctionalInterface
    public interface Reader {
        void read(int image, MemorySegment target);
    }

    /** Images to embed, by number. Threads share the images. */
    public interface Pixels {
        int count();

        /** What an image's pixels follow from: equal keys have equal pixels. */
        EmbeddingCache.Key key(int image);

        /** Writes an image, (3, resolution, resolution) native float32, to the start of {@code target}. */
        void read(int image, MemorySegment target);

        /** An image that cannot be read: either this throws on, or its embedding becomes null. */
        default void failed(int image, InputException error) {
            throw error;
        }

        /**
         * Reads a batch; one batch at a time.
         *
         * @param targets of each image
         * @return whether each could be read
         */
        default boolean[] readAll(List<Integer> images, List<MemorySegment> targets) {
            boolean[] readable = new boolean[images.size()];
            IntStream.range(0, readable.length).parallel().forEach(i -> readable[i] = attempt(images.get(i), targets.get(i), this::read));
            return readable;
        }

        /** Reads an image somehow, or tells that it {@link #failed}. */
        default boolean attempt(int image, MemorySegment target, Reader reader) {
            try {
                reader.read(image, target);
                return true;
            } catch (InputException e) {
                failed(image, e);
                target.fill((byte) 0);
                return false;
            }
        }
    }

    private final Backend backend;
    private final ClipWeights weights;
    private final ImageConfig config;
    private final Workspace workspace;
    private EmbeddingCache cache;
    private ImageTower tower;
    private ParameterStore parameters;

    private ImageEncoder(Backend backend, ClipWeights weights, ImageConfig config) {
        this.backend = backend;
        this.weights = weights;
        this.config = config;
        this.workspace = new Workspace(backend, "image tower");
    }

    /**
     * @param clip a file of weights or its folder, see {@link ClipWeights#open}
     * @throws InputException when it is missing, damaged or holds no image tower
     */
    public static ImageEncoder open(Backend backend, Path clip) {
        ClipWeights weights = ClipWeights.open(clip);
        try {
            return open(backend, weights, TextEncoder.folder(clip));
        } catch (RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    /** The same with weights that are open and become the encoder's. */
    static ImageEncoder open(Backend backend, ClipWeights weights, Path folder) {
        var config = HuggingFaceConfig.of(weights, folder, HuggingFaceConfig.VISION);
        return new ImageEncoder(backend, weights, ImageConfig.of(weights, config));
    }

    /** Keeps embeddings in a folder, see {@link CacheFolder}, and takes from there what is known. */
    public ImageEncoder cachedIn(Path folder, Consumer<String> notices) {
        if (cache != null) cache.close();
        // The device belongs to it: instruction sets differ in the last bits, and equal runs are to have equal bits.
        cache = new EmbeddingCache(folder, RECIPE + ", " + identity() + ", " + config + ", " + backend.name(), width(), notices);
        return this;
    }

    /** Features of an embedding. */
    public int width() {
        return config.projection();
    }

    public ImageConfig config() {
        return config;
    }

    /** SHA-256 of the weights. */
    public String identity() {
        return weights.identity();
    }

    /**
     * Embeds images; each row depends on its image alone, bit for bit, and equal keys are embedded once.
     *
     * @param done hears how many images are finished, whenever some more are
     * @return (images, width), not normalised, as by CLIP's {@code encode_image}; null for one that could not be read
     */
    public float[][] embed(Pixels pixels, IntConsumer done) {
        float[][] embeddings = new float[pixels.count()][];
        Map<EmbeddingCache.Key, Integer> first = new HashMap<>();
        for (int from = 0; from < embeddings.length; from += CHUNK) {
            int to = Math.min(from + CHUNK, embeddings.length);
            int[] same = new int[to - from];
            List<EmbeddingCache.Key> all = IntStream.range(from, to).parallel().mapToObj(pixels::key).toList(), keys = new ArrayList<>();
            List<Integer> missing = new ArrayList<>();
            for (int i = from; i < to; i++) {
                EmbeddingCache.Key key = all.get(i - from);
                Integer earlier = first.putIfAbsent(key, i);
                same[i - from] = earlier == null ? i : earlier;
                if (earlier != null) continue;
                embeddings[i] = cache == null ? null : cache.get(key);
                if (embeddings[i] != null) continue;
                missing.add(i);
                keys.add(key);
            }
            int known = from + same.length - missing.size();
            done.accept(known);
            compute(pixels, missing, keys, embeddings, n -> done.accept(known + n));
            for (int i = from; i < to; i++)
                if (same[i - from] != i && embeddings[same[i - from]] != null) embeddings[i] = embeddings[same[i - from]].clone();
        }
        return embeddings;
    }

    /** Embeds images and keeps what was finished, also when a later one fails. */
    private void compute(Pixels pixels, List<Integer> images, List<EmbeddingCache.Key> keys, float[][] embeddings, IntConsumer done) {
        long bytes = Float.BYTES * (long) config.pixels();
        List<EmbeddingCache.Key> finished = new ArrayList<>();
        List<float[]> rows = new ArrayList<>();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment[] buffers = {arena.allocate(BATCH * bytes, 64), arena.allocate(BATCH * bytes, 64)};
            CompletableFuture<boolean[]> next = images.isEmpty() ? null : read(pixels, batch(images, 0), buffers[0], bytes);
            for (int from = 0, turn = 0; from < images.size(); from += BATCH, turn ^= 1) {
                List<Integer> batch = batch(images, from);
                boolean[] readable = join(next);
                next = from + BATCH < images.size() ? read(pixels, batch(images, from + BATCH), buffers[turn ^ 1], bytes) : null;
                try {
                    float[] values = run(buffers[turn], batch.size());
                    for (int i = 0; i < batch.size(); i++) {
                        if (!readable[i]) continue;
                        float[] row = embeddings[batch.get(i)] = Arrays.copyOfRange(values, i * width(), (i + 1) * width());
                        finished.add(keys.get(from + i));
                        rows.add(row);
                    }
                } catch (Throwable e) {
                    // The arena must not close under a reader.
                    if (next != null) next.handle((_, _) -> null).join();
                    throw e;
                }
                done.accept(from + batch.size());
            }
        } finally {
            if (cache != null) cache.put(finished, rows);
        }
    }

    private static List<Integer> batch(List<Integer> images, int from) {
        return images.subList(from, Math.min(from + BATCH, images.size()));
    }

    /** Reads a batch in the background. The result says of each image whether it could be read. */
    private static CompletableFuture<boolean[]> read(Pixels pixels, List<Integer> batch, MemorySegment target, long bytes) {
        List<MemorySegment> targets = IntStream.range(0, batch.size()).mapToObj(i -> target.asSlice(i * bytes, bytes)).toList();
        return CompletableFuture.supplyAsync(() -> pixels.readAll(batch, targets));
    }

    private static boolean[] join(CompletableFuture<boolean[]> reading) {
        try {
            return reading.join();
        } catch (CompletionException e) {
            // The common pool wraps what a task threw, sometimes twice.
            Throwable cause = e;
            while (cause.getCause() != null && !(cause instanceof InputException)) cause = cause.getCause();
            if (cause instanceof RuntimeException runtime) throw runtime;
            if (cause instanceof Error error) throw error;
            throw e;
        }
    }

    private float[] run(MemorySegment pixels, int count) {
        load();
        int edge = config.resolution();
        try (var _ = workspace.step()) {
            Tape tape = new Tape(workspace);
            Tensor x = tape.empty(DType.F32, count, ImageConfig.CHANNELS, edge, edge);
            return tower.forward(tape, x.set(pixels.asSlice(0, x.bytes()))).toFloats();
        }
    }

    private void load() {
        if (tower != null) return;
        ImageTower loaded = new ImageTower(config);
        parameters = loaded.load(backend, weights, false);
        tower = loaded;
    }

    /** Frees weights and cache. */
    @Override
    public void close() {
        if (cache != null) cache.close();
        if (parameters != null) parameters.close();
        workspace.close();
        weights.close();
    }
}
