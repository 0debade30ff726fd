package dev.imu2clip.train;

import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Rejections;
import dev.imu2clip.data.Selection;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.TextIndex;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.io.Sha256;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.zip.CRC32C;

/**
 * The usable windows of a split with the text tower's embeddings of their texts; each distinct text is embedded once. Where the tower is
 * tuned, {@link #embed} does so again whenever it has changed.
 */
public final class LabelledWindows {
    /** Windows whose signals are looked at for a fingerprint: enough to notice other units, rates or recordings. */
    private static final int SAMPLED = 1000;

    private final Selection selection;
    private final TextIndex index;
    private final List<int[]> tokens;
    private final int width;
    private final String fingerprint;
    private final String textFingerprint;
    private Embeddings embeddings;

    private LabelledWindows(Selection selection, TextEncoder encoder, String fingerprint) {
        this.selection = selection;
        this.index = selection.windows().texts();
        this.tokens = index.texts().stream().map(encoder::tokens).toList();
        this.width = encoder.width();
        this.fingerprint = fingerprint;
        this.textFingerprint = fingerprint(encoder, index.texts());
    }

    /** Selects a split's windows and says how many there are, and why others were skipped. Their texts are not embedded yet. */
    public static LabelledWindows of(DataSet data, Split split, TextEncoder encoder, Consumer<String> say) {
        Selection selection = data.select(split);
        TextIndex index = selection.windows().texts();
        say.accept(String.format(Locale.ROOT, "%-10s %,d windows, %d distinct texts, of %d recordings", split.id(),
                selection.windows().size(), index.texts().size(), data.split(split).size()));
        selection.rejections().summary().forEach(say);
        if (split == Split.TRAINING && index.texts().size() == 1)
            say.accept("all training windows have the same text: there is nothing to tell apart, and nothing will be learned");
        return new LabelledWindows(selection, encoder, fingerprint(data, selection.windows()));
    }

    /** Embeds the distinct texts. */
    public LabelledWindows embed(TextEncoder encoder, Progress progress) {
        int texts = texts().size();
        float[][] rows = encoder.embed(texts(), done -> progress.at(done, texts, "texts embedded"));
        float[] all = new float[rows.length * width];
        for (int i = 0; i < rows.length; i++) System.arraycopy(rows[i], 0, all, i * width, width);
        embeddings = new Embeddings(all, rows.length, width);
        return this;
    }

    /** @throws InputException when an encoder cannot take these windows, or gives embeddings of another size than the texts have */
    void requireFits(ImuEncoder encoder, DataSet data) {
        ImuEmbedder.checkLength(encoder, data.samples(windows()), data.folder());
        if (width() != encoder.width())
            throw new InputException("the CLIP weights give embeddings of " + width() + " numbers, the encoder " + encoder.name()
                    + " of " + encoder.width() + ". Give those of ViT-B/32 with --clip");
    }

    public WindowTable windows() {
        return selection.windows();
    }

    public Rejections rejections() {
        return selection.rejections();
    }

    /** Writes the text embedding of a window as row {@code row} of a float32 matrix (n, {@link #width}). */
    public void copyText(int window, MemorySegment target, int row) {
        MemorySegment.copy(embeddings.values(), index.ofWindow()[window] * width(), target, ValueLayout.JAVA_FLOAT, 4L * width() * row,
                width());
    }

    /** Numbers in a text embedding. */
    public int width() {
        return width;
    }

    /** Distinct texts. */
    public List<String> texts() {
        return index.texts();
    }

    /** The ids of each distinct text, from start to end token. */
    public List<int[]> tokens() {
        return tokens;
    }

    /** The place of each window's text in {@link #texts}. */
    public int[] textOfWindow() {
        return index.ofWindow();
    }

    /** Embeddings of the distinct texts. */
    public Embeddings textEmbeddings() {
        return embeddings;
    }

    /** Changes with the windows, their texts and labels, and the signals (of up to {@value #SAMPLED} of them). */
    public String fingerprint() {
        return fingerprint;
    }

    /** Changes with the text tower's weights, the tokens of the texts, and their order; the same on every device. */
    public String textFingerprint() {
        return textFingerprint;
    }

    private static String fingerprint(DataSet data, WindowTable windows) {
        CRC32C signals = new CRC32C();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment block = arena.allocate(4L * ImuEncoder.CHANNELS * data.samples(windows), 64);
            int step = Math.max(1, windows.size() / SAMPLED);
            for (int i = 0; i < windows.size(); i += step) {
                data.read(windows.get(i), block, 0);
                signals.update(block.asByteBuffer());
            }
        }
        return windows.fingerprint() + String.format(Locale.ROOT, "-%08x", signals.getValue());
    }

    private static String fingerprint(TextEncoder encoder, List<String> texts) {
        MessageDigest digest = Sha256.digest();
        digest.update(encoder.identity().getBytes(StandardCharsets.UTF_8));
        for (String text : texts) {
            int[] ids = encoder.tokenizer().encode(text, encoder.config().positions(), true);
            ByteBuffer bytes = ByteBuffer.allocate(4 * ids.length).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asIntBuffer().put(ids);
            digest.update(bytes);
        }
        return HexFormat.of().formatHex(Arrays.copyOf(digest.digest(), 16));
    }
}
