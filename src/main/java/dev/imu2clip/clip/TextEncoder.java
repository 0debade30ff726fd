package dev.imu2clip.clip;

import dev.imu2clip.autograd.Tape;
import dev.imu2clip.backend.Backend;
import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.memory.Workspace;
import dev.imu2clip.nn.ParameterStore;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.IntConsumer;

/**
 * Texts to embeddings, through the tokenizer and a frozen {@link TextTower}. Equal texts are embedded once; texts of like length share a
 * batch, cut at the end token. The weights are read when the first text needs them: where a cache knows all texts, never. Not thread-safe.
 */
public final class TextEncoder implements AutoCloseable {
    /** Changed whenever the tower's results change in any bit, since they are cached. */
    private static final String RECIPE = "text tower 2";
    /** Tokens of a batch: enough to keep all cores at matrix products, few enough that a block's results stay in the cache. */
    private static final int BATCH_TOKENS = 1024;
    /** Texts between two writes to the cache: what a crash can cost. */
    private static final int CHUNK = 8192;

    private final Backend backend;
    private final ClipWeights weights;
    private final TextConfig config;
    private final Tokenizer tokenizer;
    private final String notice;
    private final Workspace workspace;
    private EmbeddingCache cache;
    private TextTower tower;
    private ParameterStore parameters;

    private TextEncoder(Backend backend, ClipWeights weights, TextConfig config, Tokenizer tokenizer, String notice) {
        this.backend = backend;
        this.weights = weights;
        this.config = config;
        this.tokenizer = tokenizer;
        this.notice = notice;
        this.workspace = new Workspace(backend, "text tower");
    }

    /**
     * An encoder with real weights, or without a meaning.
     *
     * @param clip  a file of weights or its folder, see {@link ClipWeights#open}; null for random weights of ViT-B/32's shape
     * @param vocab see {@link Vocabulary#read}; null for the one beside the weights, and with random weights for none
     * @param seed  of the random weights
     * @throws InputException when a file is missing, damaged or does not fit the others
     */
    public static TextEncoder open(Backend backend, Path clip, Path vocab, long seed) {
        if (clip == null) {
            Tokenizer tokenizer = vocab == null ? Tokenizer.bytesOnly() : Tokenizer.read(vocab);
            return create(backend, ClipWeights.random(TextConfig.VIT_B_32, seed), TextConfig.VIT_B_32, tokenizer,
                    TextNotices.RANDOM_WEIGHTS);
        }
        ClipWeights weights = ClipWeights.open(clip);
        try {
            return open(backend, weights, folder(clip), vocab);
        } catch (RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    /** The same with weights that are open and become the encoder's. */
    static TextEncoder open(Backend backend, ClipWeights weights, Path folder, Path vocab) {
        TextConfig config = TextConfig.of(weights, HuggingFaceConfig.of(weights, folder, HuggingFaceConfig.TEXT));
        Vocabulary vocabulary = vocab != null ? Vocabulary.read(vocab)
                : Vocabulary.find(folder).orElseThrow(() -> new InputException(TextNotices.noVocabulary(folder)));
        return create(backend, weights, config, new Tokenizer(vocabulary), null);
    }

    /** Where a CLIP's other files lie. */
    static Path folder(Path clip) {
        return clip.toFile().isDirectory() ? clip : clip.toAbsolutePath().getParent();
    }

    static TextEncoder create(Backend backend, ClipWeights weights, TextConfig config, Tokenizer tokenizer, String notice) {
        int size = tokenizer.vocabulary().size();
        if (size > config.vocabulary())
            throw new InputException(weights.origin() + ": embeds " + config.vocabulary() + " tokens, but the vocabulary has " + size
                    + ". Give the vocabulary that belongs to these weights");
        return new TextEncoder(backend, weights, config, tokenizer, notice);
    }

    /** An encoder of a tower's weights as they stand, adapters merged; the tower must keep its memory as long. */
    public static TextEncoder of(Backend backend, TextTower tower, Tokenizer tokenizer) {
        return create(backend, tower.weights(), tower.config(), tokenizer, null);
    }

    /** Sets a tower of this encoder's {@link #config}, which has memory, to its weights. */
    public void fill(TextTower tower) {
        tower.fill(weights);
    }

    /** Keeps embeddings in a folder, see {@link CacheFolder}, and takes from there what is known. */
    public TextEncoder cachedIn(Path folder, Consumer<String> notices) {
        if (cache != null) cache.close();
        // The device belongs to it: instruction sets differ in the last bits, and equal runs are to have equal bits.
        cache = new EmbeddingCache(folder, RECIPE + ", " + identity() + ", " + config + ", " + backend.name(), width(), notices);
        return this;
    }

    /** Features of an embedding. */
    public int width() {
        return config.projection();
    }

    public TextConfig config() {
        return config;
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** The ids of a text from start to end token, cut where it has too many. */
    public int[] tokens(String text) {
        return untilEnd(tokenizer.encode(text, config.positions(), true));
    }

    /** SHA-256 of the weights: of the file's bytes, or of what the random ones follow from. */
    public String identity() {
        return weights.identity();
    }

    /** What must be said on every run: that texts have no meaning, and how to give them one. Null with real weights. */
    public String notice() {
        return notice;
    }

    /**
     * Embeds texts; each row depends on its text alone, bit for bit. A text of too many tokens is cut, as by {@code clip.tokenize(texts,
     * truncate=True)}.
     *
     * @return (texts, width), not normalised, as by CLIP's {@code encode_text}
     */
    public float[][] embed(List<String> texts) {
        return embed(texts, _ -> {});
    }

    /** @param done hears how many texts are finished, whenever some more are */
    public float[][] embed(List<String> texts, IntConsumer done) {
        float[][] embeddings = new float[texts.size()][];
        Map<EmbeddingCache.Key, Item> items = new LinkedHashMap<>();
        for (int i = 0; i < embeddings.length; i++) {
            int[] ids = tokens(texts.get(i));
            items.computeIfAbsent(key(ids), key -> new Item(key, ids, new ArrayList<>())).places.add(i);
        }
        var counter = new Counter(done);
        List<Item> missing = new ArrayList<>();
        for (Item item : items.values()) {
            float[] known = cache == null ? null : cache.get(item.key);
            if (known == null) missing.add(item);
            else counter.add(item.put(known, embeddings));
        }
        missing.sort(Comparator.comparingInt(item -> item.ids.length));
        for (int from = 0; from < missing.size(); from += CHUNK) {
            List<Item> chunk = missing.subList(from, Math.min(from + CHUNK, missing.size()));
            compute(chunk, embeddings, counter);
            if (cache != null) cache.put(chunk.stream().map(Item::key).toList(),
                    chunk.stream().map(item -> embeddings[item.places.getFirst()]).toList());
        }
        return embeddings;
    }

    /** One distinct text: its ids up to the end token, and which of the texts are it. */
    private record Item(EmbeddingCache.Key key, int[] ids, List<Integer> places) {
        int put(float[] embedding, float[][] all) {
            for (int place : places) all[place] = place == places.getFirst() ? embedding : embedding.clone();
            return places.size();
        }
    }

    private static final class Counter {
        private final IntConsumer done;
        private int count;

        Counter(IntConsumer done) {
            this.done = done;
        }

        void add(int more) {
            done.accept(count += more);
        }
    }

    /** The tower sees the ids and nothing else of tokenizer and text. */
    private static EmbeddingCache.Key key(int[] ids) {
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * ids.length);
        for (int id : ids) bytes.putInt(id);
        return EmbeddingCache.Key.of(bytes.flip());
    }

    /** CLIP pools at the first place of the highest id; with causal attention, what follows does not matter. */
    static int[] untilEnd(int[] ids) {
        int end = 0;
        for (int i = 1; i < ids.length; i++) if (ids[i] > ids[end]) end = i;
        return Arrays.copyOf(ids, end + 1);
    }

    private void compute(List<Item> items, float[][] embeddings, Counter counter) {
        int from = 0;
        while (from < items.size()) {
            int to = from + 1;
            while (to < items.size() && (to + 1 - from) * items.get(to).ids.length <= BATCH_TOKENS) to++;
            List<Item> batch = items.subList(from, to);
            float[] rows = run(new TextBatch(batch.stream().map(Item::ids).toList()));
            for (int i = 0; i < batch.size(); i++)
                counter.add(batch.get(i).put(Arrays.copyOfRange(rows, i * width(), (i + 1) * width()), embeddings));
            from = to;
        }
    }

    private float[] run(TextBatch batch) {
        load();
        try (var _ = workspace.step()) {
            return batch.embed(new Tape(workspace), tower).toFloats();
        }
    }

    private void load() {
        if (tower != null) return;
        TextTower loaded = new TextTower(config);
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
