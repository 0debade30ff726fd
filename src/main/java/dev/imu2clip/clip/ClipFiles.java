package dev.imu2clip.clip;

import dev.imu2clip.io.InputException;

import java.nio.file.Path;
import java.util.Optional;

/**
 * The CLIP weights that a command uses where none were given.
 *
 * @param weights a file or folder, for {@link ClipWeights#open}
 * @param origin  why these, for people
 */
public record ClipFiles(Path weights, String origin) {
    private static final String VARIABLE = "IMU2CLIP_CLIP";

    /** Those that the environment variable IMU2CLIP_CLIP names, else the downloaded ones; empty where there are none. */
    public static Optional<ClipFiles> find() {
        return find(System.getenv(VARIABLE), ClipRelease.VIT_B_32);
    }

    /** The same, where there must be some. */
    public static ClipFiles require() {
        return find().orElseThrow(() -> new InputException("no CLIP weights. Give them with --clip, or run: " + ClipRelease.COMMAND));
    }

    static Optional<ClipFiles> find(String variable, ClipRelease release) {
        if (variable != null && !variable.isBlank()) return Optional.of(new ClipFiles(Path.of(variable).toAbsolutePath(), VARIABLE));
        Path folder = release.folder().toAbsolutePath();
        return release.isIn(folder) ? Optional.of(new ClipFiles(folder, "downloaded")) : Optional.empty();
    }

    public String path() {
        return weights.toString();
    }

    /** A line for people: which weights are used, and why. */
    public String notice() {
        return "CLIP weights " + weights + " (" + origin + ")";
    }
}
