package dev.imu2clip.clip;

import dev.imu2clip.io.CacheFolder;
import dev.imu2clip.io.InputException;
import dev.imu2clip.io.Npy;
import dev.imu2clip.io.Progress;
import dev.imu2clip.io.Sha256;
import dev.imu2clip.media.FrameSelection;
import dev.imu2clip.media.MediaFiles;
import dev.imu2clip.media.Preprocess;
import dev.imu2clip.tensor.Shape;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * Embeds videos, or the windows in them: the sum or the mean of some of their frames' embeddings.
 *
 * @param in            video files and folders, see {@link MediaFiles}
 * @param frames        which frames of a window stand for it
 * @param fps           frames of a window a second, out of which these are chosen
 * @param window        seconds; 0: a row is a whole video
 * @param stride        seconds from one window's start to the next one's
 * @param normalization CLIP's own, or none, as the reference
 * @param skipBroken    whether videos and windows that cannot be read are left out
 */
public record EmbedVideos(List<Path> in, FrameSelection frames, double fps, double window, double stride,
        Preprocess.Normalization normalization, boolean skipBroken) {
    private static final String ENDING = ".windows.csv";
    private static final int MAX_SHOWN = 3;
    private static final double MAX_FPS = 240, MIN_SECONDS = 0.001;

    public EmbedVideos {
        if (!(fps > 0 && fps <= MAX_FPS)) throw new InputException("--fps " + fps + ": expected a rate over 0 and up to " + MAX_FPS);
        if (window != 0 && !(window >= MIN_SECONDS && window < 1e6 && stride >= MIN_SECONDS && stride < 1e6))
            throw new InputException("windows of " + window + " s every " + stride + " s: expected at least " + MIN_SECONDS + " s each");
    }

    /**
     * Embeddings, and what they are of.
     *
     * @param computed how many frames the tower saw
     * @param known    how many were known, or equal to one of those
     * @param others   files in the folders that are something else
     * @param skipped  why what is missing is missing
     */
    public record Result(List<VideoClip> clips, List<float[]> embeddings, int computed, int known, int others, List<String> skipped) {}

    /** @throws InputException when a file cannot be read, or nothing is left */
    public Result embed(ImageEncoder encoder, Progress progress) {
        MediaFiles found = MediaFiles.find(in, MediaFiles.Kind.VIDEO);
        List<String> skipped = new ArrayList<>();
        List<VideoClip> planned = new ArrayList<>();
        List<FrameSums.Frames> rows = new ArrayList<>();
        for (Path file : found.files()) plan(file, planned, rows, skipped);
        FrameSums.Result result = new FrameSums(normalization, skipBroken).embed(encoder, rows, progress);
        result.failures().stream().map(InputException::getMessage).filter(Objects::nonNull).distinct().forEach(skipped::add);
        List<VideoClip> clips = new ArrayList<>();
        List<float[]> sums = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            if (result.rows()[i] == null) continue;
            clips.add(planned.get(i));
            sums.add(result.rows()[i]);
        }
        if (clips.isEmpty())
            throw new InputException("there is nothing to embed. "
                    + String.join("; ", skipped.subList(0, Math.min(MAX_SHOWN, skipped.size()))));
        return new Result(clips, sums, result.computed(), result.known(), found.others(), skipped);
    }

    /**
     * Embeds into an npy file of (rows, width) float32, and writes beside it what its rows are.
     *
     * @param list      where the rows are listed, .csv or .json; null: beside {@code out}
     * @param normalize whether rows get length 1
     * @throws InputException when a file cannot be read or written; then there is no result file
     */
    public EmbedImages.Report run(ImageEncoder encoder, Path out, Path list, boolean normalize, Progress progress) {
        Path index = RowIndex.beside(out, list, ENDING);
        Result result = embed(encoder, progress);
        int width = encoder.width();
        Npy.write(out, Npy.Type.F4, Shape.of(result.embeddings.size(), width), sink -> {
            for (float[] row : result.embeddings) sink.put(normalize ? Vectors.unit(row) : row, 0, width);
        });
        if (index != null) RowIndex.writeClips(index, result.clips);
        return new EmbedImages.Report(result.clips.size(), result.computed, result.known, result.others, result.skipped, index);
    }

    private void plan(Path file, List<VideoClip> planned, List<FrameSums.Frames> rows, List<String> skipped) {
        try {
            List<VideoClip> clips = VideoClip.of(file, window, stride);
            if (clips.isEmpty()) skipped.add(file + ": is shorter than a window of " + window + " s");
            String hash = clips.isEmpty() ? "" : Sha256.of(file, CacheFolder.path());
            for (VideoClip clip : clips) {
                double[] times = frames.times(clip.start(), clip.end(), fps);
                planned.add(clip);
                rows.add(new FrameSums.Frames(file, hash, times, frames.scale(times.length)));
            }
        } catch (InputException e) {
            if (!skipBroken) throw e;
            skipped.add(e.getMessage());
        }
    }
}
