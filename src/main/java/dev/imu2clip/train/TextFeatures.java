package dev.imu2clip.train;

import dev.imu2clip.clip.TextEncoder;
import dev.imu2clip.data.Batch;
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
import java.util.function.IntConsumer;

/** The frozen text tower's embeddings of a table's windows; each distinct text is embedded once. */
public final class TextFeatures {
    private final TextIndex index;
    private final float[][] embeddings;
    private final int width;

    private TextFeatures(TextIndex index, float[][] embeddings, int width) {
        this.index = index;
        this.embeddings = embeddings;
        this.width = width;
    }

    public static TextFeatures of(WindowTable windows, TextEncoder encoder, IntConsumer done) {
        TextIndex index = windows.texts();
        return new TextFeatures(index, encoder.embed(index.texts(), done), encoder.width());
    }

    /** @throws InputException when the tower's embeddings are not of the encoder's size */
    void requireWidth(ImuEncoder encoder) {
        if (width != encoder.width())
            throw new InputException("the CLIP weights give embeddings of " + width + " numbers, the encoder " + encoder.name() + " of " + encoder.width()
                    + ". Give those of ViT-B/32 with --clip");
    }

    /** Writes the embeddings of a batch's windows as float32 (n, width). */
    public void copy(Batch batch, MemorySegment target) {
        for (int i = 0; i < batch.size(); i++)
            MemorySegment.copy(embeddings[index.ofWindow()[batch.window(i)]], 0, target, ValueLayout.JAVA_FLOAT, 4L * width * i, width);
    }

    /** Distinct texts. */
    public List<String> texts() {
        return index.texts();
    }

    /** The place of each window's text in {@link #texts}. */
    public int[] ofWindow() {
        return index.ofWindow();
    }

    /** Embeddings of the distinct texts. */
    public Embeddings distinct() {
        float[] all = new float[embeddings.length * width];
        for (int i = 0; i < embeddings.length; i++) System.arraycopy(embeddings[i], 0, all, i * width, width);
        return new Embeddings(all, embeddings.length, width);
    }

    /** SHA-256 of the embeddings: two tables with equal texts and weights have equal ones. */
    public String fingerprint() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            for (float[] embedding : embeddings) {
                ByteBuffer bytes = ByteBuffer.allocate(4 * width).order(ByteOrder.LITTLE_ENDIAN);
                bytes.asFloatBuffer().put(embedding);
                digest.update(bytes);
            }
            return HexFormat.of().formatHex(Arrays.copyOf(digest.digest(), 16));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
