package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.io.CacheFolder;
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

    /** Takes rows in the order of the images. */
    @FunctionalInterface
    public interface Rows<E extends Exception> {
        /** @param row null for an image that could not be read */
        void put(int image, float[] row) throws E;
    }

    /** Images to embed, by number. Threads share the images. */
    public interface Pixels {
        int count();

        /** What an image's pixels follow from: equal keys have equal pixels. */
        EmbeddingCache.Key key(int image);

        /** Writes an image, (3, resolution, resolution) native float32, to the start of {@code target}. */
        void read(int image, MemorySegment target);

        /** Hears of an image that cannot be read: either this throws on, or its row becomes null. */
        default void failed(int image, InputException error) {
            throw error;
        }

        /**
         * Reads a batch; one batch at a time.
         *
         * @param targets of each image
         * @return what is wrong with each, or null
         */
        default InputException[] readAll(List<Integer> images, List<MemorySegment> targets) {
            var problems = new InputException[images.size()];
            IntStream.range(0, problems.length).parallel()
                    .forEach(i -> problems[i] = problem(() -> read(images.get(i), targets.get(i))));
            return problems;
        }

        /** What is wrong when something is read, or null. */
        static InputException problem(Runnable reading) {
            try {
                reading.run();
                return null;
            } catch (InputException e) {
                return e;
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

    /** ViT-B/32's tower with seeded random weights: it tells images apart, but its embeddings carry no meaning. */
    public static ImageEncoder random(Backend backend, long seed) {
        return new ImageEncoder(backend, ClipWeights.random(ImageConfig.VIT_B_32, seed), ImageConfig.VIT_B_32);
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
     * Embeds images; see {@link #embed(Pixels, Rows, IntConsumer)}.
     *
     * @return (images, width); null for one that could not be read
     */
    public float[][] embed(Pixels pixels, IntConsumer done) {
        float[][] embeddings = new float[pixels.count()][];
        embed(pixels, (image, row) -> embeddings[image] = row, done);
        return embeddings;
    }

    /**
     * Embeds images, and holds only some rows at a time. Each row depends on its image alone, bit for bit. Equal keys are embedded once,
     * without a cache at least those among some hundred images.
     *
     * @param rows takes embeddings, not normalised, as by CLIP's {@code encode_image}
     * @param done hears how many images are finished, whenever some more are
     */
    public <E extends Exception> void embed(Pixels pixels, Rows<E> rows, IntConsumer done) throws E {
        for (int from = 0; from < pixels.count(); from += CHUNK) {
            int to = Math.min(from + CHUNK, pixels.count()), start = from;
            float[][] embeddings = chunk(pixels, from, to, n -> done.accept(start + n));
            for (int i = from; i < to; i++) rows.put(i, embeddings[i - from]);
        }
    }

    private float[][] chunk(Pixels pixels, int from, int to, IntConsumer done) {
        float[][] embeddings = new float[to - from][];
        List<EmbeddingCache.Key> all = IntStream.range(from, to).parallel().mapToObj(pixels::key).toList(), keys = new ArrayList<>();
        Map<EmbeddingCache.Key, Integer> first = new HashMap<>();
        List<Integer> missing = new ArrayList<>();
        for (int i = 0; i < embeddings.length; i++) {
            EmbeddingCache.Key key = all.get(i);
            if (first.putIfAbsent(key, i) != null) continue;
            embeddings[i] = cache == null ? null : cache.get(key);
            if (embeddings[i] != null) continue;
            missing.add(from + i);
            keys.add(key);
        }
        int known = embeddings.length - missing.size();
        done.accept(known);
        List<float[]> computed = compute(pixels, missing, keys, n -> done.accept(known + n));
        for (int i = 0; i < missing.size(); i++) embeddings[missing.get(i) - from] = computed.get(i);
        for (int i = 0; i < embeddings.length; i++) {
            int same = first.get(all.get(i));
            if (same != i && embeddings[same] != null) embeddings[i] = embeddings[same].clone();
        }
        return embeddings;
    }

    /** Embeds images and keeps what was finished, also when a later one fails. */
    private List<float[]> compute(Pixels pixels, List<Integer> images, List<EmbeddingCache.Key> keys, IntConsumer done) {
        long bytes = Float.BYTES * (long) config.pixels();
        List<float[]> rows = new ArrayList<>();
        CompletableFuture<InputException[]> next = null;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment[] buffers = {arena.allocate(BATCH * bytes, 64), arena.allocate(BATCH * bytes, 64)};
            try {
                next = images.isEmpty() ? null : read(pixels, batch(images, 0), buffers[0], bytes);
                for (int from = 0, turn = 0; from < images.size(); from += BATCH, turn ^= 1) {
                    List<Integer> batch = batch(images, from);
                    InputException[] problems = join(next);
                    for (int i = 0; i < problems.length; i++) if (problems[i] != null) pixels.failed(batch.get(i), problems[i]);
                    next = from + BATCH < images.size() ? read(pixels, batch(images, from + BATCH), buffers[turn ^ 1], bytes) : null;
                    float[] values = run(buffers[turn], batch.size());
                    for (int i = 0; i < batch.size(); i++)
                        rows.add(problems[i] != null ? null : Arrays.copyOfRange(values, i * width(), (i + 1) * width()));
                    done.accept(from + batch.size());
                }
            } finally {
                // The arena must not close under a reader.
                if (next != null) next.handle((_, _) -> null).join();
            }
        } finally {
            if (cache != null) keep(keys, rows);
        }
        return rows;
    }

    private void keep(List<EmbeddingCache.Key> keys, List<float[]> rows) {
        int[] present = IntStream.range(0, rows.size()).filter(i -> rows.get(i) != null).toArray();
        cache.put(IntStream.of(present).mapToObj(keys::get).toList(), IntStream.of(present).mapToObj(rows::get).toList());
    }

    private static List<Integer> batch(List<Integer> images, int from) {
        return images.subList(from, Math.min(from + BATCH, images.size()));
    }

    /** Reads a batch in the background. The result says what is wrong with each image. */
    private static CompletableFuture<InputException[]> read(Pixels pixels, List<Integer> batch, MemorySegment target, long bytes) {
        List<MemorySegment> targets = IntStream.range(0, batch.size()).mapToObj(i -> target.asSlice(i * bytes, bytes)).toList();
        return CompletableFuture.supplyAsync(() -> pixels.readAll(batch, targets));
    }

    private static InputException[] join(CompletableFuture<InputException[]> reading) {
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
