package dev.imu2clip.cli;

import dev.imu2clip.clip.EmbedVideos;
import dev.imu2clip.media.FrameSelection;
import dev.imu2clip.media.Preprocess;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Which frames stand for a video, and how they are preprocessed. */
final class VideoOptions {
    @Option(names = {"--frames", "--mode"}, paramLabel = "WHICH", defaultValue = "clip_1frame",
            description = {"1 or clip_1frame: the middle frame (default).",
                    "sum3 or clip_avg_frames: the sum over the first, the middle and the "
                    + "last, as the reference does it.", "mean:K or clip_mean_frames:K: the mean over K evenly spaced ones."})
    String frames;

    @Option(names = "--fps", paramLabel = "RATE", defaultValue = "10",
            description = "Frames a second out of which these are chosen; default: "
            + "${DEFAULT-VALUE}.")
    double fps;

    @Option(names = "--pixel-scale-only",
            description = "Give the tower values of 0 to 1 as the reference does, without CLIP's normalisation.")
    boolean pixelScaleOnly;

    EmbedVideos embed(List<Path> in, double window, double stride, boolean skipBroken) {
        return new EmbedVideos(in, FrameSelection.of(frames), fps, window, stride,
                pixelScaleOnly ? Preprocess.Normalization.NONE : Preprocess.Normalization.CLIP, skipBroken);
    }
}
