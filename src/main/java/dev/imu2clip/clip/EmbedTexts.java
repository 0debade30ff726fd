package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Progress;
import dev.imu2clip.tensor.Shape;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/**
 * Embeds the lines of a text file into an npy file of (lines, width) float32, row i for line i; an empty line is an empty text.
 *
 * @param in        UTF-8, one text a line
 * @param normalize whether rows get length 1; else they are as from CLIP's {@code encode_text}
 * @param truncate  whether a text of too many tokens is cut, and not refused
 */
public record EmbedTexts(Path in, Path out, boolean normalize, boolean truncate) {
    /** Lines whose embeddings are held at once. */
    private static final int CHUNK = 1 << 16;
    /** As PyTorch's {@code normalize}: a shorter vector is divided by this. */
    private static final double EPSILON = 1e-12;

    /**
     * Does it.
     *
     * @param encoder what embeds
     * @param progress hears how many of how many lines are finished
     * @return the number of lines
     * @throws InputException when a file is empty or cannot be read or written, or a text is too long; then there is no result file
     */
    public int run(TextEncoder encoder, Progress progress) {
        List<String> lines = lines();
        if (lines.isEmpty()) throw InputException.in(in, "is empty", "Give a text file, one text a line");
        if (!truncate) checkLengths(lines, encoder);
        Npy.write(out, Npy.Type.F4, Shape.of(lines.size(), encoder.width()), sink -> {
            for (int from = 0; from < lines.size(); from += CHUNK) {
                int before = from;
                float[][] rows = encoder.embed(lines.subList(from, Math.min(from + CHUNK, lines.size())),
                        n -> progress.at(before + n, lines.size(), ""));
                for (float[] row : rows) sink.put(normalize ? unit(row) : row, 0, row.length);
            }
        });
        return lines.size();
    }

    /** The lines of the input file. */
    public List<String> lines() {
        try {
            String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(Files.readAllBytes(in))).toString();
            return (text.startsWith("\uFEFF") ? text.substring(1) : text).lines().toList();
        } catch (CharacterCodingException e) {
            throw InputException.in(in, "is not UTF-8 text", "Save it as UTF-8, one text a line");
        } catch (NoSuchFileException e) {
            throw new InputException(in + ": no such file. Give a text file, one text a line", e);
        } catch (IOException | OutOfMemoryError e) {
            throw new InputException(in + ": cannot be read (" + e.getMessage() + "). Give a text file, one text a line", e);
        }
    }

    private void checkLengths(List<String> lines, TextEncoder encoder) {
        for (int i = 0; i < lines.size(); i++) {
            try {
                encoder.tokenizer().encode(lines.get(i), encoder.config().positions(), false);
            } catch (InputException e) {
                throw new InputException(in + ", line " + (i + 1) + ": " + e.getMessage() + "; or cut such texts with --truncate", e);
            }
        }
    }

    private static float[] unit(float[] row) {
        double sum = 0;
        for (float v : row) sum += (double) v * v;
        double scale = 1 / Math.max(Math.sqrt(sum), EPSILON);
        float[] unit = new float[row.length];
        for (int i = 0; i < row.length; i++) unit[i] = (float) (row[i] * scale);
        return unit;
    }
}
