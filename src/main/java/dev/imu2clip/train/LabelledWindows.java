package dev.imu2clip.train;

import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.Batch;
import dev.imu2clip.data.DataSet;
import dev.imu2clip.data.Rejections;
import dev.imu2clip.data.Selection;
import dev.imu2clip.data.Split;
import dev.imu2clip.data.TextIndex;
import dev.imu2clip.data.WindowTable;
import dev.imu2clip.eval.Embeddings;
import dev.imu2clip.imu.ImuEncoder;
import dev.imu2clip.io.InputException;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/** The usable windows of a split with the frozen text tower's embeddings of their texts; each distinct text is embedded once. */
public final class LabelledWindows {
    private final Selection selection;
    private final TextIndex index;
    private final Embeddings embeddings;

    private LabelledWindows(Selection selection, TextIndex index, Embeddings embeddings) {
        this.selection = selection;
        this.index = index;
        this.embeddings = embeddings;
    }

    /** Selects a split's windows and says how many there are, and why others were skipped. */
    public static LabelledWindows of(DataSet data, Split split, TextEncoder encoder, Consumer<String> say) {
        Selection selection = data.select(split);
        TextIndex index = selection.windows().texts();
        say.accept(String.format(Locale.ROOT, "%-10s %,d windows, %d distinct texts, of %d recordings", split.id(),
                selection.windows().size(), index.texts().size(), data.split(split).size()));
        selection.rejections().summary().forEach(say);
        if (split == Split.TRAINING && index.texts().size() == 1)
            say.accept("all training windows have the same text: there is nothing to tell apart, and nothing will be learned");
        float[][] rows = encoder.embed(index.texts());
        float[] all = new float[rows.length * encoder.width()];
        for (int i = 0; i < rows.length; i++) System.arraycopy(rows[i], 0, all, i * encoder.width(), encoder.width());
        return new LabelledWindows(selection, index, new Embeddings(all, rows.length, encoder.width()));
    }

    /** @throws InputException when an encoder cannot take these windows, or gives embeddings of another size than the texts have */
    void requireFits(ImuEncoder encoder, DataSet data) {
        ImuEmbedder.checkLength(encoder, windows().samples(data.rateHz()), data.folder());
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

    /** Writes the text embeddings of a batch's windows as float32 (n, {@link #width}). */
    public void copyTexts(Batch batch, MemorySegment target) {
        for (int i = 0; i < batch.size(); i++)
            MemorySegment.copy(embeddings.values(), index.ofWindow()[batch.window(i)] * width(), target, ValueLayout.JAVA_FLOAT,
                    4L * width() * i, width());
    }

    /** Numbers in a text embedding. */
    public int width() {
        return embeddings.size();
    }

    /** Distinct texts. */
    public List<String> texts() {
        return index.texts();
    }

    /** The place of each window's text in {@link #texts}. */
    public int[] textOfWindow() {
        return index.ofWindow();
    }

    /** Embeddings of the distinct texts. */
    public Embeddings textEmbeddings() {
        return embeddings;
    }

    /** SHA-256 of the text embeddings: equal texts and weights have equal ones. */
    public String textFingerprint() {
        try {
            ByteBuffer bytes = ByteBuffer.allocate(4 * embeddings.values().length).order(ByteOrder.LITTLE_ENDIAN);
            bytes.asFloatBuffer().put(embeddings.values());
            return HexFormat.of().formatHex(Arrays.copyOf(MessageDigest.getInstance("SHA-256").digest(bytes.array()), 16));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
