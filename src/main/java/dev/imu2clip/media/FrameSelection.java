package dev.imu2clip.media;

import dev.imu2clip.io.InputException;

import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Which frames of a window of video stand for it, and how their embeddings become one. A window has F frames, taken {@code 1 / fps} seconds
 * apart from its start.
 *
 * @param mode the way of choosing
 * @param count how many frames for {@link Mode#MEAN}, else the mode's own number
 */
public record FrameSelection(Mode mode, int count) {
    /** {@code clip_1frame} of IMU2CLIP: frame F / 2. */
    public static final FrameSelection ONE = new FrameSelection(Mode.ONE, 1);
    /** {@code clip_avg_frames} of IMU2CLIP: despite its name the sum of the first, the middle and the last frame's embeddings. */
    public static final FrameSelection SUM = new FrameSelection(Mode.SUM, 3);

    private static final Pattern MEAN = Pattern.compile("(?:mean|clip_mean_frames):([1-9][0-9]{0,3})");

    /** The ways of choosing frames. */
    public enum Mode { ONE, SUM, MEAN }

    public FrameSelection {
        boolean fits = switch (mode) {
            case ONE -> count == 1;
            case SUM -> count == 3;
            case MEAN -> count >= 1;
        };
        if (!fits) throw new IllegalArgumentException(count + " frames for " + mode);
    }

    /** The mean over {@code count} evenly spaced frames: the middle ones of as many equal parts. A shorter window gives all it has. */
    public static FrameSelection mean(int count) {
        return new FrameSelection(Mode.MEAN, count);
    }

    /**
     * By name: {@code 1}, {@code sum3} or {@code mean:K}, or IMU2CLIP's {@code clip_1frame} and {@code clip_avg_frames}, and
     * {@code clip_mean_frames:K} beside them.
     *
     * @throws InputException when it is none of these
     */
    public static FrameSelection of(String name) {
        Matcher mean = MEAN.matcher(name);
        if (mean.matches()) return mean(Integer.parseInt(mean.group(1)));
        return switch (name) {
            case "1", "clip_1frame" -> ONE;
            case "sum3", "clip_avg_frames" -> SUM;
            default -> throw new InputException("frames '" + name + "' are not known. Give 1 (or clip_1frame), sum3 (or clip_avg_frames), or "
                    + "mean:K (or clip_mean_frames:K) with K from 1 to 9999");
        };
    }

    /** How many frames a window has: at least one. */
    public static int frames(double start, double end, double fps) {
        if (!(end >= start) || !(fps > 0)) throw new IllegalArgumentException("window " + start + " to " + end + " s at " + fps + " fps");
        return Math.max(1, Math.toIntExact(Math.round((end - start) * fps)));
    }

    /** The chosen of F frames, ascending; the first, the middle and the last may be the same. */
    public int[] indices(int frames) {
        if (frames < 1) throw new IllegalArgumentException(frames + " frames");
        int chosen = Math.min(count, frames);
        return switch (mode) {
            case ONE -> new int[] {frames / 2};
            case SUM -> new int[] {0, frames / 2, frames - 1};
            case MEAN -> IntStream.range(0, chosen).map(i -> (int) ((2L * i + 1) * frames / (2L * chosen))).toArray();
        };
    }

    /** When the chosen frames of the window from {@code start} to {@code end} seconds are shown, for {@link VideoFrames#frames}. */
    public double[] times(double start, double end, double fps) {
        return Arrays.stream(indices(frames(start, end, fps))).mapToDouble(i -> start + i / fps).toArray();
    }

    /**
     * As IMU2CLIP's reference takes them from a prepared video: of the window's frames {@code kept} evenly spaced ones remain, the first and
     * the last among them, and of these the chosen. Each time lies in the middle of its frame's time on screen.
     *
     * @param fps frames a second of the prepared video
     */
    public double[] times(double start, double end, int fps, int kept) {
        int first = (int) Math.floor(start * fps), frames = Math.max(1, (int) Math.floor(end * fps) - first);
        return Arrays.stream(indices(kept)).mapToDouble(i -> (first + spaced(i, frames, kept) + 0.5) / fps).toArray();
    }

    /** Element i of PyTorch's {@code linspace(0, frames - 1, kept).long()}, which counts from the nearer end, in float32. */
    private static int spaced(int i, int frames, int kept) {
        if (kept == 1) return 0;
        float step = (frames - 1) / (float) (kept - 1);
        return (int) (i < kept / 2 ? step * i : frames - 1 - step * (kept - 1 - i));
    }

    /** What the sum of the chosen frames' embeddings is multiplied by: 1, or one over their number. */
    public float scale(int chosen) {
        return mode == Mode.MEAN ? 1f / chosen : 1;
    }
}
