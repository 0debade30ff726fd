package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Progress;
import dev.imu2clip.tensor.Shape;

import java.nio.file.Path;
import java.util.List;

/**
 * Embeds the lines of text files into an npy file of (lines, width) float32, in their order; an empty line is an empty text.
 *
 * @param in        see {@link TextLines#read}
 * @param normalize whether rows get length 1; else they are as from CLIP's {@code encode_text}
 * @param truncate  whether a text of too many tokens is cut, and not refused
 */
public record EmbedTexts(List<Path> in, Path out, boolean normalize, boolean truncate) {
    /** Lines whose embeddings are held at once. */
    private static final int CHUNK = 1 << 16;

    /**
     * Does it.
     *
     * @param encoder what embeds
     * @param progress hears how many of how many lines are finished
     * @return the number of lines
     * @throws InputException when a file is empty or cannot be read or written, or a text is too long; then there is no result file
     */
    public int run(TextEncoder encoder, Progress progress) {
        List<TextLines> files = in.stream().map(TextLines::read).toList();
        if (!truncate) checkLengths(files, encoder);
        List<String> lines = files.stream().flatMap(file -> file.lines().stream()).toList();
        Npy.write(out, Npy.Type.F4, Shape.of(lines.size(), encoder.width()), sink -> {
            for (int from = 0; from < lines.size(); from += CHUNK) {
                int before = from;
                float[][] rows = encoder.embed(lines.subList(from, Math.min(from + CHUNK, lines.size())),
                        n -> progress.at(before + n, lines.size(), ""));
                for (float[] row : rows) sink.put(normalize ? Vectors.unit(row) : row, 0, row.length);
            }
        });
        return lines.size();
    }

    /** Refuses a text that is too long, by its place. */
    private static void checkLengths(List<TextLines> files, TextEncoder encoder) {
        for (TextLines file : files)
            for (int i = 0; i < file.lines().size(); i++) {
                try {
                    encoder.tokenizer().encode(file.lines().get(i), encoder.config().positions(), false);
                } catch (InputException e) {
                    throw new InputException(file.name() + ", line " + (i + 1) + ": " + e.getMessage()
                            + "; or cut such texts with --truncate", e);
                }
            }
    }
}
