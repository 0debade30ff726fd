package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.MediaFiles;
import dev.imu2clip.media.Preprocess;
import dev.imu2clip.tensor.Shape;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Embeds pictures into an npy file of (pictures, width) float32, and writes beside it what its rows are.
 *
 * @param in         picture files and folders, see {@link MediaFiles}; or one npy file of preprocessed pixels, see {@link PixelFile}
 * @param list       where the names of the rows go, .txt or .json; null: beside {@code out}
 * @param normalize  whether rows get length 1; else they are as from CLIP's {@code encode_image}
 * @param skipBroken whether pictures that cannot be read are left out
 */
public record EmbedImages(List<Path> in, Path out, Path list, boolean normalize, boolean skipBroken) {
    private static final String ENDING = ".names.txt";

    /**
     * What was done.
     *
     * @param rows     embeddings in the file
     * @param computed how many images the tower saw
     * @param known    how many were known, or equal to one of those
     * @param others   files in the folders that are something else
     * @param skipped  why what is missing is missing
     * @param list     where the rows are listed, or null
     */
    public record Report(int rows, int computed, int known, int others, List<String> skipped, Path list) {}

    /**
     * Does it.
     *
     * @throws InputException when a file cannot be read or written; then there is no result file
     */
    public Report run(ImageEncoder encoder, Progress progress) {
        if (in.stream().anyMatch(file -> file.toString().endsWith(".npy"))) return pixels(encoder, progress);
        Path list = RowIndex.beside(out, this.list, ENDING);
        MediaFiles found = MediaFiles.find(in, MediaFiles.Kind.PICTURE);
        RowIndex.requireLines(list, found.files());
        var source = new PictureFiles(found.files(), Preprocess.clip(encoder.config().resolution()), skipBroken);
        List<Path> names = new ArrayList<>();
        List<String> skipped = new ArrayList<>();
        write(encoder, source, progress, (image, row) -> {
            if (row == null) skipped.add(source.why(image));
            else names.add(found.files().get(image));
        });
        if (list != null) RowIndex.write(list, names);
        return new Report(names.size(), source.read(), names.size() - source.read(), found.others(), skipped, list);
    }

    /** Writes rows as they come. Fails where none comes. */
    private void write(ImageEncoder encoder, ImageSource source, Progress progress, ImageEncoder.Rows<RuntimeException> also) {
        int width = encoder.width();
        Npy.writeRows(out, Npy.Type.F4, Shape.of(source.count(), width), sink -> {
            encoder.embed(source, (image, row) -> {
                also.put(image, row);
                if (row != null) sink.put(normalize ? Vectors.unit(row) : row, 0, width);
            }, n -> progress.at(n, source.count(), ""));
            if (sink.isEmpty()) throw source.noneReadable();
        });
    }

    private Report pixels(ImageEncoder encoder, Progress progress) {
        if (in.size() != 1)
            throw new InputException(in.get(1) + ": preprocessed pixels are embedded from one npy file alone. Run once for each");
        if (list != null) throw new InputException("--list: the rows of " + in.getFirst() + " have no names. Leave it out");
        try (PixelFile source = PixelFile.open(in.getFirst(), encoder.config().resolution())) {
            write(encoder, source, progress, (_, _) -> {});
            return new Report(source.count(), source.read(), source.count() - source.read(), 0, List.of(), null);
        }
    }
}
