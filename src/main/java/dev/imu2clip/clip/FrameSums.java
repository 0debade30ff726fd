package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Progress;
import dev.imu2clip.media.Preprocess;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * Embeds stretches of video as sums of some of their frames' embeddings. Frames are decoded beside the image tower's work.
 *
 * @param normalization CLIP's own, or none, as the reference
 * @param skipBroken    whether a stretch with a frame that cannot be read is left out, and not an error
 */
public record FrameSums(Preprocess.Normalization normalization, boolean skipBroken) {
    /**
     * Some frames of a video.
     *
     * @param hash  SHA-256 of the file
     * @param times seconds
     * @param scale factor on the sum of their embeddings
     */
    public record Frames(Path file, String hash, double[] times, float scale) {}

    /**
     * Rows in the order asked for.
     *
     * @param rows     null for one that could not be read
     * @param failures what is wrong with the frames that could not be read
     * @param computed how many frames the tower saw
     * @param known    how many were known, or equal to one of those
     */
    public record Result(float[][] rows, List<InputException> failures, int computed, int known) {}

    /** @throws InputException when a frame cannot be read and that is not to be skipped */
    public Result embed(ImageEncoder encoder, List<Frames> items, Progress progress) {
        List<VideoFrameSource.Frame> all = new ArrayList<>();
        for (Frames item : items)
            for (double time : item.times) all.add(new VideoFrameSource.Frame(item.file, item.hash, VideoClip.micros(time)));
        var source = new VideoFrameSource(all, new Preprocess(encoder.config().resolution(), normalization), skipBroken);
        List<float[]> embedded = Arrays.asList(encoder.embed(source, n -> progress.at(n, source.count(), "")));
        float[][] rows = new float[items.size()][];
        int at = 0;
        for (int i = 0; i < rows.length; i++) {
            Frames item = items.get(i);
            List<float[]> parts = embedded.subList(at, at += item.times.length);
            if (parts.stream().noneMatch(Objects::isNull)) rows[i] = Vectors.sum(parts, encoder.width(), item.scale);
        }
        int known = (int) embedded.stream().filter(Objects::nonNull).count() - source.read();
        return new Result(rows, List.copyOf(source.failures().values()), source.read(), known);
    }
}
