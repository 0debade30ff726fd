package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;
import dev.imu2clip.media.VideoFrames;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A stretch of a video, in seconds from its start. */
public record VideoClip(Path file, double start, double end) {
    /** Beyond that a file's duration is damage: 90 days. */
    private static final double MAX_SECONDS = 90 * 24 * 3600;
    private static final int MAX_CLIPS = 1_000_000;

    /**
     * The whole of a file, or the windows in it, as far as they fit.
     *
     * @param window length of a window; 0 for the whole file
     * @param stride from one window's start to the next one's
     * @throws InputException when the file cannot be read, or has too many windows
     */
    static List<VideoClip> of(Path file, double window, double stride) {
        double duration;
        try (VideoFrames video = VideoFrames.open(file)) {
            duration = Math.max(0, video.duration());
        }
        if (duration > MAX_SECONDS) throw InputException.in(file, "claims to last " + duration + " s", "Get the file again");
        if (window == 0) return List.of(new VideoClip(file, 0, duration));
        List<VideoClip> clips = new ArrayList<>();
        // Times are whole microseconds, as containers count them: 0.1 * 3 is then the same place as 0.3.
        for (double start = 0; start + window <= duration + 1e-6; start = micros(clips.size() * stride)) {
            if (clips.size() == MAX_CLIPS)
                throw InputException.in(file, "has more than " + MAX_CLIPS + " windows", "Give a longer --stride");
            clips.add(new VideoClip(file, start, micros(start + window)));
        }
        return clips;
    }

    static double micros(double seconds) {
        return Math.rint(seconds * 1e6) / 1e6;
    }
}
