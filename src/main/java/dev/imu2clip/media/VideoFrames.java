package dev.imu2clip.media;

import dev.imu2clip.io.InputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Single frames of a video file by FFmpeg: mp4, mov, mkv, webm, avi, flv, asf, ogg and MPEG files. Only what is needed is decoded: from the
 * key frame before a wanted time up to that time. Frames are upright (the display matrix applied) and RGB by the stream's own colour tags.
 *
 * <p>Time 0 is the start of the file, as in players. The frame of a time is the one on screen then: the last that begins at or before it.
 * A file that is broken, truncated before a wanted time, or without video is an {@link InputException}. Not for several threads at once.
 */
public final class VideoFrames implements AutoCloseable {
    /** Seconds that a wanted time may lie behind the last frame: the sound often ends later than the picture. */
    private static final double SLACK = 1;

    private final Path file;
    private final VideoStream stream;
    private final FrameConverter converter = new FrameConverter();

    private VideoFrames(Path file) {
        this.file = file;
        stream = new VideoStream(file);
    }

    /** Opens a file and reads its headers. */
    public static VideoFrames open(Path file) {
        requireFile(file);
        return guarded(file, "video", () -> new VideoFrames(file));
    }

    static void requireFile(Path file) {
        if (!Files.isRegularFile(file)) throw InputException.in(file, Files.exists(file) ? "not a file" : "no such file", "");
    }

    /** Seconds; where the headers do not say, the file is read through once. */
    public double duration() {
        return guarded(file, "video", stream::duration);
    }

    /** Frames a second on average, or NaN when not told. */
    public double frameRate() {
        return stream.frameRate();
    }

    /** Pixels of a row, upright. */
    public int width() {
        return stream.sideways() ? stream.codedHeight() : stream.codedWidth();
    }

    /** Rows, upright. */
    public int height() {
        return stream.sideways() ? stream.codedWidth() : stream.codedHeight();
    }

    /** The frames on screen at these times, in the order asked for. They are decoded in the order of time, each once. */
    public List<Image> frames(double... seconds) {
        return frames(Function.identity(), seconds);
    }

    /** As {@link #frames(double...)}, keeping of each frame only what {@code each} makes of it, as {@link Preprocess#crop}. */
    public <T> List<T> frames(Function<Image, T> each, double... seconds) {
        return guarded(file, "video", () -> {
            List<T> results = new ArrayList<>(Collections.nCopies(seconds.length, null));
            List<Integer> order = IntStream.range(0, seconds.length).boxed().sorted(Comparator.comparingDouble(i -> seconds[i])).toList();
            long shown = Long.MIN_VALUE;
            T last = null;
            for (int i : order) {
                seek(seconds[i]);
                if (last == null || stream.shownAt() != shown) {
                    last = each.apply(Orientation.apply(converter.image(stream.shown()), stream.orientation()));
                    shown = stream.shownAt();
                }
                results.set(i, last);
            }
            return results;
        });
    }

    private void seek(double seconds) {
        if (!Double.isFinite(seconds) || seconds < 0) throw new IllegalArgumentException("time " + seconds);
        stream.show(seconds);
        if (stream.ended() && seconds > stream.shownUntil() + SLACK) {
            throw new ImageFault(String.format(Locale.ROOT, "its last frame ends at %.3f s, before %.3f s", stream.shownUntil(), seconds));
        }
        if (stream.damaged()) throw new ImageFault(String.format(Locale.ROOT, "the frame at %.3f s is damaged", seconds));
    }

    @Override
    public void close() {
        converter.close();
        stream.close();
    }

    /** Names the file in what goes wrong as its {@code part}, video or audio, is decoded. */
    static <T> T guarded(Path file, String part, Supplier<T> work) {
        try {
            return work.get();
        } catch (ImageFault e) {
            throw new InputException(file + ": the " + part + " cannot be decoded: " + e.getMessage(), e);
        } catch (LinkageError e) {
            String platform = System.getProperty("os.name") + " on " + System.getProperty("os.arch");
            throw new InputException(file + ": this needs FFmpeg's library, which is not there for " + platform
                    + ". Images work without", e);
        }
    }
}
